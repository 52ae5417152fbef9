"""A second, independent reading of GS1 codes: small, obvious and slow.

It says what a text is by GS1's published text alone: General Specifications (element strings,
5.10 and 7.8), Barcode Syntax Dictionary (release 2026-01-27), Digital Link URI Syntax 1.2, and
ISO/IEC 15424 for symbology identifiers. Nothing is repaired and nothing is guessed. The rules of
single values are in `gs1_oracle_checks`, the facts in `gs1_oracle_ais`.

Where the texts leave a choice, the docstring of the function says "Choice".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gs1_oracle_checks import ROWS, Row, check_digit, fault_in

GS = "\x1d"

# ISO/IEC 15424: the modifier says that FNC1 stood first, so the data are element strings.
# Choice: structured append (Aztec 7 and A) is a part of a message and not among them.
AI_CARRIERS = frozenset(
    {"]C1", "]e0", "]d2", "]d5", "]Q3", "]Q4", "]J1", "]J4", "]z1", "]z4", "]L3", "]K1", "]T1", "]O5"}
)
# FNC1 in second position (an application of AIM), add-ons alone, later packets of a composite,
# and ITF whose check digit was taken off: read, but nothing of GS1's that can be read alone.
OTHER_CARRIERS = frozenset(
    {
        "]C2",
        "]d3",
        "]d6",
        "]Q5",
        "]Q6",
        "]J2",
        "]J5",
        "]z2",
        "]z5",
        "]L4",
        "]K2",
        "]T2",
        "]E1",
        "]E2",
        "]e1",
        "]e2",
        "]e3",
        "]I2",
    }
)
# Symbols that carry a GTIN and nothing else: how many digits are sent.
GTIN_CARRIERS = {"]E0": (13,), "]E3": (15, 18), "]E4": (8,), "]I0": (14,), "]I1": (14,)}

# RFC 3986 section 2: every character that a URI may hold.
URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")
AUTHORITY = re.compile(r"[A-Za-z0-9.:\[\]-]+")


class Kind(StrEnum):
    """What a text is."""

    CODE = "code"
    INVALID = "invalid"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Expected:
    """The answer for one text.

    `code`: a well-formed GS1 code that names a product; `gtin` has 14 digits, `ais` every AI.
    `invalid`: it has the form of a GS1 code and breaks the rule that `why` names.
    `foreign`: a well-formed GS1 code without AI 01 (`why` is "no product", `ais` filled), or no
    GS1 code at all (`why` is "no structure" or "carrier").
    """

    kind: Kind
    gtin: str | None = None
    lot: str | None = None
    serial: str | None = None
    ais: Mapping[str, str] = field(default_factory=dict)
    why: str = ""


class _Fault(Exception):
    """The text breaks a rule of its form."""


class _Foreign(Exception):
    """The text has no form of GS1's."""


def expect(text: str, symbology: str | None = None) -> Expected:
    """What GS1's texts say about `text`; `symbology` is an identifier such as `]d2`, if known beside it.

    Choice: blanks, tabs and line ends around the text are not part of it. Choice: an identifier in
    the text and another one beside it contradict each other.
    """
    try:
        return _answer(_read(text.strip(" \t\r\n"), symbology))
    except _Fault as fault:
        return Expected(Kind.INVALID, why=str(fault))
    except _Foreign as foreign:
        return Expected(Kind.FOREIGN, why=str(foreign))


def _answer(ais: Mapping[str, str]) -> Expected:
    if "01" not in ais:
        return Expected(Kind.FOREIGN, ais=ais, why="no product")
    return Expected(Kind.CODE, ais["01"], ais.get("10"), ais.get("21"), ais)


def _read(text: str, symbology: str | None) -> dict[str, str]:
    """All AIs of the text, by what carried it.

    Choice: AI structure in a symbol that says it had no FNC1 first is no GS1 data: invalid.
    """
    if text.startswith("]"):
        if not re.match(r"\][A-Za-z][0-9A-Za-z]", text):
            raise _Fault("identifier")
        if symbology not in (None, text[:3]):
            raise _Fault("identifiers differ")
        symbology, text = text[:3], text[3:]
    if symbology in OTHER_CARRIERS:
        raise _Foreign("carrier")
    if symbology in GTIN_CARRIERS:
        return _linear(text, symbology)
    if symbology in AI_CARRIERS:
        return _elements(text)
    return _plain(text, fnc1_possible=symbology is None)


def _linear(text: str, symbology: str) -> dict[str, str]:
    """EAN, UPC and ITF-14. `]E3` sends an add-on of 2 or 5 digits after the 13; it is not part of the GTIN."""
    if not re.fullmatch("[0-9]+", text) or len(text) not in GTIN_CARRIERS[symbology]:
        raise _Fault("length")
    return _gtin(text[:13] if symbology == "]E3" else text)


def _plain(text: str, *, fnc1_possible: bool) -> dict[str, str]:
    """Text without FNC1 first, or typed: a bracketed code, a link, a bare GTIN, or (typed) an element string."""
    if text.startswith("("):
        return _brackets(text)
    if re.match("https?://", text, re.IGNORECASE):
        return _link(text)
    digits = text.replace(" ", "")
    if re.fullmatch("[0-9]+", digits) and (" " in text or len(digits) in (8, 12, 13, 14)):
        return _gtin(digits)
    if not _has_ai(text):
        raise _Foreign("no structure")
    if not fnc1_possible:
        raise _Fault("no fnc1")
    return _elements(text)


def _gtin(digits: str) -> dict[str, str]:
    """A bare GTIN. Choice: the digits alone decide, so 14 of them are never an element string."""
    if len(digits) not in (8, 12, 13, 14):
        raise _Fault("length")
    if check_digit(digits[:-1]) != digits[-1]:
        raise _Fault("csum")
    return {"01": digits.zfill(14)}


def _row_at(text: str) -> Row | None:
    """The row of the AI that the text begins with. No AI is the beginning of another one."""
    return next((ROWS[text[:size]] for size in (2, 3, 4) if text[:size] in ROWS), None)


def _has_ai(text: str) -> bool:
    return GS in text or _row_at(text) is not None


def _elements(text: str) -> dict[str, str]:
    """Element strings (GenSpecs 7.8): FNC1 after the first position is sent as GS.

    A separator is due after an AI without predefined length, unless nothing follows. Choice: one
    after a predefined length, or at the very end, is superfluous and skipped; one at the start, or
    two in a row, is an element without an AI and refused.
    """
    pairs: list[tuple[str, str]] = []
    if not text:
        raise _Fault("empty")
    while text:
        row = _row_at(text)
        if row is None:
            raise _Fault("separator" if text[0] == GS else "unknown ai")
        text = text[len(row.ai) :]
        value = text.split(GS)[0]
        if row.fixed:
            value = value[: row.length]
        pairs.append((row.ai, value))
        text = text[len(value) :].removeprefix(GS)
    return _together(pairs)


def _brackets(text: str) -> dict[str, str]:
    """`(01)...(21)...`, the human readable form, beginning with any AI.

    Choice: every `(` begins an AI unless a backslash stands before it; a `)` in a value is data.
    Choice: blanks between the elements are not allowed. FNC1 is not written in this form.
    """
    pairs: list[tuple[str, str]] = []
    for part in re.split(r"(?<!\\)\(", text)[1:]:
        ai, bracket, value = part.partition(")")
        if not bracket or ai not in ROWS:
            raise _Fault("unknown ai")
        pairs.append((ai, value.replace("\\(", "(")))
    return _together(pairs)


def _together(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The AIs as a dict, after the rules for each and for all of them.

    An AI may be repeated with the same value, never with another one (General Specifications, "Data relationships").
    Choice: which AIs need each other is judged over this text alone. GS1 judges it over all symbols
    on the item, so `why` begins with "needs" and a reader of several symbols may differ there.
    """
    for ai, value in pairs:
        fault = fault_in(ROWS[ai], value)
        if fault:
            raise _Fault(f"{fault} in {ai}")
    ais = dict(pairs)
    if any(ais[ai] != value for ai, value in pairs):
        raise _Fault("repeated ai")
    for ai in ais:
        others = [other for other in ais if other != ai]
        if any(_matches(pattern, other) for pattern in ROWS[ai].bars for other in others):
            raise _Fault(f"excluded by {ai}")
        for demand in ROWS[ai].needs:
            if not any(all(any(_matches(one, other) for other in others) for one in group) for group in demand):
                raise _Fault(f"needs of {ai}")
    _signature_names_an_item(ais)
    return ais


def _matches(pattern: str, ai: str) -> bool:
    return re.fullmatch(pattern.replace("n", "[0-9]"), ai) is not None


def _signature_names_an_item(ais: Mapping[str, str]) -> None:
    """A digital signature (8030) beside 253, 255 or 8003 needs their serial part."""
    lengths = {"253": 13, "255": 13, "8003": 14}
    if "8030" in ais and any(len(ais.get(ai, "")) == length for ai, length in lengths.items()):
        raise _Fault("needs of 8030")


def _link(text: str) -> dict[str, str]:
    """A Digital Link URI: any host and stem, one primary key with its qualifiers in order, attributes.

    The scheme is all lower or all upper case. The fragment is ignored. A key 01 has 14 digits:
    grammar 1.2 still had shorter ones, as legacy. Keys of AIs are unique, equal values or not.
    Choice: a link whose path shows no key is foreign, unless `/01/` stands somewhere in it.
    """
    if not URI_CHARACTERS.fullmatch(text):
        raise _Fault("characters")
    scheme, _, rest = text.partition("://")
    if scheme not in ("http", "https", "HTTP", "HTTPS"):
        raise _Fault("scheme")
    host, slash, rest = rest.partition("/")
    if not slash or not AUTHORITY.fullmatch(host):
        raise _Foreign("no structure")
    path, _, query = rest.partition("#")[0].partition("?")
    written = _path(path)
    named = [pair for part in query.split("&") if part for pair in _parameter(part)]
    keys = [ai for ai, _ in written + named]
    if len(keys) != len(set(keys)):
        raise _Fault("repeated key")
    in_path = [ai for ai, _ in written]
    if not _in_order(in_path):
        raise _Fault("qualifiers")
    for ai, _ in named:
        if not ROWS[ai].attribute or _belongs_in(in_path, ai):
            raise _Fault(f"{ai} in the query")
    return _together(written + named)


def _path(path: str) -> list[tuple[str, str]]:
    """Key, qualifiers and their values: pairs read from the end back to the first primary key.

    So the rightmost key wins, and a stem may look like keys. Choice: one slash at the end is
    tolerated; the syntax has none, a resolver should accept it.
    """
    segments = path.removesuffix("/").split("/")
    pairs: list[tuple[str, str]] = []
    for at in range(len(segments) - 2, -1, -2):
        ai, value = segments[at], segments[at + 1]
        if ai not in ROWS:
            break
        pairs.insert(0, (ai, _unescaped(value)))
        if ROWS[ai].qualifiers is not None:
            return pairs
    if "01" in segments:
        raise _Fault("no key")
    raise _Foreign("no structure")


def _in_order(path: list[str]) -> bool:
    """Whether the key is followed by some of its qualifiers, in order, all of one alternative."""
    key, *rest = path
    ways = ROWS[key].qualifiers or ()
    return any(rest == [ai for ai in way if ai in rest] for way in ways)


def _belongs_in(path: list[str], ai: str) -> bool:
    """Whether a query's AI is a qualifier that could have stood in this very path.

    So `?10=` is refused beside `/01/` and `/01/.../21/`, and accepted beside `/235/`, where the
    path has no place for it. AI 21 is never an attribute.
    """
    return any(_in_order([*path[:at], ai, *path[at:]]) for at in range(1, len(path) + 1))


def _parameter(part: str) -> list[tuple[str, str]]:
    """One parameter of the query: an attribute, or nothing if its key has a character that is no digit.

    An empty key has no such character. Choice: only `&` separates, although grammar 1.2 also knows
    `;`, which may as well be data. Choice: a key of digits alone without `=` is an attribute
    without a value, and refused; another key may stand without one.
    """
    key, _, value = part.partition("=")
    if not re.fullmatch("[0-9]*", key):
        return []
    if key not in ROWS:
        raise _Fault("unknown ai")
    return [(key, _unescaped(value.replace("+", " ")))]


def _unescaped(value: str) -> str:
    """Percent-decoded (RFC 3986 2.1), in either case. Strict: `%` without two hexadecimal digits is refused."""
    if not re.fullmatch(r"(?:[^%]|%[0-9A-Fa-f]{2})*", value):
        raise _Fault("escape")
    return re.sub("%([0-9A-Fa-f]{2})", lambda match: chr(int(match[1], 16)), value)
