"""The ways to reach Carnet: HTTP routes, pages for people, and the command line.

Imports `ledger` and `verifier`; nothing imports it.
"""
