"""How often seals come, and how far ahead a promise may lie: what writers keep to and receipts are held to."""

from __future__ import annotations

from verifier.instant import DAY, MINUTE

CADENCE_MIN = 100
"""Milliseconds between two seals at least. Own limit."""
CADENCE_MAX = DAY
"""Milliseconds between two seals at most. Own limit."""
GRACE = MINUTE
"""Beyond two cadences, how long a scan may wait (ms): a restart, a slow disk, a long group before it."""
PROMISE_MAX = 2 * CADENCE_MAX + GRACE
"""How far ahead (ms) the deadline of an honest receipt can lie when it is given, whatever its log's cadence."""
