"""A verified copy of somebody else's log, and how it is kept up to date."""
