"""A witness over HTTP (C2SP tlog-witness v1.0.0): an application of its own, which knows no ledger."""
