"""The EVM chain: the registry's decisions come from it, and the log's heads are anchored on it.

`open_chain` (local) gives an `EvmChain` (evm), on a chain by RPC URL or on a local node that is replayed from its
journal; `LedgerChain` (operator) is what one ledger sees of it.
"""
