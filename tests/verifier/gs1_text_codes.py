"""Right codes at random, as drafts of fields, and how a draft is written, for `gs1_texts`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from random import Random

from gs1_oracle import AI_CARRIERS, GS
from gs1_oracle_ais import AIS
from gs1_oracle_checks import DIGITS, ROWS, check_digit
from gs1_text_values import ALPHANUMERIC, chars, value_of

Fields = list[tuple[str, str]]

GROUPS = [
    [ai for ai in ROWS if first <= ai <= (last or first) and len(ai) == len(first)]
    for first, _, last in (line.split("|")[0].strip().partition("-") for line in AIS.strip().splitlines())
]
UNSERIALISED = {"253": 13, "255": 13, "8003": 14}
IDENTIFIERS = sorted(AI_CARRIERS)
PLAIN = ("]C0", "]d1", "]d4", "]Q0", "]Q1", "]Q2", "]J0", "]J3", "]z0", "]L0", "]A0")
HOSTS = ("id.gs1.org", "example.com", "brand.example:8443", "192.0.2.1", "[2001:db8::1]", "a", "xn--fsq.example", "A.B")
STEMS = (
    "",
    "",
    "",
    "p/",
    "shop/en/",
    "gtin/",
    "01/",
    "00/faux/",
    "21/x/",
    "10/20/30/",
    "01/09521234000013/",
    "a.b_c~d/",
)
EXTRAS = ("linkType=all", "s=AZ29", "utm_source=x%20y", "x1", "sig=", "a+b=c", "lang=de", "17x=250101", "k=1&k=2")


@dataclass(slots=True)
class Draft:
    """A code before it is written. `path` is how many of `fields` stand in the path of a link."""

    form: str
    fields: Fields
    path: int = 0
    carrier: str = ""
    notes: list[str] = field(default_factory=list)
    scheme: str = "https"
    tail: str = ""
    after: list[Callable[[str], str]] = field(default_factory=list)
    separators: dict[int, str] = field(default_factory=dict)  # before the field of that number


def bare(rng: Random) -> Draft:
    """A GTIN alone: typed, in a symbol that carries nothing else, or in one that carries any text."""
    length = rng.choice((8, 12, 13, 13, 14))
    body = chars(rng, DIGITS, length - 1)
    digits = body + check_digit(body)
    own = {8: ("]E4",), 13: ("]E0", "]E0", "]E3"), 14: ("]I0", "]I1")}.get(length, ())
    carrier = rng.choice(("", "", *own, *own, rng.choice(PLAIN)))
    draft = Draft(f"bare {length} digits", [("", digits)], carrier=carrier)
    if carrier == "]E3":
        more = chars(rng, DIGITS, rng.choice((2, 5)))
        draft.after.append(lambda text: text + more)
    elif rng.random() < 0.2 and carrier not in own:
        at = rng.randint(1, length - 1)
        draft.notes.append("spaced")
        draft.after.append(lambda text: text[:at] + " " + text[at:])
    return draft


def code(rng: Random) -> Draft:
    """A code with AI 01 in five of six, in any form that its AIs allow."""
    start = "01" if rng.random() < 0.82 else rng.choice(rng.choice(rng.choice((GROUPS, _apart()))))
    ais = _together(rng, [start])
    fields = [(ai, value_of(rng, ROWS[ai])) for ai in ais]
    if any(len(value) == UNSERIALISED.get(ai) for ai, value in fields):
        fields = [(ai, value) for ai, value in fields if ai != "8030"]  # nothing there for it to sign
    form = rng.choice(("element string", "element string", "link", "link", "brackets"))
    if form == "link":
        draft = _link(rng, fields)
        if draft:
            return draft
        form = "element string"
    rng.shuffle(fields)
    if rng.random() < 0.5:
        fields.sort(key=lambda pair: pair[0] != "01")
    if form == "brackets":
        if any("(" in value or "\\" in value for _, value in fields):
            fields = [(ai, value.replace("(", "\\(")) for ai, value in fields]
        return Draft(form, fields, carrier=rng.choice(("", "", "", "]Q1", "]d1")))
    draft = Draft(form, fields, carrier=rng.choice(("", *IDENTIFIERS)))
    if draft.carrier == "" and (re.fullmatch("[0-9]{8}|[0-9]{12,14}", written(rng, draft))):
        draft.carrier = "]C1"  # digits alone would be a GTIN
    _superfluous(rng, draft)
    return draft


def _superfluous(rng: Random, draft: Draft) -> None:
    """Separators that are not needed and not wrong: after a predefined length, and at the end."""
    after_fixed = [at for at in range(1, len(draft.fields)) if ROWS[draft.fields[at - 1][0]].fixed]
    if after_fixed and rng.random() < 0.1:
        draft.separators[rng.choice(after_fixed)] = GS
        draft.notes.append("separator after a predefined length")
    if rng.random() < 0.05:
        draft.separators[len(draft.fields)] = GS
        draft.notes.append("separator at the end")


def _together(rng: Random, start: list[str]) -> list[str]:
    """AIs that may stand together: `start`, what it needs, and 0 to 5 more with what they need."""
    ais = _closed(rng, start) or _closed(rng, ["01"]) or ["01"]
    if "01" in ais:
        for ai, chance in (("10", 0.4), ("21", 0.5), ("17", 0.15), ("22", 0.1), ("235", 0.04)):
            if rng.random() < chance:
                ais = _closed(rng, [*ais, ai]) or ais
    for _ in range(rng.randint(0, 5)):
        ais = _closed(rng, [*ais, rng.choice(rng.choice(GROUPS))]) or ais
    return ais


def _closed(rng: Random, ais: list[str]) -> list[str] | None:
    """`ais` and whatever they need; None if some of it must not stand together, or after too many."""
    ais = list(dict.fromkeys(ais))
    for _ in range(8):
        lacking = [demand for ai in ais for demand in ROWS[ai].needs if not met(demand, ai, ais)]
        if not lacking:
            return None if any(barred(ai, other) for ai in ais for other in ais) or len(ais) > 9 else ais
        for pattern in rng.choice(lacking[0]):
            ais.append(rng.choice(matching(pattern)))
        ais = list(dict.fromkeys(ais))
    return None


@cache
def _apart() -> list[list[str]]:
    """The groups that cannot stand beside AI 01; without an own share they would hardly come."""
    return [group for group in GROUPS if not any(_closed(Random(n), ["01", group[0]]) for n in range(9))]


@cache
def matching(pattern: str) -> list[str]:
    """The AIs of a pattern such as `31nn`."""
    return [ai for ai in ROWS if len(ai) == len(pattern) and ai.startswith(pattern.rstrip("n"))]


def met(demand: tuple[tuple[str, ...], ...], ai: str, ais: list[str]) -> bool:
    """Whether one whole group of what `ai` demands stands among `ais`."""
    return any(all(set(matching(one)) & (set(ais) - {ai}) for one in group) for group in demand)


def barred(ai: str, other: str) -> bool:
    """Whether the two must not stand together."""
    return other in bars()[ai]


@cache
def bars() -> dict[str, set[str]]:
    """For each AI those that must not stand beside it, whichever of the two says so."""
    found: dict[str, set[str]] = {ai: set() for ai in ROWS}
    for ai, row in ROWS.items():
        for other in {other for pattern in row.bars for other in matching(pattern)} - {ai}:
            found[ai].add(other)
            found[other].add(ai)
    return found


def _link(rng: Random, fields: Fields) -> Draft | None:
    """The fields as a Digital Link: key, its qualifiers in order, the rest in the query. None if they do not fit."""
    values = dict(fields)
    keys = [ai for ai in values if ROWS[ai].qualifiers is not None]
    if not keys:
        return None
    key = "01" if "01" in values else rng.choice(keys)
    ways = [[ai for ai in way if ai in values] for way in ROWS[key].qualifiers or ()]
    way = ["235"] if "235" in values and key == "01" else max(ways, key=len)
    query = [ai for ai in values if ai != key and ai not in way]
    rng.shuffle(query)
    if any(not ROWS[ai].attribute for ai in query):
        return None
    if key != "8006" and any(ai in query and way != ["235"] for ai in ("10", "21", "22") if key == "01"):
        return None
    draft = Draft("link", [(ai, values[ai]) for ai in [key, *way, *query]], path=1 + len(way))
    draft.scheme = rng.choice(("https", "https", "https", "http", "HTTPS", "HTTP"))
    draft.carrier = rng.choice(("", "", *PLAIN))
    if rng.random() < 0.1:
        draft.tail = "/"
        draft.notes.append("slash at the end")
    return draft


# Writing


def written(rng: Random, draft: Draft) -> str:
    """The draft as text, without its symbology identifier."""
    if draft.form == "link":
        return _written_link(rng, draft)
    if draft.form == "brackets":
        return "".join(f"({ai}){value}" for ai, value in draft.fields)
    text = ""
    for at, (ai, value) in enumerate(draft.fields):
        before = draft.fields[at - 1][0] if at else ""
        usual = GS if before and not (before in ROWS and ROWS[before].fixed) else ""
        text += draft.separators.get(at, usual) + ai + value
    return text + draft.separators.get(len(draft.fields), "")


def _written_link(rng: Random, draft: Draft) -> str:
    path = "/".join(f"{ai}/{_escaped(rng, value, ':;=!()*,+')}" for ai, value in draft.fields[: draft.path])
    query = [f"{ai}={_escaped(rng, value, ':=!()*,?/')}" for ai, value in draft.fields[draft.path :]]
    if rng.random() < 0.25:
        draft.notes.append("extra keys")
        query.insert(rng.randint(0, len(query)), rng.choice(EXTRAS))
    text = f"{draft.scheme}://{rng.choice(HOSTS)}/{rng.choice(STEMS)}{path}{draft.tail}"
    text += "?" + "&".join(query) if query else rng.choice(("", "", "", "?"))
    if rng.random() < 0.1:
        draft.notes.append("fragment")
        text += rng.choice(("#", "#top", "#/01/00000000000000", "#?10=A"))
    return text


def _escaped(rng: Random, value: str, plain: str) -> str:
    """Percent-encoded; characters that may stand plainly do so or not; `\\0` keeps what follows as it is."""
    if value.startswith("\0"):
        return value[1:]
    always = rng.random() < 0.5
    return "".join(
        char
        if char in ALPHANUMERIC + "-._" and rng.random() > 0.005
        else char
        if char in plain and not always
        else "".join(rng.choice(("%{:02X}", "%{:02x}")).format(byte) for byte in char.encode())
        for char in value
    )
