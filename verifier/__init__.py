"""The verifier: words, formats, proofs, reading, judgement and audit.

This folder imports nothing else of Carnet's. Everything here is pure: bytes come in through a reader argument, instants
and keys come in as values, and values go out. The ledger writes only what these modules accept, so this folder alone is
enough to check a Carnet ledger.
"""
