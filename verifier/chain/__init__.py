"""An EVM node's view of a ledger's two contracts, decoded from raw events."""
