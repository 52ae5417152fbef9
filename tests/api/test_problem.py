"""Errors: one shape, one table, a page for each kind, and no answer where there is none."""

from __future__ import annotations

import ast
import logging
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from served import Stage, client, staged

import api.problem.problem
from api.app import create_app
from api.problem.problem import kind_of
from api.problem.texts import CLASSES, CODES, NO_ANSWER
from api.site.settings import ApiSettings
from ledger.services.outward.upkeep import Trouble
from tests.listening import listening
from verifier.errors import CarnetError, Malformed, NotFound, ProofInvalid, Refused, Stopped, Unavailable

pytestmark = pytest.mark.node


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Stage]:
    """A stage that a test may damage."""
    with staged(tmp_path) as made:
        yield made


def test_every_class_of_errors_has_a_row() -> None:
    assert set(CLASSES) == {cls for cls in CarnetError.__subclasses__() if cls.__module__ == "verifier.errors"}


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (Malformed("x"), "malformed", 400),
        (Refused("x"), "refused", 422),
        (Refused("x", code="not_entitled"), "not_entitled", 403),
        (Refused("x", code="lot_registered"), "lot_registered", 409),
        (Refused("x", code="never_heard_of"), "refused", 422),
        (NotFound("x", code="batch_unknown"), "batch_unknown", 404),
        (ProofInvalid("x"), "proof_invalid", 422),
        (Unavailable("x", code="database"), "unavailable", 503),
        (Stopped("x", code="lost_the_race"), "stopped", 503),
        (CarnetError("x"), "internal", 500),
    ],
)
def test_an_error_has_one_code_and_status(error: CarnetError, code: str, status: int) -> None:
    kind, problem = kind_of(error)
    assert (kind, problem.status) == (code, status)


def test_every_type_leads_to_a_page(http: httpx.Client) -> None:
    for code in [*CODES, *(cls.default_code for cls in CLASSES)]:
        page = http.get(f"/problems/{code}")
        assert (page.status_code, code in page.text) == (200, True)
        assert (
            http.get(f"/problems/{code}", headers={"Accept": "application/json"}).json()["type"] == f"/problems/{code}"
        )
    assert http.get("/problems/never_heard_of").status_code == 404


def test_a_problem_is_rfc_9457(http: httpx.Client) -> None:
    response = http.get("/v1/batches/0x12", headers={"X-Request-Id": "my-request-1"})
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "/problems/batch_unknown",
        "title": "No such batch",
        "status": 404,
        "detail": "couldn't find batch 0x12: it is not in this ledger",
        "instance": "/v1/batches/0x12",
        "code": "batch_unknown",
        "request_id": "my-request-1",
    }
    assert response.headers["x-request-id"] == "my-request-1"


def test_a_request_id_that_is_none_is_replaced(http: httpx.Client) -> None:
    for bad in ("short", "x" * 65, "with spaces in it", '"><script>'):
        given = http.get("/healthz", headers={"X-Request-Id": bad}).headers["x-request-id"]
        assert given != bad
        assert re.fullmatch("[0-9a-f]{24}", given)


def test_nothing_at_an_address_and_the_wrong_method(http: httpx.Client) -> None:
    missing = http.get("/v1/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "route")
    wrong = http.put("/v1/verify")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method")
    assert "GET" in wrong.headers["allow"]
    page = http.get("/nothing", headers={"Accept": "text/html"})
    assert (page.status_code, "No such page" in page.text) == (404, True)


def test_a_body_that_is_no_json(http: httpx.Client) -> None:
    for content in (b"{", b"\xff\xfe", b"[]", b"null"):
        response = http.post("/v1/undo", content=content, headers={"Content-Type": "application/json"})
        assert (response.status_code, response.json()["code"]) == (400, "malformed")


def test_a_body_that_is_too_large_also_in_pieces(http: httpx.Client) -> None:
    large = b'{"statement": "' + b"x" * 200_000 + b'"}'
    for content in (large, (large[at : at + 9_000] for at in range(0, len(large), 9_000))):
        response = http.post("/v1/undo", content=content, headers={"Content-Type": "application/json"})
        assert (response.status_code, response.json()["code"]) == (413, "too_large")


def assert_no_answer(response: httpx.Response) -> None:
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert NO_ANSWER in response.text
    assert "verdict" not in response.text


def test_without_its_database_there_is_no_answer(own: Stage) -> None:
    with client(own.ledger) as http:
        link = own.link(own.batch, own.batch.serials[0])
        assert http.get("/v1/verify", params={"code": link}).status_code == 200
        assert http.get("/readyz").status_code == 200
        database = own.world.home.path / "ledger.db"
        own.ledger.engine.dispose()
        database.rename(database.with_suffix(".away"))
        database.mkdir()  # nothing that can be opened as a file
        try:
            assert_no_answer(http.get("/v1/verify", params={"code": link}))
            page = http.get(link.removeprefix("https://id.example"), headers={"Accept": "text/html"})
            assert_no_answer(page)
            assert str(own.world.home.path) not in page.text, "strangers learn nothing about our machine"
            ready = http.get("/readyz")
            assert (ready.status_code, ready.json()["parts"]["database"]) == (503, "database")
            assert http.get("/healthz").status_code == 200
        finally:
            database.rmdir()
            database.with_suffix(".away").rename(database)
        assert http.get("/v1/verify", params={"code": link}).status_code == 200, "and it comes back by itself"


def test_without_a_segment_there_is_no_answer(own: Stage) -> None:
    with client(own.ledger) as http:
        for file in own.world.home.segments.glob("*.seg"):
            file.unlink()
        own.ledger.segments._views.clear()  # as after a restart
        assert_no_answer(http.get("/v1/verify", params={"code": own.link(own.batch, own.batch.serials[0])}))
        assert_no_answer(http.get("/v1/verify", params={"code": own.link(own.batch, "INVENTED", signed=False)}))


def test_a_stopped_writer_takes_nothing_and_answers_go_on(own: Stage) -> None:
    made = own.world.prepare(own.ledger, own.maker, own.batch.gtin, "LATE", ["A1", "A2"])
    assert own.ledger.sequencer is not None
    with client(own.ledger) as http:
        own.ledger.sequencer.close()
        body = {"statement": made.statement.to_json(), "salt": "0x" + made.salt.hex()}
        assert_no_answer(http.post("/v1/batches", json=body))
        assert http.get("/readyz").json()["parts"]["writer"] == "not ready"
        link = own.link(own.batch, own.batch.serials[0])
        assert http.get("/v1/verify", params={"code": link, "carrier": "qr"}).json()["verdict"] == "registered"


def test_trouble_with_the_chain_is_said_and_turns_nobody_away(own: Stage) -> None:
    assert own.ledger.upkeep is not None
    own.ledger.upkeep.troubles = {
        "chain": Trouble("chain_unavailable", "couldn't reach the chain at a secret place", 0)
    }
    with client(own.ledger) as http:
        ready = http.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        assert ready.json()["troubles"]["chain"] == {"code": "chain_unavailable", "at": "1970-01-01T00:00:00.000Z"}
        assert "secret" not in ready.text


def test_a_fault_of_ours_says_nothing_but_its_request(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with client(stage.ledger) as http:
        monkeypatch.setattr(stage.ledger.record, "by_gtin", None)  # a programming error, as none is left to find
        response = http.get("/v1/batches", params={"gtin": stage.batch.gtin})
        assert (response.status_code, response.json()["code"]) == (500, "internal")
        assert response.json()["request_id"] == response.headers["x-request-id"]
        assert "NoneType" not in response.text
        assert "content-security-policy" in response.headers


def test_whoever_starts_the_server_can_hold_readiness_back(stage: Stage) -> None:
    ready = False
    app = create_app(stage.ledger, settings=ApiSettings("http://127.0.0.1"), ready=lambda: ready)
    with listening(app) as address, httpx.Client(base_url=address) as http:
        assert http.get("/readyz").status_code == 503
        ready = True
        ready = http.get("/readyz").json()
        assert set(ready.pop("ages")) == {"entry", "scan_seal", "index_seal", "anchored_entry", "registry"}
        assert ready == {
            "ready": True,
            "parts": dict.fromkeys(("database", "index", "segments", "writer", "stage"), "ok"),
            "troubles": {},
        }


def test_a_sender_that_goes_away_is_no_fault(http: httpx.Client, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(api.problem.problem.journal, "error", lambda event, **_: told.append(event))
    heard = Heard()
    logging.getLogger("uvicorn.error").addHandler(heard)
    root, incoming = bytes(range(32)), stage.ledger.home.segments / "incoming"
    with socket.create_connection((http.base_url.host, http.base_url.port or 80)) as sender:
        head = f"PUT /v1/segments/0x{root.hex()}?units=1000 HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n"
        sender.sendall(head.encode() + b"begun")
        wait_for(lambda: bool(list(incoming.glob("upload-*"))))
    wait_for(lambda: not list(incoming.glob("upload-*")))
    assert http.get("/healthz").status_code == 200
    time.sleep(0.3)  # what would be said, is said after the file is gone
    logging.getLogger("uvicorn.error").removeHandler(heard)
    assert told == []
    assert heard.said == []


class Heard(logging.Handler):
    """What uvicorn says; its loggers hand nothing on to the root."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def wait_for(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_deeply_nested_json_is_a_problem_and_ends_no_server(http: httpx.Client) -> None:
    """A library raises Python's recursion limit past what the C stack holds: such a body would end the process."""
    body = '{"statement":' + "[" * 100_000
    headers = {"Content-Type": "application/json"}
    for path in ("/v1/batches", "/v1/undo", "/v1/index/confirmations"):
        response = http.post(path, content=body, headers=headers)
        assert response.status_code == 400, response.text
        assert response.headers["content-type"] == "application/problem+json"
    assert http.get("/healthz").status_code == 200


REACHED = (
    "api/*.py",
    *(f"api/{room}/*.py" for room in ("answer", "asking", "guard", "pages", "problem", "question", "routes", "site")),
    *(f"api/http/{name}.py" for name in ("denied", "moment", "negotiate", "reply")),
    "verifier/reading/ai/*.py",
    *(f"verifier/{name}.py" for name in ("canonical", "instant")),
    *(f"verifier/reading/{name}.py" for name in ("digital_link", "element_string", "gs1", "label", "reading")),
    *(f"verifier/record/{name}.py" for name in ("batch", "entry", "retired", "statement")),
    *(f"ledger/services/{name}.py" for name in ("record/batch", "outward/index_seal", "proofs/proof")),
    *(f"ledger/services/scans/{name}.py" for name in ("scan", "seal_proof", "token")),
)
"""Modules that judge what requests bring."""


def raised_codes() -> dict[str, set[str]]:
    """Every code that those modules give an error, with the errors' names."""
    found: dict[str, set[str]] = {}
    house = Path(__file__).parent.parent.parent
    reached = {pattern: list(house.glob(pattern)) for pattern in REACHED}
    assert all(reached.values()), "a module that moved is missed in silence"
    for file in (file for files in reached.values() for file in files):
        for call in (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)):
            for given in call.keywords:
                if given.arg == "code" and isinstance(given.value, ast.Constant) and given.value.value:
                    found.setdefault(str(given.value.value), set()).add(getattr(call.func, "id", ""))
    return found


def test_each_code_that_a_request_can_meet_has_a_page_of_its_own() -> None:
    codes = raised_codes()
    assert len(codes) > 60
    # What a part that cannot be read says about itself stays here: those have one page, "no answer".
    own = {code for code, kinds in codes.items() if not kinds <= {"Unavailable", "Stopped", "respond"}}
    assert own <= CODES.keys() | {cls.default_code for cls in CLASSES}
    titles = [problem.title for problem in CODES.values() if problem.title != NO_ANSWER]
    assert len(titles) - len(set(titles)) <= 4, "a title tells what it is"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/01/09521234000013/10/%zz", "percent"),
        ("/01/09521234000013?10=L", "attribute"),
        ("/01/09521234000013?17=999999", "element"),
        ("/log/seal/00", "decimal"),
        ("/v1/batches?gtin=09521234000012", "check_digit"),
    ],
)
def test_the_type_of_a_problem_leads_to_its_own_page(http: httpx.Client, path: str, code: str) -> None:
    problem = http.get(path, headers={"Accept": "application/json"}).json()
    assert (problem["code"], problem["type"]) == (code, f"/problems/{code}")
    kind = http.get(problem["type"], headers={"Accept": "application/json"}).json()
    assert (kind["status"], kind["title"]) == (problem["status"], problem["title"])
