"""The steps that bring a database to the schema of this version, one file each, in `versions/`."""
