"""Entries: statements as sequenced in the log, and the hash chain through them.

An entry is canonical JSON of kind, body, actor, signature, recorded_at and previous. Its leaf hashes the bytes
exactly as stored; `previous` is the chain head before it, so the Merkle root commits to the chain as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifier import canonical
from verifier.errors import Malformed
from verifier.instant import format_instant, parse_instant
from verifier.record.statement import STRUCTS, Kind, Statement, check_hex
from verifier.tree.merkle import leaf_hash

ENTRY_LIMIT = 65_535
"""Bytes of one entry: C2SP tlog-tiles frames entries with 16 bits."""
CHAIN_START = bytes(32)
"""The chain head before entry 0."""

_KEYS = {"kind", "body", "actor", "signature", "recorded_at", "previous"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One decoded entry with the bytes it came from.

    `recorded_at` is in milliseconds, `previous` the 32-byte chain head before it; `actor` and `signature` are
    None exactly for the kinds that nobody signs.
    """

    kind: Kind
    body: Mapping[str, Any]
    actor: str | None
    signature: str | None
    recorded_at: int
    previous: bytes
    raw: bytes

    @property
    def leaf(self) -> bytes:
        """SHA-256(0x00 and the bytes as stored): the leaf of the log, 32 bytes."""
        return leaf_hash(self.raw)

    @property
    def statement(self) -> Statement:
        """The signed statement inside; only for kinds that are signed."""
        if self.actor is None or self.signature is None:
            raise Malformed(f"couldn't take a statement from a {self.kind} entry: it is not signed", code="unsigned")
        return Statement(self.kind, self.body, self.actor, self.signature)


def encode_entry(
    kind: Kind, body: Mapping[str, Any], actor: str | None, signature: str | None, recorded_at: int, previous: bytes
) -> bytes:
    """The canonical bytes of an entry. Raises Malformed (`entry_too_large`) above 65,535 bytes."""
    raw = canonical.encode(
        {
            "kind": kind.value,
            "body": dict(body),
            "actor": actor,
            "signature": signature,
            "recorded_at": format_instant(recorded_at),
            "previous": previous.hex(),
        }
    )
    if len(raw) > ENTRY_LIMIT:
        raise Malformed(f"couldn't encode the entry: {len(raw)} bytes, at most {ENTRY_LIMIT}", code="entry_too_large")
    return raw


def assemble_entry(
    kind: Kind,
    body: Mapping[str, Any],
    canonical_body: bytes,
    actor: str | None,
    signature: str | None,
    recorded_at: int,
    previous: bytes,
) -> Entry:
    """The entry that `encode_entry` and `decode_entry` give, of a signed kind whose body was encoded and tried ahead.

    Canonical JSON sorts an entry's keys, so the body stands in it as it stands alone. Raises Malformed
    (`entry_too_large`) above 65,535 bytes.
    """
    _check_author(kind, actor, signature)
    raw = (
        f'{{"actor":"{actor}","body":'.encode()
        + canonical_body
        + f',"kind":"{kind.value}","previous":"{previous.hex()}",'.encode()
        + f'"recorded_at":"{format_instant(recorded_at)}","signature":"{signature}"}}'.encode()
    )
    if len(raw) > ENTRY_LIMIT:
        raise Malformed(f"couldn't encode the entry: {len(raw)} bytes, at most {ENTRY_LIMIT}", code="entry_too_large")
    return Entry(kind, body, actor, signature, recorded_at, previous, raw)


def decode_entry(raw: bytes) -> Entry:
    """Read an entry from its stored bytes; a signed kind's body is checked against its struct.

    Raises Malformed.
    """
    if len(raw) > ENTRY_LIMIT:
        raise Malformed(f"couldn't read the entry: {len(raw)} bytes, at most {ENTRY_LIMIT}", code="entry_too_large")
    value = canonical.decode(raw)
    if not isinstance(value, dict) or set(value) != _KEYS:
        raise Malformed(f"couldn't read the entry: expected exactly the keys {sorted(_KEYS)}")
    try:
        kind = Kind(value["kind"])
    except ValueError as error:
        raise Malformed(f"couldn't read the entry: unknown kind {value['kind']!r}", at="kind") from error
    _check_author(kind, value["actor"], value["signature"])
    if kind in STRUCTS:
        STRUCTS[kind].check(value["body"])
    elif not isinstance(value["body"], dict):
        raise Malformed("couldn't read the entry: body is no object", at="body")
    return Entry(
        kind=kind,
        body=value["body"],
        actor=value["actor"],
        signature=value["signature"],
        recorded_at=parse_instant(value["recorded_at"]),
        previous=_chain_head(value["previous"]),
        raw=raw,
    )


def chain_head(previous: bytes, leaf: bytes) -> bytes:
    """The chain head after an entry: SHA-256(0x03, previous, leaf), 32 bytes."""
    return hashlib.sha256(b"\x03" + previous + leaf).digest()


def _check_author(kind: Kind, actor: Any, signature: Any) -> None:
    if kind in STRUCTS:
        check_hex("actor", actor, 20)
        check_hex("signature", signature, 65)
    elif actor is not None or signature is not None:
        raise Malformed(f"couldn't read the entry: {kind} carries no actor and no signature", at="actor")


def _chain_head(text: Any) -> bytes:
    if not isinstance(text, str):
        raise Malformed("couldn't read the entry: previous is no text", at="previous")
    check_hex("previous", "0x" + text, 32)
    return bytes.fromhex(text)
