"""The EVM chain: the source of the registry's decisions, and the place where the log's heads are anchored.

`open_chain` (local) gives an `EvmChain` (evm), on a chain by RPC URL or on a local node that is replayed from its
journal; `LedgerChain` (operator) is what one ledger sees of it.
"""
