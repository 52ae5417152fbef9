"""Commands beside servers that change, name other addresses, or quote what they got; and beside proxies."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from cli_world import GTIN, Cli, kept
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ledger.remote.urls import is_loopback
from tests.listening import listening

SECRET = "a-token-that-nobody-may-see-0123456789"


@dataclass
class Stranger:
    """A server of somebody else's making: says what it is told to say, and writes down what it gets."""

    about: dict[str, Any] = field(default_factory=lambda: {"origin": "one.example/log", "founding_pin": "11" * 32})
    answer: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)
    url: str = ""

    async def serve(self, request: Request) -> Response:
        token = request.headers.get("authorization")
        self.seen.append((request.method, str(request.url), token))
        if request.url.path == "/v1/ledger":
            return JSONResponse(self.about)
        if self.answer == "quote":
            return JSONResponse({"code": "x", "detail": f"bad: {token}", "title": token}, 422)
        return JSONResponse(self.answer, self.status, self.headers)

    @property
    def tokens(self) -> set[str]:
        return {token for _, _, token in self.seen if token}


@contextmanager
def stranger(**given: Any) -> Iterator[Stranger]:
    made = Stranger(**given)
    with listening(Starlette(routes=[Route("/{rest:path}", made.serve, methods=["GET", "POST", "PUT"])])) as made.url:
        yield made


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("change", [{"founding_pin": "22" * 32}, {"origin": "two.example/log"}])
def test_a_server_that_turns_into_another_ledger_gets_nothing(tmp_path: Path, change: dict[str, str]) -> None:
    cli = Cli(tmp_path)
    cli.yes("key", "new", "acme")
    with stranger(answer={"batches": [], "next": None, "participants": []}) as server:
        at = ("--server", server.url, "--token-file", kept(SECRET))
        cli.yes("batch", "list", "--gtin", GTIN, *at)
        assert server.tokens == {f"Bearer {SECRET}"}
        server.seen.clear()
        server.about |= change
        recall = ("batch", "recall", f"{GTIN}/L1", "--reason", "x", "--key", "acme")
        for words in (recall, ("batch", "list", "--gtin", GTIN), ("scan", "x")):
            error = cli.no(*words, *at)
            assert error["code"] == "server_changed"
            assert f"carnet server forget {server.url}" in error["message"]
            assert "one.example/log" in error["message"]
        assert cli.no("participant", "list", "--server", server.url.upper().replace("HTTP", "http"))
        assert {(method, httpx.URL(url).path) for method, url, _ in server.seen} == {("GET", "/v1/ledger")}
        assert not server.tokens
        (known,) = cli.yes("server", "list")["servers"]
        assert (known["url"], known["origin"]) == (server.url, "one.example/log")
        cli.yes("server", "forget", f"{server.url}/")
        cli.yes("batch", "list", "--gtin", GTIN, *at)
        assert cli.no("server", "forget", "http://other.example")["code"] == "server_unknown"


@pytest.mark.parametrize("way", ["http", ""])
def test_an_address_of_the_servers_choice_is_not_followed(tmp_path: Path, way: str) -> None:
    with stranger() as evil, stranger() as server:
        named = f"{evil.url}/v1/proofs/1".removeprefix("" if way else "http:")
        server.answer = {"proof": named, "verdict": "registered", "shown_as": "", "code": {}, "receipt": None}
        words = ("scan", "x", "--proof", tmp_path / "p", "--server", server.url, "--token-file", kept(SECRET))
        said = Cli(tmp_path / "home")(*words, "--json")
        assert not evil.seen
        assert not way or said.error["code"] == "foreign_address"  # "//host" is read as a path of this server


def test_a_redirect_is_said_and_not_followed(tmp_path: Path) -> None:
    with stranger() as evil, stranger(status=307) as server:
        server.headers = {"Location": f"{evil.url}/v1/batches"}
        words = ("batch", "list", "--gtin", GTIN, "--server", server.url, "--token-file", kept(SECRET))
        error = Cli(tmp_path).no(*words, code=3)
        assert error["code"] == "redirect"
        assert evil.url in error["message"]
        assert not evil.seen


@pytest.mark.usefixtures("no_proxy")
def test_this_machine_is_reached_directly_and_no_proxy_reads_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli, listed = Cli(tmp_path), {"batches": [], "next": None}
    with stranger(answer=listed) as proxy, stranger(answer=listed) as server:
        for name in ("HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        words = ("batch", "list", "--gtin", GTIN)
        token = ("--token-file", kept(SECRET))
        cli.yes(*words, "--server", server.url, *token)
        cli.yes(*words, "--server", server.url.replace("127.0.0.1", "localhost"), *token)
        assert not proxy.seen
        refused = cli.no(*words, "--server", "http://shop.example", *token, code=2)
        assert (refused["code"], "plain http" in refused["message"]) == ("proxy", True)
        assert proxy.seen  # it was asked which ledger it is, which is no secret
        assert not proxy.tokens
        cli.yes(*words, "--server", "http://shop.example")
        monkeypatch.setenv("ALL_PROXY", "socks9://nowhere")
        monkeypatch.setenv("HTTP_PROXY", "socks9://nowhere")
        cli.yes(*words, "--server", server.url, *token)
        assert cli.no(*words, "--server", "http://shop.example", code=2)["code"] == "proxy"


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("LocalHost.", True),
        ("a.localhost", True),
        ("localhost.example", False),
        ("10.0.0.1", False),  # private, and perhaps behind a proxy
        ("", False),
    ],
)
def test_which_addresses_are_this_machine(host: str, ours: bool) -> None:
    assert is_loopback(host) is ours


@pytest.mark.parametrize(
    "raw",
    [
        codecs.BOM_UTF8 + SECRET.encode() + b"\r\n",
        (SECRET + "\r\n").encode("utf-16"),
        codecs.BOM_UTF16_BE + SECRET.encode("utf-16-be"),
        b"  " + SECRET.encode() + b" \t\r\nsecond line\r\n",
    ],
)
def test_a_token_is_read_as_editors_write_it(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(raw)
    with stranger(answer={"batches": [], "next": None}) as server:
        words = ("batch", "list", "--gtin", GTIN, "--server", server.url, "--token-file", file)
        Cli(tmp_path / "home").yes(*words)
        assert server.tokens == {f"Bearer {SECRET}"}


def test_a_secret_is_in_nothing_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli, words = Cli(tmp_path / "home"), ("batch", "list", "--gtin", GTIN)

    def quoting(*_: object) -> None:
        raise RuntimeError(f"{SECRET!r} {SECRET}".encode())

    def asked(*more: object) -> None:
        for form in ((), ("--json",)):
            said = cli(*words, *form, *more)
            assert said.code != 0
            assert SECRET not in said.out + said.err
            assert SECRET[2:-2] not in said.out + said.err

    wrong = tmp_path / "wrong"
    wrong.write_text(f"{SECRET}\u00e9{SECRET}\n")
    bytes_ = tmp_path / "bytes"
    bytes_.write_bytes(SECRET.encode() + b"\xff\xfe\n")
    with stranger(answer="quote") as server:
        at = ("--server", server.url)
        asked(*at, "--token-file", kept(SECRET))
        asked(*at, "--token-file", wrong)
        asked(*at, "--token-file", bytes_)
        asked("--server", f"http://user:{SECRET}@127.0.0.1:9")
        monkeypatch.setenv("CARNET_TOKEN", f"\ufeff{SECRET}\r")
        asked(*at)
        assert server.tokens == {f"Bearer {SECRET}"}
        monkeypatch.setattr("api.cli.base.remote.Remote.get", quoting)
        asked(*at)
        monkeypatch.setenv("CARNET_DEBUG", "1")
        asked(*at)


def test_a_passphrase_is_read_as_editors_write_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli, file = Cli(tmp_path / "home"), tmp_path / "phrase"
    monkeypatch.setenv("CARNET_KEY_PASSPHRASE_FILE", str(file))
    file.write_text("correct horse battery\n")
    cli.yes("key", "new", "a")
    for raw in (codecs.BOM_UTF8 + b"correct horse battery\r\n", "correct horse battery\r\n".encode("utf-16")):
        file.write_bytes(raw)
        cli.yes("key", "new", f"b{len(raw)}")
        from ledger.keys.store import KeyStore

        KeyStore(tmp_path / "home" / "keys").load_evm("a")
    file.write_bytes(b"correct horse battery\xff\n")
    error = cli.no("key", "new", "c", code=2)
    assert (error["code"], "correct" in error["message"]) == ("passphrase", False)
