"""One way to ask, for every face: a scan, a photograph, a signed statement, and what became of a receipt."""
