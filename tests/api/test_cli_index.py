"""carnet index: sealing, showing, and confirming nothing but what one's own copy of the log gives."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cli_world import GTIN, Cli, found, founded
from served import UNLIMITED

from api.app import create_app
from api.cli.operator.index import recomputed
from api.site.settings import ApiSettings
from ledger.home import Home, Settings
from ledger.services.outward.publishing import Publisher
from ledger.wiring.reader import open_ledger
from tests.listening import listening
from tests.sim import Sim
from verifier.errors import Refused
from verifier.record.entry import decode_entry
from verifier.record.record import Record
from verifier.record.statement import Kind


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A home of its own: the numbers of seals matter here."""
    with founded(tmp_path_factory.mktemp("index") / "home") as cli:
        cli.yes("batch", "register", "--gtin", GTIN, "--lot", "L1", "--key", "acme", "--generate", "3")
        yield cli


@pytest.mark.node
def test_an_index_is_sealed_once_shown_and_confirmed(own: Cli) -> None:
    assert own.yes("index", "show")["sealed"] is None
    assert own.no("index", "confirm", "--key", "authority-nl")["code"] == "index_unsealed"
    made = own.yes("index", "seal")
    assert (made["made"], made["new"], made["sealed"]["gtins"]) == (True, 0, "1")
    again = own.yes("index", "seal")
    assert (again["made"], again["sealed"]) == (False, made["sealed"])
    assert own.no("index", "confirm", "--key", "acme")["code"] == "not_entitled"
    confirmed = own.yes("index", "confirm", "--key", "authority-nl")
    assert confirmed["root"] == made["sealed"]["root"]
    assert own.no("index", "confirm", "--key", "authority-nl")["code"] == "index_confirmed"
    shown = own.yes("index", "show")
    assert [who["entry"] for who in shown["confirmed"]["confirmations"]] == [confirmed["entry"]]
    assert "customs, NL" in own("index", "show").out
    assert own.no("index", "confirm", "--key", "nobody", code=2)["code"] == "key_unknown"
    signs = ("--sign", "authority-nl", "--sign", "authority-ke")
    own.yes("participant", "suspend", "acme", "--kind", "fraud", *signs)
    assert (own.yes("index", "show")["new"], own.yes("index", "seal")["made"]) == (0, True), "a decision waits for it"
    own.yes("participant", "reinstate", "acme", *signs)


@pytest.fixture
def served(own: Cli) -> Iterator[tuple[str, Cli, Publisher]]:
    """The home behind a server that publishes."""
    with open_ledger(Home(own.home, Settings(home=own.home)), write=True, chain=True) as ledger:
        if ledger.indexes.new:
            ledger.indexes.seal()
        assert ledger.publisher is not None
        ledger.publisher.round()
        with listening(create_app(ledger, settings=ApiSettings(base_url="http://127.0.0.1", rates=UNLIMITED))) as url:
            yield url, own, ledger.publisher


def copied(cli: Cli, folder: Path) -> Cli:
    """Another machine's copy of a home."""
    shutil.copytree(cli.home, folder, ignore=shutil.ignore_patterns("*.lock", "chain"))
    return Cli(folder)


@pytest.mark.node
def test_a_copy_that_is_behind_or_of_another_ledger_confirms_nothing(own: Cli, tmp_path: Path) -> None:
    behind = copied(own, tmp_path / "behind")
    own.yes("batch", "register", "--gtin", GTIN, "--lot", "L2", "--key", "acme", "--generate", "3")
    other = found(tmp_path / "other")
    with open_ledger(Home(own.home, Settings(home=own.home)), write=True) as ledger:
        ledger.indexes.seal()
        size = ledger.record.size
        with listening(create_app(ledger, settings=ApiSettings(base_url="http://127.0.0.1", rates=UNLIMITED))) as url:
            assert behind.no("index", "confirm", "--key", "authority-ke", "--server", url)["code"] == "copy_behind"
            assert other.no("index", "confirm", "--key", "authority-ke", "--server", url)["code"] == "pin_changed"
        assert ledger.record.size == size


@pytest.mark.node
def test_a_mirror_s_home_confirms_at_the_server_it_follows(served: tuple[str, Cli, Publisher], tmp_path: Path) -> None:
    url, keeper, publisher = served
    before = keeper.yes("index", "show", "--server", url)
    about = Home(keeper.home, Settings(home=keeper.home)).config()
    mirror = Cli(tmp_path / "mirror")
    mirror.yes("mirror", url, "--once", "--founding", about.pin)
    for file in (keeper.home / "keys").glob("authority-br*"):
        shutil.copy(file, mirror.home / "keys")
    confirmed = mirror.yes("index", "confirm", "--key", "authority-br")
    assert confirmed["root"] == before["sealed"]["root"]
    shown = keeper.yes("index", "show", "--server", url)
    assert confirmed["confirmed"] in {who["by"] for who in shown["confirmed"]["confirmations"]}
    publisher.round()
    mirror.yes("mirror", url, "--once")
    assert mirror.yes("index", "show")["confirmed"]["root"] == confirmed["root"]


def test_nothing_is_signed_that_the_own_copy_does_not_give() -> None:
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    batch = sim.register_batch(maker)
    size = sim.seal_index()
    sim.recall(maker, batch)
    head = sim.record.index_seals[size].head

    def copy(entries: list[bytes]) -> Record:
        record = Record(sim.segment)
        for raw in entries:
            record.integrate(decode_entry(raw))
        return record

    assert recomputed(copy(sim.entries), head) == head
    cases = [
        (copy(sim.entries[:size]), head, "copy_behind"),
        (copy(sim.entries), replace(head, root=bytes(32)), "index_differs"),
        (copy(sim.entries), replace(head, gtins=7), "index_differs"),
        (copy(sim.entries), replace(head, size=size - 1), "index_differs"),
    ]
    for record, wanted, code in cases:
        with pytest.raises(Refused) as refusal:
            recomputed(record, wanted)
        assert refusal.value.code == code
    # The operator's seal leaves the recall out: the entry says one thing, the fold of the same entries another.
    lying = Sim.found(checked=False)
    maker = lying.maker("aurora", "9521234")
    lying.recall(maker, lying.register_batch(maker))
    at = lying.size()
    hiding = replace(copy(sim.entries[:4]).index.view(at).head, gtins=1)
    lying.force(Kind.INDEX_SEALED, hiding.body(), None, None)
    lying.force(Kind.INDEX_SEALED, replace(hiding, size=at + 1).body(), None, None)
    with pytest.raises(Refused) as refusal:
        recomputed(copy(lying.entries), hiding)
    assert refusal.value.code == "index_differs"
