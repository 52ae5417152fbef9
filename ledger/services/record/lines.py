"""Statements that are sent many at once: what of them can be checked without a ledger.

Pure, and most of the work: a helper process does it (`ledger.services.record.checkers`), so that neither the event loop
nor the writer waits for it. What goes between the processes are plain values, for `marshal`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifier import canonical
from verifier.errors import CarnetError, Malformed, ProofInvalid, Refused
from verifier.record.entry import CHAIN_START, assemble_entry
from verifier.record.statement import STRUCTS, Domain, Kind, Statement, check_hex, parse_and_verify
from verifier.segment.view import salt_commitment

LINES_MAX = 1_000
"""Statements in one request. Own limit: they are answered together, after four groups of the writer at least."""
OWN = ("statement", "kind", "actor", "signature")
"""Fields of the statement itself; all others are its body's."""
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
_ERRORS = {error.__name__: error for error in (Malformed, Refused, ProofInvalid)}

Plain = tuple[Any, ...]
"""What crosses between processes: text, bytes, numbers, None, lists and objects of them."""


@dataclass(frozen=True, slots=True)
class Line:
    """One statement whose signature was checked.

    `digest`: its identity, 32 bytes. `salt`: 32 bytes that fit its commitment, for registrations alone. `canonical`:
    its body as the entry will hold it. `words`: why it is refused unless it stands already, if it is.
    """

    statement: Statement
    digest: bytes
    salt: bytes | None
    canonical: bytes
    words: CarnetError | None


class TooMany(Exception):
    """More lines than may be checked for this caller now; none was."""

    def __init__(self, lines: int) -> None:
        super().__init__(lines)
        self.lines = lines


def check_lines(raw: bytes, most: int, domain: Domain) -> list[Plain]:
    """Every line of a request, as `line_of` reads it. A line that is refused takes no other along.

    Args:
        raw: a JSON array of 1 … 1,000 objects of `statement` and, for a registration, `salt`.
        most: lines beyond which nothing is checked.
        domain: what signatures are bound to.

    Raises Malformed (`malformed`, `not_json`, `lines`) for what is no such array, TooMany.
    """
    try:
        given = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"couldn't read the statements: {error}", code="not_json") from error
    if not isinstance(given, list):
        raise Malformed(f"couldn't read the statements: got {_name(given)}, expected an array of them")
    if not 1 <= len(given) <= LINES_MAX:
        raise Malformed(f"couldn't read the statements: got {len(given)}, expected 1 … {LINES_MAX}", code="lines")
    if len(given) > most:
        raise TooMany(len(given))
    return [_checked(one, domain) for one in given]


def line_of(plain: Plain) -> Line | CarnetError:
    """A line that was checked, or why it was refused. `at` of an error is a place in the line."""
    if len(plain) == 4:
        return error_of(plain)
    kind, body, actor, signature, digest, salt, raw, words = plain
    statement = Statement(Kind(kind), body, actor, signature)
    return Line(statement, digest, salt, raw, error_of(words) if words is not None else None)


def error_of(plain: Plain) -> CarnetError:
    """An error that another process raised."""
    name, message, code, at = plain
    return _ERRORS.get(name, Refused)(message, code=code, at=at)


def plain_error(error: CarnetError) -> Plain:
    """An error, to be raised in another process."""
    at = error.at
    if at is not None and "/" not in at and at != "salt":
        at = f"statement/{at}" if at in OWN else f"statement/body/{at}"
    return type(error).__name__, str(error), error.code, at


def _checked(given: Any, domain: Domain) -> Plain:
    """1. the line's form; 2. the statement's; 3. who signed it; 4. the salt; 5. what the entry will hold; 6. words."""
    try:
        if not isinstance(given, Mapping) or not {"statement"} <= set(given) <= {"statement", "salt"}:  # 1
            raise Malformed("couldn't read the line: expected an object of statement and, for a registration, salt")
        statement, digest = parse_and_verify(given["statement"], domain)  # 2, 3
        salt = _salt(statement, given.get("salt"))  # 4
        raw = _canonical(statement)  # 5
    except CarnetError as error:
        return plain_error(error)
    except (RecursionError, MemoryError, ValueError) as error:  # one line's, which must not end a helper that many use
        words = f"couldn't read the line: it is nested too deep or too large ({type(error).__name__})"
        return plain_error(Malformed(words))
    return (
        statement.kind.value, statement.body, statement.actor, statement.signature, digest, salt, raw,
        _hidden(statement),  # 6
    )  # fmt: skip


def _salt(statement: Statement, given: Any) -> bytes | None:
    commitment = statement.body.get("saltCommitment")  # registrations have one
    if commitment is None:
        if given is not None:
            raise Malformed(f"couldn't read the line: a {statement.kind} statement has no salt beside it", at="salt")
        return None
    check_hex("salt", given, 32)
    salt = bytes.fromhex(given[2:])
    if salt_commitment(salt).hex() != commitment[2:]:
        raise Refused("couldn't accept the salt: it does not match saltCommitment", code="salt_mismatch")
    return salt


def _canonical(statement: Statement) -> bytes:
    """The body in canonical JSON, read back and tried in an entry: no writer is handed what could not be read again.

    Raises Malformed (`entry_too_large`, `not_canonical`).
    """
    raw = _ENCODER.encode(statement.body).encode()
    if not raw.isascii():  # RFC 8785 orders and escapes as this encoder does where all is ASCII
        raw = canonical.encode(dict(statement.body))
    if canonical.decode(raw) != statement.body:
        raise Malformed("couldn't read the statement: its entry would not say the same", code="not_canonical")
    assemble_entry(statement.kind, statement.body, raw, statement.actor, statement.signature, 0, CHAIN_START)
    return raw


def _hidden(statement: Statement) -> Plain | None:
    """Told apart from other refusals: what was taken in once gets its receipt again, whatever it holds."""
    try:
        STRUCTS[statement.kind].check_words(statement.body)
    except CarnetError as error:
        return plain_error(error)
    return None


def _name(value: Any) -> str:
    return {dict: "an object", str: "a text", type(None): "null", bool: "true or false"}.get(type(value), "a number")
