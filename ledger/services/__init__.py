"""What the ledger does: one service a noun. Services know ports and the verifier, never a concrete adapter."""
