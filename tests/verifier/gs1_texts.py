"""Texts that a scanner, a page or a person might send, made at random from GS1's table of AIs.

`texts(seed, count)` always gives the same texts for the same seed. A text with no fault is a
well-formed GS1 code (with or without a product); one with a fault breaks the rule that `made`
names, once or twice. A fault can cancel itself by chance (a lost separator may leave another code
that is right), so what a text *is* is for the oracle to say, not for `faults`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from random import Random

from gs1_oracle import AI_CARRIERS, GS
from gs1_oracle_ais import AIS
from gs1_oracle_checks import CHECKS, CSETS, DIGITS, ROWS, check_digit
from gs1_text_values import ALPHANUMERIC, chars, value_of

Fields = list[tuple[str, str]]

GROUPS = [
    [ai for ai in ROWS if first <= ai <= (last or first) and len(ai) == len(first)]
    for first, _, last in (line.split("|")[0].strip().partition("-") for line in AIS.strip().splitlines())
]
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
CHECKED_DATES = {"yymmd0", "yymmdd", "yyyymmdd", "hh", "hhmi", "mi", "ss"}


@dataclass(frozen=True, slots=True)
class Text:
    """One text; `symbology` is what the device says beside it; `faults` is 0, 1 or 2."""

    text: str
    symbology: str | None
    made: str
    faults: int


@dataclass(slots=True)
class _Draft:
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


def texts(seed: int, count: int) -> Iterator[Text]:
    """`count` texts, the same ones for the same seed."""
    rng = Random(seed)
    for _ in range(count):
        yield _noise(rng) if rng.random() < 0.03 else _text(rng)


def _text(rng: Random) -> Text:
    draft = _bare(rng) if rng.random() < 0.08 else _code(rng)
    faults = rng.choices((0, 1, 2), (4, 5, 2))[0]
    done = 0
    for _ in range(40):
        if done == faults:
            break
        name = rng.choice([*FAULTS, *COMMON_FAULTS])
        note = FAULTS[name](rng, draft) if name in FAULTS else COMMON_FAULTS[name](rng, draft)
        if note:
            draft.notes.append(f"{name} {note}".strip() if note != "yes" else name)
            done += 1
    return _sent(rng, draft, _written(rng, draft), done)


def _sent(rng: Random, draft: _Draft, body: str, faults: int) -> Text:
    """With the symbology identifier in the text, beside it, both, or missing."""
    for change in draft.after:
        body = change(body)
    made = ", ".join([draft.form, *([draft.carrier] if draft.carrier else []), *draft.notes])
    place = rng.randrange(4 if draft.carrier == "]E3" else 5) if draft.carrier else 4
    inside = draft.carrier if place in (0, 1, 2) else ""
    return Text(inside + body, draft.carrier if place in (2, 3) else None, made, faults)


# Right codes


def _bare(rng: Random) -> _Draft:
    """A GTIN alone: typed, in a symbol that carries nothing else, or in one that carries any text."""
    length = rng.choice((8, 12, 13, 13, 14))
    body = chars(rng, DIGITS, length - 1)
    digits = body + check_digit(body)
    own = {8: ("]E4",), 13: ("]E0", "]E0", "]E3"), 14: ("]I0", "]I1")}.get(length, ())
    carrier = rng.choice(("", "", *own, *own, rng.choice(PLAIN)))
    draft = _Draft(f"bare {length} digits", [("", digits)], carrier=carrier)
    if carrier == "]E3":
        more = chars(rng, DIGITS, rng.choice((2, 5)))
        draft.after.append(lambda text: text + more)
    elif rng.random() < 0.2 and carrier not in own:
        at = rng.randint(1, length - 1)
        draft.notes.append("spaced")
        draft.after.append(lambda text: text[:at] + " " + text[at:])
    return draft


def _code(rng: Random) -> _Draft:
    ais = _together(rng, ["01"] if rng.random() < 0.86 else [rng.choice(rng.choice(GROUPS))])
    fields = [(ai, value_of(rng, ROWS[ai])) for ai in ais]
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
        return _Draft(form, fields, carrier=rng.choice(("", "", "", "]Q1", "]d1")))
    draft = _Draft(form, fields, carrier=rng.choice(("", *IDENTIFIERS)))
    if draft.carrier == "" and (re.fullmatch("[0-9]{8}|[0-9]{12,14}", _written(rng, draft))):
        draft.carrier = "]C1"  # digits alone would be a GTIN
    _superfluous(rng, draft)
    return draft


def _superfluous(rng: Random, draft: _Draft) -> None:
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
        lacking = [demand for ai in ais for demand in ROWS[ai].needs if not _met(demand, ai, ais)]
        if not lacking:
            return None if any(_barred(ai, other) for ai in ais for other in ais) or len(ais) > 9 else ais
        for pattern in rng.choice(lacking[0]):
            ais.append(rng.choice(_matching(pattern)))
        ais = list(dict.fromkeys(ais))
    return None


@cache
def _matching(pattern: str) -> list[str]:
    return [ai for ai in ROWS if len(ai) == len(pattern) and ai.startswith(pattern.rstrip("n"))]


def _met(demand: tuple[tuple[str, ...], ...], ai: str, ais: list[str]) -> bool:
    return any(all(set(_matching(one)) & (set(ais) - {ai}) for one in group) for group in demand)


def _barred(ai: str, other: str) -> bool:
    return other in _bars()[ai]


@cache
def _bars() -> dict[str, set[str]]:
    """For each AI those that must not stand beside it, whichever of the two says so."""
    bars: dict[str, set[str]] = {ai: set() for ai in ROWS}
    for ai, row in ROWS.items():
        for other in {other for pattern in row.bars for other in _matching(pattern)} - {ai}:
            bars[ai].add(other)
            bars[other].add(ai)
    return bars


def _link(rng: Random, fields: Fields) -> _Draft | None:
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
    draft = _Draft("link", [(ai, values[ai]) for ai in [key, *way, *query]], path=1 + len(way))
    draft.scheme = rng.choice(("https", "https", "https", "http", "HTTPS", "HTTP"))
    draft.carrier = rng.choice(("", "", *PLAIN))
    if rng.random() < 0.1:
        draft.tail = "/"
        draft.notes.append("slash at the end")
    return draft


# Writing


def _written(rng: Random, draft: _Draft) -> str:
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


def _written_link(rng: Random, draft: _Draft) -> str:
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


# Faults: each changes the draft and says what it did, or says nothing if it has no place there.


def _pick(rng: Random, draft: _Draft, fits: Callable[[str], bool] = lambda ai: True) -> int | None:
    places = [at for at, (ai, _) in enumerate(draft.fields) if ai in ROWS and fits(ai)]
    return rng.choice(places) if places else None


def _put(draft: _Draft, at: int, value: str) -> str:
    ai = draft.fields[at][0]
    draft.fields[at] = (ai, value)
    return f"in {ai}"


def _length(rng: Random, draft: _Draft) -> str:
    at = _pick(rng, draft)
    if at is None:
        return ""
    ai, value = draft.fields[at]
    most = sum(part.most for part in ROWS[ai].components)
    if rng.random() < 0.5:
        return _put(draft, at, value + chars(rng, DIGITS, most + 1 - len(value)))
    return _put(draft, at, value[:-1]) if len(value) > 1 else ""


def _charset(rng: Random, draft: _Draft) -> str:
    at = _pick(rng, draft)
    if at is None or not draft.fields[at][1]:
        return ""
    ai, value = draft.fields[at]
    place = rng.randrange(len(value))
    outside = [char for char in "#$@[]^`{|}~ \\Aa.é\n" if char not in CSETS[ROWS[ai].components[0].cset]]
    return _put(draft, at, value[:place] + rng.choice(outside) + value[place + 1 :])


def _offset(ai: str, number: int) -> int:
    return sum(part.most for part in ROWS[ai].components[:number])


def _spoil(rng: Random, draft: _Draft, wanted: Callable[[str], bool]) -> str:
    """Another piece of the same length that fails one wanted check."""
    at = _pick(rng, draft, lambda ai: any(wanted(check) for part in ROWS[ai].components for check in part.checks))
    if at is None:
        return ""
    ai, value = draft.fields[at]
    number, check = rng.choice(
        [(n, check) for n, part in enumerate(ROWS[ai].components) for check in part.checks if wanted(check)]
    )
    start = _offset(ai, number)
    piece = value[start : start + ROWS[ai].components[number].most]
    letters = DIGITS if ROWS[ai].components[number].cset == "N" else ALPHANUMERIC
    for _ in range(30 if piece.isascii() and len(piece) > 1 else 0):
        places = rng.randint(1, 2)
        spoilt = list(piece)
        for place in rng.choices(range(len(piece)), k=places):
            spoilt[place] = rng.choice(letters)
        if _fails(check, "".join(spoilt)):
            return _put(draft, at, value[:start] + "".join(spoilt) + value[start + len(piece) :])
    return ""


def _fails(check: str, piece: str) -> bool:
    try:
        return not CHECKS[check](piece)
    except ValueError:
        return True


def _check_digit(rng: Random, draft: _Draft) -> str:
    if draft.form.startswith("bare"):
        digits = draft.fields[0][1]
        draft.fields[0] = ("", digits[:-1] + str((int(digits[-1]) + rng.randint(1, 9)) % 10) if digits[-1:] else "")
        return "yes" if digits else ""
    return _spoil(rng, draft, lambda check: check in ("csum", "csumalpha"))


def _unknown_ai(rng: Random, draft: _Draft) -> str:
    if draft.form.startswith("bare"):
        return ""
    ai = rng.choice(
        ("04", "05", "14", "18", "19", "23", "38", "89", "236", "405", "429", "719", "3106", "7050", "8200x")
    )
    ai = ai.removesuffix("x") if draft.form == "brackets" else ai[:3] if ai == "8200x" else ai
    draft.fields.insert(rng.randint(draft.path, len(draft.fields)), (ai, chars(rng, DIGITS, 6)))
    return ai


def _again(rng: Random, draft: _Draft) -> str:
    at = _pick(rng, draft)
    if at is None:
        return ""
    ai, _ = draft.fields[at]
    draft.fields.insert(rng.randint(max(draft.path, 1), len(draft.fields)), (ai, value_of(rng, ROWS[ai])))
    return ai


def _again_equal(rng: Random, draft: _Draft) -> str:
    """Wrong in a link, whose keys are unique; right elsewhere, so only links get it as a fault."""
    at = _pick(rng, draft)
    if at is None or draft.form != "link":
        return ""
    draft.fields.append(draft.fields[at])
    return draft.fields[at][0]


def _excluded(rng: Random, draft: _Draft) -> str:
    here = [ai for ai, _ in draft.fields if ai in ROWS]
    barred = sorted({other for ai in here for other in _bars()[ai]})
    if not barred:
        return ""
    ai = rng.choice(barred)
    draft.fields.append((ai, value_of(rng, ROWS[ai])))
    return ai


def _needed(rng: Random, draft: _Draft) -> str:
    """Takes away what another AI needs."""
    here = [ai for ai, _ in draft.fields if ai in ROWS]
    needed = [
        ai
        for ai in here[draft.path :]
        if any(
            not _met(demand, one, [x for x in here if x != ai])
            for one in here
            if one != ai
            for demand in ROWS[one].needs
        )
    ]
    if not needed:
        lonely = [ai for ai in ("4300", "8007", "3900", "7250", "250", "427", "8111", "7004", "3920") if ai not in here]
        ai = rng.choice(lonely)
        if draft.form.startswith("bare"):
            return ""
        draft.fields.append((ai, value_of(rng, ROWS[ai])))
        return f"by {ai}"
    ai = rng.choice(needed)
    draft.fields = [pair for pair in draft.fields if pair[0] != ai]
    return f"{ai} left out"


def _separator(rng: Random, draft: _Draft) -> str:
    if draft.form != "element string":
        return ""
    open_ended = [at for at in range(1, len(draft.fields)) if not ROWS.get(draft.fields[at - 1][0], ROWS["10"]).fixed]
    what = rng.choice(("missing", "doubled", "at the start", "doubled at the end"))
    if what == "at the start":
        draft.separators[0] = GS
    elif what == "doubled at the end":
        draft.separators[len(draft.fields)] = GS + GS
    elif open_ended:
        draft.separators[rng.choice(open_ended)] = "" if what == "missing" else GS + GS
    else:
        return ""
    return what


def _order(rng: Random, draft: _Draft) -> str:
    if draft.form != "link" or draft.path < 2:
        return ""
    if draft.path > 2:
        middle = draft.fields[1 : draft.path]
        draft.fields[1 : draft.path] = [*middle[1:], middle[0]]
    elif draft.fields[1][0] == "10":
        draft.fields.insert(2, ("22", chars(rng, ALPHANUMERIC, 5)))
        draft.path += 1
    else:
        draft.fields.insert(2, (rng.choice(("10", "17", "235", "99")), "250101"))
        draft.path += 1
    return "yes"


def _escape(rng: Random, draft: _Draft) -> str:
    at = _pick(rng, draft)
    if draft.form != "link" or at is None:
        return ""
    value = re.sub("[^0-9A-Za-z]", "", draft.fields[at][1])
    return _put(draft, at, "\0" + value[:6] + rng.choice(("%", "%zz", "%2x", "%u0041", "%%41")))


def _in_query(rng: Random, draft: _Draft) -> str:
    """A qualifier in the query, or a key that is empty, or of digits without a value."""
    if draft.form != "link":
        return ""
    here = [ai for ai, _ in draft.fields]
    move = rng.choice(("21", "10", "22", "singleton"))
    if move == "singleton" or (draft.path == 1 and rng.random() < 0.3):
        draft.fields.append((rng.choice(("99", "98", "")), ""))
        return "without a value"
    if move in here[draft.path :]:
        return ""
    if move in here:
        draft.path -= 1
        draft.fields.append(draft.fields.pop(here.index(move)))
    else:
        draft.fields.append((move, chars(rng, ALPHANUMERIC, 5)))
    return move


def _scheme(rng: Random, draft: _Draft) -> str:
    if draft.form != "link":
        return ""
    draft.scheme = rng.choice(("Https", "httpS", "hTTp", "HTTPs"))
    return "yes"


def _short_gtin(rng: Random, draft: _Draft) -> str:
    """Fewer than 14 digits where AI 01 wants all of them."""
    at = _pick(rng, draft, lambda ai: ai == "01")
    if at is None:
        return ""
    body = chars(rng, DIGITS, rng.choice((7, 11, 12)))
    _put(draft, at, body + check_digit(body))
    return f"of {len(body) + 1}"


def _plus(rng: Random, draft: _Draft) -> str:
    """`+` in the query is a blank, which no AI holds."""
    if draft.form != "link" or len(draft.fields) == draft.path:
        return ""
    at = rng.randrange(draft.path, len(draft.fields))
    return _put(draft, at, "\0" + chars(rng, ALPHANUMERIC, 2) + "+" + chars(rng, ALPHANUMERIC, 2))


def _empty(rng: Random, draft: _Draft) -> str:
    at = _pick(rng, draft)
    return "" if at is None else _put(draft, at, "")


def _non_ascii(rng: Random, draft: _Draft) -> str:
    char, place = rng.choice("é٣１ñ–\u200b␝ß"), rng.random()
    draft.after.append(lambda text: text[: int(place * len(text))] + char + text[int(place * len(text)) :])
    return "yes"


def _carrier(rng: Random, draft: _Draft) -> str:
    """Element strings in a symbol without FNC1; a link or a GTIN in one that says FNC1 stood first."""
    wrong = PLAIN if draft.form == "element string" else IDENTIFIERS
    draft.carrier = rng.choice(wrong)
    return "wrong"


def _slashes(rng: Random, draft: _Draft) -> str:
    if draft.form != "link":
        return ""
    draft.tail = rng.choice(("//", "/21/", "/10", "/x"))
    return "yes"


def _blank(rng: Random, draft: _Draft) -> str:
    if draft.form.startswith("bare"):
        return ""
    place = rng.random()
    draft.after.append(
        lambda text: text[: int(place * (len(text) - 2)) + 1] + " " + text[int(place * (len(text) - 2)) + 1 :]
    )
    return "inside"


def _cut(rng: Random, draft: _Draft) -> str:
    keep = rng.random()
    draft.after.append(lambda text: text[: max(1, int(keep * len(text)))])
    return "short"


Fault = Callable[[Random, _Draft], str]
COMMON_FAULTS: dict[str, Fault] = {"non-ASCII": _non_ascii, "carrier": _carrier, "cut": _cut}
FAULTS: dict[str, Fault] = {
    "length": _length,
    "charset": _charset,
    "check digit wrong": _check_digit,
    "date": lambda rng, draft: _spoil(rng, draft, CHECKED_DATES.__contains__),
    "range": lambda rng, draft: _spoil(rng, draft, lambda check: check not in CHECKED_DATES and check[:4] != "csum"),
    "separator": _separator,
    "repeated unequal": _again,
    "repeated equal": _again_equal,
    "unknown AI": _unknown_ai,
    "excluded": _excluded,
    "need unmet": _needed,
    "qualifier order": _order,
    "escape broken": _escape,
    "in the query": _in_query,
    "scheme of mixed case": _scheme,
    "short GTIN": _short_gtin,
    "plus in the query": _plus,
    "empty value": _empty,
    "slashes": _slashes,
    "blank": _blank,
}


def _noise(rng: Random) -> Text:
    """Real-looking and hostile texts that are no GS1 code."""
    word, number = chars(rng, ALPHANUMERIC, 9), chars(rng, DIGITS, 9)
    made, text = rng.choice(
        (
            ("word", f"x{word}"),
            ("link without a key", f"https://example.com/product/{word}?id={number}"),
            ("link without a path", f"https://{word}.example"),
            ("WIFI", f"WIFI:S:{word};T:WPA;P:{number};;"),
            ("HIBC", f"+A{word}/S{number}"),
            ("mail", f"mailto:{word}@example.com"),
            ("digits of no GTIN", chars(rng, DIGITS, rng.choice((1, 5, 9, 11, 15, 19)))),
            ("markup", f"<script>{number}</script>"),
            ("control characters", f"\x02{word}\x00{number}\x03"),
            ("very long", f"x{word}" * 300),
            ("identifier alone", rng.choice(IDENTIFIERS)),
            ("empty brackets", f"(){word}"),
            (
                "any characters",
                "".join(chr(rng.choice((rng.randint(1, 127), rng.randint(1, 0x2FFF)))) for _ in range(20)),
            ),
        )
    )
    return Text(text, None, f"no code: {made}", 1)
