"""The demo: one label, three places. A whole ledger in one folder: founded, filled, served and tested."""
