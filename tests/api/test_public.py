"""No oracle: what the public is told of a code that is no registered unit depends on its text and on nothing else."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_world import gtin
from served import OTHER_PREFIX, STRAP, WATCH, Stage

from api.answer.advice import Face
from api.answer.answer import view
from api.answer.makers import Makers
from api.answer.public import FROM_ASKER, FROM_TEXT, OF_ALL, public
from ledger.services.scans.verification import Answer, AsOf, Seen
from verifier.reading.reading import ReadCode, read
from verifier.record.batch import Batch, SerialSource
from verifier.verdict.facts import Facts, Unit
from verifier.verdict.judge import judge

TEXT = "(01)09521234000013(10)L1(21)NOSUCHUNIT"
READING = read(TEXT)
AS_OF = AsOf(size=9, root=bytes(32), recorded_at=1_790_000_000_000, anchored_size=None)
BATCH = Batch(
    b"\1" * 32, 4, "09521234000013", "L1", 10, bytes(32), bytes(32), None, SerialSource.GENERATED, None, (), ("NL",),
    "2030-12-31", "0x" + "aa" * 20, 5,
)  # fmt: skip
HINTS = get_type_hints(Facts)
EVIDENCE = st.dictionaries(st.sampled_from(["entry", "rests_on", "lot"]), st.integers(0, 9) | st.text(max_size=3))
PRINTED = st.sampled_from([(), (("17", ("290331",)),), (("17", ("200100",)), ("22", ("A", "B")))])


def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that facts are made of."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return st.one_of(*map(any_of, parts))
    if origin is tuple:
        return st.lists(any_of(parts[0]), max_size=2).map(tuple)
    if origin is Mapping:
        return EVIDENCE if parts[0] is str else st.dictionaries(any_of(parts[0]), EVIDENCE, max_size=2)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return st.builds(kind, **{field.name: any_of(hints[field.name]) for field in fields(kind)})
    simple = {int: st.integers(0, 2**40), float: st.floats(-90, 90), str: st.text("abc", max_size=3)}
    return simple[kind] if kind in simple else st.from_type(kind)


# Every fact there is, each by its own type: one added later is among them by itself.
ANY_FACTS = st.builds(
    Facts,
    **{name: any_of(hint) for name, hint in HINTS.items()} | {"today": st.just("2026-11-23"), "printed": PRINTED},
).map(lambda facts: replace(facts, officer=facts.officer and bool(facts.sightings)))


class _NoMakers(Makers):
    def __init__(self) -> None: ...

    def of(self, address: str) -> dict[str, Any]:
        return {"address": address, "name": "Aurora", "country": "NL", "role": "manufacturer"}


def shown(facts: Facts, batches: tuple[Batch, ...], seen: Seen) -> bytes:
    """What the public gets, as bytes."""
    code = READING.code if isinstance(READING, ReadCode) else None
    answer = Answer(judge(facts), facts, READING, code, batches, b"k" * 32 if batches else None, b"s" * 32, seen, AS_OF)
    return json.dumps(view(answer, Face.PUBLIC, _NoMakers())).encode()


@given(ANY_FACTS, ANY_FACTS, st.sampled_from([Unit.ABSENT, Unit.UNKNOWN]), st.booleans())
def test_no_fact_but_the_text_s_own_shows_through(one: Facts, other: Facts, unit: Unit, known: bool) -> None:
    same = {name: getattr(one, name) for name in (*FROM_TEXT, *FROM_ASKER, *OF_ALL)}
    one = replace(one, unit=unit, has_serial=True, holder="0xa" if known else None)
    other = replace(other, **{**same, "unit": unit, "has_serial": True, "holder": "0xb" if known else None})
    assert shown(one, (), Seen()) == shown(other, (BATCH,), Seen(3, None, None, ("NL RTM",)))


@given(ANY_FACTS)
def test_a_registered_unit_s_facts_are_all_told(facts: Facts) -> None:
    present = replace(facts, unit=Unit.PRESENT)
    answer = Answer(judge(present), present, READING, None, (), None, None, Seen(), AS_OF)
    assert public(answer) is answer


def test_every_fact_is_told_by_decision() -> None:
    """Nothing is everybody's because somebody forgot to hide it: a new field of Facts is hidden until it is listed."""
    told = {*FROM_TEXT, *FROM_ASKER, *OF_ALL, "holder", "unit"}
    hidden = {
        "absence", "batches", "label", "labels_beside", "sightings", "officer", "public_lookups", "hidden_lots",
    }  # fmt: skip
    assert told & hidden == set()
    assert told <= HINTS.keys()
    assert hidden <= HINTS.keys()


ECHOED = "QQQQQQQQQQQQQQQQQQQQ"
OWN = {"date", "x-request-id", "ratelimit", "ratelimit-policy"}
"""Headers that say when, and how often somebody has asked."""


def bytes_and_headers(http: httpx.Client, path: str, accept: str) -> tuple[bytes, dict[str, str]]:
    response = http.get(path, headers={"Accept": accept})
    assert response.status_code == 200
    return response.content, {name: value for name, value in response.headers.items() if name not in OWN}


@pytest.mark.node
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_over_http_all_codes_that_are_no_unit_look_alike(stage: Stage, http: httpx.Client, accept: str) -> None:
    """Codes of equal length under known prefixes: absent from a live, a recalled, a sold lot, from a lot nobody has."""
    officer = stage.token("scan")
    for _ in range(2):  # an officer's scans of such a code must not show through either
        scan = {"code": f"(01){WATCH}(10)L2(21){ECHOED}", "scanned_at": "2026-11-20T10:00:00Z", "device": "t"}
        sent = http.post("/v1/scans", json={"id": str(uuid.uuid4()), **scan}, headers=officer)
        assert sent.json()["verdict"] == "not_registered"
    leaked = stage.world.label(stage.ledger, stage.recalled, ECHOED)
    damaged = stage.world.label(stage.ledger, stage.recalled, stage.recalled.serials[0])
    # name: the code as it is echoed, all of one length
    codes = {
        "in a recalled lot": f"/01/{WATCH}/10/L2/21/{ECHOED}?s={damaged}",
        "signed by a leaked key": f"/01/{WATCH}/10/L2/21/{ECHOED}?s={leaked}",
        "in no lot": f"/01/{WATCH}/10/L9/21/{ECHOED}?s={damaged}",
        "of a lot without label key": f"/01/{STRAP}/10/U1/21/{ECHOED}?s={damaged}",
        "of a product without lots": f"/01/{gtin(OTHER_PREFIX, 1)}/10/L2/21/{ECHOED}?s={damaged}",
    }
    assert len({len(path) for path in codes.values()}) == 1
    seen = set()
    for path in codes.values():
        for asked in (path, f"/v1/verify?code={quote('https://id.example' + path, safe='')}&carrier=qr"):
            if accept == "text/html" and asked is not path:
                continue
            content, headers = bytes_and_headers(http, asked, accept)
            for text in (path.partition("?s=")[2], *path.partition("?")[0].split("/")[2::2]):
                content = content.replace(text.encode(), b"#" * len(text))
            seen.add((asked is path, content, json.dumps(headers)))
    assert len(seen) == (2 if accept == "application/json" else 1)
