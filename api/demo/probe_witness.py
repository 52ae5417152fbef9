"""Probes of witnesses: two countries' cosignatures on the checkpoint, and the answers while both are stopped."""

from __future__ import annotations

import re
from typing import Any

from api.demo.bench import Bench
from api.demo.cast import SOLMIRE
from api.demo.maker import Run, make_gtin, make_run, registration
from api.demo.probe import Prober, Rule
from api.demo.witnesses import NAMES, wait_for_quorum
from ledger.services.units.serial import generate
from verifier.tree.note import open_note


def probe_witness(bench: Bench, prober: Prober) -> None:
    """The published checkpoint, the page, and both witnesses stopped. Last, since it stops them."""
    wait_for_quorum(bench.stage.ledger)
    prober.ask("the published checkpoint bears two countries", Rule.WITNESS, [2, True], _published, bench)
    prober.ask("the ledger's page says who has seen it", Rule.WITNESS, True, _on_page, bench)
    run: list[Run] = []
    expected = [201, "check", True, "registered", "not_registered"]
    prober.ask("a batch that no witness has seen yet", Rule.WITNESS, expected, _unseen, bench, run)
    prober.ask("and once they are back", Rule.WITNESS, "registered", _back, bench, run)


def _published(bench: Bench) -> list[Any]:
    """How many witnesses' signatures hold, opened with the keys of entry 0; and whether the log's comes first."""
    founding = bench.stage.ledger.founding
    assert founding.policy is not None  # noqa: S101  (the demo is founded with one)
    note = bench.client.get("/log/checkpoint").content
    opened = open_note(note, [*founding.log_keys, *founding.policy.witnesses.values()])
    return [len(opened.verified) - 1, opened.note.signatures[0].name == founding.origin]


def _on_page(bench: Bench) -> bool:
    page = bench.client.get("/ledger", headers={"Accept": "text/html"}).text
    return re.search(rf"by {', '.join(NAMES)}, [0-9]+ seconds? ago", page) is not None


def _unseen(bench: Bench, made: list[Run]) -> list[Any]:
    """Stop both witnesses and register: the new batch, one from before, and a serial that nobody registered."""
    bench.stage.witnesses.stop()
    ledger = bench.stage.ledger
    run = make_run(ledger, make_gtin(SOLMIRE.prefix or "", 7), "UNSEEN", generate(3))
    sent = bench.send("/v1/batches", registration(ledger, bench.key(SOLMIRE.key), run), run.salt)
    made.append(run)
    new = bench.verify(run.link(run.serials[0], bench.url))
    old = bench.verify(bench.stage.state.text("clean", bench.url))
    absent = bench.verify(bench.stage.state.text("invented", bench.url))
    awaiting = "awaiting_witnesses" in {reason["code"] for reason in new["reasons"]}
    return [sent.status_code, new["verdict"], awaiting, old["verdict"], absent["verdict"]]


def _back(bench: Bench, made: list[Run]) -> Any:
    bench.stage.witnesses.start()
    wait_for_quorum(bench.stage.ledger, 20)
    return bench.verify(made[0].link(made[0].serials[0], bench.url))["verdict"]
