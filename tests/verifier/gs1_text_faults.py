"""Faults for `gs1_texts`: each changes a draft and says what it did, or says nothing if it has no place there."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from gs1_oracle import GS
from gs1_oracle_checks import CHECKS, CSETS, DIGITS, ROWS, check_digit
from gs1_text_codes import IDENTIFIERS, PLAIN, Draft, bars, met
from gs1_text_values import ALPHANUMERIC, chars, value_of

CHECKED_DATES = {"yymmd0", "yymmdd", "yyyymmdd", "hh", "hhmi", "mi", "ss"}


def _pick(rng: Random, draft: Draft, fits: Callable[[str], bool] = lambda ai: True) -> int | None:
    places = [at for at, (ai, _) in enumerate(draft.fields) if ai in ROWS and fits(ai)]
    return rng.choice(places) if places else None


def _put(draft: Draft, at: int, value: str) -> str:
    ai = draft.fields[at][0]
    draft.fields[at] = (ai, value)
    return f"in {ai}"


def _length(rng: Random, draft: Draft) -> str:
    at = _pick(rng, draft)
    if at is None:
        return ""
    ai, value = draft.fields[at]
    most = sum(part.most for part in ROWS[ai].components)
    if rng.random() < 0.5:
        return _put(draft, at, value + chars(rng, DIGITS, most + 1 - len(value)))
    least = sum(part.least for part in ROWS[ai].components if not part.optional)
    return _put(draft, at, value[: least - 1]) if least > 1 else ""


def _charset(rng: Random, draft: Draft) -> str:
    at = _pick(rng, draft)
    if at is None or not draft.fields[at][1]:
        return ""
    ai, value = draft.fields[at]
    place = rng.randrange(len(value))
    outside = [char for char in "#$@[]^`{|}~ \\Aa.é\n" if char not in CSETS[ROWS[ai].components[0].cset]]
    return _put(draft, at, value[:place] + rng.choice(outside) + value[place + 1 :])


def _offset(ai: str, number: int) -> int:
    return sum(part.most for part in ROWS[ai].components[:number])


def _spoil(rng: Random, draft: Draft, wanted: Callable[[str], bool]) -> str:
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


def _check_digit(rng: Random, draft: Draft) -> str:
    if draft.form.startswith("bare"):
        digits = draft.fields[0][1]
        draft.fields[0] = ("", digits[:-1] + str((int(digits[-1]) + rng.randint(1, 9)) % 10) if digits[-1:] else "")
        return "yes" if digits else ""
    return _spoil(rng, draft, lambda check: check in ("csum", "csumalpha"))


def _unknown_ai(rng: Random, draft: Draft) -> str:
    if draft.form.startswith("bare"):
        return ""
    ai = rng.choice(
        ("04", "05", "14", "18", "19", "23", "38", "89", "236", "405", "429", "719", "3106", "7050", "8200x")
    )
    ai = ai.removesuffix("x") if draft.form == "brackets" else ai[:3] if ai == "8200x" else ai
    draft.fields.insert(rng.randint(draft.path, len(draft.fields)), (ai, chars(rng, DIGITS, 6)))
    return ai


def _again(rng: Random, draft: Draft) -> str:
    at = _pick(rng, draft)
    if at is None:
        return ""
    ai, _ = draft.fields[at]
    draft.fields.insert(rng.randint(max(draft.path, 1), len(draft.fields)), (ai, value_of(rng, ROWS[ai])))
    return ai


def _again_equal(rng: Random, draft: Draft) -> str:
    """Wrong in a link, whose keys are unique; right elsewhere, so only links get it as a fault."""
    at = _pick(rng, draft)
    if at is None or draft.form != "link":
        return ""
    draft.fields.append(draft.fields[at])
    return draft.fields[at][0]


def _excluded(rng: Random, draft: Draft) -> str:
    here = [ai for ai, _ in draft.fields if ai in ROWS]
    unfit = sorted({other for ai in here for other in bars()[ai]})
    if not unfit:
        return ""
    ai = rng.choice(unfit)
    draft.fields.append((ai, value_of(rng, ROWS[ai])))
    return ai


def _needed(rng: Random, draft: Draft) -> str:
    """Takes away what another AI needs."""
    here = [ai for ai, _ in draft.fields if ai in ROWS]
    needed = [
        ai
        for ai in here[draft.path :]
        if any(
            not met(demand, one, [x for x in here if x != ai])
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


def _separator(rng: Random, draft: Draft) -> str:
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


def _order(rng: Random, draft: Draft) -> str:
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


def _escape(rng: Random, draft: Draft) -> str:
    at = _pick(rng, draft)
    if draft.form != "link" or at is None:
        return ""
    value = re.sub("[^0-9A-Za-z]", "", draft.fields[at][1])
    return _put(draft, at, "\0" + value[:6] + rng.choice(("%", "%zz", "%2x", "%u0041", "%%41")))


def _in_query(rng: Random, draft: Draft) -> str:
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


def _scheme(rng: Random, draft: Draft) -> str:
    if draft.form != "link":
        return ""
    draft.scheme = rng.choice(("Https", "httpS", "hTTp", "HTTPs"))
    return "yes"


def _short_gtin(rng: Random, draft: Draft) -> str:
    """Fewer than 14 digits where AI 01 wants all of them."""
    at = _pick(rng, draft, lambda ai: ai == "01")
    if at is None:
        return ""
    body = chars(rng, DIGITS, rng.choice((7, 11, 12)))
    _put(draft, at, body + check_digit(body))
    return f"of {len(body) + 1}"


def _plus(rng: Random, draft: Draft) -> str:
    """`+` in the query is a blank, which no AI holds."""
    if draft.form != "link" or len(draft.fields) == draft.path:
        return ""
    at = rng.randrange(draft.path, len(draft.fields))
    return _put(draft, at, "\0" + chars(rng, ALPHANUMERIC, 2) + "+" + chars(rng, ALPHANUMERIC, 2))


def _empty(rng: Random, draft: Draft) -> str:
    at = _pick(rng, draft)
    return "" if at is None else _put(draft, at, "")


def _non_ascii(rng: Random, draft: Draft) -> str:
    char, place = rng.choice("é٣１ñ–\u200b␝ß"), rng.random()
    draft.after.append(lambda text: text[: int(place * len(text))] + char + text[int(place * len(text)) :])
    return "yes"


def _carrier(rng: Random, draft: Draft) -> str:
    """Element strings in a symbol without FNC1; a link or a GTIN in one that says FNC1 stood first."""
    wrong = PLAIN if draft.form == "element string" else IDENTIFIERS
    draft.carrier = rng.choice(wrong)
    return "wrong"


def _slashes(rng: Random, draft: Draft) -> str:
    if draft.form != "link":
        return ""
    draft.tail = rng.choice(("//", "/21/", "/10", "/x"))
    return "yes"


def _blank(rng: Random, draft: Draft) -> str:
    if draft.form.startswith("bare"):
        return ""
    place = rng.random()
    draft.after.append(
        lambda text: text[: int(place * (len(text) - 2)) + 1] + " " + text[int(place * (len(text) - 2)) + 1 :]
    )
    return "inside"


def _cut(rng: Random, draft: Draft) -> str:
    keep = rng.random()
    draft.after.append(lambda text: text[: max(1, int(keep * len(text)))])
    return "short"


Fault = Callable[[Random, Draft], str]
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
