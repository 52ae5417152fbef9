"""Every error as a problem (RFC 9457), and what its type means."""
