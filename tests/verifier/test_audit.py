"""The audit: a sound log passes, and every change of its bytes is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sim import ANCHOR, REGISTRY, Actor, MadeBatch, Sim, actor, gtin_of, secret, segment_bytes, word
from verifier import canonical
from verifier.audit.audit import audit
from verifier.audit.decisions import MIRROR_LIMIT
from verifier.audit.report import FINDINGS_MAX, MEANINGS, AuditReport, Findings
from verifier.chain.event import EXECUTED, Block
from verifier.errors import NotFound, Unavailable
from verifier.record.batch import RetireReason
from verifier.record.entry import encode_entry
from verifier.record.participant import Role
from verifier.record.statement import Kind, Proposal, sign
from verifier.record.struct import ZERO32
from verifier.tree.checkpoint import Checkpoint, sign_checkpoint
from verifier.tree.merkle import leaf_hash
from verifier.tree.note_key import SigningKey
from verifier.tree.tiles import TILE_WIDTH

PREFIX = "9521234"
NO_WITNESSES = "this log has no witnesses: nobody vouches that others were shown the same"
PAGES = ("audit.md", "statement.md", "entry.md", "index.md")
SIZE = 13
"""Entries of `built`."""


@cache
def built() -> tuple[Sim, Actor, MadeBatch]:
    """A log with every kind of entry, anchored twice. Nobody changes it: see `story`."""
    sim = Sim.found()
    maker, customs = sim.maker("aurora", PREFIX), sim.admit("douane", Role.CUSTOMS, "FR")
    batch = sim.register_batch(maker, units=100)
    sim.anchor()
    sim.undo(maker, sim.recall(maker, batch))
    sim.retire(maker, batch, RetireReason.SOLD, batch.serials[:70])
    sim.retire(customs, batch, RetireReason.STOLEN, ["S0099"])
    sim.register_batch(maker, lot="SECOND", public=True)
    sim.recall(maker, batch)
    sim.suspend(customs)
    sim.anchor()
    return sim, maker, batch


def story() -> tuple[Sim, Actor, MadeBatch]:
    """The log of `built`, to be damaged."""
    sim, maker, batch = built()
    copy = deepcopy(sim)
    copy.checked = False
    return copy, maker, batch


def found(report: AuditReport) -> dict[str, str]:
    """Code of the first finding at each place."""
    places: dict[str, str] = {}
    for finding in report.findings:
        places.setdefault(finding.at, finding.code)
    return places


def untold(report: AuditReport) -> dict[str, str]:
    """Code of what could not be told at each place."""
    return {one.at: one.code for one in report.not_checked}


def codes(report: AuditReport) -> set[str]:
    return {finding.code for finding in report.findings}


def test_a_sound_log_passes_and_everything_was_counted() -> None:
    sim, _, _ = built()
    report = sim.audit()
    assert report.ok
    assert report.notes == (NO_WITNESSES,)
    assert dict(report.counts) == {
        "entries": SIZE, "decisions": 5, "statements": 7, "batches": 2, "units": 117, "checkpoints": SIZE, "tiles": 1,
        "segments": 3, "anchors": 2,
    }  # fmt: skip
    assert (report.size, report.root, report.chain_head) == (SIZE, sim.root(), sim.record.head)
    assert json.loads(json.dumps(report.to_json()))["ok"] is True


def test_without_a_node_the_report_says_what_was_not_asked() -> None:
    report = built()[0].audit(chain=False)
    assert report.ok
    assert "anchors" not in report.counts
    assert "no node of the chain was asked" in report.notes[0]


def test_progress_is_told() -> None:
    sim = built()[0]
    told: list[tuple[str, int, int]] = []
    audit(sim, sim.pin, progress=lambda *step: told.append(step))
    assert ("entries", SIZE, SIZE) in told
    assert told[-1] == ("units", 187, 187)


# entries


@pytest.mark.parametrize("index", range(SIZE))
def test_a_changed_entry_is_named(index: int) -> None:
    sim, _, _ = story()
    sim.keep_tiles()
    del sim.stored_tiles["entries", 0, SIZE]
    sim.tamper(index, lambda entry: {**entry, "recorded_at": entry["recorded_at"].replace("000Z", "001Z")})
    report = sim.audit()
    places = found(report)
    assert places[f"entry {index}"] == "leaf_differs"
    assert ("pin" in codes(report)) == (index == 0)
    assert places.get(f"entry {index + 1}") == ("chain_broken" if index < SIZE - 1 else None)
    assert "root_differs" in codes(report)
    assert "anchor_foreign" in codes(report)
    # what named the changed entry by its leaf hangs in the air now; nothing else is under suspicion
    for later in report.findings:
        if later.at not in (f"entry {index}", f"entry {index + 1}") and later.at.startswith("entry"):
            assert later.code in ("batch_unknown", "supersedes", "undo_unknown")
            assert index in (5, 6, 7)


@pytest.mark.parametrize("index", range(5, 12))
def test_an_altered_statement_is_named_by_its_signature(index: int) -> None:
    sim, _, _ = story()
    sim.tamper(index, lambda entry: {**entry, "body": {**entry["body"], "statementId": word(5)}})
    report = sim.audit()
    assert (f"entry {index}", "signature_wrong") in {(finding.at, finding.code) for finding in report.findings}


def test_an_altered_decision_is_named_by_its_votes() -> None:
    sim, _, _ = story()

    def raise_role(entry: dict[str, Any]) -> dict[str, Any]:
        body = entry["body"]
        return {**entry, "body": {**body, "statement": {**body["statement"], "country": "XX"}}}

    sim.tamper(2, raise_role)
    report = sim.audit()
    assert ("entry 2", "not_approved") in {(finding.at, finding.code) for finding in report.findings}


@given(index=st.integers(0, SIZE - 1), at=st.integers(0, 5_000), bit=st.integers(0, 7))
@settings(deadline=None)
def test_any_flipped_bit_of_an_entry_is_found(index: int, at: int, bit: int) -> None:
    sim, _, _ = story()
    sim.keep_tiles()
    del sim.stored_tiles["entries", 0, SIZE]
    raw = bytearray(sim.entries[index])
    raw[at % len(raw)] ^= 1 << bit
    sim.entries[index] = bytes(raw)
    report = sim.audit()
    assert f"entry {index}" in found(report)
    # without a founding nobody can say whose signature a checkpoint should bear
    assert codes(report) >= ({"leaf_differs", "root_differs"} if index else {"leaf_differs", "pin"})


@given(at=st.integers(0, 100_000), bit=st.integers(0, 7))
@settings(deadline=None)
def test_any_flipped_bit_of_a_bundle_is_found(at: int, bit: int) -> None:
    """Also in the lengths between entries, where everything behind it can no longer be taken apart."""
    sim, _, _ = story()
    sim.keep_tiles()
    raw = bytearray(sim.stored_tiles["entries", 0, SIZE])
    raw[at % len(raw)] ^= 1 << bit
    sim.stored_tiles["entries", 0, SIZE] = bytes(raw)
    report = sim.audit()
    assert not report.ok
    named = [place for place in found(report) if place.startswith(("entry", "tile/entries"))]
    assert named


def test_entries_removed_added_or_swapped_are_found() -> None:
    sim, _, _ = story()
    del sim.entries[8]
    assert {"chain_broken", "entries_missing", "root_differs"} <= codes(sim.audit())
    sim, _, _ = story()
    sim.entries.append(sim.entries[-1])
    report = sim.audit()
    assert {"chain_broken"} <= codes(report)
    assert "entries 13 to 13 are under no signed checkpoint yet" in report.notes
    sim, _, _ = story()
    sim.entries[6], sim.entries[7] = sim.entries[7], sim.entries[6]
    assert {"chain_broken", "root_differs"} <= codes(sim.audit())


def test_a_truncated_log_is_found_by_what_was_signed_and_by_the_chain() -> None:
    sim, _, _ = story()
    sim.entries = sim.entries[:9]
    assert {"entries_missing", "anchor_ahead"} <= codes(sim.audit())
    for size in [size for size in sim.notes if size > 9]:
        del sim.notes[size]
    assert codes(sim.audit()) == {"anchor_ahead"}
    assert sim.audit(chain=False).ok  # without the chain and without witnesses a shorter log is a log


def test_an_empty_source_is_no_log() -> None:
    sim, _, _ = story()
    sim.entries, sim.notes = [], {}
    report = sim.audit()
    assert not report.ok
    assert found(report) == {"entry 0": "entry_missing"}


def test_another_log_is_not_the_one_that_was_asked_about() -> None:
    other = Sim.found(("NL", "KE"))
    report = other.audit(pin=built()[0].pin)
    assert found(report) == {"entry 0": "pin"}


# history rewritten by its operator


def test_a_forged_history_is_found_by_signature_and_by_chain() -> None:
    """The operator has the log's key, and makes leaves, tree and checkpoints fit again."""
    sim, _, batch = story()
    sim.forge(batch.index, lambda entry: {**entry, "body": {**entry["body"], "markets": ["KE"]}})
    places = found(sim.audit())
    assert places[f"entry {batch.index}"] == "signature_wrong"
    assert {code for place, code in places.items() if place.startswith("anchor")} == {"anchor_foreign"}
    assert "root_differs" not in places.values()
    # The recall and the rest named the leaf of the real registration, so they hang in the air now.
    assert places[f"entry {batch.index + 1}"] == "batch_unknown"


def test_an_entry_taken_out_of_history_is_found_by_the_chain_alone() -> None:
    """A recall removed and everything after it made to fit: only the anchored head remembers."""
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker)
    sim.recall(maker, batch)
    sim.anchor()
    del sim.entries[-1]
    del sim.notes[sim.size() + 1]
    sim.forge(0, lambda entry: entry)
    assert sim.audit(chain=False).ok
    assert codes(sim.audit()) == {"anchor_ahead"}


RULES: dict[str, Callable[[Sim, Actor, MadeBatch], tuple[Kind, Mapping[str, Any], Actor, str | None]]] = {}


def rule(code: str) -> Callable[[Any], Any]:
    def keep(function: Any) -> Any:
        RULES[code] = function
        return function

    return keep


def recall_body(sim: Sim, batch: MadeBatch, **over: Any) -> dict[str, Any]:
    body = {"batch": batch.id, "reason": "x", "noticeUrl": "", "supersedes": "0x" + sim.batch(batch).recall.head.hex()}
    return {**sim.header(), **body, **over}


@rule("not_entitled")
def _carrier(sim: Sim, _maker: Actor, batch: MadeBatch) -> Any:
    return Kind.BATCH_RECALLED, recall_body(sim, batch), sim.authorities[0], None


@rule("not_admitted")
def _stranger(sim: Sim, _maker: Actor, batch: MadeBatch) -> Any:
    return Kind.BATCH_RECALLED, recall_body(sim, batch), actor("stranger"), None


@rule("suspended")
def _suspended(sim: Sim, _maker: Actor, batch: MadeBatch) -> Any:
    statement = sim.retirement(actor("douane"), batch, RetireReason.STOLEN, ["S0098", "S0099"])
    return Kind.UNITS_RETIRED, statement.body, actor("douane"), None


@rule("signature_wrong")
def _in_anothers_name(sim: Sim, maker: Actor, batch: MadeBatch) -> Any:
    return Kind.BATCH_RECALLED, recall_body(sim, batch), actor("stranger"), maker.address


@rule("expired")
def _expired(sim: Sim, maker: Actor, batch: MadeBatch) -> Any:
    return Kind.BATCH_RECALLED, recall_body(sim, batch, issuedAt="5", expiresAt="6"), maker, None


@rule("supersedes")
def _supersedes(sim: Sim, maker: Actor, batch: MadeBatch) -> Any:
    return Kind.BATCH_RECALLED, recall_body(sim, batch, supersedes=ZERO32), maker, None


@rule("statement_id_reused")
def _twice(sim: Sim, maker: Actor, batch: MadeBatch) -> Any:
    used = canonical.decode(sim.entries[batch.index])["body"]["statementId"]
    return Kind.BATCH_RECALLED, recall_body(sim, batch, statementId=used), maker, None


@rule("lot_registered")
def _lot(sim: Sim, maker: Actor, batch: MadeBatch) -> Any:
    statement, _ = sim.registration(maker, gtin=batch.gtin, lot=batch.lot)
    return Kind.BATCH_REGISTERED, statement.body, maker, None


@rule("prefix_not_held")
def _prefix(sim: Sim, maker: Actor, _batch: MadeBatch) -> Any:
    statement, _ = sim.registration(maker, gtin=gtin_of("8712345"), lot="X")
    return Kind.BATCH_REGISTERED, statement.body, maker, None


@rule("not_cumulative")
def _fewer(sim: Sim, maker: Actor, batch: MadeBatch) -> Any:
    return Kind.UNITS_RETIRED, sim.retirement(maker, batch, RetireReason.SOLD, ["S0001"]).body, maker, None


@rule("unit_unknown")
def _foreign_unit(sim: Sim, maker: Actor, batch: MadeBatch) -> Any:
    statement = sim.retirement(maker, batch, RetireReason.DESTROYED, ["S0001"], keys=[word(7)])
    return Kind.UNITS_RETIRED, statement.body, maker, None


@rule("undo_superseded")
def _undo(sim: Sim, maker: Actor, batch: MadeBatch) -> Any:
    first = "0x" + leaf_hash(sim.entries[batch.index + 1]).hex()
    return Kind.UNDONE, {**sim.header(), "target": first, "reason": "x"}, maker, None


@pytest.mark.parametrize("code", RULES)
def test_what_no_ledger_takes_is_named_where_an_operator_took_it(code: str) -> None:
    sim, maker, batch = story()
    kind, body, author, name = RULES[code](sim, maker, batch)
    index = sim.force(kind, body, name or author.address, sign(kind, body, sim.domain, author.secret))
    report = sim.audit()
    assert found(report) == {f"entry {index}": code}
    assert report.findings[0].meaning != "the rules of the log refuse this entry" or code == "undo_superseded"


def test_a_decision_of_one_country_is_named() -> None:
    sim, _, _ = story()
    body = {"participant": actor("selfmade").address, "role": 1, "country": "NL", "nameHash": ZERO32}
    executed = sim.executed(Proposal.PARTICIPANT_ADMITTED, {**sim.header(), **body}, [sim.authorities[0]])
    index = sim.force(Kind.PARTICIPANT_MIRRORED, executed.to_body(), None, None)
    assert found(sim.audit()) == {f"entry {index}": "not_approved"}


def test_the_clock_going_back_is_named_once() -> None:
    sim, maker, batch = story()
    sim.clock -= 5_000
    body = recall_body(sim, batch)
    index = sim.force(
        Kind.BATCH_RECALLED, body, maker.address, sign(Kind.BATCH_RECALLED, body, sim.domain, maker.secret)
    )
    assert found(sim.audit()) == {f"entry {index}": "clock"}


def test_bytes_that_are_no_entry_do_not_end_the_audit() -> None:
    sim, _, batch = story()
    index = batch.index + 1
    sim.entries[index] = b"not an entry"
    report = sim.audit()
    places = found(report)
    assert places[f"entry {index}"] == "not_json"
    assert places[f"entry {index + 1}"] == "chain_broken"
    assert report.counts["entries"] == SIZE
    sim.entries[0] = b"no founding"
    report = sim.audit()
    assert found(report)["entry 0"] == "pin"
    assert report.counts["entries"] == SIZE


# the tree


def test_any_changed_hash_of_any_tile_is_named() -> None:
    """301 entries: a full tile, a partial one, and one above them. Their content does not matter here."""
    sim = wide()
    assert {key for key in sim.stored_tiles if key[0] != "entries"} == {(0, 0, 256), (0, 1, 45), (1, 0, 1)}
    base = {finding.at for finding in sim.audit().findings}
    for (level, n, width), data in list(sim.stored_tiles.items()):
        for position in (0, width // 2, width - 1) if level != "entries" else ():
            changed = bytearray(data)
            changed[position * 32 + 7] ^= 4
            sim.stored_tiles[level, n, width] = bytes(changed)
            new = {finding.at for finding in sim.audit().findings} - base
            expected = f"entry {n * TILE_WIDTH + position}" if level == 0 else f"tile/{level}/000.p/1 hash {position}"
            assert expected in {finding.at for finding in sim.audit().findings if finding.code.endswith("differs")}
            assert len(new) <= 1
            sim.stored_tiles[level, n, width] = data


@cache
def wide() -> Sim:
    """301 entries that only tree, chain and checkpoints can be checked of."""
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker)
    while sim.size() < 301:
        sim.undo(maker, sim.recall(maker, batch))
    sim.keep_tiles()
    return sim


def test_a_log_of_more_than_one_bundle_passes() -> None:
    report = wide().audit()
    assert report.ok
    assert report.counts["tiles"] == 3
    assert report.size == 301


@pytest.mark.parametrize("size", [0, 255 * 32, 257 * 32, 3])
def test_a_tile_of_another_length_is_named(size: int) -> None:
    sim = deepcopy(wide())
    sim.stored_tiles[0, 0, 256] = (sim.stored_tiles[0, 0, 256] * 2)[:size]
    assert found(sim.audit()) == {"tile/0/000": "tile_length"}


def test_a_missing_tile_or_bundle_is_named_and_the_rest_still_checked() -> None:
    sim = deepcopy(wide())
    whole = sim.tile

    def holes(level: Any, n: int, width: int) -> bytes:
        if (level, n) in missing:
            raise NotFound(f"couldn't find {level} {n}", code="tile_missing")
        return whole(level, n, width)

    sim.tile = holes  # type: ignore[method-assign]
    missing: set[tuple[Any, int]] = {(1, 0)}
    assert found(sim.audit()) == {"tile/1/000.p/1": "tile_missing"}
    missing = {("entries", 1)}
    report = sim.audit()
    assert found(report) == {"tile/entries/001.p/45": "tile_missing"}
    assert report.root == wide().root()  # the leaves of the tile stood in for the entries
    missing = {("entries", 1), (0, 1)}
    report = sim.audit()
    assert set(found(report).values()) == {"tile_missing"}
    assert "nothing could be checked from entry 256 on" in report.notes
    missing = {("entries", 0)}
    assert not sim.audit().ok


# checkpoints


def test_checkpoints_by_a_stranger_or_of_another_history_are_named() -> None:
    sim, _, _ = story()
    stranger = SigningKey(sim.log_key.name, secret("stranger"))
    sim.notes[7] = sign_checkpoint(Checkpoint(stranger.name, 7, sim.root(7)), stranger).format()
    assert found(sim.audit()) == {"checkpoint 7": "signature_missing"}
    sim, _, _ = story()
    sim.notes[7] = sign_checkpoint(Checkpoint(sim.log_key.name, 7, secret("root")), sim.log_key).format()
    assert found(sim.audit()) == {"checkpoint 7": "root_differs"}
    sim.notes[9] = sign_checkpoint(Checkpoint(sim.log_key.name, 9, secret("root")), sim.log_key).format()
    assert found(sim.audit()) == {"checkpoint 7 and 1 later ones": "root_differs"}
    sim.notes = {99: sign_checkpoint(Checkpoint(sim.log_key.name, 99, secret("root")), sim.log_key).format()}
    assert found(sim.audit()) == {"checkpoint 99": "entries_missing"}
    sim.notes = {}
    assert found(sim.audit()) == {"checkpoints": "checkpoint_missing"}


@given(size=st.integers(1, SIZE), at=st.integers(0, 300), bit=st.integers(0, 7))
@settings(deadline=None)
def test_any_flipped_bit_of_a_checkpoint_is_found(size: int, at: int, bit: int) -> None:
    sim, _, _ = story()
    raw = bytearray(sim.notes[size])
    raw[at % len(raw)] ^= 1 << bit
    sim.notes[size] = bytes(raw)
    report = sim.audit()
    assert not report.ok
    assert all(finding.at.startswith("checkpoint") for finding in report.findings)


# segments


@given(which=st.integers(0, 2), at=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(deadline=None)
def test_any_flipped_bit_of_a_segment_is_found(which: int, at: int, bit: int) -> None:
    sim, _, _ = story()
    root = list(sim.segments)[which]
    data = bytearray(sim.segments[root])
    data[at % len(data)] ^= 1 << bit
    sim.segments[root] = bytes(data)
    report = sim.audit()
    assert any(place.startswith(f"segment {root.hex()} of entry") for place in found(report))
    # a retirement whose own keys, or whose batch's keys, were changed is found as well
    assert all(place.startswith(("segment", "entry")) for place in found(report))


def test_a_missing_segment_is_named_by_the_entry_that_needs_it() -> None:
    sim, _, batch = story()
    root = sim.batch(batch).segment_root
    del sim.segments[root]
    report = sim.audit()
    assert found(report)[f"segment {root.hex()} of entry {batch.index}"] == "segment_not_found"
    assert report.counts["batches"] == 2


@pytest.mark.parametrize(("order", "code"), [("unsorted", "segment_unsorted"), ("twice", "segment_duplicate")])
def test_a_segment_that_its_maker_signed_out_of_order_is_named(order: str, code: str) -> None:
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", PREFIX)
    keys = sorted(secret(f"key {number}") for number in range(20))
    keys = [keys[1], keys[0], *keys[2:]] if order == "unsorted" else [keys[0], *keys[:19]]
    root, data = segment_bytes(keys)
    sim.segments[root] = data
    batch = sim.register_batch(maker, units=20, segmentRoot="0x" + root.hex())
    assert found(sim.audit()) == {f"segment {root.hex()} of entry {batch.index}": code}


# the chain


def event(sim: Sim, address: str, number: int) -> dict[str, Any]:
    return [entry for entry in sim.events if entry["address"] == address][number]


def test_anchors_of_another_history_or_with_gaps_are_named() -> None:
    sim, _, _ = story()
    event(sim, ANCHOR, 0)["data"] = "0x" + secret("root").hex() + word(0)[2:]
    assert set(found(sim.audit()).values()) == {"anchor_foreign"}
    sim, _, _ = story()
    event(sim, ANCHOR, 1)["topics"][2] = word(99)
    sim.contracts[ANCHOR] = bytes.fromhex(word(99)[2:]) + sim.root()
    assert set(found(sim.audit()).values()) == {"anchor_ahead"}


def test_anchors_that_a_node_leaves_out_are_not_held_against_the_log() -> None:
    for spoil in (
        lambda sim: sim.events.remove(event(sim, ANCHOR, 0)),
        lambda sim: sim.events.remove(event(sim, ANCHOR, 1)),
        lambda sim: event(sim, ANCHOR, 1).update(data="0x" + sim.root().hex() + word(4)[2:]),
    ):
        sim, _, _ = story()
        spoil(sim)
        report = sim.audit()
        assert (untold(report), report.findings, report.ok) == ({"anchors": "anchor_gap"}, (), False)


def test_a_node_that_answers_nonsense_is_not_held_against_the_log() -> None:
    for number, data in ((ANCHOR, "0x"), (REGISTRY, "0x"), (REGISTRY, "0x" + "ff" * 96)):
        sim, _, _ = story()
        event(sim, number, 1)["data"] = data
        report = sim.audit()
        assert (untold(report), report.findings, report.ok) == ({"chain": "chain_event"}, (), False)


def test_a_log_never_anchored_says_so() -> None:
    sim = Sim.found()
    assert "the contract holds no anchor of this log yet" in sim.audit().notes


def test_decisions_that_the_registry_never_took_are_named() -> None:
    sim, _, _ = story()
    sim.events.remove(event(sim, REGISTRY, 4))
    sim.contracts[REGISTRY] = bytes.fromhex(word(4)[2:])
    assert found(sim.audit()) == {"entry 12": "mirror_unseen"}


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("transactionHash", word(5), "transaction"),
        ("logIndex", "0x5", "log_index"),
        ("topics", [EXECUTED, word(2), word(5)], "statement"),
    ],
)
def test_every_field_of_a_decision_is_compared_with_the_chain(key: str, value: Any, named: str) -> None:
    sim, _, _ = story()
    event(sim, REGISTRY, 1)[key] = value
    report = sim.audit()
    assert found(report) == {"entry 2": "mirror_differs"}
    assert f": {named} is " in report.findings[0].words


def test_the_block_of_a_decision_and_its_votes_are_compared_with_the_chain() -> None:
    sim, _, _ = story()
    moved = event(sim, REGISTRY, 1)
    block = sim.blocks[int(moved["blockNumber"], 16)]
    sim.blocks[block.number] = replace(block, time=block.time + 20_000)
    report = sim.audit()
    assert found(report) == {"entry 2": "mirror_differs"}
    assert "block_time is" in report.findings[0].words
    sim, _, _ = story()
    moved = event(sim, REGISTRY, 1)
    sim.blocks[99] = Block(99, word(7), block.time)
    moved.update(blockNumber="0x63", blockHash=word(7))
    assert "block_number is 2, expected 99; block_hash is" in sim.audit().findings[0].words
    sim, _, _ = story()
    moved = event(sim, REGISTRY, 1)
    moved["data"] = moved["data"][:-192] + "cc" * 65 + "00" * 31  # another vote than the last one in the log
    assert ": signatures is" in sim.audit().findings[0].words


def test_what_a_node_leaves_out_or_has_not_come_to_is_no_denial() -> None:
    sim, _, _ = story()
    for gone in [one for one in sim.events if one["address"] == REGISTRY]:
        sim.events.remove(gone)  # pruned: the contract counts them all the same
    report = sim.audit()
    assert (untold(report), report.findings) == ({"decisions": "chain_incomplete"}, ())
    sim, _, _ = story()
    newest = sim.blocks[1]
    sim.blocks = {1: newest}  # a node that has come to the first decision
    sim.events = [one for one in sim.events if one["blockNumber"] == "0x1"]
    sim.contracts |= {REGISTRY: bytes.fromhex(word(1)[2:]), ANCHOR: bytes(64)}
    report = sim.audit()
    assert (set(untold(report).values()), report.findings, report.ok) == ({"chain_behind"}, (), False)
    sim.contracts[REGISTRY] = b""  # before there was a contract
    report = sim.audit()
    assert (untold(report), report.findings) == ({"chain": "chain_contract"}, ())


def test_a_decision_in_a_block_that_no_node_can_have_is_named() -> None:
    sim, _, _ = story()
    kept, contracts = list(sim.events), dict(sim.contracts)
    sim.record.standing.position = (10**12, 0)
    index = sim.decide(Proposal.PARTICIPANT_ADMITTED, participant=actor("kin").address, role=3, country="KE",
                       nameHash=ZERO32)  # fmt: skip
    sim.events, sim.contracts = kept, contracts
    del sim.blocks[10**12 + 1]
    newest = max(sim.blocks)
    sim.blocks[newest] = replace(sim.blocks[newest], time=sim.clock + 1)
    assert found(sim.audit()) == {f"entry {index}": "mirror_unseen"}


@pytest.mark.parametrize("dated", ["the decision", "the decision and its entry"])
def test_an_invented_decision_of_the_far_future_is_named(dated: str) -> None:
    """No node has come so far, nor will one for ages: that must not leave it untold for ever."""
    sim, _, _ = story()
    now, events, contracts, blocks = sim.clock, list(sim.events), dict(sim.contracts), dict(sim.blocks)
    sim.checked = False
    sim.clock = now + 100 * 365 * MIRROR_LIMIT
    sim.record.standing.position = (10**12, 0)
    body = {**sim.header(), "participant": actor("kin").address, "role": 3, "country": "KE", "nameHash": ZERO32}
    invented = sim.executed(Proposal.PARTICIPANT_ADMITTED, body, sim.authorities)
    if dated == "the decision":
        sim.clock = now
    index = sim.append(Kind.PARTICIPANT_MIRRORED, invented.to_body(), None, None)
    sim.events, sim.contracts, sim.blocks = events, contracts, blocks
    report = audit(sim, sim.pin, chain=sim, seals=sim.leaves, now=now)
    assert (found(report), untold(report)) == ({f"entry {index}": "mirror_unseen"}, {})
    assert "2126" in report.findings[0].words


def test_a_decision_that_is_kept_back_is_named_after_a_day() -> None:
    sim, _, _ = story()
    body = {"participant": actor("next").address, "role": 1, "country": "NL", "nameHash": ZERO32}
    sim.executed(Proposal.PARTICIPANT_ADMITTED, {**sim.header(), **body}, list(sim.authorities))
    report = audit(sim, sim.pin, chain=sim, seals=sim.leaves, now=sim.clock + MIRROR_LIMIT)
    assert report.ok
    assert report.notes[-1] == (
        "decision 6 (participant_admitted) is not in the log yet; the registry took it 24.0 hours ago"
    )
    report = audit(sim, sim.pin, chain=sim, seals=sim.leaves, now=sim.clock + MIRROR_LIMIT + 1)
    assert found(report) == {"decision 6 (participant_admitted)": "decision_unmirrored"}


def test_a_log_that_grew_while_it_was_audited_is_not_accused() -> None:
    sim, maker, batch = story()
    full = deepcopy(sim)
    full.recall(maker, batch)
    full.anchor()
    sim.blocks, sim.events, sim.contracts = full.blocks, full.events, full.contracts
    sim.newest, sim.tile, size = full.newest, full.tile, sim.size()  # type: ignore[method-assign]
    report = sim.audit()
    assert report.ok, report.findings
    assert report.size == size
    assert "newer than these" in report.notes[-1]
    sim.newest = lambda _size: None  # type: ignore[method-assign]  # a copy
    report = sim.audit()
    assert (set(untold(report).values()), report.findings, report.ok) == ({"anchor_unread"}, (), False)


def test_a_newer_head_of_another_history_explains_no_anchor() -> None:
    sim, maker, batch = story()
    full = deepcopy(sim)
    full.recall(maker, batch)
    full.anchor()
    full.entries[5] += b" "
    full.sign_head()
    sim.blocks, sim.events, sim.contracts = full.blocks, full.events, full.contracts
    sim.newest, own = full.newest, sim.tile  # type: ignore[method-assign]

    def tile(level: Any, n: int, width: int) -> bytes:
        return own(level, n, width) if width <= SIZE else full.tile(level, n, width)

    sim.tile = tile  # type: ignore[method-assign]
    assert {"root_differs", "anchor_foreign"} <= codes(sim.audit())


def test_a_doubt_that_a_second_look_settles_is_none() -> None:
    sim, _, _ = story()
    looks = list[int]()

    def call(address: str, data: bytes, block: int) -> bytes:
        looks.append(block)
        behind = len(looks) <= 2  # the node of the first look had not seen the last decision
        return bytes.fromhex(word(4)[2:]) if address == REGISTRY and behind else sim.contracts[address]

    events = sim.logs

    def logs(query: Mapping[str, Any]) -> list[dict[str, Any]]:
        found_ = events(query)
        return found_[:4] if query["address"] == REGISTRY and not looks else found_

    sim.call, sim.logs = call, logs  # type: ignore[method-assign]
    report = sim.audit()
    assert report.ok, report.findings
    assert len(looks) == 4


@pytest.mark.parametrize("honest", [True, False])
def test_an_anchor_that_only_the_second_look_sees_is_compared(honest: bool) -> None:
    sim, maker, batch = story()
    undone = sim.recall(maker, batch)
    seen, head = list(sim.events), sim.contracts[ANCHOR]
    sim.anchor()  # while the audit reads the entries
    del sim.notes[SIZE + 1]  # so that no checkpoint asks for this root
    sim.undo(maker, undone)
    if not honest:
        event(sim, ANCHOR, 2)["data"] = "0x" + secret("another").hex() + word(SIZE)[2:]
        sim.contracts[ANCHOR] = bytes.fromhex(word(SIZE + 1)[2:]) + secret("another")
    newest, later, events = dict(sim.contracts), list[int](), sim.logs

    def call(address: str, data: bytes, block: int) -> bytes:
        later.append(block)
        if address == REGISTRY:
            return bytes.fromhex(word(4)[2:]) if len(later) <= 2 else newest[address]
        return head if len(later) <= 2 else newest[address]

    def logs(query: Mapping[str, Any]) -> list[dict[str, Any]]:
        found_ = events(query)
        if later:
            return found_
        return found_[:4] if query["address"] == REGISTRY else [one for one in found_ if one in seen]

    sim.call, sim.logs = call, logs  # type: ignore[method-assign]
    report = sim.audit()
    at = [finding.code for finding in report.findings]
    assert (at, report.not_checked) == ([] if honest else ["anchor_foreign"], ())
    assert "came while these entries were read" in report.notes[-1]


def test_a_node_of_another_chain_or_without_an_answer_is_said() -> None:
    sim, _, _ = story()
    sim.chain_id = lambda: 1  # type: ignore[method-assign]
    assert untold(sim.audit()) == {"chain": "chain_other"}

    def down() -> int:
        raise Unavailable("couldn't reach the chain", code="chain_unavailable")

    sim.chain_id = down  # type: ignore[method-assign]
    report = sim.audit()
    assert (untold(report), report.findings, report.ok) == ({"chain": "chain_unavailable"}, (), False)
    assert report.to_json()["not_checked"][0]["code"] == "chain_unavailable"


# reports


def test_findings_beyond_measure_are_counted() -> None:
    findings = Findings()
    for number in range(FINDINGS_MAX + 5):
        findings.add(f"entry {number}", "leaf_differs", "x")
    assert (len(findings.list), findings.more) == (FINDINGS_MAX, 5)


@pytest.mark.parametrize("code", MEANINGS)
def test_every_meaning_is_a_sentence_about_the_log(code: str) -> None:
    assert MEANINGS[code][0].islower()
    assert not MEANINGS[code].endswith(".")


def test_an_entry_larger_than_any_is_found() -> None:
    sim, maker, _ = story()
    body = {**sim.header(), "target": ZERO32, "reason": "x" * 2_000}
    raw = encode_entry(Kind.UNDONE, body, maker.address, "0x" + "00" * 65, sim.clock, bytes(32))
    assert len(raw) < 65_535
    sim.entries.append(raw)
    assert f"entry {sim.size() - 1}" in found(sim.audit())


def test_the_pages_name_every_code_that_has_a_meaning() -> None:
    pages = "".join((Path(__file__).parents[2] / "docs/spec" / name).read_text() for name in PAGES)
    assert not [code for code in MEANINGS if f"`{code}`" not in pages and not code.startswith("segment_")]
