"""The keys of a log that a witness is told to trust: a vkey, a file, or the log's own address."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verifier.errors import CarnetError, Malformed, ProofInvalid

if TYPE_CHECKING:
    from verifier.tree.note_key import VerifierKey

_POLICY_LINE = re.compile(r"^[ \t]*(?:log|witness|group|quorum)[ \t]", re.MULTILINE)
"""A line of a policy; a vkey has no space in it."""


@dataclass(frozen=True, slots=True)
class LogKeys:
    """Keys, and how far they can be trusted: `proven` if they are in the entry 0 that the pin names."""

    keys: tuple[VerifierKey, ...]
    proven: bool


def read_log_keys(source: str, pin: str | None) -> LogKeys:
    """The log keys that a source names.

    Args:
        source: a vkey; a file with vkeys, a policy, entry 0, or what `carnet init --json` said; or a URL.
        pin: SHA-256 of entry 0's bytes, 64 hex, told out of band; needs a source that has entry 0.

    Raises:
        Malformed: the source holds no log key (`log_source`). ProofInvalid: entry 0 is not the one that the pin names
        (`pin`). Unavailable: the server does not answer (`server`).
    """
    if source.startswith(("http://", "https://")):
        return _from_server(source, pin)
    file = Path(source)
    if file.is_file():
        return _from_bytes(file.read_bytes(), pin, source)
    if pin is not None:
        raise _bad(source, "a URL or a file with entry 0, since a pin was given")
    return LogKeys((_vkey(source),), False)


def _from_server(url: str, pin: str | None) -> LogKeys:
    from api.cli.base.remote import Remote
    from verifier.tree.checkpoint import Checkpoint
    from verifier.tree.note import Note
    from verifier.tree.tiles import TILE_WIDTH, decode_bundle, tile_path

    folder = "" if url.rstrip("/").endswith("/log") else "/log"
    with Remote(url) as server:
        if pin is None:
            return _from_object(server.get(f"{folder}/"), url)
        size = Checkpoint.decode(Note.parse(server.get_bytes(f"{folder}/checkpoint")).text).size
        # Fetched without trust: the answer counts only if its digest is the pin.
        width = max(1, min(size, TILE_WIDTH))
        bundle = server.get_bytes(f"{folder}/{tile_path('entries', 0, width)}")
    return _from_entry(decode_bundle(bundle, width)[0], pin)


def _from_bytes(raw: bytes, pin: str | None, source: str) -> LogKeys:
    try:
        value = json.loads(raw)
    except ValueError:
        value = None
    if isinstance(value, dict) and value.get("kind") == "founded":
        return _from_entry(raw, pin)
    if pin is not None:
        raise _bad(source, "entry 0, since a pin was given")
    return _from_object(value, source) if isinstance(value, dict) else _from_text(raw, source)


def _from_entry(raw: bytes, pin: str | None) -> LogKeys:
    from verifier.record.entry import decode_entry
    from verifier.record.founding import parse_founding

    got = hashlib.sha256(raw).hexdigest()
    if pin is not None and got != pin.lower().removeprefix("0x"):
        raise ProofInvalid(f"couldn't trust the founding: got SHA-256 {got}, expected {pin}", code="pin")
    return LogKeys(parse_founding(decode_entry(raw)).log_keys, pin is not None)


def _from_object(value: Any, source: str) -> LogKeys:
    keys = value.get("log_keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not keys:
        raise _bad(source, "an object with log_keys")
    return LogKeys(tuple(_vkey(str(key)) for key in keys), False)


def _from_text(raw: bytes, source: str) -> LogKeys:
    """A policy's `log` lines, or one vkey a line."""
    from verifier.tree.policy import Policy

    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise _bad(source, "text") from error
    if _POLICY_LINE.search(text):
        keys = tuple(log.key for log in Policy.parse(text).logs)
    else:
        keys = tuple(_vkey(line.strip()) for line in text.splitlines() if line.strip())
    if not keys:
        raise _bad(source, "at least one log's key")
    return LogKeys(keys, False)


def _vkey(text: str) -> VerifierKey:
    from verifier.tree.note_key import VerifierKey

    try:
        return VerifierKey.parse(text)
    except CarnetError as error:
        raise _bad(text, f"a vkey, a file or a URL ({error})") from error


def _bad(source: str, expected: str) -> Malformed:
    return Malformed(f"couldn't read a log's key from {source[:200]!r}: expected {expected}", code="log_source")
