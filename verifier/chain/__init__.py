"""What an EVM node says of a ledger's two contracts, decoded from raw events."""
