"""A device's report of one scan, and how it is understood."""
