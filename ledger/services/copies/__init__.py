"""A verified copy of somebody else's log, and how it stays one."""
