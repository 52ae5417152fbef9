"""The ledger: storage, chain, keys and the services that move entries between them.

Imports `verifier` and never `api`: the writer depends on the checker. Services know the ports in `ledger.ports`; only
`ledger.wiring` names concrete adapters.
"""
