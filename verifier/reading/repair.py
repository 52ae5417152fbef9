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

from verifier.errors import Malformed
from verifier.reading.code_text import Foreign, parse_code
from verifier.reading.fragment import CUT_SCHEME, cut_scheme
from verifier.reading.gs1 import Carrier, CodeForm, UnitCode
from verifier.reading.keyboard import swapped_letters, undone
from verifier.reading.recoded import narrow, recoded, round_brackets
from verifier.reading.separator import COMMON, shown_inside_values, with_lost_separators, with_shown_separators
from verifier.reading.symbology import AI_DATA, split_symbology

MOST_REPAIRS = 16
"""Candidates for one text. docs/spec/codes.md: each one that an officer looks up counts as a look-up."""

_MOST_UNCOMMON = 6  # candidates with AIs that are rarely swallowed; own limit, so that they crowd nothing out
_UNKNOWN_SYMBOLOGY = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_SCHEME_ALL_CAPITAL = re.compile(r"(?:HTTPS?://[^a-z/?#]+/|URN:EPC:)")
_LINK_PATH = re.compile(r"/?(?:[^/?#\s]+/)*?01/\d{14}(?:[/?#].*)?")
_ANY_HOST = "https://id.gs1.org/"  # DL 4.12, the canonical host; hosts do not count in reading
_FRAME = "\x01\x02\x03\x04"  # SOH, STX, ETX, EOT: how a serial line marks the ends of a message
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
_COMPONENT = re.compile(r"(\d{8}|\d{12,14})(?:\]e0|[\x1d|])(.+)", re.DOTALL)  # an EAN and its composite component
_CAPITAL_KEY = re.compile(r"[?&]S=")  # the key of a label signature is small
_BEFORE_KEY = re.compile(r"[^?#]*?(?=01/\d{14})")
_AT_AN_END = re.compile(r"[\x1c-\x1f]+(?=\(\d{2,4}\)|$)")  # separators where a bracket already ends the value


class RepairName(StrEnum):
    """The device fault that a repair undoes."""

    SEPARATOR_LOST = "separator_lost"
    SEPARATOR_REPLACED = "separator_replaced"
    CASE = "case"
    KEYBOARD_LAYOUT = "keyboard_layout"
    SYMBOLOGY_PREFIX = "symbology_prefix"
    EAN_GLUED = "ean_glued"
    COMPOSITE = "composite"
    BRACKETS = "brackets"
    FRAMING = "framing"
    ESCAPED_TWICE = "escaped_twice"
    REPEATED = "repeated"
    ENCODED = "encoded"
    DOUBLED = "doubled"
    SPACED = "spaced"
    DIGITS = "digits"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Repair:
    """One candidate: the repaired text, the code it reads as, and what the device would have done."""

    name: RepairName
    text: str
    code: UnitCode
    explanation: str


def find_repairs(text: str, carrier: Carrier = Carrier.TEXT, symbology: str | None = None) -> tuple[Repair, ...]:
    """The repairs of a text that read as another code than the text itself, at most 16, each code once.

    The surest first. Where separators alone make a code of a text that is none, no keyboard is suspected as well.
    """
    literal = _parse(text, carrier, symbology)
    seen = {_identity(literal)} if literal else set()
    found: list[Repair] = []
    for name, repaired, explanation in _attempts(text, literal):
        if name is RepairName.KEYBOARD_LAYOUT and literal is None and any(one.name in _SEPARATORS for one in found):
            break  # layouts come last
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

    A serial may hold these characters by itself. If the code as read is registered, the suspicion is dropped.
    """
    suspects = []
    if code.form is CodeForm.ELEMENT_STRING and next(with_lost_separators(text), None) is not None:
        suspects.append(RepairName.SEPARATOR_LOST)
    if code.form in (CodeForm.ELEMENT_STRING, CodeForm.BRACKETED) and next(shown_inside_values(text), None) is not None:
        suspects.append(RepairName.SEPARATOR_REPLACED)
    if any(_parse(repaired, code.carrier, None) for _, repaired, _ in _escaped_twice(text, code)):
        suspects.append(RepairName.ESCAPED_TWICE)
    if next(_eans_glued(text, code), None) is not None:
        suspects.append(RepairName.EAN_GLUED)
    return tuple(suspects)


_Attempt = tuple[RepairName, str, str]
_SEPARATORS = (RepairName.SEPARATOR_REPLACED, RepairName.SEPARATOR_LOST)
_CAPS_LOCK = "Caps lock may have been on: small and capital letters are exchanged."
_LINES = re.compile(r"[ \t\r\n]+")


def _attempts(text: str, literal: UnitCode | None) -> Iterator[_Attempt]:
    """Every repaired text, the surest fault first.

    1. what is done to the whole text, and shows; 2. what stands for a separator, or is missing from an address; 3. what
    may as well be the value's own: separators that are gone, an EAN; 4. keys.
    """
    yield from _whole(text, literal)  # 1
    yield from _separators_shown(text, literal)  # 2
    yield from _hosts(text)
    yield from _escaped_twice(text, literal)
    if _UNKNOWN_SYMBOLOGY.match(text) and split_symbology(text)[0] is None and not _turned_symbology(text):
        yield RepairName.SYMBOLOGY_PREFIX, text[3:], f"The scanner sent its symbology prefix {text[:3]} with the code."
    lost = list(_separators_lost(text, literal))  # 3
    yield from (attempt for common, attempt in lost if common)
    yield from _eans_glued(text, literal)
    yield from islice((attempt for common, attempt in lost if not common), _MOST_UNCOMMON)
    yield from _keys(text, literal)  # 4


def _whole(text: str, literal: UnitCode | None) -> Iterator[_Attempt]:
    """Frames, repetition, other forms of every character, brackets, composites, caps lock.

    Faults of different kinds may come together where one of them is seen by itself.
    """
    plain = text.strip(_FRAME)
    if plain != text:
        yield RepairName.FRAMING, plain, "The device sent the control characters that frame a message with the code."
        yield from ((RepairName.FRAMING, repaired, why) for _, repaired, why in _separators_shown(plain, None))
    if literal is None:
        if once := _sent_once(text):
            yield RepairName.REPEATED, once, "The device sent the code twice in a row."
        yield from _brackets(text)
        symbology, body = split_symbology(text)
        for form, before, explanation in recoded(body):
            for each in (before, *_also(before)):
                yield RepairName(form.value), (symbology or "") + each, explanation
        if composite := _COMPONENT.fullmatch(split_symbology(text)[1]):
            explanation = "The scanner sent the EAN and the composite component above it in one text."
            yield RepairName.COMPOSITE, f"01{composite[1].zfill(14)}{composite[2]}", explanation
    if _caps_lock_shows(text):
        yield RepairName.CASE, text.swapcase(), _CAPS_LOCK


def _keys(text: str, literal: UnitCode | None) -> Iterator[_Attempt]:
    """A layout that changed anything which can be told from letters has spoilt the form as well."""
    if literal is None:
        for meant, names in undone(text):
            explanation = f"The scanner's US keys may have been read as {' or '.join(names)} ones."
            yield RepairName.KEYBOARD_LAYOUT, meant, explanation
            yield from ((RepairName.KEYBOARD_LAYOUT, again, explanation) for again in _also(meant))
    elif literal.form is not CodeForm.GTIN and (swapped := swapped_letters(text)):
        explanation = (
            "Y and Z may be exchanged: possible, where a German keyboard or one like it takes the scanner's keys."
        )
        yield RepairName.KEYBOARD_LAYOUT, swapped, explanation


def _also(text: str) -> Iterator[str]:
    """The same with separators shown, when something else stood between the scanner and the code as well."""
    if not _SCHEME.match(text):
        yield from (repaired for _, repaired in with_shown_separators(text))


def _sent_once(text: str) -> str | None:
    parts = _LINES.split(text)
    if len(parts) > 1 and len(set(parts)) == 1:
        return parts[0]
    half = text[: len(text) // 2]
    return half if half and text.endswith(half) else None  # one sign may stand between


def _separators_shown(text: str, literal: UnitCode | None) -> Iterator[_Attempt]:
    shown = with_shown_separators(text) if literal is None else shown_inside_values(text)
    for sign, repaired in shown:
        explanation = f"The scanner sent {sign!r} where a separator belongs."
        yield RepairName.SEPARATOR_REPLACED, repaired, explanation


def _separators_lost(text: str, literal: UnitCode | None) -> Iterator[tuple[bool, _Attempt]]:
    """Each with whether all the AIs that were swallowed are common ones."""
    if literal is not None and literal.form is not CodeForm.ELEMENT_STRING:
        return
    for (ai, *swallowed), repaired in with_lost_separators(text):
        names = " and ".join(f"AI {each}" for each in swallowed)
        explanation = f"The scanner lost a separator: AI {ai} has swallowed {names}."
        yield COMMON.issuperset(swallowed), (RepairName.SEPARATOR_LOST, repaired, explanation)


def _brackets(text: str) -> Iterator[_Attempt]:
    """Other brackets around the AIs, wide characters as East Asian keyboards type, separators beside brackets."""
    narrowed = narrow(text)
    if narrowed != text:
        yield RepairName.BRACKETS, narrowed, "The code was written in wide characters."
    if (rounded := round_brackets(narrowed)) != narrowed and rounded.startswith("("):
        yield RepairName.BRACKETS, rounded, "The application identifiers stand in other brackets than round ones."
    if (bare := _AT_AN_END.sub("", text)) != text and split_symbology(text)[1].startswith("("):
        yield RepairName.BRACKETS, bare, "The device sent brackets and separators; either is enough."


def _escaped_twice(text: str, literal: UnitCode | None) -> Iterator[_Attempt]:
    """A link whose escapes were escaped once more: a value of it holds an escape after it was unescaped."""
    explanation = "The link was escaped twice: a program took % for a character of its own."
    if literal is None:
        if _SCHEME.match(text) is None and "%2F" in text.upper():
            yield RepairName.ESCAPED_TWICE, _unescaped_once(text), explanation
    elif literal.form is CodeForm.DIGITAL_LINK and _ESCAPED.search(f"{literal.lot or ''} {literal.serial or ''}"):
        yield RepairName.ESCAPED_TWICE, text.replace("%25", "%"), explanation


def _unescaped_once(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[0][1:], 16)), text)


def _caps_lock_shows(text: str) -> bool:
    """Whether the case of something that is not free to be in either speaks for caps lock.

    A scheme with its host, or a symbology identifier. Lots and serials are free, so they tell nothing.
    """
    return _turned_symbology(text) or _SCHEME_ALL_CAPITAL.match(text) is not None


def _turned_symbology(text: str) -> bool:
    return split_symbology(text)[0] is None and text[:3].swapcase() in AI_DATA


def _eans_glued(text: str, literal: UnitCode | None) -> Iterator[_Attempt]:
    """The product's own EAN, read in the same sweep and glued to the code.

    Behind, it must be the code's own GTIN: other digits at the end of a serial belong to it. What is left must still
    hold the GTIN, or the digits are the field of AI 01 itself.
    """
    explanation = "The scanner read the EAN beside the code in the same sweep and glued it on."
    if literal is not None and literal.form is not CodeForm.GTIN:
        for length in (14, 13, 12, 8):
            ean = literal.gtin[-length:]
            if literal.gtin == ean.zfill(14) and text.endswith(ean):
                rest = _parse(text.removesuffix(ean), literal.carrier, None)
                if rest is not None and rest.gtin == literal.gtin and rest.form is literal.form:
                    yield RepairName.EAN_GLUED, text.removesuffix(ean), explanation
                    return
    for length in (13, 8, 12):
        for ean, rest_text in ((text[:length], text[length:]), (text[-length:], text[:-length])):
            code = _parse(rest_text, Carrier.TEXT, None) if ean.isascii() and ean.isdigit() and rest_text else None
            if code is not None and code.gtin == ean.zfill(14):
                yield RepairName.EAN_GLUED, rest_text, explanation


def _hosts(text: str) -> Iterator[_Attempt]:
    if scheme := _SCHEME.match(text):
        if not (scheme[0].islower() or scheme[0].isupper()):
            explanation = "The web address starts with capital and small letters mixed."
            yield RepairName.HOST, scheme[0].lower() + text[scheme.end() :], explanation
    elif cut_scheme(text):
        for name, each, case in _cases(text):
            yield name, CUT_SCHEME.sub("https://", each, count=1), f"The start of the web address is missing.{case}"
    elif _LINK_PATH.fullmatch(text):
        for start in ("https://", _ANY_HOST):
            for name, each, case in _cases(text):
                yield name, start + each.lstrip("/"), f"The web address was typed without its beginning.{case}"


def _cases(text: str) -> list[_Attempt]:
    """An address without its scheme, as it is and, where caps lock shows in it, with its letters exchanged.

    A host in capitals beside small letters shows it, as does a capital S before a signature. Where all is capital the
    address may have been printed so, and that comes first.
    """
    literal, turned = (RepairName.HOST, text, ""), (RepairName.CASE, text.swapcase(), f" {_CAPS_LOCK}")
    before = _BEFORE_KEY.match(text)
    if not ((before is not None and before[0].isupper()) or _CAPITAL_KEY.search(text)):
        return [literal]
    return [literal, turned] if text.isupper() else [turned, literal]


def _parse(text: str, carrier: Carrier, symbology: str | None) -> UnitCode | None:
    try:
        code = parse_code(text, carrier, symbology)
    except Malformed:
        return None
    return None if isinstance(code, Foreign) else code


def _identity(code: UnitCode) -> Sequence[str | None]:
    # a label signature is the same in either case
    return code.gtin, code.lot, code.serial, code.signature and code.signature.upper()
