"""Files of evidence built from storage, each checked as its reader will check it."""
