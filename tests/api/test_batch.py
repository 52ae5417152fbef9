"""Makers: segments in, statements in, receipts out; every refusal with its own code and nothing half done."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from ledger_world import MadeBatch, gtin
from segment_model import NaiveSegment, serials_of
from served import PREFIX, Stage, client

from ledger.services.units.segment import build
from ledger.services.units.serial import generate
from verifier.evidence.evidence import check_evidence
from verifier.record.statement import Kind
from verifier.segment.layout import HEADER_SIZE, decode_header

pytestmark = pytest.mark.node


@pytest.fixture
def made(stage: Stage, request: pytest.FixtureRequest) -> MadeBatch:
    """A batch whose segment is stored and whose statement was not sent yet."""
    lot = request.node.name.replace("test_", "")[:20].replace("[", "-").replace("]", "")
    return stage.world.prepare(stage.ledger, stage.maker, gtin(PREFIX, 500), lot, generate(17))


def registration(batch: MadeBatch) -> dict[str, Any]:
    return {"statement": batch.statement.to_json(), "salt": "0x" + batch.salt.hex()}


def post(http: httpx.Client, batch: MadeBatch) -> httpx.Response:
    return http.post("/v1/batches", json=registration(batch))


def segment_file(tmp_path: Path, units: int = 17) -> tuple[str, bytes]:
    tmp_path.mkdir(exist_ok=True)
    built = build(gtin(PREFIX, 501), "S", generate(units), b"s" * 32, tmp_path / "x.seg")
    return "0x" + built.root.hex(), built.path.read_bytes()


def test_a_registration_gets_a_receipt_that_anybody_can_check(
    stage: Stage, http: httpx.Client, made: MadeBatch
) -> None:
    response = post(http, made)
    receipt = response.json()
    assert response.status_code == 201, response.text
    assert response.headers["location"] == f"/v1/batches/{receipt['batch']}"
    assert receipt["batch"] == receipt["leaf"]
    proof = base64.b64decode(receipt["tlog_proof"])
    assert check_evidence(proof, pin=stage.ledger.founding.pin).ok
    assert http.get(receipt["proof"]).content.startswith(b"c2sp.org/tlog-proof@v1")
    described = http.get(f"/v1/batches/{receipt['batch']}").json()
    assert (described["unit_count"], described["maker"]["name"]) == (17, "Aurora")
    assert "salt" not in described


def test_a_repeat_gets_the_first_receipt_with_200(http: httpx.Client, made: MadeBatch) -> None:
    first, again = post(http, made), post(http, made)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["entry"] == first.json()["entry"]
    assert again.json()["duplicate"] is True


def test_recall_undo_and_recall_again(stage: Stage, http: httpx.Client, made: MadeBatch) -> None:
    batch = post(http, made).json()["batch"]

    def send(kind: Kind, path: str, **body: Any) -> httpx.Response:
        statement = stage.world.statement(stage.ledger, stage.maker, kind, body)
        return http.post(path, json={"statement": statement.to_json()})

    def recall() -> httpx.Response:
        head = http.get(f"/v1/batches/{batch}").json()["heads"]["recall"]
        return send(
            Kind.BATCH_RECALLED, f"/v1/batches/{batch}/recall", batch=batch, reason="r", noticeUrl="", supersedes=head
        )

    first = recall()
    assert first.status_code == 201, first.text
    assert http.get(f"/v1/batches/{batch}").json()["recall"]["reason"] == "r"
    assert send(Kind.UNDONE, "/v1/undo", target=first.json()["leaf"], reason="by mistake").status_code == 201
    assert http.get(f"/v1/batches/{batch}").json()["recall"] is None
    assert recall().status_code == 201


def test_units_reported_stolen_stop(stage: Stage, http: httpx.Client, made: MadeBatch) -> None:
    batch = post(http, made).json()["batch"]
    body = {
        "batch": batch,
        "reason": 3,
        "keys": [made.key(made.serials[0])],
        "unitCount": "1",
        "segmentRoot": "0x" + "00" * 32,
        "supersedes": http.get(f"/v1/batches/{batch}").json()["heads"]["stolen"],
    }
    statement = stage.world.statement(stage.ledger, stage.maker, Kind.UNITS_RETIRED, body)
    assert http.post(f"/v1/batches/{batch}/retire", json={"statement": statement.to_json()}).status_code == 201
    answer = http.get("/v1/verify", params={"code": f"(01){made.gtin}(21){made.serials[0]}"}).json()
    assert (answer["verdict"], answer["reasons"][0]["code"]) == ("stop", "stolen")


@pytest.mark.parametrize(
    ("change", "status", "code", "pointer"),
    [
        (lambda r: r["statement"]["body"].update(unitCount="18"), 422, "signature_wrong", None),
        (lambda r: r["statement"]["body"].update(gtin="123"), 422, "signature_wrong", None),
        (lambda r: r["statement"]["body"].pop("lot"), 400, "body_keys", None),
        (lambda r: r["statement"]["body"].update(unitCount=17), 400, "body_field", "#/statement/body/unitCount"),
        (lambda r: r["statement"].update(actor="0xABC"), 400, "hex", "#/statement/actor"),
        (lambda r: r["statement"].update(kind="unheard_of"), 400, "malformed", "#/statement/kind"),
        (lambda r: r.update(salt="0x" + "11" * 32), 422, "salt_mismatch", None),
        (lambda r: r.update(salt="11"), 400, "malformed", "#/salt"),
        (lambda r: r.update(more=1), 400, "malformed", "#/more"),
    ],
)
def test_a_registration_that_is_refused_names_why_and_where(
    stage: Stage, http: httpx.Client, made: MadeBatch, change: Any, status: int, code: str, pointer: str | None
) -> None:
    size = stage.ledger.record.size
    sent = registration(made)
    change(sent)
    response = http.post("/v1/batches", json=sent)
    assert (response.status_code, response.json()["code"]) == (status, code)
    if pointer is not None:
        assert response.json()["errors"][0]["pointer"] == pointer
    assert stage.ledger.record.size == size


def test_rights_and_conflicts_have_their_own_status(stage: Stage, http: httpx.Client, made: MadeBatch) -> None:
    foreign = stage.world.prepare(stage.ledger, stage.maker, gtin("9520000", 1), "X", generate(3))
    assert (post(http, foreign).status_code, post(http, foreign).json()["code"]) == (403, "prefix_not_held")
    batch = post(http, made).json()["batch"]
    again = stage.world.prepare(stage.ledger, stage.maker, made.gtin, made.lot, generate(3))
    assert (post(http, again).status_code, post(http, again).json()["code"]) == (409, "lot_registered")
    body = {
        "batch": batch,
        "reason": 3,
        "keys": [made.key(made.serials[0])],
        "unitCount": "1",
        "segmentRoot": "0x" + "00" * 32,
        "supersedes": "0x" + "00" * 32,
    }
    slander = stage.world.statement(stage.ledger, stage.carrier, Kind.UNITS_RETIRED, body)
    refused = http.post(f"/v1/batches/{batch}/retire", json={"statement": slander.to_json()})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_entitled")


def test_a_registration_without_its_segment_says_so(stage: Stage, http: httpx.Client, made: MadeBatch) -> None:
    fresh = {key: made.statement.body[key] for key in made.statement.body.keys() - {"statementId"}}
    missing = stage.world.statement(
        stage.ledger, stage.maker, Kind.BATCH_REGISTERED, {**fresh, "segmentRoot": "0x" + "99" * 32}
    )
    refused = http.post("/v1/batches", json={"statement": missing.to_json(), "salt": "0x" + made.salt.hex()})
    assert (refused.status_code, refused.json()["code"]) == (422, "segment_not_found")


def test_a_statement_goes_to_its_own_address(stage: Stage, http: httpx.Client, made: MadeBatch) -> None:
    wrong = http.post("/v1/undo", json={"statement": made.statement.to_json()})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (400, "#/statement/kind")
    body = {"batch": stage.batch.id, "reason": "r", "noticeUrl": "", "supersedes": "0x" + "00" * 32}
    recall = stage.world.statement(stage.ledger, stage.maker, Kind.BATCH_RECALLED, body).to_json()
    elsewhere = http.post(f"/v1/batches/{stage.dutch.id}/recall", json={"statement": recall})
    assert (elsewhere.status_code, elsewhere.json()["errors"][0]["pointer"]) == (400, "#/statement/body/batch")


def test_batches_are_found_by_gtin_and_lot(stage: Stage, http: httpx.Client) -> None:
    found = http.get("/v1/batches", params={"gtin": stage.batch.gtin, "lot": stage.batch.lot}).json()
    assert [batch["id"] for batch in found["batches"]] == [stage.batch.id]
    every = http.get("/v1/batches", params={"gtin": stage.batch.gtin}).json()
    assert {stage.batch.id, stage.recalled.id} <= {batch["id"] for batch in every["batches"]}
    assert http.get("/v1/batches", params={"gtin": gtin(PREFIX, 9_999)}).json() == {"batches": [], "next": None}
    lost_zero = http.get("/v1/batches", params={"gtin": stage.batch.gtin[3:]})
    assert (lost_zero.status_code, "leading zero" in lost_zero.json()["detail"]) == (400, True)
    unknown = http.get("/v1/batches/0x" + "00" * 32)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "batch_unknown")


def test_a_product_is_paged_through_newest_first(
    stage: Stage, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.batch.PAGE", 1)
    of = stage.batch.gtin
    expected = ["0x" + batch.id.hex() for batch in stage.ledger.record.by_gtin[of]]
    assert len(expected) > 1, "or there is nothing to page through"
    seen: list[str] = []
    params = {"gtin": of}
    while True:
        page = http.get("/v1/batches", params=params).json()
        seen += [batch["id"] for batch in page["batches"]]
        assert len(page["batches"]) == 1
        if page["next"] is None:
            break
        params["after"] = page["next"]
    assert seen == expected
    assert sorted(stage.ledger.batches.find(one).index for one in seen)[::-1] == [
        stage.ledger.batches.find(one).index for one in seen
    ]
    for elsewhere in ("0x" + "00" * 32, stage.dutch.id):
        first = http.get("/v1/batches", params={"gtin": of, "after": elsewhere}).json()["batches"]
        assert [batch["id"] for batch in first] == expected[:1], "none of this product's: from the start"


def test_the_salt_is_for_those_who_are_entitled(stage: Stage, http: httpx.Client) -> None:
    path = f"/v1/batches/{stage.batch.id}/salt"
    assert http.get(path).status_code == 401
    assert http.get(path, headers=stage.token("scan", "proof", "admin")).status_code == 403
    assert http.get(path, headers=stage.token("salt")).json()["salt"] == "0x" + stage.batch.salt.hex()


def test_a_segment_is_stored_once_and_checked_whole(http: httpx.Client, tmp_path: Path) -> None:
    root, data = segment_file(tmp_path)
    assert http.head(f"/v1/segments/{root}").status_code == 404
    first = http.put(f"/v1/segments/{root}?units=17", content=data)
    assert (first.status_code, first.json()["units"]) == (201, 17), first.text
    assert http.put(f"/v1/segments/{root}?units=17", content=data).status_code == 200
    assert http.head(f"/v1/segments/{root}").status_code == 200


def test_a_segment_may_come_in_pieces(http: httpx.Client, tmp_path: Path) -> None:
    root, data = segment_file(tmp_path, 5_000)

    def pieces() -> Iterator[bytes]:
        yield from (data[at : at + 1_000] for at in range(0, len(data), 1_000))

    assert http.put(f"/v1/segments/{root}?units=5000", content=pieces()).status_code == 201


@pytest.mark.parametrize(
    ("damage", "units", "code"),
    [
        (lambda d: d[:500] + bytes([d[500] ^ 1]) + d[501:], 17, None),
        (lambda d: d[:-1], 17, "segment_count"),
        (lambda d: d + b"x", 17, "segment_count"),
        (lambda d: d, 16, "segment_count"),
        (lambda d: b"", 17, "segment_header"),
        (lambda d: b"not a segment" * 100, 17, None),
    ],
)
def test_a_damaged_segment_is_never_stored(
    http: httpx.Client, tmp_path: Path, damage: Any, units: int, code: str | None
) -> None:
    root, data = segment_file(tmp_path)
    response = http.put(f"/v1/segments/{root}?units={units}", content=damage(data))
    assert response.status_code == 422, response.text
    assert code is None or response.json()["code"] == code
    assert http.head(f"/v1/segments/{root}").status_code == 404


def _unsorted() -> tuple[bytes, bytes]:
    keys = NaiveSegment.of(serials_of(17)).keys
    swapped = NaiveSegment([*keys[:3], keys[4], keys[3], *keys[5:]])
    return swapped.root, swapped.file()


def _twice() -> tuple[bytes, bytes]:
    keys = NaiveSegment.of(serials_of(16)).keys
    doubled = NaiveSegment([*keys[:4], *keys[3:]])
    return doubled.root, doubled.file()


def _miscounted() -> tuple[bytes, bytes]:
    whole = NaiveSegment.of(serials_of(18))
    return whole.root, whole.file()


def _other_root() -> tuple[bytes, bytes]:
    return bytes(31) + b"\x01", NaiveSegment.of(serials_of(17)).file()


def _false_root() -> tuple[bytes, bytes]:
    """The header claims the root in the address; the keys give another."""
    data = NaiveSegment.of(serials_of(17)).file()
    return b"\x07" * 32, data[:64] + b"\x07" * 32 + data[96:]


def _empty() -> tuple[bytes, bytes]:
    data = NaiveSegment.of(serials_of(1)).file()
    return b"\x08" * 32, data[:24] + bytes(8) + data[32:40] + data[32:40] + data[32:40] + bytes(8) + b"\x08" * 32


@pytest.mark.parametrize(
    ("flawed", "codes"),
    [
        (_unsorted, {"segment_unsorted"}),
        (_twice, {"segment_duplicate"}),
        (_miscounted, {"segment_count"}),
        (_other_root, {"segment_root"}),
        (_false_root, {"segment_root"}),
        (_empty, {"segment_empty", "segment_header"}),
    ],
)
def test_a_flawed_segment_is_refused_and_changes_neither_log_nor_store(
    stage: Stage, http: httpx.Client, flawed: Any, codes: set[str]
) -> None:
    def stored() -> tuple[Any, dict[str, int]]:
        files = stage.world.home.segments.rglob("*")
        return stage.ledger.log.head(), {str(file): file.stat().st_size for file in files if file.is_file()}

    root, data = flawed()
    before = stored()
    for _ in range(2):
        refused = http.put(f"/v1/segments/0x{root.hex()}?units=17", content=data)
        assert refused.status_code == 422, refused.text
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["code"] in codes
    assert http.head(f"/v1/segments/0x{root.hex()}").status_code == 404
    body = {"unitCount": "17", "segmentRoot": "0x" + root.hex()}
    sent = stage.world.prepare(stage.ledger, stage.maker, gtin(PREFIX, 502), "FLAWED", ["A1"], **body)
    swept = "0x" + next(iter({*stored()[1]} - {*before[1]})).rsplit("/", 1)[1].removesuffix(".seg")
    assert post(http, sent).json()["code"] == "segment_not_found"
    stage.ledger.segments.discard(bytes.fromhex(swept[2:]))
    assert stored() == before


def test_uploads_have_a_daily_budget(stage: Stage, tmp_path: Path) -> None:
    with client(stage.ledger, upload_mib_address=2) as http:
        (tmp_path / "b").mkdir()
        for at in range(2):
            folder = tmp_path / str(at)
            folder.mkdir()
            root, data = segment_file(folder)
            assert http.put(f"/v1/segments/{root}?units=17", content=data).status_code == 201
        root, data = segment_file(tmp_path / "b")
        spent = http.put(f"/v1/segments/{root}?units=17", content=data)
        assert (spent.status_code, spent.json()["code"]) == (429, "upload_budget")
        assert int(spent.headers["retry-after"]) > 0
        too_large = http.put(f"/v1/segments/{root}?units=1000000", content=b"")
        assert (too_large.status_code, too_large.json()["code"]) == (413, "segment_too_large")


def test_uploads_that_do_not_come_cost_nothing(stage: Stage, tmp_path: Path) -> None:
    """Declared and never sent, or refused: budgets count what is kept."""
    root, data = segment_file(tmp_path)
    with client(stage.ledger, upload_mib_address=64, upload_mib_all=64) as http:
        largest = 64 * 2**20 // 37
        for _ in range(3):
            for content in (b"", data, b"x" * 200):
                refused = http.put(f"/v1/segments/0x{'ab' * 32}?units={largest}", content=content)
                assert refused.status_code == 422, refused.text
        assert http.put(f"/v1/segments/{root}?units=17", content=data).status_code == 201


def test_uploads_without_a_body_hold_no_place_for_ever(stage: Stage, tmp_path: Path) -> None:
    root, data = segment_file(tmp_path)
    with client(stage.ledger, upload_seconds=0.3) as http, ExitStack() as stack:
        where = (http.base_url.host, http.base_url.port)
        head = f"PUT /v1/segments/0x{'cd' * 32}?units=17 HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n"
        held = [stack.enter_context(socket.create_connection(where, timeout=20)) for _ in range(3)]
        for sock in held:
            sock.sendall(head.encode())
        answers = sorted(sock.recv(12) for sock in held)
        # two of the four places for one network, however much it asks for
        assert answers == [b"HTTP/1.1 408", b"HTTP/1.1 408", b"HTTP/1.1 429"]
        assert http.put(f"/v1/segments/{root}?units=17", content=data).status_code == 201


@dataclass
class Sender:
    """Somebody who sends a segment at a pace, from an address of their own. `answer`: how the answer begins."""

    http: httpx.Client
    address: str
    root: str
    data: bytes
    rate: float
    answer: str = ""

    def __enter__(self) -> Sender:
        where = (str(self.http.base_url.host), self.http.base_url.port or 0)
        self._socket = socket.create_connection(where, timeout=30, source_address=(self.address, 0))
        head = f"PUT /v1/segments/{self.root}?units={units_in(self.data)} HTTP/1.1\r\nHost: x\r\n"
        self._socket.sendall(f"{head}Content-Length: {len(self.data)}\r\n\r\n".encode())
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gone.set()
        self._thread.join()
        self._socket.close()

    def join(self) -> str:
        self._thread.join(30)
        return self.answer

    def _send(self) -> None:
        sent, begun = 0, time.monotonic()
        self._socket.settimeout(0.05)
        while not self._gone.is_set() and not self.answer:
            due = int((time.monotonic() - begun) * self.rate)
            if piece := self.data[sent:due]:
                self._socket.sendall(piece)
                sent += len(piece)
            with suppress(TimeoutError):
                self.answer = self._socket.recv(4096).decode()


def units_in(data: bytes) -> int:
    return decode_header(data[:HEADER_SIZE]).n


SHORT: dict[str, Any] = {"upload_grace": 0.5, "upload_rate": 20_000, "upload_wait": 10.0}


def test_who_drips_makes_room_and_who_keeps_the_pace_stays(stage: Stage, tmp_path: Path) -> None:
    root, small = segment_file(tmp_path / "a")
    large_root, large = segment_file(tmp_path / "b", 4000)
    with client(stage.ledger, **SHORT) as http, ExitStack() as stack:
        fair = [stack.enter_context(Sender(http, "127.0.2.1", large_root, large, 40_000)) for _ in range(2)]
        drips = [stack.enter_context(Sender(http, "127.0.2.2", large_root, large, rate)) for rate in (900, 10)]
        time.sleep(0.2)
        begun = time.monotonic()
        with Sender(http, "127.0.2.3", root, small, 40_000) as newcomer:
            assert " 201 " in newcomer.join(), newcomer.answer
            assert time.monotonic() - begun < 5
            assert " 408 " in drips[1].join(), "the slowest went"
            assert "body_late" in drips[1].answer
            assert not drips[0].answer, "and one place was enough"
        assert {one.join()[9:12] for one in fair} <= {"200", "201"}


def test_uploads_at_the_pace_are_never_ended_for_another(stage: Stage, tmp_path: Path) -> None:
    root, small = segment_file(tmp_path / "a")
    large_root, large = segment_file(tmp_path / "b", 4000)
    with client(stage.ledger, **{**SHORT, "upload_wait": 1.5}) as http, ExitStack() as stack:
        fair = [stack.enter_context(Sender(http, f"127.0.3.{at}", large_root, large, 40_000)) for at in (1, 1, 2, 2)]
        time.sleep(0.2)
        with Sender(http, "127.0.3.3", root, small, 40_000) as newcomer:
            assert " 429 " in newcomer.join()
        assert {one.join()[9:12] for one in fair} <= {"200", "201"}


NETWORKS = 24
"""That drip, two uploads each: many more than can send and wait."""


@pytest.mark.parametrize("patience", [30, 0.4], ids=["until they are ended", "for less than the grace"])
def test_many_networks_that_drip_keep_nobody_out_for_long(stage: Stage, tmp_path: Path, patience: float) -> None:
    """Each comes again at once. After a while nobody who has done nothing yet waits behind them, or is turned away."""
    root, small = segment_file(tmp_path / "a")
    large_root, large = segment_file(tmp_path / "b", 4000)
    over = threading.Event()

    def drip(http: httpx.Client, address: str) -> None:
        while not over.is_set():
            with Sender(http, address, large_root, large, 10) as sender:
                until = time.monotonic() + patience
                while not over.wait(0.05) and not sender.answer and time.monotonic() < until:
                    pass

    with client(stage.ledger, **SHORT) as http:
        drips = [threading.Thread(target=drip, args=(http, f"127.0.4.{1 + at // 2}")) for at in range(2 * NETWORKS)]
        for thread in drips:
            thread.start()
        try:
            answers: list[str] = []

            def comes() -> bool:
                at = f"127.0.{5 + len(answers) // 250}.{1 + len(answers) % 250}"
                with Sender(http, at, root, small, 40_000) as newcomer:
                    answers.append(newcomer.join()[9:12])
                return answers[-1] in ("200", "201")

            wait_until(lambda: all(comes() for _ in range(6)))
        finally:
            over.set()
            for thread in drips:
                thread.join()


def wait_until(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)
