"""Files that somebody was handed: which check is meant for one, found by how it begins, and what it came to.

One place for every program that checks files, so that a new kind of file is read by all of them.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from verifier.chain.event import ChainReader
from verifier.errors import Malformed
from verifier.evidence.evidence import check_evidence
from verifier.evidence.explain import Report, explain
from verifier.evidence.file import SPEC as EVIDENCE
from verifier.evidence.fork import SPEC as FORK
from verifier.evidence.fork import check_fork
from verifier.reading.gs1 import UnitCode
from verifier.reading.reading import ReadCode, read
from verifier.record.rules import KNOWN, Rules
from verifier.record.statement import check_hex
from verifier.scan.evidence import check_scan_evidence
from verifier.scan.evidence_file import SPEC as SCAN
from verifier.tree.tlog_proof import HEADER

_MARKS = {"UTF-8": codecs.BOM_UTF8, "UTF-16, low byte first": codecs.BOM_UTF16_LE, "UTF-16": codecs.BOM_UTF16_BE}

_BLOCKS = 3  # of a proof file, parted by empty lines: the proof, the checkpoint, its signatures
_AT_ITS_END = re.compile(rb"[ \t\n]\n\Z|\n[ \t]+\Z")
_JSON_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SAYS_NOTHING = "that says nothing about what it proves: fetch it again as it is"


@dataclass(frozen=True, slots=True)
class Asked:
    """What whoever checks a file brings: the pin (32 bytes) always, the rest where the file is about goods.

    `known`: the versions of the rules that this verifier has.
    """

    pin: bytes
    code: UnitCode | None = None
    salt: bytes | None = None
    chain: ChainReader | None = None
    unwitnessed: bool = False
    known: Rules = KNOWN


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check came to: whether the file holds, the report as JSON, and the same as lines for people.

    `paused`: nothing failed, and this program is too old to tell the rest.
    """

    ok: bool
    value: Mapping[str, Any]
    lines: Sequence[str]
    paused: bool = False


class FileCheck(Protocol):
    """Checks one kind of file. Never raises for anything it holds."""

    def __call__(self, raw: bytes, asked: Asked, /) -> Checked:
        """Check it."""
        ...


def check_file(raw: bytes, asked: Asked) -> Checked:
    """Check a file of whichever kind it is.

    Raises Malformed: `file` for what is no file of ours, `file_converted` for one whose bytes a program on the way has
    changed (line ends, byte order mark, encoding, empty lines), `file_cut` for one whose end is missing, `spec` for
    JSON of no kind that is known here, `usage` for a code, salt or node that its kind has no use for.
    """
    _check_unconverted(raw)
    _check_whole(raw)
    if raw.startswith(HEADER.encode()):
        return _check_evidence(raw, asked)
    if not raw.startswith(b"{"):
        raise Malformed(
            f"couldn't check the file: this is not a proof file, it does not start with {HEADER}", code="file"
        )
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = None
    spec = value.get("spec") if isinstance(value, dict) else None
    check = CHECKS.get(spec) if isinstance(spec, str) else None
    if check is None:
        raise Malformed(f"couldn't check the file: got spec {str(spec)[:40]!r}, expected {sorted(CHECKS)}", code="spec")
    if asked.code is not None or asked.salt is not None or asked.chain is not None:
        raise Malformed(
            f"couldn't check the file: a {spec} is about no unit, so give no code, salt or node", code="usage"
        )
    return check(raw, asked)


def _check_unconverted(raw: bytes) -> None:
    """Refuse what editors, mail and file transfer make of a good file: its hashes would fail, and nobody lied.

    No file of ours holds a carriage return, begins with a byte order mark, or has an empty line but the two that part
    a proof from its checkpoint and the checkpoint from its signatures.
    """
    blocks = _blocks(raw)
    mark = next((name for name, bom in _MARKS.items() if raw.startswith(bom)), None)
    if mark is not None:
        got, expected = f"a byte order mark ({mark}) at its start", "UTF-8 without one"
    elif b"\r" in raw and raw.lstrip().startswith((b"{", HEADER.encode())):
        got, expected = "line ends with a carriage return (CR LF)", "line feeds alone"
    elif raw.lstrip().startswith(b"{") and raw != raw.strip() and not _left_open(raw):
        got, expected = "white space around the JSON", "none"
    elif raw.lstrip().startswith(HEADER.encode()) and not raw.startswith(HEADER.encode()):
        got, expected = "white space before its first line", "none"
    elif raw.startswith(HEADER.encode()) and len(blocks) >= _BLOCKS and _AT_ITS_END.search(raw):
        got, expected = "white space or empty lines at its end", "none"
    elif raw.startswith(HEADER.encode()) and (len(blocks) > _BLOCKS or any(block[:1] == b"\n" for block in blocks)):
        got, expected = "more empty lines than a proof has", "two"
    else:
        return
    raise Malformed(
        f"couldn't read the file: got {got}, expected {expected}; an editor, mail or transfer in text mode has changed "
        f"it, and {_SAYS_NOTHING}",
        code="file_converted",
    )


def _check_whole(raw: bytes) -> None:
    """Refuse a file whose end is missing, as a transfer that broke off leaves it.

    Signatures of witnesses come last: without some of them a file is whole, and has fewer witnesses.
    """
    head = HEADER.encode()
    if not raw:
        got = "an empty file"
    elif head.startswith(raw) or (raw.startswith(head) and len(_blocks(raw)) < _BLOCKS):
        got = f"{len(raw)} bytes, and no signed checkpoint at their end"
    elif raw.startswith(head) and not raw.endswith(b"\n"):
        got = f"{len(raw)} bytes that end in the middle of a line"
    elif raw.startswith(b"{") and _left_open(raw):
        got = f"{len(raw)} bytes of JSON that is not closed"
    else:
        return
    raise Malformed(
        f"couldn't read the file: got {got}, expected a whole file; it was cut off on the way, and {_SAYS_NOTHING}",
        code="file_cut",
    )


def _blocks(raw: bytes) -> list[bytes]:
    """A proof file cut at its empty lines, without what is blank at its end."""
    return raw.rstrip().split(b"\n\n")


def _left_open(raw: bytes) -> bool:
    """Whether JSON ends within an object, a list or a text."""
    outside = _JSON_TEXT.sub(b"", raw)
    opened, closed = (sum(map(outside.count, signs)) for signs in ((b"{", b"["), (b"}", b"]")))
    return b'"' in outside or opened > closed


def code_of(text: str) -> UnitCode:
    """The code that somebody read or typed. Raises Malformed (`code`)."""
    reading = read(text)
    if not isinstance(reading, ReadCode):
        raise Malformed(f"couldn't use the code: {reading.message}", code="code")
    return reading.code


def bytes32_of(name: str, text: str) -> bytes:
    """32 bytes from 64 hex digits in either case, with or without 0x. Raises Malformed (`hex`)."""
    digits = text.strip("\ufeff \t\r\n").lower().removeprefix("0x")
    check_hex(name, f"0x{digits}", 32)
    return bytes.fromhex(digits)


def _check_evidence(raw: bytes, asked: Asked) -> Checked:
    return _told(
        check_evidence(
            raw,
            pin=asked.pin,
            code=asked.code,
            salt=asked.salt,
            chain=asked.chain,
            unwitnessed=asked.unwitnessed,
            known=asked.known,
        )
    )


def _check_fork(raw: bytes, asked: Asked) -> Checked:
    return _told(check_fork(raw, asked.pin))


def _check_scan(raw: bytes, asked: Asked) -> Checked:
    return _told(check_scan_evidence(raw, pin=asked.pin))


def _told(report: Report) -> Checked:
    return Checked(report.ok, report.to_json(), explain(report), report.paused is not None and report.failed is None)


CHECKS: Mapping[str, FileCheck] = {FORK: _check_fork, SCAN: _check_scan}
"""Kinds of files that are JSON, by their `spec`."""
KINDS = (EVIDENCE, *CHECKS)
"""Every kind that is read here."""
