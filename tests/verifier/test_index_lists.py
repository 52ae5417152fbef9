"""The rows of decisions and history: which entries they count, from which version on, and what a cut list gives."""

from __future__ import annotations

from hashlib import sha256

import pytest

from tests.sim import Sim, actor, gtin_of
from verifier.errors import ProofInvalid, Refused
from verifier.record.batch import RetireReason
from verifier.record.entry import decode_entry
from verifier.record.index import DECISIONS, HISTORY, IndexView, check_list, index_key, verify_row
from verifier.record.participant import Role
from verifier.record.rules import FIRST
from verifier.record.statement import Kind
from verifier.tree.index_tree import IndexRow
from verifier.tree.merkle import leaf_hash, root_of

PREFIX = "9521234"


def story(rules: int) -> Sim:
    """A ledger with an entry of every kind, among them seals and confirmations; checked after each."""
    sim = Sim.found(rules=rules)
    auditor, maker = sim.admit("vera", Role.AUDITOR, "FR"), sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker)
    sim.seal()
    sim.seal_index()
    sim.confirm_index(auditor)
    sim.retire(maker, batch, RetireReason.SOLD, batch.serials[:3])
    sim.undo(maker, sim.recall(maker, batch))
    sim.suspend(maker)
    sim.seal()
    return sim


def sealed_view(sim: Sim) -> IndexView:
    view = sim.record.index_seals[sim.seal_index()].view
    assert view is not None
    return view


def leaves(sim: Sim, *kinds: Kind) -> list[bytes]:
    return [leaf_hash(raw) for raw in sim.entries if decode_entry(raw).kind in kinds]


def test_the_two_rows_count_what_the_page_says() -> None:
    sim = story(2)
    decisions = leaves(sim, Kind.PARTICIPANT_MIRRORED)
    history = leaves(sim, *(set(Kind) - {Kind.SCANS_SEALED, Kind.INDEX_SEALED, Kind.INDEX_CONFIRMED}))
    assert {decode_entry(raw).kind for raw in sim.entries} == set(Kind)
    view = sealed_view(sim)
    assert view.row_at(sha256(b"carnet/decisions").digest()) == IndexRow(DECISIONS, 5, root_of(decisions))
    assert view.row_at(sha256(b"carnet/history").digest()) == IndexRow(HISTORY, 10, root_of(history))
    for key, counted in ((DECISIONS, decisions), (HISTORY, history)):
        row = verify_row(view.prove_at(key), view.head, key)
        check_list(row, counted, "entries")
    assert view.row_at(index_key(gtin_of(PREFIX))) == view.row(gtin_of(PREFIX))


def test_an_index_of_version_1_is_what_it_was() -> None:
    """Byte for byte: the root over the rows of the goods alone, here a product and its one batch."""
    sim = story(FIRST)
    view = sealed_view(sim)
    assert not view.listed
    assert (view.row_at(DECISIONS), view.row_at(HISTORY)) == (None, None)
    assert verify_row(view.prove_at(DECISIONS), view.head, DECISIONS) is None
    assert view.head.root.hex() == "180dfdac8b1c976793b8176037da5e87ad0cee5bc09436f5041b6d1777cf37f2"


def test_a_raise_lists_all_from_the_first_entry_on() -> None:
    sim = story(FIRST)
    before = sealed_view(sim)
    sim.raise_rules()
    after = sealed_view(sim)
    assert (before.listed, after.listed) == (False, True)
    row = after.row_at(DECISIONS)
    assert row == IndexRow(DECISIONS, 6, root_of(leaves(sim, Kind.PARTICIPANT_MIRRORED)))
    assert sim.audit().ok


def test_seals_and_confirmations_change_neither_row() -> None:
    sim = story(2)
    first = sealed_view(sim)
    sim.confirm_index(sim.authorities[1])
    sim.seal()
    again = sealed_view(sim)
    assert again.head.root == first.head.root
    sim.reinstate(actor("aurora"))
    changed = sealed_view(sim)
    assert changed.row_at(DECISIONS) != first.row_at(DECISIONS)
    assert changed.row(gtin_of(PREFIX)) == first.row(gtin_of(PREFIX))


def test_an_index_that_leaves_a_decision_out_is_not_taken() -> None:
    sim = story(2)
    before = sim.record.index.view(0)
    sim.reinstate(actor("aurora"))
    body = {**before.head.body(), "size": str(sim.size())}
    with pytest.raises(Refused) as refusal:
        sim.append(Kind.INDEX_SEALED, body, None, None)
    assert refusal.value.code == "index_differs"
    at = sim.force(Kind.INDEX_SEALED, body, None, None)
    assert [(finding.at, finding.code) for finding in sim.audit().findings] == [(f"entry {at}", "index_differs")]


@pytest.mark.parametrize("wrong", ["one less", "one more", "turned around", "none", "no row"])
def test_a_list_that_is_not_the_row_s_is_named(wrong: str) -> None:
    sim = story(2)
    row, counted = sealed_view(sim).row_at(DECISIONS), leaves(sim, Kind.PARTICIPANT_MIRRORED)
    given = {
        "one less": counted[:-1],
        "one more": [*counted, bytes(32)],
        "turned around": counted[::-1],
        "none": [],
        "no row": counted,
    }[wrong]
    with pytest.raises(ProofInvalid, match="decisions") as refusal:
        check_list(None if wrong == "no row" else row, given, "decisions")
    assert refusal.value.code == "index_row"
    check_list(None, [], "decisions")
