"""Evidence in a mirror's home: files that are never overwritten, and the alarm, which survives a restart."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from ledger.keys.file import write_file
from ledger.services.copies.mirroring import Alarm
from verifier.errors import Unavailable

ALARM = "alarm.json"


class EvidenceFolder:
    """The folder. An alarm stays until somebody has checked it and removes `alarm.json`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, name: str, data: bytes) -> str:
        """Keep a file for ever. If other content has its name, it gets a number. Raises Unavailable (`home`)."""
        stem, dot, suffix = name.partition(".")
        for number in range(1, 1_000):
            chosen = name if number == 1 else f"{stem}-{number}{dot}{suffix}"
            path = self._folder / chosen
            try:
                write_file(path, data, mode=0o644, replace=False)
            except FileExistsError:
                if path.read_bytes() != data:
                    continue
            return chosen
        raise Unavailable(f"couldn't keep {name}: a thousand files of that name are here", code="home")

    def raise_alarm(self, alarm: Alarm) -> None:
        """Remember an alarm. Raises Unavailable (`home`)."""
        write_file(self._folder / ALARM, json.dumps(asdict(alarm), indent=2).encode() + b"\n", mode=0o644)

    def alarm(self) -> Alarm | None:
        """The alarm that was raised here. One that can't be read is an alarm as well."""
        path = self._folder / ALARM
        try:
            return Alarm(**json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            return Alarm("unreadable", f"there was an alarm, and {path.name} cannot be read: {error}", 0, path.name)
