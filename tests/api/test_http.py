"""HTTP as its standards say: methods, conditions, forms of an answer, and what pages of other sites may read."""

from __future__ import annotations

import gzip
import json
import re
import socket
import uuid
from typing import Any

import httpx
import pytest
from served import WATCH, Stage, client
from test_access import filled

from api.guard.access import TABLE
from api.guard.guard import SESSION_COOKIE
from api.http.negotiate import Likes, likes
from api.http.origin import from_our_own
from api.http.reference import uri_reference
from api.http.weights import media_quality, takes_gzip
from verifier.tree.tiles import tile_path
from verifier.verdict.reason import SHOWN_AS, Verdict

pytestmark = pytest.mark.node

READS = sorted(path for method, path in TABLE if method == "GET")
CHANGES = {"date", "x-request-id", "ratelimit", "content-length"}
"""Headers that differ from one answer to the next; the length of an answer with a count in it may."""


def places(stage: Stage) -> dict[str, str]:
    """Addresses where something is, for templates whose filled form leads nowhere."""
    size = stage.ledger.published.size()
    root = stage.batch.statement.body["segmentRoot"][2:]
    return {
        "/01/{rest:path}": f"/01/{WATCH}",
        "/log/tile/{rest:path}": f"/log/{tile_path('entries', 0, size)}",
        "/log/segment/{root}": f"/log/segment/{root}",
        "/v1/batches": f"/v1/batches?gtin={WATCH}",
        "/v1/batches/{batch_id}": f"/v1/batches/{stage.batch.id}",
        "/batches/{batch_id}": f"/batches/{stage.batch.id}",
        "/v1/verify": f"/v1/verify?code={WATCH}",
        "/v1/proofs/entries/{index}": "/v1/proofs/entries/0",
    }


@pytest.fixture(scope="module")
def everybody(stage: Stage) -> dict[str, str]:
    """A token that opens every door."""
    return stage.token("scan", "proof", "salt", "metrics", "admin")


@pytest.mark.parametrize("path", READS)
def test_head_is_get_without_its_body(stage: Stage, http: httpx.Client, everybody: dict[str, str], path: str) -> None:
    at = places(stage).get(path, filled(path))
    got, head = http.get(at, headers=everybody), http.head(at, headers=everybody)
    assert head.content == b""
    assert head.status_code == got.status_code
    assert {k: v for k, v in head.headers.items() if k not in CHANGES} == {
        k: v for k, v in got.headers.items() if k not in CHANGES
    }
    assert ("content-length" in head.headers) == ("content-length" in got.headers)


@pytest.mark.parametrize("path", sorted({path for _, path in TABLE}))
def test_every_address_says_which_methods_it_takes(http: httpx.Client, path: str) -> None:
    own = {method for method, listed in TABLE if listed == path}
    expected = own | {"OPTIONS"} | ({"HEAD"} if "GET" in own else set())
    at = filled(path)
    asked = http.options(at)
    assert (asked.status_code, asked.content) == (204, b"")
    assert set(asked.headers["allow"].split(", ")) == expected
    wrong = next(method for method in ("DELETE", "PUT", "GET") if method not in expected)
    refused = http.request(wrong, at)
    assert refused.status_code == 405
    assert set(refused.headers["allow"].split(", ")) == expected
    unknown = http.request("PROPFIND", at)
    assert unknown.status_code == 501, "a method that no address takes"


def test_options_of_an_address_where_nothing_is(http: httpx.Client) -> None:
    assert http.options("/v1/nothing").status_code == 404


@pytest.mark.parametrize("path", READS)
def test_pages_of_other_sites_read_the_public_record_and_nothing_else(
    stage: Stage, http: httpx.Client, everybody: dict[str, str], path: str
) -> None:
    shared = TABLE["GET", path].shared
    at, origin = places(stage).get(path, filled(path)), {"Origin": "https://elsewhere.example"}
    answers = [http.get(at, headers={**everybody, **origin})]
    answers.append(http.options(at, headers={**origin, "Access-Control-Request-Method": "GET"}))
    for answer in answers:
        assert answer.headers.get("access-control-allow-origin") == ("*" if shared else None)
        assert answer.headers["cross-origin-resource-policy"] == ("cross-origin" if shared else "same-origin")
        assert "access-control-allow-credentials" not in answer.headers
    allowed = answers[1].headers.get("access-control-allow-methods", "")
    assert allowed == ("GET, HEAD" if shared else ""), "posting to the same address is not offered"


def test_what_is_for_somebody_is_never_shared() -> None:
    for (method, path), rule in TABLE.items():
        if rule.shared:
            assert (method, rule.needs, rule.signed) == ("GET", None, False), path
            assert "officer" not in path


def test_problems_are_shared_where_answers_are(http: httpx.Client) -> None:
    for path in ("/v1/verify", "/v1/batches/0x12", "/log/tile/nothing"):
        answer = http.get(path)
        assert (answer.status_code >= 400, answer.headers["access-control-allow-origin"]) == (True, "*")


CONDITIONS = [
    ({"If-None-Match": "{tag}"}, 304),
    ({"If-None-Match": "W/{tag}"}, 304),
    ({"If-None-Match": '"a", W/"b,c" ,{tag}'}, 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"x"'}, 200),
    ({"If-None-Match": "{bare}"}, 200),
    ({"If-None-Match": ""}, 200),
    ({"If-Match": "{tag}"}, 200),
    ({"If-Match": "*"}, 200),
    ({"If-Match": "W/{tag}"}, 412),
    ({"If-Match": '"x"'}, 412),
    ({"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 200),
]


@pytest.mark.parametrize("path", ["/log/", "/log/tile/{rest:path}", "/log/segment/{root}", "/openapi.json"])
@pytest.mark.parametrize(("sent", "status"), CONDITIONS)
def test_conditions(stage: Stage, http: httpx.Client, path: str, sent: dict[str, str], status: int) -> None:
    at = places(stage).get(path, path)
    first = http.get(at)
    tag = first.headers["etag"]
    assert "last-modified" not in first.headers, "nothing here knows when it was modified"
    headers = {name: value.format(tag=tag, bare=tag.strip('"')) for name, value in sent.items()}
    for method in ("GET", "HEAD"):
        again = http.request(method, at, headers=headers)
        assert again.status_code == status
        if status == 304:
            assert (again.content, again.headers["etag"]) == (b"", tag)
            assert again.headers["cache-control"] == first.headers["cache-control"]
            assert again.headers.get("vary") == first.headers.get("vary")
        if status == 412 and method == "GET":
            assert again.json()["code"] == "precondition"


def test_what_is_large_and_public_is_packed(stage: Stage, http: httpx.Client) -> None:
    bundle = places(stage)["/log/tile/{rest:path}"]
    for at in (bundle, "/openapi.json", "/docs", "/web/carnet.css", "/problems"):
        plain = http.get(at, headers={"Accept-Encoding": "identity"})
        small = http.get(at, headers={"Accept-Encoding": "gzip;q=0.5, br"})
        assert small.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert small.headers["vary"] == plain.headers["vary"]
        assert "Accept-Encoding" in plain.headers["vary"]
        assert int(small.headers["content-length"]) < int(plain.headers["content-length"])
        assert small.content == plain.content, at
        if "etag" in plain.headers:
            assert small.headers["etag"] != plain.headers["etag"], "other bytes, another tag"
            kept = {"Accept-Encoding": "gzip", "If-None-Match": small.headers["etag"]}
            assert http.get(at, headers=kept).status_code == 304
    hashes = http.get(f"/log/{tile_path(0, 0, stage.ledger.published.size())}", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in hashes.headers, "hashes do not get smaller"


def test_packed_bytes_are_the_same_every_time(stage: Stage, http: httpx.Client) -> None:
    with http.stream("GET", places(stage)["/log/tile/{rest:path}"], headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    assert gzip.compress(gzip.decompress(raw), 6, mtime=0) == raw


def test_a_range_is_served_where_it_is_offered(stage: Stage, http: httpx.Client) -> None:
    at = places(stage)["/log/segment/{root}"]
    whole = http.get(at)
    assert whole.headers["accept-ranges"] == "bytes"
    part = http.get(at, headers={"Range": "bytes=128-159", "If-Range": whole.headers["etag"]})
    assert (part.status_code, part.content) == (206, whole.content[128:160])
    stale = http.get(at, headers={"Range": "bytes=128-159", "If-Range": '"other"'})
    assert (stale.status_code, stale.content) == (200, whole.content)
    for unseen in ("lines=1-2", "bytes=9-2", "bytes=0-1,3-4", "bytes=", "bytes=-"):
        answer = http.get(at, headers={"Range": unseen})
        assert (answer.status_code, answer.content) == (200, whole.content), unseen
    last = http.get(at, headers={"Range": "bytes=-7"})
    assert (last.status_code, last.content) == (206, whole.content[-7:])
    for asked in ("bytes=128-159", "bytes=999999999-"):
        head = http.head(at, headers={"Range": asked})
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(whole.content))), (
            "GET alone has ranges"
        )
    for beyond in ("bytes=999999999-", "bytes=-0"):
        answer = http.get(at, headers={"Range": beyond})
        assert (answer.status_code, answer.json()["code"]) == (416, "range")
        assert answer.headers["content-range"] == f"bytes */{len(whole.content)}"
        assert "immutable" not in answer.headers.get("cache-control", "")
    for other in ("/log/checkpoint", "/web/carnet.css", "/openapi.json"):
        answer = http.get(other, headers={"Range": "bytes=0-1"})
        assert (answer.status_code, "accept-ranges" in answer.headers) == (200, False)


def test_assets_stay_only_under_their_version(http: httpx.Client) -> None:
    page = http.get("/", headers={"Accept": "text/html"}).text
    named = re.search(r'href="(/web/carnet\.css\?[0-9a-f]{12})"', page)
    assert named is not None
    assert "immutable" in http.get(named[1]).headers["cache-control"]
    for other in ("/web/carnet.css", "/web/carnet.css?000000000000"):
        assert http.get(other).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (f"/01/{WATCH}", {"Accept"}),
        ("/01/bad", {"Accept"}),
        ("/nothing", {"Accept"}),
        ("/problems/malformed", {"Accept"}),
        ("/v1/verify?code=A", set()),
        ("/v1/ledger", set()),
        ("/log/checkpoint", set()),
        ("/v1/proofs/units?code=A", {"Cookie", "Authorization"}),
        ("/officer", {"Cookie", "Authorization"}),
        ("/v1/participants", {"Accept-Encoding"}),
    ],
)
def test_vary_names_what_counted(http: httpx.Client, path: str, asked: set[str]) -> None:
    vary = {name for name in http.get(path).headers.get("vary", "").split(", ") if name}
    assert asked <= vary
    assert not asked or vary - asked <= {"Accept"}, "and a refusal that may be a page"
    assert asked or not vary


@pytest.mark.parametrize(
    ("accept", "liked"),
    [
        ("", Likes.PAGE),
        ("*/*", Likes.PAGE),
        ("text/html;q=0, */*", Likes.DATA),
        ("application/json;q=0", Likes.NEITHER),
        ("application/json;q=0, */*;q=0.1", Likes.PAGE),
        ("text/html;q=0.000, application/json;q=0.001", Likes.DATA),
        ("text/*;q=0.3, text/html;q=0.1, application/json;q=0.2", Likes.DATA),
        ("image/png", Likes.NEITHER),
        ("application/problem+json", Likes.DATA),
        ("text/html;q=nan", Likes.NEITHER),
        ("TEXT/HTML ; Q=1.0", Likes.PAGE),
        (",, application/json ,", Likes.DATA),
    ],
)
def test_what_an_accept_header_likes(accept: str, liked: Likes) -> None:
    assert likes(accept) is liked


def test_the_most_exact_range_decides() -> None:
    assert media_quality("*/*;q=0.9, text/*;q=0.5, text/html;q=0", "text/html") == (0.0, 2)
    assert media_quality("*/*;q=0.9, text/*;q=0.5", "text/html") == (0.5, 1)
    assert media_quality("*/*;q=0.9", "text/html") == (0.9, 0)


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("", False),
        ("gzip", True),
        ("x-gzip", True),
        ("*", True),
        ("gzip;q=0", False),
        ("*;q=0", False),
        ("br, gzip;q=0.001", True),
        ("identity, gzip;q=0.5", False),
        ("gzip;q=0, *", False),
    ],
)
def test_who_takes_gzip(header: str, takes: bool) -> None:
    assert takes_gzip(header) is takes


def test_neither_face_is_406_and_nothing_is_counted(stage: Stage, http: httpx.Client) -> None:
    link = stage.link(stage.batch, stage.batch.serials[30]).removeprefix("https://id.example")
    data = {"Accept": "application/json"}
    before = http.get(link, headers=data).json()["lookups"]
    refused = http.get(link, headers={"Accept": "image/png"})
    assert (refused.status_code, refused.json()["code"]) == (406, "not_acceptable")
    assert refused.headers["content-type"] == "application/problem+json"
    assert http.get(link, headers=data).json()["lookups"] == before + 1


@pytest.mark.parametrize(
    ("raw", "reference"),
    [
        (b"/v1/batches/0x12", "/v1/batches/0x12"),
        (b"/01/a%2Fb%25", "/01/a%2Fb%25"),
        (b'/01/{bad}|"<>\\^`', "/01/%7Bbad%7D%7C%22%3C%3E%5C%5E%60"),
        (b"/100%", "/100%25"),
        (b"/%zz", "/%25zz"),
        (b"//evil.example/x", "/.//evil.example/x"),
        (b"/\xc3\xa4", "/%C3%A4"),
    ],
)
def test_an_instance_is_a_uri_reference(raw: bytes, reference: str) -> None:
    assert uri_reference(raw) == reference


def test_a_problem_names_its_address_as_it_came(http: httpx.Client) -> None:
    for raw, instance in (("/v1/a%2Fb%20{c}", "/v1/a%2Fb%20%7Bc%7D"), ("//evil.example/v1", "/.//evil.example/v1")):
        assert as_it_stands(http, raw)["instance"] == instance


def as_it_stands(http: httpx.Client, target: str) -> dict[str, Any]:
    """The JSON at an address that a client would escape."""
    with socket.create_connection((http.base_url.host, http.base_url.port or 80), timeout=10) as wire:
        fields = "Host: x\r\nAccept: application/json\r\nConnection: close"
        wire.sendall(f"GET {target} HTTP/1.1\r\n{fields}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: wire.recv(65536), b""))
    return dict(json.loads(answer.partition(b"\r\n\r\n")[2]))


@pytest.mark.parametrize(
    ("origin", "base_url", "host", "ours"),
    [
        ("https://c.example", "https://c.example", "10.0.0.7:8000", True),
        ("https://c.example", "https://c.example:443", "10.0.0.7:8000", True),
        ("https://c.example:443", "https://c.example/", "inner", True),
        ("https://C.Example", "https://c.example", None, True),
        ("http://c.example", "http://c.example:80", "inner", True),
        ("https://c.example", "http://127.0.0.1:8000", "c.example:443", True),
        ("https://c.example", "http://127.0.0.1:8000", "c.example", True),
        ("http://[::1]:8000", "http://127.0.0.1:8000", "[::1]:8000", True),
        ("http://c.example", "https://c.example", "inner", False),
        ("https://c.example:8443", "https://c.example", "inner", False),
        ("https://evil.example", "https://c.example", "c.example", False),
        ("https://c.example.evil", "https://c.example", "c.example", False),
        ("https://c.example@evil.example", "https://c.example", "c.example", False),
        ("null", "https://c.example", "null", False),
        ("", "https://c.example", "", False),
        (None, "https://c.example", "c.example", False),
        ("https://c.example:x", "https://c.example", "c.example", False),
        ("ftp://c.example", "ftp://c.example", "c.example", False),
    ],
)
def test_whose_pages_a_form_comes_from(origin: str | None, base_url: str, host: str | None, ours: bool) -> None:
    assert from_our_own(origin, base_url, host) is ours


def test_every_form_works_behind_a_proxy_that_writes_another_host(stage: Stage) -> None:
    with client(stage.ledger, base_url="https://carnet.example:443") as http:
        behind = {"Origin": "https://carnet.example", "Host": "10.0.0.7:8000"}
        code = stage.ledger.tokens.one_time_link("desk")
        entered = http.post("/officer/sign-in", data={"code": code}, headers=behind)
        assert (entered.status_code, entered.headers["location"]) == (303, "/officer")
        cookie = {"Cookie": f"{SESSION_COOKIE}={entered.cookies[SESSION_COOKIE]}", **behind}
        form = {"code": "x", "id": "7b1f0a3c-2222-4222-8333-444455556667", "device": "d"}
        assert http.post("/officer", data=form, headers=cookie).status_code != 403
        assert http.post("/officer/sign-out", headers=cookie).status_code == 303
        evil = {**behind, "Origin": "https://evil.example"}
        assert http.post("/officer/sign-in", data={"code": code}, headers=evil).status_code == 403


BROKEN = (
    "/01/12312312312333{bad",
    "/01/bad",
    "/shop/01/1/21/x",
    "/01/09521234000013/21/A%20B",
    "/01/09521234000013/10/%zz",
    "/01/09521234000012",
)


@pytest.mark.parametrize("link", BROKEN)
def test_a_link_that_is_none_gets_one_answer_everywhere(stage: Stage, http: httpx.Client, link: str) -> None:
    text, data = f"http://127.0.0.1{link}", {"Accept": "application/json"}
    printed = as_it_stands(http, link)
    asked = http.get("/v1/verify", params={"code": text, "carrier": "qr"}).json()
    page = http.get("/", params={"code": text}, headers={"Accept": "text/html"}).text
    scan = {"id": str(uuid.uuid4()), "code": text, "carrier": "qr", "device": "d", "scanned_at": "2026-11-20T10:00:00Z"}
    scanned = http.post("/v1/scans", json=scan, headers={**stage.token("scan"), **data}).json()
    assert {printed["verdict"], asked["verdict"], scanned["verdict"]} == {"unreadable"}
    assert SHOWN_AS[Verdict.UNREADABLE] in page
    assert printed["repairs"] == asked["repairs"]
