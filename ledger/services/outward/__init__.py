"""From the log to others: published files, the chain's anchor, witnesses, and the index, each on a cadence."""
