"""The one way to ask, for every face: a scan, a photograph, a signed statement, and the state of a receipt."""
