"""Our reading beside an independent one: texts made at random from GS1's table of AIs, valid, faulty and odd.

`gs1_oracle` was written from GS1's published text by somebody who had not read our parser, `gs1_texts` makes the texts.
Whatever both call a code must be the same code. Where they differ otherwise, the difference must be of a class that is
named and argued here (docs/spec/codes.md says the same in prose); any other one is listed and fails.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from gs1_oracle import Expected, Kind, expect
from gs1_texts import Text, texts

from verifier.errors import Malformed
from verifier.reading.code_text import Foreign, parse_code
from verifier.reading.reading import NotGs1, ReadCode, Unreadable, read
from verifier.reading.symbology import Carries, carries, split_symbology

QUICK, LONG = 2_000, 50_000
AROUND = " \t\r\n\ufeff\u200b"
WEB = re.compile("https?:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ours:
    """What our literal reading says, in the words of the oracle; `why` is a code of ours."""

    kind: Kind
    ais: dict[str, str]
    why: str = ""


def ours(text: Text) -> Ours:
    """Our literal reading, without repairs and fragments."""
    try:
        code = parse_code(text.text.strip(AROUND), symbology=text.symbology)
    except Malformed as error:
        return Ours(Kind.INVALID, {}, error.code)
    if isinstance(code, Foreign):
        return Ours(Kind.FOREIGN, {}, code.value)
    own = {"01": code.gtin, "10": code.lot, "21": code.serial}
    return Ours(Kind.CODE, {ai: value for ai, value in own.items() if value is not None} | dict(code.extra))


def body(text: Text) -> str:
    """The text behind its symbology identifier."""
    return split_symbology(text.text.strip(AROUND))[1]


def carried(text: Text) -> Carries:
    """What its symbology identifier promises."""
    symbology = split_symbology(text.text.strip(AROUND))[0] or text.symbology
    return carries(symbology) if symbology else Carries.PLAIN


def is_link(text: Text) -> bool:
    return WEB.match(body(text)) is not None


Class = Callable[[Text, Ours, Expected], bool]

LENIENT: dict[str, Class] = {
    "an AI that another one requires may stand in another symbol on the item": lambda t, o, e: e.why.startswith(
        "needs of "
    ),
    "AIs, brackets and links are read whatever carried them": lambda t, o, e: (
        e.why == "no fnc1"
        or (carried(t) is Carries.AI_DATA and (body(t).startswith("(") or is_link(t)))
        or (carried(t) is Carries.NUMBER and e.why == "length")
    ),
    "separators first or twice are skipped": lambda t, o, e: e.why == "separator",
    "blanks around bracketed values are dropped": lambda t, o, e: (
        body(t).startswith("(") and re.search(r"\s", body(t)) is not None
    ),
    "characters that an address must escape are read where it does not": lambda t, o, e: (
        is_link(t) and e.why in ("characters", "no structure") and body(t).isascii()
    ),
    "keys of digits without = are no attributes": lambda t, o, e: (
        is_link(t) and re.search(r"[?&](?:\d+(?:[&#]|$)|=)", body(t)) is not None
    ),
    "the identifier in the text holds over the one beside it": lambda t, o, e: e.why == "identifiers differ",
    "later packets of a composite are AI data": lambda t, o, e: e.why == "carrier" and carried(t) is Carries.AI_DATA,
    "an open bracket in a value is data": lambda t, o, e: (
        body(t).startswith("(") and (re.search(r"[(](?!\d{2,4}[)])", body(t)[1:]) is not None)
    ),
    "base64 is padded by threes or fours": lambda t, o, e: e.why.endswith("in 8030") and "=" in body(t),
}
"""We read what the oracle refuses."""

FOREIGN: dict[str, Class] = {
    "a text that starts like an AI by chance": lambda t, o, e: (
        o.why == "text" and "\x1d" not in body(t) and len(re.findall(r"\([0-9]{2,4}\)", body(t))) < 2
    ),
    "somebody's web address": lambda t, o, e: o.why == "link" and not re.search(r"/01/[0-9A-Za-z]{7,18}/", body(t)),
    "nothing that names a product": lambda t, o, e: (
        o.why == "no_gtin" and any(lenient(t, o, e) for lenient in LENIENT.values())
    ),
    "a symbol that cannot bear a product": lambda t, o, e: carried(t) is Carries.NO_PRODUCT,
}
"""We call foreign what the oracle calls broken. `find_fragment` still looks at these."""

STRICT: dict[str, Class] = {
    "digits alone were meant as a GTIN": lambda t, o, e: body(t).replace(" ", "").isdigit() and o.why == "gtin_length",
    "more than ASCII in digits": lambda t, o, e: o.why == "charset" and not body(t).isascii(),
    "limits of a text": lambda t, o, e: o.why in ("too_long", "empty"),
    "two links in one": lambda t, o, e: o.why == "fragment",
    "a link with a GTIN somewhere and a broken form": lambda t, o, e: (
        is_link(t) and e.why in ("no structure", "no product") and "/01/" in body(t)
    ),
    "separators make AI data of a text": lambda t, o, e: "\x1d" in body(t) and e.why == "no structure",
    "the number of an EAN symbol is a number": lambda t, o, e: carried(t) is Carries.NUMBER,
    "a text that starts with 01 was meant as a code": lambda t, o, e: (
        body(t).startswith("01") and e.kind is Kind.FOREIGN
    ),
}
"""We call broken what the oracle calls foreign: no code either way."""


def difference(text: Text) -> str | None:
    """The class of a difference, None where there is none; raises where no class holds."""
    mine, theirs = ours(text), expect(text.text.strip(AROUND), text.symbology)
    if mine.kind is theirs.kind:
        if mine.kind is Kind.CODE:
            assert mine.ais == dict(theirs.ais), f"{text}: two codes, {mine.ais} and {theirs.ais}"
        return None
    table = {Kind.CODE: LENIENT, Kind.FOREIGN: FOREIGN, Kind.INVALID: STRICT}[mine.kind]
    for name, holds in table.items():
        if theirs.kind is not Kind.CODE and holds(text, mine, theirs):
            return name
    raise AssertionError(f"{text}: ours {mine}, theirs {theirs}")


def compare(seed: int, count: int) -> Counter[str]:
    """Every difference by its class; those of no class fail, the first 20 shown."""
    classes: Counter[str] = Counter()
    wrong: list[str] = []
    for text in texts(seed, count):
        try:
            if name := difference(text):
                classes[name] += 1
        except AssertionError as error:
            wrong.append(str(error))
    assert not wrong, f"seed {seed}: {len(wrong)} differences of no class\n" + "\n".join(wrong[:20])
    return classes


def test_both_readings_agree() -> None:
    classes = compare(seed=20_260_127, count=QUICK)
    assert sum(classes.values()) < QUICK / 8


@pytest.mark.slow
@pytest.mark.parametrize("half", [1, 2])
def test_both_readings_agree_on_many_texts(half: int) -> None:
    """100,000 texts from a fresh seed, in two halves for two cores."""
    seed = secrets.randbits(32)
    classes = compare(seed, LONG)
    print(f"half {half}, seed {seed}: {LONG} texts, {sum(classes.values())} differences of known classes")
    for name, times in classes.most_common():
        print(f"{times:6} {name}")


def test_the_whole_reading_never_makes_a_code_of_what_is_none() -> None:
    """Repairs and fragments come on top of the literal reading: they change no code and make none."""
    for text in texts(seed=7, count=300):
        reading, literal = read(text.text, symbology=text.symbology, machine_read=True), ours(text)
        assert isinstance(reading, ReadCode) == (literal.kind is Kind.CODE)
        if literal.kind is Kind.FOREIGN and isinstance(reading, Unreadable):
            assert reading.why in ("device_fault", "fragment", "keyboard_layout", "encoding", "too_long", "empty")
        assert literal.kind is not Kind.INVALID or not isinstance(reading, NotGs1)


def test_a_wrong_rule_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is worth what it finds: with one check taken out of our table, it fails."""
    from verifier.reading.ai import lint

    monkeypatch.setattr(lint, "LINTS", {**lint.LINTS})
    monkeypatch.setitem(lint.LINTS, "csum", lambda _text: None)  # type: ignore[arg-type]
    monkeypatch.setattr("verifier.reading.ai.rule.LINTS", lint.LINTS)
    with pytest.raises(AssertionError, match="differences of no class"):
        compare(seed=1, count=400)
