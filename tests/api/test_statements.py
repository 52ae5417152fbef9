"""Many statements in one request: each line by itself, in order, once; and nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from ledger_world import MadeBatch, gtin
from served import PREFIX, Stage, client, staged

from api.http.denied import Denied
from api.site.bodies import Bodies
from api.site.settings import Rate
from ledger.keys.store import EvmKey
from ledger.services.record.append import now_ms
from ledger.services.record.lines import LINES_MAX
from ledger.services.units.serial import generate
from verifier.evidence.evidence import check_evidence
from verifier.record.entry import decode_entry
from verifier.record.participant import Role
from verifier.record.statement import Kind, Proposal, header
from verifier.record.struct import ZERO32
from verifier.segment.view import salt_commitment

pytestmark = pytest.mark.node

ITEM = gtin(PREFIX, 900)


class Many:
    """Makes lines for one stage. Registrations share a segment: nobody looks a unit of theirs up."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self._parent = stage, stage.world.prepare(stage.ledger, stage.maker, ITEM, "PARENT", generate(3))

    def registration(self, actor: EvmKey | None = None, **over: Any) -> dict[str, Any]:
        """A registration of a lot of its own."""
        salt = secrets.token_bytes(32)
        own = {"lot": secrets.token_hex(8), "saltCommitment": "0x" + salt_commitment(salt).hex()}
        body = {**self._parent.statement.body, **header(now_ms()), **own, **over}
        return {**self.line(Kind.BATCH_REGISTERED, body, actor), "salt": "0x" + salt.hex()}

    def line(self, kind: Kind, body: dict[str, Any], actor: EvmKey | None = None) -> dict[str, Any]:
        """A signed statement of the stage's maker, or of somebody else."""
        stage = self.stage
        return {"statement": stage.world.statement(stage.ledger, actor or stage.maker, kind, body).to_json()}

    def recall(self, batch: str, supersedes: str = ZERO32, actor: EvmKey | None = None) -> dict[str, Any]:
        body = {"batch": batch, "reason": "seal defect", "noticeUrl": "", "supersedes": supersedes}
        return self.line(Kind.BATCH_RECALLED, body, actor)

    def sold(self, batch: MadeBatch, count: int) -> dict[str, Any]:
        keys = sorted(batch.key(serial) for serial in batch.serials[:count])
        own = {"batch": batch.id, "reason": 1, "keys": keys, "unitCount": str(count)}
        return self.line(Kind.UNITS_RETIRED, {**own, "segmentRoot": ZERO32, "supersedes": ZERO32})

    def batch(self) -> MadeBatch:
        """A registered batch with units of its own."""
        return self.stage.world.register(self.stage.ledger, self.stage.maker, ITEM, secrets.token_hex(8))


@pytest.fixture(scope="module")
def many(stage: Stage) -> Many:
    return Many(stage)


def send(http: httpx.Client, lines: list[Any]) -> dict[str, Any]:
    response = http.post("/v1/statements", json=lines)
    assert response.status_code == 200, response.text
    answered: dict[str, Any] = response.json()
    assert [line["index"] for line in answered["lines"]] == list(range(len(lines)))
    return answered


def test_lines_of_every_kind_get_receipts_that_anybody_can_check(many: Many, http: httpx.Client) -> None:
    stage, ledger = many.stage, many.stage.ledger
    recalled, sold, undone = many.batch(), many.batch(), many.batch()
    taken_back = stage.world.recall(ledger, stage.maker, undone)
    ledger.indexes.seal()
    head = ledger.record.sealed_index
    assert head is not None
    auditor = stage.world.admit(ledger, f"auditor-{secrets.token_hex(3)}", Role.AUDITOR, "KE")
    lines = [
        many.registration(),
        many.recall(recalled.id),
        many.sold(sold, 2),
        many.line(Kind.UNDONE, {"target": "0x" + taken_back.leaf.hex(), "reason": "by mistake"}),
        many.line(Kind.INDEX_CONFIRMED, head.head.body(), auditor),
    ]
    answered = send(http, lines)
    assert [(line["status"], line["problem"]) for line in answered["lines"]] == [(201, None)] * 5
    assert (answered["taken"], answered["duplicates"], answered["refused"]) == (5, 0, 0)
    receipts = [line["receipt"] for line in answered["lines"]]
    assert [receipt["batch"] for receipt in receipts] == [receipts[0]["leaf"], recalled.id, sold.id, None, None]
    size = int(answered["checkpoint"].splitlines()[1])
    for receipt in receipts:
        proof = http.get(receipt["proof"]).content
        assert check_evidence(proof, pin=ledger.founding.pin).ok
        assert receipt["entry"] < receipt["log_size"] <= size
    assert http.get(f"/v1/batches/{recalled.id}").json()["recall"]["reason"] == "seal defect"
    assert http.get(f"/v1/batches/{sold.id}").json()["retired"] == {"sold": 2}
    assert http.get(f"/v1/batches/{undone.id}").json()["recall"] is None
    batch = ledger.batches.find(receipts[0]["batch"])
    assert ledger.batches.salt(batch) == bytes.fromhex(lines[0]["salt"][2:]), "kept sealed beside the log"
    assert ledger.indexes.describe()["confirmed"]["entry"] == head.index


def test_what_stands_in_the_log_is_what_one_at_a_time_would_have_put_there(many: Many, http: httpx.Client) -> None:
    lines = [many.registration(markets=["KE", "NL"]), many.registration(lot="L/%Ab" + secrets.token_hex(4))]
    for line, answer in zip(lines, send(http, lines)["lines"], strict=True):
        entry = decode_entry(many.stage.ledger.log.entry(answer["receipt"]["entry"]))
        assert entry.statement.to_json() == line["statement"]
        assert "0x" + entry.leaf.hex() == answer["receipt"]["leaf"]


def test_a_bad_line_takes_no_other_along(many: Many, http: httpx.Client) -> None:
    stage = many.stage
    good, also_good = many.registration(), many.registration()
    altered, not_entitled = many.registration(), many.registration(actor=stage.carrier)
    altered["statement"]["body"]["lot"] = "ANOTHER"
    no_salt, other_salt, missing, field = (many.registration() for _ in range(4))
    del no_salt["salt"]
    other_salt["salt"] = "0x" + "11" * 32
    del missing["statement"]["body"]["lot"]
    field["statement"]["body"]["unitCount"] = 3
    taken_already = many.registration(lot=stage.batch.lot, gtin=stage.batch.gtin)
    salted = {**many.recall(stage.batch.id), "salt": "0x" + "11" * 32}
    hidden = many.registration(lot="A‮B")
    nowhere = many.registration(segmentRoot="0x" + "77" * 32)
    cases = [
        (good, 201, None, None),
        (altered, 422, "signature_wrong", None),
        (not_entitled, 403, "not_entitled", None),
        (no_salt, 400, "hex", "#/3/salt"),
        (other_salt, 422, "salt_mismatch", None),
        (missing, 400, "body_keys", None),
        (field, 400, "body_field", "#/6/statement/body/unitCount"),
        (taken_already, 409, "lot_registered", None),
        (salted, 400, "malformed", "#/8/salt"),
        (hidden, 400, "hidden_character", "#/9/statement/body/lot"),
        (nowhere, 422, "segment_not_found", None),
        ("a text", 400, "malformed", None),
        ({"statement": {**good["statement"], "kind": "unheard_of"}}, 400, "malformed", "#/12/statement/kind"),
        ({"statement": {**good["statement"], "kind": "founded"}}, 400, "malformed", "#/13/statement/kind"),
        ({**good, "more": 1}, 400, "malformed", None),
        (also_good, 201, None, None),
    ]
    size = stage.ledger.record.size
    answered = send(http, [case[0] for case in cases])
    for line, (_, status, code, pointer) in zip(answered["lines"], cases, strict=True):
        problem = line["problem"]
        assert (line["status"], problem and problem["code"]) == (status, code), line
        assert (line["receipt"] is None) == (problem is not None)
        if pointer is not None:
            assert [error["pointer"] for error in problem["errors"]] == [pointer]
        if problem is not None:
            assert http.get(problem["type"], headers={"Accept": "application/json"}).status_code == 200
    assert (answered["taken"], answered["refused"]) == (2, len(cases) - 2)
    entries = stage.ledger.log.read_entries(size, stage.ledger.record.size)
    assert sum(b'"batch_registered"' in entry for entry in entries) == 2, "nothing else went in"
    commitment = other_salt["statement"]["body"]["saltCommitment"]
    refused = [not_entitled, taken_already, nowhere, other_salt, hidden]
    for salt in (one["statement"]["body"]["saltCommitment"] for one in refused):
        assert stage.ledger.secrets.get(f"salt/{salt[2:]}") is None, "what is refused leaves no salt"
    assert commitment in {one["statement"]["body"]["saltCommitment"] for one in refused}


def test_the_operator_s_own_country_confirms_nothing_here_either(tmp_path: Path) -> None:
    with staged(tmp_path) as stage, client(stage.ledger) as http:
        many, ledger = Many(stage), stage.ledger
        operator = stage.world.keys.load_evm("operator")
        admission = {"role": int(Role.AUDITOR), "country": "NL", "nameHash": "0x" + "11" * 32}
        stage.world.decide(ledger, Proposal.PARTICIPANT_ADMITTED, participant=operator.address, **admission)
        own, other = (stage.world.admit(ledger, f"Auditor{c}", Role.AUDITOR, c) for c in ("NL", "KE"))
        ledger.indexes.seal()
        head = ledger.record.sealed_index
        assert head is not None
        answered = send(http, [many.line(Kind.INDEX_CONFIRMED, head.head.body(), by) for by in (operator, own, other)])
        codes = [line["problem"] and line["problem"]["code"] for line in answered["lines"]]
        assert codes == ["not_entitled", "not_entitled", None]


def test_a_repeat_gets_the_receipt_of_what_stands(many: Many, http: httpx.Client) -> None:
    lines = [many.registration(), many.recall(many.batch().id)]
    twice = send(http, [*lines, lines[0]])
    assert [line["status"] for line in twice["lines"]] == [201, 201, 200], "also within one request"
    assert twice["lines"][2]["receipt"]["entry"] == twice["lines"][0]["receipt"]["entry"]
    size = many.stage.ledger.record.size
    third = many.registration()
    again = send(http, [*lines, third])
    assert (again["taken"], again["duplicates"], again["refused"]) == (1, 2, 0)
    for first, second in zip(twice["lines"], again["lines"][:2], strict=False):
        assert second["receipt"]["duplicate"] is True
        for name in ("entry", "leaf", "recorded_at", "batch", "proof"):
            assert second["receipt"][name] == first["receipt"][name]
    assert many.stage.ledger.record.size == size + 1
    alone = http.post("/v1/batches", json=third)
    assert (alone.status_code, alone.json()["entry"]) == (200, again["lines"][2]["receipt"]["entry"])


def test_lines_about_one_batch_keep_their_order(many: Many, http: httpx.Client) -> None:
    batch, other = many.batch(), many.batch()
    first, second = many.recall(batch.id), many.recall(batch.id)
    sold, more = many.sold(batch, 1), many.sold(batch, 2)
    answered = send(http, [first, many.recall(other.id), second, sold, many.registration(), more])
    codes = [line["problem"] and line["problem"]["code"] for line in answered["lines"]]
    assert codes == [None, None, "supersedes", None, None, "supersedes"]
    receipts = [line["receipt"] for line in answered["lines"]]
    assert receipts[0]["entry"] < receipts[3]["entry"], "a recall, then what was sold, as they were sent"
    assert http.get(f"/v1/batches/{batch.id}").json()["retired"] == {"sold": 1}


def test_a_thousand_lines_share_a_few_commits(many: Many, http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, groups = many.stage.ledger, list[int]()
    append = ledger.log.append

    def counted(expected: Any, entries: Any, new: Any) -> None:
        groups.append(len(entries))
        append(expected, entries, new)

    monkeypatch.setattr(ledger.log, "append", counted)
    lines = [many.registration() for _ in range(LINES_MAX)]
    answered = send(http, lines)
    assert answered["taken"] == LINES_MAX
    entries = [line["receipt"]["entry"] for line in answered["lines"]]
    assert entries == sorted(entries)
    assert len([size for size in groups if size > 1]) <= 6, groups
    again = send(http, lines)
    assert (again["duplicates"], again["lines"][-1]["receipt"]["entry"]) == (LINES_MAX, entries[-1])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{}", 400, "malformed"),
        (b'{"statement": {}}', 400, "malformed"),
        (b'"text"', 400, "malformed"),
        (b"null", 400, "malformed"),
        (b"", 400, "not_json"),
        (b"[1,", 400, "not_json"),
        (b"\xff\xfe", 400, "not_json"),
        (b"[" * 100_000, 400, "not_json"),
        (b"[]", 400, "lines"),
        (b"[" + b"1," * LINES_MAX + b"1]", 400, "lines"),
        (b"[" + b" " * (4 << 20) + b"]", 413, "too_large"),
    ],
)
def test_what_is_no_array_of_statements_is_refused_whole(
    stage: Stage, http: httpx.Client, body: bytes, status: int, code: str
) -> None:
    size = stage.ledger.record.size
    response = http.post("/v1/statements", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert stage.ledger.record.size == size


def test_a_body_without_its_length_is_bounded_too(http: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(70):
            yield b" " * 65_536

    response = http.post("/v1/statements", content=pieces(), headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_the_rate_is_charged_by_the_number_of_lines(many: Many) -> None:
    junk = [{"statement": {}}] * 6
    with client(many.stage.ledger, rates={Rate.LINES: "10/minute"}) as http:
        first = http.post("/v1/statements", json=junk)
        assert (first.status_code, first.headers["ratelimit"].split(";")[1]) == (200, "r=4")
        second = http.post("/v1/statements", json=junk)
        assert (second.status_code, second.json()["code"]) == (429, "rate_limited")
        assert 1 <= int(second.headers["retry-after"]) <= 60
        assert http.post("/v1/statements", json=junk[:3]).status_code == 200, "a refusal counts once"
        assert http.get("/v1/ledger").status_code == 200, "counted apart"
    with client(many.stage.ledger, rates={Rate.LINES: "3/minute"}) as http:
        assert http.post("/v1/statements", json=junk).status_code == 200, "who has sent nothing may send"


def test_many_at_once_are_charged_before_they_are_checked(many: Many, monkeypatch: pytest.MonkeyPatch) -> None:
    checkers, asked = many.stage.ledger.checkers, []
    assert checkers is not None
    check = checkers.check
    monkeypatch.setattr(checkers, "check", lambda body, most: asked.append(most) or check(body, most))
    junk = [{"statement": {}}] * 6
    with client(many.stage.ledger, rates={Rate.LINES: "10/minute"}) as http, ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: http.post("/v1/statements", json=junk).status_code, range(8)))
    assert sorted(set(codes)) == [200, 429]
    assert len(asked) == codes.count(200) == 1


def test_a_line_that_is_nested_as_deep_as_can_be_ends_no_helper(many: Many, http: httpx.Client) -> None:
    send(http, [many.registration()])
    checkers = many.stage.ledger.checkers
    assert checkers is not None
    before = set(checkers.pids())
    good = json.dumps(many.registration())
    for depth in (900, 975, 980, 984, 985, 986, 990):
        deep = '{"a":' * depth + "1" + "}" * depth
        for place in (f'"kind":{deep},"body":{{}}', f'"kind":"undone","body":{deep}'):
            line = '{"statement":{' + place + ',"actor":"0x","signature":"0x"}}'
            response = http.post(
                "/v1/statements", content=f"[{line},{good}]".encode(), headers={"Content-Type": "application/json"}
            )
            assert response.status_code in (200, 400), response.text[:200]
    assert set(checkers.pids()) == before


def test_a_refusal_is_not_as_long_as_what_is_refused(many: Many, http: httpx.Client) -> None:
    long = "\x7f" * 1_000_000
    wrong_kind, wrong_field = many.registration(), many.registration()
    wrong_kind["statement"]["kind"] = long
    wrong_field["statement"]["body"][long] = "1"
    response = http.post("/v1/statements", json=[wrong_kind, wrong_field])
    assert (response.status_code, len(response.content) < 10_000) == (200, True)


def test_helpers_that_are_killed_are_replaced(many: Many, http: httpx.Client) -> None:
    send(http, [many.registration()])
    checkers = many.stage.ledger.checkers
    assert checkers is not None
    killed = checkers.pids()
    assert killed
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    for _ in range(4):
        assert send(http, [many.registration()])["taken"] == 1
    assert set(checkers.pids()).isdisjoint(killed)


def test_a_body_that_does_not_come_holds_nothing_for_long() -> None:
    async def dripping() -> Any:
        yield b"["
        await asyncio.sleep(60)

    async def pieces(count: int) -> Any:
        for _ in range(count):
            yield b"x" * 10

    async def story() -> None:
        bodies = Bodies(room=100, seconds=0.05)
        with pytest.raises(Denied, match="1 bytes came") as late:
            async with bodies.read(dripping(), "a"):
                pass
        assert late.value.code == "body_late"
        async with bodies.read(pieces(5), "a"), bodies.read(pieces(5), "b"):
            for network in ("a", "c"):
                with pytest.raises(Denied) as full:
                    async with bodies.read(pieces(1), network):
                        pass
                assert full.value.code == "rate_limited"
        async with bodies.read(pieces(5), "a") as body:
            assert body == b"x" * 50, "room is given back"

    started = time.monotonic()
    asyncio.run(story())
    assert time.monotonic() - started < 30


def test_many_senders_of_one_line_each_are_all_answered(many: Many, http: httpx.Client) -> None:
    lines = [many.registration() for _ in range(64)]
    for line in lines[::4]:
        line["statement"]["body"]["lot"] = "ALTERED"
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda line: send(http, [line])["lines"][0], lines))
    assert [answer["status"] for answer in answers] == [422 if at % 4 == 0 else 201 for at in range(64)]
    assert len({answer["receipt"]["entry"] for answer in answers if answer["receipt"]}) == 48


def test_one_line_that_names_its_signature_twice_is_read_as_json_is(many: Many, http: httpx.Client) -> None:
    line = many.registration()
    text = json.dumps([line, many.registration()]).replace('"signature"', '"\\u0073ignature"', 1)
    response = http.post("/v1/statements", content=text, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["taken"]) == (200, 2), "two lines, of which one look shows one"


def test_the_example_in_the_description_is_read(http: httpx.Client) -> None:
    described = http.get("/openapi.json").json()["paths"]["/v1/statements"]["post"]
    example = described["requestBody"]["content"]["application/json"]["example"]
    codes = [line["problem"]["code"] for line in send(http, example)["lines"]]
    assert set(codes) <= {"signature_wrong", "signature_form", "signature_high_s"}, "well formed; signed by nobody"


def test_a_listener_for_reading_takes_nothing(stage: Stage) -> None:
    with client(stage.ledger, public_only=True) as http:
        assert http.post("/v1/statements", json=[]).status_code in (404, 405)
