"""The short way to a look-up gives what the framework's way gives, problems and faults included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from served import UNLIMITED, Stage

from api.app import Carnet, create_app
from api.guard.direct import DIRECT
from api.site.settings import ApiSettings, Rate
from ledger.services.scans.verification import Verification
from tests.listening import listening
from verifier.errors import Unavailable

ODD = '{"kind": "\u00e4", "body": {}, "actor": "", "signature": ""}'
OWN = {"date", "x-request-id", "ratelimit", "location", "content-length"}
"""Headers that differ from one request to the next."""


@pytest.fixture(scope="module")
def apps(stage: Stage) -> tuple[Carnet, Carnet]:
    """Two applications over one ledger; the second one has no short way."""
    made = [create_app(stage.ledger, settings=ApiSettings("http://127.0.0.1", rates=UNLIMITED)) for _ in range(2)]
    assert made[0]._direct.keys() == set(DIRECT)
    made[1]._direct = {}
    return made[0], made[1]


@pytest.fixture(scope="module")
def both(apps: tuple[Carnet, Carnet]) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    with (
        listening(apps[0]) as direct,
        listening(apps[1]) as long,
        httpx.Client(base_url=direct) as one,
        httpx.Client(base_url=long) as other,
    ):
        yield one, other


def shown(response: httpx.Response) -> tuple[int, dict[str, str], str]:
    headers = {name: value for name, value in response.headers.items() if name not in OWN}
    text = response.text.replace(response.headers["x-request-id"], "")
    return response.status_code, headers, re.sub(r'"(lookups|times)":\d+', "", text)  # the first one is counted


def same(both: tuple[httpx.Client, httpx.Client], path: str, **arguments: object) -> httpx.Response:
    for _ in range(3):  # the ledger lives: a seal or a checkpoint may come between the two
        one, other = (client.request(arguments.get("method", "GET"), path) for client in both)  # type: ignore[arg-type]
        if shown(one) == shown(other):
            break
    assert shown(one) == shown(other)
    return one


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (f'[1, {{"statement": {ODD}}}]'.encode(), "application/json", 200),
        (b"{}", "application/json", 400),
        (b"[", "application/json", 400),
        (b"[]", "text/plain", 415),
        (b"[" + b" " * (4 << 20) + b"]", "application/json", 413),
    ],
)
def test_many_statements_are_answered_the_same(
    both: tuple[httpx.Client, httpx.Client], body: bytes, media: str, status: int
) -> None:
    for _ in range(3):
        one, other = (client.post("/v1/statements", content=body, headers={"Content-Type": media}) for client in both)
        if shown(one) == shown(other):
            break
    assert shown(one) == shown(other)
    assert one.status_code == status
    assert one.content.isascii()
    assert status != 200 or "'\u00e4'" in one.json()["lines"][1]["problem"]["detail"]
    for method in ("GET", "PUT", "OPTIONS"):
        assert same(both, "/v1/statements", method=method).status_code in (204, 405)


def test_answers_are_the_same(both: tuple[httpx.Client, httpx.Client], stage: Stage) -> None:
    link = stage.link(stage.recalled, stage.recalled.serials[0])
    both[0].get(f"/v1/verify?code={quote(link, safe='')}")  # from its second look-up on, an answer says so
    for code in (link, link + "x", "(01)" + stage.batch.gtin, "4006381333931", "HELLO", "", "01ä\u2028", "%", "a+b c"):
        for more in ("", "&carrier=qr", "&carrier=datamatrix&symbology=]d2", "&code=two", "&x"):
            assert same(both, f"/v1/verify?code={quote(code, safe='')}{more}").status_code == 200


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("?code=" + "A" * 20_000, 400), ("?code=A&carrier=stone", 400), ("?code=A&symbology=1", 400)],
)
def test_problems_are_the_same(both: tuple[httpx.Client, httpx.Client], query: str, status: int) -> None:
    assert same(both, "/v1/verify" + query).status_code == status


def test_other_methods_and_addresses_go_the_long_way(both: tuple[httpx.Client, httpx.Client]) -> None:
    assert same(both, "/v1/verify?code=A", method="POST").status_code == 405
    assert same(both, "/v1/verify/?code=A").status_code in (307, 404)


@pytest.mark.parametrize(("error", "status"), [(Unavailable("x", code="database"), 503), (ZeroDivisionError(), 500)])
def test_what_fails_behind_it_looks_the_same(
    both: tuple[httpx.Client, httpx.Client], monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Verification, "answer", fail)
    assert same(both, "/v1/verify?code=A").status_code == status


def test_limits_hold_on_the_short_way(stage: Stage) -> None:
    limited = ApiSettings("http://127.0.0.1", rates={**UNLIMITED, Rate.LOOKUP: "3/minute"})
    with listening(create_app(stage.ledger, settings=limited)) as url, httpx.Client(base_url=url) as client:
        assert [client.get("/v1/verify?code=A").status_code for _ in range(4)] == [200, 200, 200, 429]
