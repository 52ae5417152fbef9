"""What the log shows to others: published files, anchors, requests to witnesses, and the index, each on a cadence."""
