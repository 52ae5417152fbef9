"""HTTP itself: the door before the framework, and what the standards ask of answers whatever they say.

Imports nothing of `api` but settings of its own.
"""
