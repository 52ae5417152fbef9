"""Audits of an honest log that grows and is anchored while it is read, by real HTTP and a real node: none accuses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from served import Stage

from ledger.wiring.audit import audit_url
from tests.node_proxy import Misbehaving, misbehaving

pytestmark = pytest.mark.node


class Busy:
    """Somebody recalls a batch and takes that back, again and again; each time the log is published and anchored."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._batch = stage, stage.dutch
        self._one = threading.Lock()

    def write(self) -> None:
        with self._one:
            world, ledger, maker = self._stage.world, self._stage.ledger, self._stage.maker
            world.undo(ledger, maker, world.recall(ledger, maker, self._batch).leaf)
            assert ledger.upkeep is not None
            ledger.upkeep.round()


@pytest.fixture
def busy(stage: Stage) -> Busy:
    made = Busy(stage)
    made.write()
    return made


@pytest.fixture
def node(stage: Stage) -> Iterator[Misbehaving]:
    assert stage.ledger.evm is not None
    with misbehaving(stage.ledger.evm.rpc.url) as made:
        yield made


def test_a_log_that_is_anchored_between_two_looks_is_not_accused(
    stage: Stage, http: httpx.Client, busy: Busy, node: Misbehaving
) -> None:
    """The log goes on after its checkpoint was read and before the chain is: the node's newest block is later."""

    def later(params: list[Any], forward: Any) -> Any:
        if params[0] == "latest":
            busy.write()
        return forward(*params)

    node.answer["eth_getBlockByNumber"] = later
    for _ in range(3):
        report = audit_url(str(http.base_url), stage.ledger.founding.pin, chain_rpc=node.url)
        assert report.ok, (report.findings, report.not_checked)
        assert any("anchors are newer than these" in note for note in report.notes)
        assert report.counts["decisions"] >= 6


@pytest.mark.slow
def test_twenty_audits_of_a_busy_log_accuse_nobody(
    stage: Stage, http: httpx.Client, busy: Busy, node: Misbehaving
) -> None:
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            busy.write()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        reports = [audit_url(str(http.base_url), stage.ledger.founding.pin, chain_rpc=node.url) for _ in range(20)]
    finally:
        over.set()
        writer.join()
    assert [(report.findings, report.not_checked) for report in reports] == [((), ())] * 20
    assert reports[-1].size > reports[0].size
