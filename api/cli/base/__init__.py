"""What commands share: options, output, and how a ledger or server is reached."""
