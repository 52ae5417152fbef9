"""How it is reached: HTTP routes, pages for people, and the command line.

Imports `ledger` and `verifier`; nothing imports it.
"""
