"""The guard in front of every route: who may call what, how often, and the envelope of every response."""
