"""Rate limits: one test for each public route, and what is counted apart."""

from __future__ import annotations

import pytest
from served import STRAP as OTHER
from served import WATCH, Stage, client
from test_access import filled

from api.guard.access import TABLE
from api.http.gate import network_of
from api.site.limiter import Limiter
from api.site.settings import ApiSettings, Rate

pytestmark = pytest.mark.node

PUBLIC = sorted(key for key, rule in TABLE.items() if rule.public)


@pytest.mark.parametrize("key", PUBLIC, ids="-".join)
def test_a_public_route_is_limited(stage: Stage, key: tuple[str, str]) -> None:
    method, path = key
    with client(stage.ledger, rates=dict.fromkeys(Rate, "2/minute")) as http:
        first, second, third = (http.request(method, filled(path)) for _ in range(3))
        assert first.status_code != 429
        assert second.status_code != 429
        assert third.status_code == 429
        assert 1 <= int(third.headers["retry-after"]) <= 60
        assert third.headers["ratelimit"].split(";")[1] == "r=0"
        if method != "HEAD":
            assert "rate_limited" in third.text
            assert "nothing about any item" in third.text or third.json()["code"] == "rate_limited"


def test_replies_say_where_their_caller_stands(stage: Stage) -> None:
    with client(stage.ledger, rates={Rate.RECORD: "5/minute"}) as http:
        replies = [http.get("/v1/ledger") for _ in range(3)]
        assert [reply.headers["ratelimit"].split(";")[1] for reply in replies] == ["r=4", "r=3", "r=2"]
        assert replies[0].headers["ratelimit-policy"] == '"record";q=5;w=60'
        assert http.get("/v1/batches/0x12").headers["ratelimit"].split(";")[1] == "r=1", "also with a problem"


def test_a_product_of_many_batches_costs_more_whatever_is_found(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.asking.asking.SEARCHED_FOR_ONE", 1)
    batches = len(stage.ledger.record.by_gtin[WATCH])
    assert batches >= 2
    link = stage.link(stage.batch, stage.batch.serials[0])
    there, absent, elsewhere = f"(01){WATCH}(21){stage.batch.serials[0]}", f"(01){WATCH}(21)NOPE", f"(01){OTHER}(21)A"
    plenty = 10 * batches
    for path, codes in (("/v1/verify", (there, absent, f"(01){WATCH}", link)), ("/v1/proofs/units", (there, absent))):
        for code in codes:
            with client(stage.ledger, rates={Rate.LOOKUP: f"{plenty}/minute"}) as http:
                reply = http.get(path, params={"code": code})
                assert reply.headers["ratelimit"].split(";")[1] == f"r={plenty - batches}", code
                if path == "/v1/verify":
                    assert http.get(path, params={"code": elsewhere}).headers["ratelimit"].split(";")[1] == (
                        f"r={plenty - batches - 1}"
                    )
    with client(stage.ledger, rates={Rate.LOOKUP: f"{batches + 1}/minute"}) as http:
        codes = [http.get("/v1/verify", params={"code": code}).status_code for code in (there, absent)]
        assert codes == [200, 429]
    with client(stage.ledger, rates={Rate.LOOKUP: f"{batches - 1}/minute"}) as http:
        assert http.get(link.removeprefix("https://id.example")).status_code == 200, "who has asked nothing may ask"
        assert http.get("/v1/ledger").status_code == 200


def test_classes_are_counted_apart(stage: Stage) -> None:
    with client(stage.ledger, rates={Rate.LOOKUP: "1/minute"}) as http:
        codes = [http.get("/v1/verify", params={"code": "x"}).status_code for _ in range(2)]
        assert codes == [200, 429]
        assert http.get("/v1/ledger").status_code == 200
        assert http.get("/healthz").status_code == 200


def test_an_officer_has_a_limit_of_their_own(stage: Stage) -> None:
    with client(stage.ledger, rates={Rate.OFFICER: "2/minute", Rate.SIGN_IN: "1/minute"}) as http:
        one, other = stage.token("admin"), stage.token("admin")
        assert [http.get("/v1/tokens", headers=one).status_code for _ in range(3)] == [200, 200, 429]
        assert http.get("/v1/tokens", headers=other).status_code == 200
        assert [http.get("/v1/tokens").status_code for _ in range(2)] == [401, 429], "guessing is limited too"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
    ],
)
def test_what_shares_a_limit(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


def test_a_budget_that_is_too_small_takes_nothing() -> None:
    limiter = Limiter(ApiSettings("http://127.0.0.1", upload_mib_address=10, upload_mib_all=15))
    assert limiter.take_upload("a", 10)
    assert not limiter.take_upload("a", 1)
    assert not limiter.take_upload("b", 6), "everybody's budget"
    assert limiter.take_upload("b", 5)
