"""The ledger's services, one for each noun. Services know ports and the verifier, never a concrete adapter."""
