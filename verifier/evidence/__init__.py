"""Files that somebody checks offline, years later: about one unit, one entry, or a log that forked."""
