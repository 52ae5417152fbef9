"""Separators that a device lost or replaced: the text as it would be with them.

A field of variable length ends at a separator. If a device drops one, the field swallows the next field without any
error. If a device shows one, the shown characters end up inside a value. Both are undone only if every part is then
valid by the table of AIs, and the parts may occur together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from verifier.errors import Malformed
from verifier.reading.ai.pairs import excluded, has_company
from verifier.reading.ai.rule import Rule, find_rule, wrong_with
from verifier.reading.element_string import GS, check_element, join_elements, split_elements
from verifier.reading.gs1 import CSET82, LONGEST
from verifier.reading.symbology import split_symbology

Element = tuple[str, str]
"""An AI and its value."""

MOST_STEPS = 4_000
"""Places that are tried in one text; own limit, against texts that hold nothing but AIs."""
MOST_SIGNS = 16
"""Different signs of one text that are tried as separators; own limit, against texts that hold nothing else."""
COMMON = frozenset({"10", "21", "11", "13", "15", "16", "17"})
"""Lot, serial and dates: most codes hold these, and they are looked for anywhere."""
_MOST_TRIED = 512  # ways of cutting one text, likewise
_LONGEST_SWALLOWED = 64  # characters: serial, lot and two dates with their AIs, and no more

# how GS or FNC1 is spelled where it cannot be shown
_NAME = r"(?:GS1?|FNC ?1|F8|FS?|0?x?1D|0x001D|029|29|\^\]|group ?separator)"
_SPELLED = re.compile(
    rf"[<({{\[⟨«‹（［｛【]\s*{_NAME}\s*[>)}}\]⟩»›）］｝】]"
    r"|\\(?:x1d|u001d|035|029|gs|fnc1|f)|\^(?:fnc1|\])|~(?:d029|029|1)|%1d|_x001d_|&#(?:29|x1d);|0x1d|_1",
    re.IGNORECASE,
)
_BEFORE_BRACKET = re.compile(rf"(?:{_SPELLED.pattern})(?=\(\d{{2,4}}\)|$)", re.IGNORECASE)
_LEGAL_SIGNS = frozenset("<(%_&0")
_OUTSIDE = re.compile(f"[^{re.escape(CSET82)}{GS}]")


def with_shown_separators(text: str) -> Iterator[tuple[str, str]]:
    """Each way in which separators may have been replaced: the replacement, and the text with separators."""
    if spelled := _SPELLED.search(text):
        yield spelled[0], _SPELLED.sub(GS, text)
        yield spelled[0], text.replace(spelled[0], GS)
    _, body = split_symbology(text)
    for sign in islice(dict.fromkeys(_OUTSIDE.findall(body)), MOST_SIGNS):
        yield sign, text[: len(text) - len(body)] + body.replace(sign, GS)


def shown_inside_values(text: str) -> Iterator[tuple[str, str]]:
    """The same for a text that reads without error: spellings that may really be part of a value.

    Only if another field follows the spelling, and the whole is then valid.
    """
    if text.startswith("("):
        if (spelled := _BEFORE_BRACKET.search(text)) is not None:
            yield spelled[0], _BEFORE_BRACKET.sub("", text)
    elif not _LEGAL_SIGNS.isdisjoint(text) and (spelled := _SPELLED.search(text)):
        for repaired in dict.fromkeys((_SPELLED.sub(GS, text), text.replace(spelled[0], GS))):
            if _has_more_fields(repaired, text):
                yield spelled[0], repaired


def with_lost_separators(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each way in which a field may have swallowed others: the AIs it then holds, and the text with separators."""
    symbology, body = split_symbology(text)
    if body.isdigit() and len(body) < 16:
        return
    try:
        elements = split_elements(body)
    except Malformed:
        return
    used = frozenset(ai for ai, _ in elements)
    found: list[tuple[int, list[Element]]] = []
    steps = _Steps()
    for place, (ai, value) in enumerate(elements):
        rule = find_rule(ai)
        if rule is None or rule.fixed or not 1 < len(value) <= _LONGEST_SWALLOWED:
            continue
        wanted = None if ai in ("10", "21") else frozenset({"10", "21"})
        for cut in _cuts(rule, value, used, wanted, steps):
            found.append((place, cut))
            if len(found) == _MOST_TRIED:
                break
    for place, cut in sorted(found, key=lambda one: (sum(ai not in COMMON for ai, _ in one[1]), len(one[1]))):
        whole = [*elements[:place], *cut, *elements[place + 1 :]]
        if all(_sound(*element) for element in cut) and _agree(cut, whole):
            yield tuple(ai for ai, _ in cut), (symbology or "") + join_elements(whole)


class _Steps:
    """Counts what was looked at."""

    def __init__(self) -> None:
        self.left = MOST_STEPS

    def spend(self) -> bool:
        self.left -= 1
        return self.left >= 0


def _cuts(
    rule: Rule, value: str, used: frozenset[str], wanted: frozenset[str] | None, steps: _Steps
) -> Iterator[list[Element]]:
    """Every way to cut a value into two or more elements with AIs that the code does not have yet."""
    for at in range(1, len(value)):
        if not steps.spend():
            return
        inner = find_rule(value[at : at + 4])
        if inner is None or inner.ai in used or not _plausible(value, at, inner, wanted):
            continue
        behind = value[at + len(inner.ai) :]
        for tail in _elements_from(inner, behind, used | {inner.ai}, wanted, steps):
            yield [(rule.ai, value[:at]), *tail]


def _elements_from(
    rule: Rule, behind: str, used: frozenset[str], wanted: frozenset[str] | None, steps: _Steps
) -> Iterator[list[Element]]:
    """Every way to read the text after an AI to its end."""
    if not rule.fixed:
        if behind:
            yield [(rule.ai, behind)]
            yield from _cuts(rule, behind, used, wanted, steps)
        return
    value, rest = behind[: rule.fixed], behind[rule.fixed :]
    if wrong_with(rule, value) or not steps.spend():
        return
    if not rest:
        yield [(rule.ai, value)]
    elif (after := find_rule(rest)) is not None and after.ai not in used:
        tails = _elements_from(after, rest[len(after.ai) :], used | {after.ai}, wanted, steps)
        yield from ([(rule.ai, value), *tail] for tail in tails)


def _plausible(value: str, at: int, inner: Rule, wanted: frozenset[str] | None) -> bool:
    """Whether an AI inside a value is likely a real one, and not digits of the value itself.

    Lot, serial and dates are looked for anywhere. Any other AI of two digits must begin or end a run of digits. A value
    of digits alone shows nothing, nor does one that fills its field to the last character, as generated serials do.
    """
    if wanted is not None:
        return inner.ai in wanted or inner.ai in COMMON
    if inner.ai in COMMON:
        return True
    if len(value) == LONGEST or value.isdigit():
        return False
    return len(inner.ai) > 2 or not value[at - 1].isdigit() or not value[at + 2 : at + 3].isdigit()


def _agree(cut: Sequence[Element], whole: Sequence[Element]) -> bool:
    ais = [ai for ai, _ in whole]
    return excluded(ais) is None and all(has_company(ai, ais) for ai, _ in cut[1:])


def _sound(ai: str, value: str) -> bool:
    try:
        check_element(ai, value)
    except Malformed:
        return False
    return True


def _has_more_fields(repaired: str, text: str) -> bool:
    try:
        more = split_elements(split_symbology(repaired)[1])
        return len(more) > len(split_elements(split_symbology(text)[1])) and all(_sound(*each) for each in more)
    except Malformed:
        return False
