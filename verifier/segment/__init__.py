"""The set of a batch's units as one file: its layout, its keys, its full check, and proofs from it."""
