"""Retired units: sold, destroyed or stolen, as one cumulative set per batch and reason.

Up to 64 unit keys stand in the entry itself; more form a segment like the batch's own. Each statement names the one it
replaces and contains all of its keys, so a unit leaves the set only by an undo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from verifier.errors import Malformed
from verifier.record.batch import KEYS_IN_ENTRY, Change, RetireReason
from verifier.record.struct import ZERO32
from verifier.segment.view import SegmentView

SegmentReader = Callable[[bytes, int], SegmentView]
"""Opens a segment by root (32 bytes) and unit count; raises NotFound when it is not there."""


class RetiredUnits:
    """The sorted unit keys of one retirement, standing in the entry or in a segment of their own."""

    def __init__(self, change: Change | None, segments: SegmentReader) -> None:
        self.change = change
        self.count = int(change.body["unitCount"]) if change else 0
        self._listed: frozenset[bytes] = frozenset()
        self._segment: SegmentView | None = None
        if change and change.body["keys"]:
            self._listed = frozenset(bytes.fromhex(key[2:]) for key in change.body["keys"])
        elif change:
            self._segment = segments(bytes.fromhex(change.body["segmentRoot"][2:]), self.count)

    def __contains__(self, key: bytes) -> bool:
        return key in self._listed if self._segment is None else self._segment.find(key) is not None

    def __iter__(self) -> Iterator[bytes]:
        return iter(sorted(self._listed) if self._segment is None else self._segment)


def check_retirement(body: Mapping[str, Any]) -> RetireReason:
    """Check the shape of a `units_retired` body; returns its reason. Raises Malformed (`field`)."""
    if body["reason"] not in set(RetireReason):
        raise Malformed("couldn't read reason: expected 1 sold, 2 destroyed or 3 stolen", code="field", at="reason")
    keys, count = body["keys"], int(body["unitCount"])
    if keys:
        if (
            len(keys) > KEYS_IN_ENTRY
            or keys != sorted(set(keys))
            or count != len(keys)
            or body["segmentRoot"] != ZERO32
        ):
            raise Malformed(
                f"couldn't read keys: expected unitCount of them, at most {KEYS_IN_ENTRY}, increasing, no segmentRoot",
                code="field",
                at="keys",
            )
    elif count <= KEYS_IN_ENTRY or body["segmentRoot"] == ZERO32:
        raise Malformed(
            f"couldn't read keys: up to {KEYS_IN_ENTRY} units stand in the entry, more in a segment",
            code="field",
            at="keys",
        )
    return RetireReason(body["reason"])
