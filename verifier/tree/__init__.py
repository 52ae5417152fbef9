"""The log as a tree, and its signers: hashes, tiles, checkpoints, keys, and witnesses."""
