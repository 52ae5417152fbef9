"""The storage of the ledger's bytes: database, files, and the schema of both.

Imports `verifier` and `ledger.ports`; no service, no chain.
"""
