"""The demo: one label, three places. A whole ledger in one folder, planted, served, and put to the test."""
