"""The log as a tree and the names under it: hashes, tiles, checkpoints, keys, and what witnesses say of them."""
