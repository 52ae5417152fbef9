"""What callers see of witnesses: how far they cosigned, who is in trouble, and no oracle while they are awaited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from ledger_world import ORIGIN, MadeBatch, World, gtin
from served import PREFIX, client
from sqlalchemy import text
from witness_world import Server, policy, wait_for

from ledger.opened import Ledger
from verifier.reading.digital_link import format_digital_link
from verifier.tree.note import open_note

pytestmark = pytest.mark.node

WATCH = gtin(PREFIX, 1)


@dataclass
class Scene:
    """A served ledger with one witness of two that answers; one is enough."""

    ledger: Ledger
    http: httpx.Client
    batch: MadeBatch
    witness: Server

    def ask(self, lot: str, serial: str, **more: str) -> dict[str, Any]:
        link = format_digital_link("https://id.example", WATCH, lot, serial)
        found: dict[str, Any] = self.http.get("/v1/verify", params={"code": link, **more}).json()
        return found


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("witnessed")
    ke, br = (Server.make(folder, name) for name in ("ke", "br"))
    world = World.found(folder / "home", witness_policy=policy(ke, br, quorum=1))
    ke.trust(world.keys.load_ed25519("log").note_key(ORIGIN).verifier)
    ke.start()
    with world.open() as ledger, client(ledger) as http:
        batch = world.register(ledger, world.maker(ledger, "Aurora", PREFIX), WATCH, "L1")
        ledger.start()
        wait_for(lambda: (w := ledger.witnessed.current()) is not None and w.size == ledger.record.size)
        wait_for(lambda: ledger.published.size() == ledger.record.size)
        yield Scene(ledger, http, batch, ke)
    ke.stop()


def test_an_answer_says_how_far_witnesses_cosigned_and_who(scene: Scene) -> None:
    answer = scene.ask("L1", scene.batch.serials[0])
    assert answer["verdict"] == "registered"
    assert answer["as_of"]["witnessed_size"] == scene.ledger.record.size
    assert answer["as_of"]["witnesses"] == ["ke"]
    assert answer["as_of"]["witnessed_at"] > "2026"
    assert {row["check"]: row["result"] for row in answer["checks"]}["witnesses"] == "passed"
    link = format_digital_link("http://127.0.0.1", WATCH, "L1", scene.batch.serials[0])
    page = scene.http.get(link.removeprefix("http://127.0.0.1"), headers={"Accept": "text/html"}).text
    assert "1 witness (ke) cosigned the first" in page


def test_the_ledger_says_of_each_witness_where_it_stands(scene: Scene) -> None:
    wait_for(lambda: scene.ledger.witnessing is not None and scene.ledger.witnessing.troubles())
    about = scene.http.get("/v1/ledger").json()
    assert about["witnessed"]["size"] == scene.ledger.record.size
    assert (about["witnessed"]["names"], about["witnessed"]["fresh"]) == (["ke"], True)
    ke, br = about["witnesses"]
    assert (ke["name"], ke["size"], ke["trouble"]) == ("ke", scene.ledger.record.size, None)
    assert (br["name"], br["size"], br["cosigned_at"]) == ("br", 0, None)
    assert br["trouble"]["code"] == "witness_unavailable"
    keys = [*scene.ledger.founding.log_keys, scene.witness.key]
    assert len(open_note(about["checkpoint"].encode(), keys).verified) == 2
    page = scene.http.get("/ledger", headers={"Accept": "text/html"}).text
    assert "entries by ke, " in page
    assert "ago</dd>" in page
    assert "witness_unavailable" in page


def test_a_witness_in_trouble_is_no_reason_not_to_answer(scene: Scene) -> None:
    wait_for(lambda: scene.ledger.witnessing is not None and scene.ledger.witnessing.troubles())
    response = scene.http.get("/readyz")
    assert response.status_code == 200
    assert response.json()["troubles"]["witness br"]["code"] == "witness_unavailable"


def test_while_witnesses_are_awaited_absent_codes_still_look_alike(scene: Scene) -> None:
    with scene.ledger.engine.begin() as connection:
        connection.execute(text("UPDATE cosignature SET time_s = time_s - 3600"))
    scene.ledger.witnessed.renew()
    try:
        answers = [scene.ask(lot, "NOBODY") for lot in ("L1", "NO-LOT", "ANOTHER")]
        assert {answer["verdict"] for answer in answers} == {"check"}
        assert [reason["code"] for reason in answers[0]["reasons"]] == ["unit_absent", "awaiting_witnesses"]
        for answer in answers:
            del answer["code"], answer["repairs"]
        assert answers[0] == answers[1] == answers[2]
        registered = scene.ask("L1", scene.batch.serials[0])
        assert registered["verdict"] == "check"
        assert "awaiting_witnesses" in {reason["code"] for reason in registered["reasons"]}
        assert {row["check"]: row["result"] for row in registered["checks"]}["witnesses"] == "noted"
    finally:
        with scene.ledger.engine.begin() as connection:
            connection.execute(text("UPDATE cosignature SET time_s = time_s + 3600"))
        scene.ledger.witnessed.renew()
    assert scene.ask("L1", "NOBODY")["verdict"] == "not_registered"


def test_the_published_checkpoint_bears_what_was_cosigned(scene: Scene) -> None:
    note = scene.http.get("/log/checkpoint").content
    verified = open_note(note, [*scene.ledger.founding.log_keys, scene.witness.key]).verified
    assert [made.key.name for made in verified] == [ORIGIN, "ke.example/witness"]
    assert scene.http.get("/log/").json()["witness_policy"] == scene.ledger.founding.witness_policy
