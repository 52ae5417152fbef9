"""HTTP itself: the door before the framework, and what the standards require of every answer.

Imports no other room of `api`.
"""
