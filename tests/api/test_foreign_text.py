"""Text of others at every exit: nothing of it steers a terminal or a page, and none of it is taken in."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from cli_world import Cli
from served import WATCH, Stage
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.listening import listening
from verifier.errors import Malformed
from verifier.foreign import shown

EVIL = "ok\x85\x9b2J\u202egnp\u2066x\u200b\u3164\U000e0041\ue000"
TERMINAL = "\x1b]0;owned\x07\x1b[2J\r\n\x9b31m\u202e\u2028"


def assert_harmless(text: str) -> None:
    """Whatever can be printed of it, line feeds apart, is seen where it stands. Joiners are needed by some scripts."""
    found = {one for one in text if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")}
    assert found <= set("\n\u200c\u200d"), f"{found!a} in {text!a}"


def old_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let statements in as they were before such text was refused."""
    monkeypatch.setattr("verifier.foreign.first_hidden", lambda _text: None)


def test_a_record_of_old_shows_nothing_raw(
    stage: Stage, http: httpx.Client, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    batch = stage.world.register(stage.ledger, stage.maker, WATCH, "EVIL1", units=1)
    with monkeypatch.context() as before:
        old_record(before)
        stage.world.recall(stage.ledger, stage.maker, batch, EVIL, f"https://x.example/{EVIL}")
    url, code = str(http.base_url).rstrip("/"), stage.link(batch, batch.serials[0])
    cli = Cli(tmp_path_factory.mktemp("reader"))
    for words in (("scan", code), ("batch", "show", f"{WATCH}/EVIL1"), ("batch", "list", "--gtin", WATCH)):
        for form in ((), ("--json",)):
            said = cli(*words, *form, "--server", url)
            assert_harmless(said.out + said.err)
            assert "202e" in said.out.lower()
    recalled = cli("batch", "show", f"{WATCH}/EVIL1", "--json", "--server", url).json["recall"]
    assert recalled["reason"] == EVIL, "programs read the text as it is"
    for page in (http.get("/", params={"code": code}), http.get("/v1/verify", params={"code": code})):
        assert_harmless(page.text.replace("\\n", ""))
        assert "202e" in page.text.lower()


@pytest.mark.parametrize("text", ["glass\x9b2J", "glass\u202e", "gl\u200bass", "glass\u2028"])
def test_nobody_signs_or_takes_in_what_nobody_sees(stage: Stage, text: str) -> None:
    before = stage.ledger.record.size
    for reason, notice in ((text, ""), ("glass", text)):
        with pytest.raises(Malformed) as refused:
            stage.world.recall(stage.ledger, stage.maker, stage.batch, reason, notice)
        assert refused.value.code == "hidden_character"
        assert refused.value.at == ("reason" if reason == text else "noticeUrl")
        assert_harmless(str(refused.value))
    assert stage.ledger.record.size == before


def test_commands_refuse_it_before_anything_is_kept(cli: Cli) -> None:
    name = "Ac\u202eme"
    admit = ("participant", "admit", "acme", "--role", "carrier", "--country", "NL", "--name", name)
    assert cli.no(*admit, "--sign", "authority-nl", code=2)["code"] == "hidden_character"
    assert cli.no("token", "new", name, code=2)["code"] == "hidden_character"
    assert cli.no("token", "link", name, code=2)["code"] == "hidden_character"


def test_a_device_has_a_name_that_can_be_seen(stage: Stage, http: httpx.Client) -> None:
    scan = {"id": "00000000-0000-4000-8000-0000000000aa", "scanned_at": "2026-01-01T00:00:00Z", "code": "x"}
    answer = http.post("/v1/scans", json={**scan, "device": "gate\u202e7"}, headers=stage.token("scan"))
    assert (answer.status_code, answer.json()["code"]) == (400, "hidden_character")


@contextmanager
def hostile(value: object, status: int = 200) -> Iterator[str]:
    """A server that answers everything with the same JSON."""

    async def answer(_request: Request) -> Response:
        return Response(json.dumps(value), status, media_type="application/json")

    with listening(Starlette(routes=[Route("/{rest:path}", answer)])) as url:
        yield url


def test_a_hostile_servers_words_steer_nothing(cli: Cli) -> None:
    problem = {"code": TERMINAL, "detail": TERMINAL * 1_000, "title": TERMINAL, "errors": [{"pointer": TERMINAL}]}
    with hostile(problem, 422) as url:
        for words in (("batch", "show", f"{WATCH}/L1"), ("scan", "x"), ("participant", "list")):
            for form in ((), ("--json",)):
                said = cli(*words, *form, "--server", url)
                assert said.code != 0
                assert_harmless(said.out + said.err)
                assert len(said.out + said.err) < 12_000
                assert (said.out + said.err).count("\n") == 1


def test_one_value_is_one_line() -> None:
    assert shown("a\r\nok: registered") == "a{U+000D}{U+000A}ok: registered"
