"""Every route as every kind of caller, against the one declared table; and what protects a browser's session."""

from __future__ import annotations

import hashlib
import re

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from served import Stage, client

from api.app import ROUTERS, create_app
from api.guard.access import OPEN_NETWORK, TABLE, Rule
from api.guard.guard import SESSION_COOKIE, Guarded
from api.site.settings import ApiSettings
from ledger.services.scans.token import Scope

pytestmark = pytest.mark.node

CALLERS = ("nobody", "revoked", "session", *(scope.value for scope in Scope))
FILLED = {
    "{rest:path}": "09521234000013",
    "{stem:path}": "shop",
    "{batch_id}": "0x" + "00" * 32,
    "{code}": "malformed",
    "{name}": "carnet.css",
    "{address}": "0x" + "00" * 20,
    "{index}": "0",
    "{number}": "0",
    "{root}": "0x" + "00" * 32,
    "{scan_id}": "0190f0d4-6f1c-7cc3-9d0e-3a1b5c7d9e2f",
    "{token_id}": "0000000000000000",
    "{session_id}": "0000000000000000",
}


def routes() -> set[tuple[str, str]]:
    """Every route of every module."""
    made = [route for router in ROUTERS for route in router.routes]
    assert all(isinstance(route, Guarded) for route in made), "a route without its guard"
    return {(method, route.path) for route in made if isinstance(route, APIRoute) for method in route.methods or ()}


def filled(path: str) -> str:
    return re.sub(r"\{[^}]+\}", lambda match: FILLED[match[0]], path)


@pytest.fixture(scope="module")
def headers(stage: Stage) -> dict[str, dict[str, str]]:
    """What each kind of caller sends."""
    made = {scope.value: stage.token(scope) for scope in Scope}
    revoked = stage.token("scan", "proof", "salt", "metrics", "admin")
    stage.ledger.tokens.revoke(hashlib.sha256(revoked["Authorization"][7:].encode()).digest()[:8].hex())
    session = stage.ledger.tokens.sign_in(stage.ledger.tokens.one_time_link("desk"))
    return {"nobody": {}, "revoked": revoked, "session": {"Cookie": f"{SESSION_COOKIE}={session}"}, **made}


def may_enter(rule: Rule, who: str) -> bool:
    return rule.needs is None or rule.needs in _scopes(who)


def _scopes(who: str) -> set[Scope]:
    match who:
        case "nobody" | "revoked":
            return set()
        case "session":
            return {Scope.SCAN, Scope.PROOF}
        case _:
            return {Scope(who)}


def test_the_table_and_the_routes_are_the_same(stage: Stage) -> None:
    assert routes() == set(TABLE)
    served = create_app(stage.ledger, settings=ApiSettings("http://127.0.0.1")).router.routes
    made = {(method, route.path) for route in served if isinstance(route, APIRoute) for method in route.methods or ()}
    assert made == set(TABLE), "the application serves exactly these"


def test_a_route_that_the_table_does_not_list_cannot_be_made() -> None:
    router = APIRouter(route_class=Guarded)
    with pytest.raises(KeyError):
        router.get("/v1/everything")(lambda: None)


@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize("key", sorted(TABLE), ids="-".join)
def test_every_route_as_every_caller(
    http: httpx.Client, headers: dict[str, dict[str, str]], key: tuple[str, str], who: str
) -> None:
    method, path = key
    rule = TABLE[key]
    sent = {**headers[who], "Origin": str(http.base_url).rstrip("/")}
    if key == ("POST", "/officer/sign-out"):
        sent.pop("Cookie", None)  # or the session of the following tests would end here
    response = http.request(method, filled(path), headers=sent)
    refused = response.status_code in (401, 403)
    to_sign_in = response.status_code == 303 and response.headers["location"] == "/officer/sign-in"
    if may_enter(rule, who):
        body = response.text
        assert not refused or key == ("POST", "/officer/sign-in"), body
        assert response.status_code not in (404, 405) or "{" in path or "rest" in path, body
        assert not to_sign_in or key == ("POST", "/officer/sign-out")
    elif _scopes(who):
        assert (response.status_code, response.headers["content-type"]) in (
            (403, "application/problem+json"),
            (403, "text/html; charset=utf-8"),
        )
    elif rule.page:
        assert to_sign_in
    else:
        assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
        assert "bearer" in response.headers["www-authenticate"].lower()


def test_an_expired_or_invented_token_opens_nothing(http: httpx.Client) -> None:
    for value in ("Bearer", "Bearer nonsense", "Bearer carnet_token_" + "A" * 43, "Basic YTpi", "carnet_token_x"):
        assert http.get("/v1/tokens", headers={"Authorization": value}).status_code == 401


def test_a_listener_on_an_open_network_has_no_doors(stage: Stage) -> None:
    with client(stage.ledger, public_only=True) as http:
        for method, path in sorted(TABLE):
            response = http.request(method, filled(path))
            offered = (method, path) in OPEN_NETWORK
            assert response.status_code != 401
            if not offered and method == "GET":
                assert response.status_code in (400, 404), (method, path)
            if not offered and method != "GET":
                assert response.status_code in (404, 405), (method, path)
        assert "Officers" not in http.get("/").text
    assert all(TABLE[key].public for key in OPEN_NETWORK)


def sign_in(stage: Stage, http: httpx.Client) -> httpx.Response:
    code = stage.ledger.tokens.one_time_link("desk")
    return http.post("/officer/sign-in", data={"code": code}, headers={"Origin": str(http.base_url).rstrip("/")})


def test_signing_in_with_a_link_works_once(stage: Stage) -> None:
    with client(stage.ledger) as http:
        code = stage.ledger.tokens.one_time_link("desk")
        page = http.get("/officer/sign-in", params={"code": code})
        assert (page.status_code, "set-cookie" in page.headers) == (200, False), "opening the link signs nobody in"
        origin = {"Origin": str(http.base_url).rstrip("/")}
        response = http.post("/officer/sign-in", data={"code": code}, headers=origin)
        assert (response.status_code, response.headers["location"]) == (303, "/officer")
        cookie = response.headers["set-cookie"].lower()
        assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/", "max-age=43200"))
        assert "secure" not in cookie, "plain http on loopback"
        assert http.get("/officer").status_code == 200
        for again in (
            http.post("/officer/sign-in", data={"code": code}, headers=origin),
            http.get("/officer/sign-in", params={"code": code}),
        ):
            assert again.status_code == 403
            assert "This sign-in link was used" in again.text
            assert "carnet token link NAME" in again.text, "what to do next"
            assert code not in again.text
        assert http.post("/officer/sign-out", headers=origin).status_code == 303
        assert http.get("/officer").status_code == 303


def test_a_link_that_opens_nothing_says_why(stage: Stage) -> None:
    tokens = stage.ledger.tokens
    with client(stage.ledger) as http:
        ended = tokens.one_time_link("gate")
        tokens.end_session(tokens.sessions()[0].id)
        for code, words in (
            (ended, "an administrator ended it"),
            (ended[:-1], "not known here"),
            ("x", "not known here"),
        ):
            page = http.get("/officer/sign-in", params={"code": code})
            assert (page.status_code, words in page.text) == (403, True), words
            assert "carnet token link NAME" in page.text
        assert http.get("/officer/sign-in").status_code == 200


def test_cookies_are_secure_over_https(stage: Stage) -> None:
    with client(stage.ledger, base_url="https://carnet.example") as http:
        response = sign_in(stage, http)
        assert "secure" in response.headers["set-cookie"].lower()
        assert "strict-transport-security" in response.headers


def test_a_session_can_only_post_from_our_own_pages(stage: Stage) -> None:
    with client(stage.ledger) as http:
        own = str(http.base_url).rstrip("/")
        assert sign_in(stage, http).status_code == 303
        scan = {
            "id": "7b1f0a3c-1111-4222-8333-444455556666",
            "code": "x",
            "device": "d",
            "scanned_at": "2026-11-20T10:00:00Z",
        }
        for origin in ("https://evil.example", own.replace("http:", "http://evil.example:"), "null", None):
            headers = {"Origin": origin} if origin else {}
            for response in (
                http.post("/v1/scans", json=scan, headers=headers),
                http.post("/officer", data={"code": "x"}, headers=headers),
                http.post("/officer/sign-out", headers=headers),
            ):
                assert (response.status_code, "cross_origin" in response.text) == (403, True), origin
        assert http.post("/v1/scans", json=scan, headers={"Origin": own}).status_code == 200
        assert http.get("/officer").status_code == 200, "still signed in"


def test_public_routes_neither_set_nor_read_cookies(stage: Stage) -> None:
    with client(stage.ledger) as http:
        link = stage.link(stage.batch, stage.batch.serials[20])
        before = http.get("/v1/verify", params={"code": link}).json()
        sign_in(stage, http)
        for method, path in sorted(TABLE):
            if TABLE[method, path].public and "officer" not in path:
                assert "set-cookie" not in http.request(method, filled(path)).headers
        after = http.get("/v1/verify", params={"code": link}).json()
        assert after == {
            **before,
            "lookups": before["lookups"] + 1,
            "reasons": after["reasons"],
            "as_of": after["as_of"],
        }
        assert not any("scanned_at" in str(reason) for reason in after["reasons"])


def test_administrators_see_who_is_signed_in_and_end_it(stage: Stage) -> None:
    with client(stage.ledger) as http:
        admin = stage.token("admin")
        sign_in(stage, http)
        session = http.cookies[SESSION_COOKIE]
        listed = http.get("/v1/sessions", headers=admin)
        assert session not in listed.text
        newest = listed.json()["sessions"][0]
        assert (newest["kind"], newest["name"], newest["used_at"]) == ("session", "desk", None)
        assert http.get("/officer").status_code == 200
        used = http.get("/v1/sessions", headers=admin).json()["sessions"][0]["used_at"]
        assert used is not None
        assert used >= newest["created_at"]
        for again in (False, True):
            ended = http.delete(f"/v1/sessions/{newest['id']}", headers=admin).json()
            assert ended == {"ended": newest["id"], "name": "desk", "again": again}
        assert http.get("/officer").headers["location"] == "/officer/sign-in"
        assert newest["id"] not in http.get("/v1/sessions", headers=admin).text


def test_tokens_are_managed_by_administrators(stage: Stage, http: httpx.Client) -> None:
    admin = stage.token("admin")
    wrong = http.post("/v1/tokens", json={"name": "x", "scopes": ["root"]}, headers=admin)
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (400, "#/scopes/0")
    made = http.post("/v1/tokens", json={"name": "gate", "scopes": ["metrics"], "days": 2}, headers=admin)
    assert made.status_code == 201
    fresh = {"Authorization": "Bearer " + made.json()["token"]}
    assert "carnet_log_entries" in http.get("/metrics", headers=fresh).text
    listed = http.get("/v1/tokens", headers=admin).json()["tokens"]
    assert made.json()["token"] not in str(listed)
    token_id = next(token["id"] for token in listed if token["name"] == "gate")
    for again in (False, True):
        revoked = http.delete(f"/v1/tokens/{token_id}", headers=admin).json()
        assert revoked == {"revoked": token_id, "name": "gate", "again": again}
    assert http.get("/metrics", headers=fresh).status_code == 401
