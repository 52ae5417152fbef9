"""Texts that a scanner, a page or a person might send, made at random from GS1's table of AIs.

`texts(seed, count)` always gives the same texts for the same seed. A text with no fault is a
well-formed GS1 code (with or without a product); one with a fault breaks the rule that `made`
names, once or twice. A fault can cancel itself by chance (a lost separator may leave another code
that is right), so what a text *is* is for the oracle to say, not for `faults`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from gs1_oracle_checks import DIGITS
from gs1_text_codes import IDENTIFIERS, Draft, bare, code, written
from gs1_text_faults import COMMON_FAULTS, FAULTS
from gs1_text_values import ALPHANUMERIC, chars


@dataclass(frozen=True, slots=True)
class Text:
    """One text; `symbology` is what the device says beside it; `faults` is 0, 1 or 2."""

    text: str
    symbology: str | None
    made: str
    faults: int


def texts(seed: int, count: int) -> Iterator[Text]:
    """`count` texts, the same ones for the same seed."""
    rng = Random(seed)
    for _ in range(count):
        yield _noise(rng) if rng.random() < 0.03 else _text(rng)


def _text(rng: Random) -> Text:
    draft = bare(rng) if rng.random() < 0.08 else code(rng)
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
    return _sent(rng, draft, written(rng, draft), done)


def _sent(rng: Random, draft: Draft, body: str, faults: int) -> Text:
    """With the symbology identifier in the text, beside it, both, or missing."""
    for change in draft.after:
        body = change(body)
    made = ", ".join([draft.form, *([draft.carrier] if draft.carrier else []), *draft.notes])
    place = rng.randrange(4 if draft.carrier == "]E3" else 5) if draft.carrier else 4
    inside = draft.carrier if place in (0, 1, 2) else ""
    return Text(inside + body, draft.carrier if place in (2, 3) else None, made, faults)


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
