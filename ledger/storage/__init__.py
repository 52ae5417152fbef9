"""Where the ledger's bytes lie: database, files, and the schema of both.

Imports `verifier` and `ledger.ports`; no service, no chain.
"""
