"""Private keys as files: the accounts that sign statements, the log's own key, and the server's vault.

`file` makes writes durable and readable by their owner only, `passphrase` encrypts, `store` knows EVM and Ed25519
keys by name, `vault` seals values that lie in the database.
"""
