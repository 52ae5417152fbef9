"""What one application identifier requires of its value, read once from the table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from verifier.reading.ai.lint import LINTS
from verifier.reading.ai.table import ROWS
from verifier.reading.gs1 import CSET82

CHARACTERS: Mapping[str, str] = {
    "N": "0-9",
    "X": re.escape(CSET82),
    "Y": r"#\-/0-9A-Z",
    "Z": r"0-9A-Za-z\-_=",
}
"""Character sets as the inside of a regular expression. GS1 General Specifications 7.11."""

_NAMES: Mapping[str, str] = {"N": "digits", "X": "characters of set 82", "Y": "characters of set 39", "Z": "base64"}
_COMPONENT = re.compile(r"(?P<open>\[)?(?P<set>[NXYZ])(?P<least>\d+)(?:\.\.(?P<most>\d+))?\]?(?P<lints>(?: [a-z]\w*)*?)"
                        r"(?: x(?P<times>\d))?")  # fmt: skip
_PADDING = re.compile(r"[^=]*={0,2}")


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a value: its character set (`N`, `X`, `Y`, `Z`), `least` to `most` characters, checks by name."""

    characters: str
    least: int
    most: int
    optional: bool
    lints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One AI of 2 to 4 digits.

    `fixed`: the length in characters when no separator is needed after it, else 0. `query`: it may be an attribute of a
    Digital Link. `excludes`: patterns of AIs, `n` for any digit. `requires`: demands; each is a list of groups of
    patterns, and one group must be there whole. `qualifiers`: None unless it is the key of a Digital Link, else the
    sequences of AIs that may follow it there.
    """

    ai: str
    title: str
    components: tuple[Component, ...]
    fixed: int
    query: bool
    excludes: tuple[str, ...]
    requires: tuple[tuple[tuple[str, ...], ...], ...]
    qualifiers: tuple[tuple[str, ...], ...] | None

    @property
    def least(self) -> int:
        """Characters of the shortest value."""
        return sum(part.least for part in self.components if not part.optional)

    @property
    def most(self) -> int:
        """Characters of the longest value."""
        return sum(part.most for part in self.components)


def find_rule(text: str) -> Rule | None:
    """The rule of the AI at the start of a text. No AI is the start of another one."""
    return RULES.get(text[: _LENGTHS.get(text[:2], 0)])


def wrong_with(rule: Rule, value: str) -> str | None:
    """What is wrong with a value, in words, or None. Characters, lengths, and every check of the table."""
    shape, checked = _compiled(rule.ai)
    match = shape.fullmatch(value)
    if match is None:
        return f"got {_shown(value)}, expected {_expected(rule)}"
    for group, lint in checked:
        part = match[group]
        if part and (wrong := LINTS[lint](part)):
            return f"got {_shown(value)}: {wrong}"
    return _base64_padding(value) if rule.components[0].characters == "Z" else None


@lru_cache(maxsize=1024)
def _compiled(ai: str) -> tuple[re.Pattern[str], tuple[tuple[int, str], ...]]:
    """The pattern of an AI's value and its checks, group by group. Each part in order is as long as possible."""
    pattern, checks = "", []
    components = RULES[ai].components
    for number, part in enumerate(components, start=1):
        pattern += f"([{CHARACTERS[part.characters]}]{{{part.least},{part.most}}}){'?' if part.optional else ''}"
        checks += [(number, lint) for lint in part.lints]
    return re.compile(pattern, re.ASCII), tuple(checks)


def _base64_padding(value: str) -> str | None:
    """At most two, at the end. RFC 4648 3.2 pads to fours, GS1's reference check to threes; both are accepted."""
    good = _PADDING.fullmatch(value) and ("=" not in value or 0 in (len(value) % 3, len(value) % 4))
    return None if good else f"got {_shown(value)}, expected base64 with its padding right"


def _expected(rule: Rule) -> str:
    least, most = rule.least, rule.most
    length = str(most) if least == most else f"{least} to {most}"
    return f"{length} {' and '.join(dict.fromkeys(_NAMES[part.characters] for part in rule.components))}"


def _read_table() -> Iterator[Rule]:
    for row in ROWS.splitlines():
        heads, components, rest, *title = (part.strip() for part in row.split("|"))
        numbers, _, marks = heads.partition(" ")
        parts = tuple(part for text in components.split(" + ") for part in _components(text)) if components else ()
        asked = [_asked(text.strip()) for text in rest.split(";") if text.strip()]
        demands = tuple(
            tuple(tuple(group.split("+")) for group in what.split()) for word, what in asked if word == "with"
        )
        said = dict(asked)
        first, _, last = numbers.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield Rule(
                ai=str(number).zfill(len(first)),
                title=title[0] if title else "",
                components=parts,
                fixed=sum(part.most for part in parts) if "*" in marks else 0,
                query="?" in marks,
                excludes=tuple(said.get("not", "").split()),
                requires=demands,
                qualifiers=_sequences(said["key"]) if "key" in said else None,
            )


def _components(text: str) -> list[Component]:
    match = _COMPONENT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"couldn't read the table: {text!r} is no component")
    least, most = int(match["least"]), int(match["most"] or match["least"])
    component = Component(match["set"], least, most, match["open"] is not None, tuple(match["lints"].split()))
    return [component] * int(match["times"] or 1)


def _asked(text: str) -> tuple[str, str]:
    word, _, rest = text.partition(" ")
    return word, rest


def _sequences(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(sequence.split(",")) for sequence in text.split(" or ") if sequence)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


RULES: Mapping[str, Rule] = {rule.ai: rule for rule in _read_table()}
"""Every AI by its digits."""

_LENGTHS: Mapping[str, int] = {ai[:2]: len(ai) for ai in RULES}
