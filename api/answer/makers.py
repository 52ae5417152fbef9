"""The maker of a batch, as every answer about the batch shows it. Names are cached, not looked up for each answer."""

from __future__ import annotations

import time
from typing import Any

from ledger.services.record.participant import Participants

FRESH_SECONDS = 5.0
"""How long a name is shown after it was erased."""
_SHOWN = ("address", "name", "country", "role")


class Makers:
    """Names of makers, kept for a few seconds."""

    def __init__(self, participants: Participants) -> None:
        self._participants = participants
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}

    def of(self, address: str) -> dict[str, Any]:
        """Address, name, country and role. Raises NotFound (`not_admitted`), Unavailable."""
        now = time.monotonic()
        kept = self._kept.get(address)
        if kept is None or now - kept[0] > FRESH_SECONDS:
            described = self._participants.describe(address)
            kept = self._kept[address] = (now, {key: described[key] for key in _SHOWN})
        return kept[1]
