"""Repairs: each undoes one named fault of a device, and shows what the code would then be.

A repair is offered, never applied silently. It moves, removes or translates what the device did to the whole text; no
character is guessed and a short serial is never completed. Repairs come from the text alone, so that nobody learns from
them what is registered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from verifier.code_text import GS1_SYMBOLOGIES, Foreign, parse_code
from verifier.element_string import GS, check_element, join_elements, split_elements
from verifier.errors import Malformed
from verifier.gs1 import Carrier, CodeForm, UnitCode
from verifier.keyboard import LAYOUTS

MOST_REPAIRS = 16
"""Candidates for one text. docs/spec/codes.md: each one that an officer looks up counts as a look-up."""

_MOST_TRIED = 512  # ways of cutting one text; own limit, against texts made of nothing but AIs
_LONGEST_SWALLOWED = 64  # characters: serial, lot and two dates with their AIs, and no more
_SYMBOLOGY = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_SCHEME_ALL_CAPITAL = re.compile(r"(?:HTTPS?://[^a-z/?#]+/|URN:EPC:)")
_LINK_PATH = re.compile(r"/?(?:[^/?#\s]+/)*?01/\d{14}(?:[/?#].*)?")
_ANY_HOST = "https://id.gs1.org/"  # DL 4.12, the canonical host; hosts do not count in reading

# what stands where GS belongs, and how devices come to send it; names in angle brackets are legal in a serial
_STAND_INS = (
    "<GS>", "{GS}", "[GS]", "<0x1D>", "<F8>", "{F8}", "[F8]", "\\x1d", "\\x1D", "\\u001d", "\\u001D", "\\F", "^]",
    "␝", "~d029", "~1", "|", "~", "#", " ", "\t", "\x1e", "¶",
)  # fmt: skip
_LEGAL_STAND_INS = ("<GS>", "<0x1D>", "<F8>")
_SWALLOWED = ("10", "21", "17", "11", "15")
_DATES = ("17", "11", "15")


class RepairName(StrEnum):
    """The device fault that a repair undoes."""

    SEPARATOR_LOST = "separator_lost"
    SEPARATOR_REPLACED = "separator_replaced"
    CASE = "case"
    KEYBOARD_LAYOUT = "keyboard_layout"
    SYMBOLOGY_PREFIX = "symbology_prefix"
    EAN_GLUED = "ean_glued"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Repair:
    """One candidate: the repaired text, the code it reads as, and what the device would have done."""

    name: RepairName
    text: str
    code: UnitCode
    explanation: str


def find_repairs(text: str, carrier: Carrier = Carrier.TEXT, symbology: str | None = None) -> tuple[Repair, ...]:
    """The repairs of a text that read as another code than the text itself, at most 16, each code once."""
    literal = _parse(text, carrier, symbology)
    seen = {_identity(literal)} if literal else set()
    found: list[Repair] = []
    for name, repaired, explanation in _attempts(text, literal):
        code = _parse(repaired, carrier, symbology)
        if code is None or _identity(code) in seen:
            continue
        seen.add(_identity(code))
        found.append(Repair(name, repaired, code, explanation))
        if len(found) == MOST_REPAIRS:
            break
    return tuple(found)


def find_suspects(text: str, code: UnitCode) -> tuple[RepairName, ...]:
    """The faults that a text shows although it reads without error: one field may have swallowed another.

    A serial may hold these characters by itself. If the code as read is registered, the suspicion is without object.
    """
    suspects = []
    if next(_separators_lost(text), None) is not None:
        suspects.append(RepairName.SEPARATOR_LOST)
    values = (code.lot or "") + (code.serial or "")
    if any(stand_in in values for stand_in in _LEGAL_STAND_INS):
        suspects.append(RepairName.SEPARATOR_REPLACED)
    if next(_eans_glued(text, code), None) is not None:
        suspects.append(RepairName.EAN_GLUED)
    return tuple(suspects)


_Attempt = tuple[RepairName, str, str]


def _attempts(text: str, literal: UnitCode | None) -> Iterator[_Attempt]:
    """Every repaired text, the likeliest fault first."""
    yield from _separators_replaced(text)
    yield from _separators_lost(text)
    yield from _eans_glued(text, literal)
    if _SYMBOLOGY.match(text):
        yield RepairName.SYMBOLOGY_PREFIX, text[3:], f"The scanner sent its symbology prefix {text[:3]} with the code."
    yield from _hosts(text)
    if _caps_lock_shows(text):
        explanation = "Caps lock may have been on: small and capital letters are exchanged."
        yield RepairName.CASE, text.swapcase(), explanation
    if literal is None:  # a layout that changed anything which can be told from letters has spoilt the form as well
        for layout in filter(lambda layout: layout.marks(text), LAYOUTS):
            explanation = f"The scanner's US keys may have been read as {layout.name} ones."
            yield RepairName.KEYBOARD_LAYOUT, layout.undo(text), explanation


def _caps_lock_shows(text: str) -> bool:
    """Whether the case of something that is not free to be in either speaks for caps lock.

    A scheme with its host, or a symbology identifier. Lots and serials are free, so they tell nothing.
    """
    prefix = text[:3]
    turned = prefix not in GS1_SYMBOLOGIES and prefix.swapcase() in GS1_SYMBOLOGIES
    return turned or _SCHEME_ALL_CAPITAL.match(text) is not None


def _separators_replaced(text: str) -> Iterator[_Attempt]:
    for stand_in in _STAND_INS:
        if stand_in in text:
            explanation = f"The scanner sent {stand_in!r} where a separator belongs."
            yield RepairName.SEPARATOR_REPLACED, text.replace(stand_in, GS), explanation


def _separators_lost(text: str) -> Iterator[_Attempt]:
    """Ways of cutting the last field, if it looks as if it had swallowed others.

    A device that sent any separator sends them all, so a text that holds one has lost none.
    """
    prefix, body = (text[:3], text[3:]) if text.startswith(GS1_SYMBOLOGIES) else ("", text)
    if GS in body or (body.isdigit() and len(body) < 16) or not body.startswith(("01", *_SWALLOWED)):
        return
    try:
        *head, (ai, value) = split_elements(body)
    except Malformed:
        return
    if ai not in ("10", "21") or len(value) > _LONGEST_SWALLOWED:
        return
    used = frozenset(known for known, _ in head)
    cuts = list(islice(_cuts(ai, value, used), _MOST_TRIED))
    for tail in sorted(cuts, key=len):
        if all(_sound(*element) for element in tail):
            names = " and ".join(f"AI {swallowed}" for swallowed, _ in tail[1:])
            explanation = f"The scanner lost a separator: AI {ai} has swallowed {names}."
            yield RepairName.SEPARATOR_LOST, prefix + join_elements([*head, *tail]), explanation


def _cuts(ai: str, value: str, used: frozenset[str]) -> Iterator[list[tuple[str, str]]]:
    """Every way to cut `value` of `ai` into two or more elements with AIs that the code does not have yet."""
    used |= {ai}
    for at in range(1, len(value)):
        inner = value[at : at + 2]
        if inner not in _SWALLOWED or inner in used:
            continue
        behind = value[at + 2 :]
        if inner in _DATES:
            date, rest = behind[:6], behind[6:]
            if not _sound(inner, date):
                continue
            tails = _cut_rest(rest, used | {inner})
            yield from ([(ai, value[:at]), (inner, date), *tail] for tail in tails)
        elif behind:
            yield [(ai, value[:at]), (inner, behind)]
            yield from ([(ai, value[:at]), *tail] for tail in _cuts(inner, behind, used))


def _cut_rest(rest: str, used: frozenset[str]) -> Iterator[list[tuple[str, str]]]:
    """What may stand behind a date, which needs no separator: nothing, or another AI."""
    if not rest:
        yield []
    elif (ai := rest[:2]) in _SWALLOWED and ai not in used:
        if ai in _DATES:
            yield from ([(ai, rest[2:8]), *tail] for tail in _cut_rest(rest[8:], used | {ai}))
        elif rest[2:]:
            yield [(ai, rest[2:])]
            yield from _cuts(ai, rest[2:], used)


def _eans_glued(text: str, literal: UnitCode | None) -> Iterator[_Attempt]:
    """The product's own EAN, read in the same sweep and glued to the code.

    Behind, it must be the code's own GTIN: other digits at the end of a serial belong to it.
    """
    explanation = "The scanner read the EAN beside the code in the same sweep and glued it on."
    if literal is not None and literal.form is not CodeForm.GTIN:
        for length in (14, 13, 12, 8):
            ean = literal.gtin[-length:]
            if literal.gtin == ean.zfill(14) and text.endswith(ean) and literal.serial and literal.serial != ean:
                yield RepairName.EAN_GLUED, text.removesuffix(ean), explanation
                return
    for length in (13, 8, 12):
        for ean, rest in ((text[:length], text[length:]), (text[-length:], text[:-length])):
            code = _parse(rest, Carrier.TEXT, None) if ean.isascii() and ean.isdigit() and rest else None
            if code is not None and code.gtin == ean.zfill(14):
                yield RepairName.EAN_GLUED, rest, explanation


def _hosts(text: str) -> Iterator[_Attempt]:
    if scheme := _SCHEME.match(text):
        if not (scheme[0].islower() or scheme[0].isupper()):
            explanation = "The web address starts with capital and small letters mixed."
            yield RepairName.HOST, scheme[0].lower() + text[scheme.end() :], explanation
    elif _LINK_PATH.fullmatch(text):
        explanation = "The web address was typed without its beginning."
        yield RepairName.HOST, "https://" + text.lstrip("/"), explanation
        yield RepairName.HOST, _ANY_HOST + text.lstrip("/"), explanation


def _sound(ai: str, value: str) -> bool:
    try:
        check_element(ai, value)
    except Malformed:
        return False
    return True


def _parse(text: str, carrier: Carrier, symbology: str | None) -> UnitCode | None:
    try:
        code = parse_code(text, carrier, symbology)
    except Malformed:
        return None
    return None if isinstance(code, Foreign) else code


def _identity(code: UnitCode) -> Sequence[str | None]:
    # a label signature is the same in either case
    return code.gtin, code.lot, code.serial, code.signature and code.signature.upper()
