"""Commands of anyone who checks: whole logs, and single files of evidence."""
