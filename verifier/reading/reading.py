"""Reading: turns a device's text into a code, something else that was read well, or "could not read".

Nothing is repaired silently and no address is opened. If a named device fault can be undone, the repaired codes are
offered beside the literal reading.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from verifier.errors import Malformed
from verifier.reading.code_text import Foreign, parse_code
from verifier.reading.fragment import cut_scheme, find_covered, find_fragment
from verifier.reading.gs1 import Carrier, UnitCode
from verifier.reading.keyboard import unknown_layout
from verifier.reading.repair import Repair, RepairName, find_repairs, find_suspects

LONGEST_TEXT = 2_048
"""Characters of one code. Own limit: a printed label needs about 180, the largest QR code holds 4,296."""

# a wedge scanner ends a code with Enter or Tab; copied text brings spaces and a byte order mark
_AROUND = " \t\r\n\ufeff\u200b"


@dataclass(frozen=True, slots=True)
class ReadCode:
    """A well-formed GS1 code with a GTIN, read literally.

    `suspects` names faults that the text shows although it reads without error; `repairs` then holds the candidates. If
    the literal code is registered, a suspicion is dropped. If it is not, `find_repairs` finds more candidates.
    """

    text: str
    code: UnitCode
    symbology: str | None = None
    suspects: tuple[RepairName, ...] = ()
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True)
class NotGs1:
    """Something else, read well: another address, another text, a GS1 code that names no product."""

    text: str
    why: Foreign
    symbology: str | None = None

    @property
    def message(self) -> str:
        """What it is, in one sentence."""
        return _FOREIGN[self.why]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """No well-formed code came in. `why` is a stable code (`check_digit`, `empty` …), `message` one sentence."""

    text: str
    why: str
    message: str
    symbology: str | None = None
    repairs: tuple[Repair, ...] = ()


Reading = ReadCode | NotGs1 | Unreadable

_FOREIGN: Mapping[Foreign, str] = {
    Foreign.LINK: "This is a web address without a GS1 product code. It was not opened.",
    Foreign.TEXT: "This is a text, and no GS1 product code.",
    Foreign.NO_GTIN: "This is a GS1 code, but it names no product (it has no GTIN).",
}


def read(
    text: str | bytes,
    *,
    carrier: Carrier = Carrier.TEXT,
    symbology: str | None = None,
    machine_read: bool = False,
    hosts: Collection[str] = (),
) -> Reading:
    """Read a device's text. Never raises: an unreadable text is an answer of its own.

    `carrier` is the code's carrier. `symbology` is the device's AIM identifier such as `]d2`, if it was given
    separately from the text. `machine_read` says that a decoder gave the text although the carrier is unknown. A text
    that is no code counts as another thing when a decoder read it, and as half a code when somebody typed it. `hosts`
    are those that the caller knows, such as the ledger's own, with their ports; a text that shows one of them is never
    another thing.
    """
    decoded = _decode(text, symbology)
    if isinstance(decoded, Unreadable):
        return decoded
    try:
        code = parse_code(decoded, carrier, symbology)
    except Malformed as error:
        return Unreadable(decoded, error.code, str(error), symbology, find_repairs(decoded, carrier, symbology))
    if isinstance(code, Foreign):
        typed = carrier is Carrier.TEXT and symbology is None and not machine_read
        return _not_a_code(decoded, code, carrier, symbology, hosts, typed=typed)
    suspects = find_suspects(decoded, code)
    repairs = find_repairs(decoded, carrier, symbology) if suspects else ()
    suspected = tuple(repair for repair in repairs if repair.name in suspects)
    return ReadCode(decoded, code, symbology, suspects, suspected)


def _not_a_code(
    text: str, what: Foreign, carrier: Carrier, symbology: str | None, hosts: Collection[str], *, typed: bool
) -> Reading:
    """1. a fault of a device; 2. a piece of a code; 3. a value typed alone; 4. another thing."""
    repairs = find_repairs(text, carrier, symbology)
    if repairs and not cut_scheme(text):  # 1
        message = "couldn't read the code as it came in: it looks like a product code that a device has changed"
        return Unreadable(text, "device_fault", message, symbology, repairs)
    if what is Foreign.NO_GTIN:
        if covered := find_covered(text):
            return Unreadable(text, "fragment", covered, symbology, repairs)
    else:
        if fragment := find_fragment(text, hosts):  # 2
            return Unreadable(text, "fragment", fragment, symbology, repairs)
        if unknown_layout(text):
            return Unreadable(text, "keyboard_layout", _UNKNOWN_LAYOUT, symbology)
    if typed and what is Foreign.TEXT and not _URI.match(text):  # 3
        return Unreadable(text, "no_identifiers", _NO_IDENTIFIERS, symbology)
    return NotGs1(text, what, symbology)  # 4


_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:\S")  # RFC 3986 3.1; one letter and a colon is no scheme in use
_UNKNOWN_LAYOUT = (
    "couldn't read the code: its form is that of a link, typed through a keyboard layout that is not known here; "
    "set the scanner to the keyboard's country"
)
_NO_IDENTIFIERS = "couldn't read the code: type it with the numbers in brackets, as printed"


def _decode(text: str | bytes, symbology: str | None) -> str | Unreadable:
    shown = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text
    decoded = shown.strip(_AROUND)
    if len(decoded) > LONGEST_TEXT:
        message = f"couldn't read the code: got {len(decoded)} characters, expected at most {LONGEST_TEXT}"
        return Unreadable(decoded[:LONGEST_TEXT], "too_long", message, symbology)
    if not decoded:
        return Unreadable("", "empty", "couldn't read the code: nothing came in", symbology)
    if "\ufffd" in decoded or "\0" in decoded:
        message = "couldn't read the code: it holds bytes that are no text"
        return Unreadable(decoded, "encoding", message, symbology)
    return decoded
