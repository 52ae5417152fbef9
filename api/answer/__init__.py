"""The answer as people and programs read it: checks, advice, words, and the public's part of it."""
