"""Where the server's proof shows a unit: checked from the pin, and against the log that is read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from api.cli.officer.judged_again import _place, judge_again
from tests.sim import Sim
from verifier.scan.judged import Place
from verifier.scan.said import said_about

if TYPE_CHECKING:
    from api.cli.base.remote import Remote

LOTS = {"ONE": ["S0001"], "TWO": ["T0001"]}


class Server:
    """A server that gives this proof, whatever it is asked."""

    def __init__(self, proof: bytes) -> None:
        self.proof = proof

    def get_bytes(self, path: str, params: dict[str, str]) -> bytes:
        """The proof."""
        assert (path, set(params)) == ("/v1/proofs/units", {"code"})
        return self.proof


def history(lots: dict[str, list[str]]) -> Sim:
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    for lot, serials in lots.items():
        sim.register_batch(maker, lot=lot, public=True, serials=serials)
    return sim


@pytest.mark.parametrize("lot", ["ONE", "TWO"], ids=["present", "absent"])
def test_a_proof_of_another_history_shows_no_place(lot: str) -> None:
    log, other = history(LOTS), history({"TWO": ["T0001"], "ONE": ["S0001"]})
    assert log.pin == other.pin
    gtin = next(iter(log.record.by_gtin))
    receipt = log.promise("T", code=f"(01){gtin}(10){lot}(21)S0001")
    said = said_about(log.record, receipt)
    assert said.code is not None
    code, text = said.code, str(receipt.fields["code"])
    proofs = [(sim.proofs().for_unit(code) if lot == "ONE" else sim.proofs().for_absence(code)) for sim in (log, other)]
    own, foreign = (_place(cast("Remote", Server(proof)), log.founding, text, said) for proof in proofs)
    assert own == (Place(log.record.by_lot[gtin, "ONE"].index if lot == "ONE" else None), "")
    assert foreign[0] is None
    assert "another history" in foreign[1]


def test_what_came_and_was_undone_again_was_true_in_between() -> None:
    """An officer is told of a recall that no signed head covers yet; soon after, the maker takes it back."""
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    batch = sim.register_batch(maker, public=True)
    size, code = sim.size(), f"(01){batch.gtin}(10){batch.lot}(21)S0001"
    sim.undo(maker, sim.recall(maker, batch))
    sim.register_batch(maker)
    told = {
        "honest": ("stop", ["unit_registered", "recalled"]),
        "lie": ("check", ["unit_registered", "issuer_suspended"]),
        "lie that a lot was recalled and its maker suspended": (
            "stop", ["unit_registered", "recalled", "issuer_suspended"],
        ),
    }  # fmt: skip
    receipts = {
        name: sim.promise("T", code=code, reasons=reasons, verdict=verdict, log_size=str(size))
        for name, (verdict, reasons) in told.items()
    }
    lookup: Any = SimpleNamespace(head=SimpleNamespace(size=sim.size(), root=sim.root()), tile=sim.tile)
    unit = said_about(sim.record, receipts["honest"]).code
    assert unit is not None
    remote = cast("Remote", Server(sim.proofs().for_unit(unit)))
    found = judge_again(remote, lookup, sim.founding, receipts)
    assert [name for name, compared in found.items() if not compared.faults] == ["honest"]
    assert "unit" in found["honest"].same
