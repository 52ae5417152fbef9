"""A hand scanner for tests: keys through Chromium's own input, with times of their own.

The times of the keys are told to the browser, so that a slow machine types no slower than a scanner does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

GAP = 0.005  # seconds between two keys of a scanner
CTRL, ALT = 2, 1
_NAMED = {"Enter": ("Enter", 13, "\r"), "Tab": ("Tab", 9, "\t"), "F8": ("F8", 119, "")}


class Session(Protocol):
    """What sends a command to the browser."""

    def send(self, method: str, params: dict[str, Any], /) -> Any:
        """Send one command."""
        ...


def events(keys: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The events of keys: a character, `Enter`, `Tab`, `F8`, GS (as Ctrl+]), or `Alt+0029` (digits on the keypad)."""
    for key in keys:
        if key == "\x1d":
            yield {"type": "rawKeyDown", "key": "]", "code": "BracketRight", "modifiers": CTRL}
        elif key.startswith("Alt+"):
            yield {"type": "rawKeyDown", "key": "Alt", "code": "AltLeft", "modifiers": ALT, "windowsVirtualKeyCode": 18}
            for digit in key[4:]:
                yield {"type": "rawKeyDown", "key": digit, "code": f"Numpad{digit}", "modifiers": ALT}
            yield {"type": "keyUp", "key": "Alt", "code": "AltLeft", "windowsVirtualKeyCode": 18}
        elif key in _NAMED:
            name, number, text = _NAMED[key]
            kind = "keyDown" if text else "rawKeyDown"
            yield {"type": kind, "key": name, "code": name, "windowsVirtualKeyCode": number, "text": text}
        else:
            yield {"type": "keyDown", "key": key, "text": key}


def typed(keys: Iterable[str], last: float | None = None) -> list[dict[str, Any]]:
    """The events of keys `GAP` seconds apart, the last one at `last` (POSIX seconds), by default now."""
    made = list(events(keys))
    start = (time.time() if last is None else last) - GAP * len(made)
    return [{**event, "timestamp": start + GAP * at} for at, event in enumerate(made)]


def wedge(session: Session, keys: Iterable[str]) -> None:
    """Type keys, one after the other."""
    for event in typed(keys):
        session.send("Input.dispatchKeyEvent", event)
