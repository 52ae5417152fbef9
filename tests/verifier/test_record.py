"""The fold over entries: stories that a log tells, and what it refuses to be told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statements import SIGNED, bodies

from tests.sim import ORIGIN, Actor, MadeBatch, Sim, actor, gtin_of, secret, sign_unit
from verifier import canonical
from verifier.errors import CarnetError, Malformed, NotFound, ProofInvalid, Refused
from verifier.instant import DAY, HOUR, MINUTE
from verifier.record.batch import RetireReason
from verifier.record.entry import Entry, assemble_entry, chain_head, decode_entry, encode_entry
from verifier.record.participant import Role
from verifier.record.record import Record
from verifier.record.statement import Domain, Kind, Proposal, Statement, sign
from verifier.record.struct import ZERO32
from verifier.segment.view import salt_commitment
from verifier.tree.merkle import leaf_hash

PREFIX = "9521234"


def made() -> tuple[Sim, Actor, MadeBatch]:
    sim = Sim.found()
    maker = sim.maker("aurora", PREFIX)
    return sim, maker, sim.register_batch(maker)


def code_of(refusal: pytest.ExceptionInfo[CarnetError]) -> str:
    return refusal.value.code


# batches


def test_a_registered_batch_stands_with_what_its_maker_said() -> None:
    sim, maker, batch = made()
    found = sim.batch(batch)
    assert (found.gtin, found.lot, found.unit_count, found.maker) == (batch.gtin, batch.lot, 17, maker.address)
    assert sim.record.by_lot[batch.gtin, batch.lot] is found
    assert found.history == [batch.index]
    assert not found.withdrawn
    assert len(sign_unit(sim, batch, "S0001")) == 103


def test_recall_undo_recall_again() -> None:
    sim, maker, batch = made()
    first = sim.recall(maker, batch, "seal may leak")
    assert sim.batch(batch).recall.current is not None
    undo = sim.undo(maker, first)
    assert sim.batch(batch).recall.current is None
    assert sim.batch(batch).recall.head.hex() == undo[2:]
    second = sim.recall(maker, batch, "it does leak")
    current = sim.batch(batch).recall.current
    assert current is not None
    assert current.body["reason"] == "it does leak"
    assert sim.batch(batch).history == list(range(batch.index, len(sim.entries)))
    with pytest.raises(Refused) as refusal:
        sim.undo(maker, first)
    assert code_of(refusal) == "undo_superseded"
    sim.undo(maker, second)


def test_an_undone_recall_brings_the_one_below_it_back() -> None:
    sim, maker, batch = made()
    first = sim.recall(maker, batch, "first")
    second = sim.recall(maker, batch, "second")
    with pytest.raises(Refused) as refusal:
        sim.undo(maker, first)
    assert code_of(refusal) == "undo_superseded"
    sim.undo(maker, second)
    current = sim.batch(batch).recall.current
    assert current is not None
    assert current.leaf.hex() == first[2:]
    sim.undo(maker, first)
    assert sim.batch(batch).recall.current is None


@pytest.mark.parametrize("wrong", ["zero", "registration", "first", "stranger"])
def test_a_change_names_the_one_it_supersedes(wrong: str) -> None:
    sim, maker, batch = made()
    first = sim.recall(maker, batch)
    sim.recall(maker, batch, "second")
    named = {"zero": ZERO32, "registration": batch.id, "first": first, "stranger": "0x" + "ab" * 32}[wrong]
    with pytest.raises(Refused) as refusal:
        sim.recall(maker, batch, "third", supersedes=named)
    assert code_of(refusal) == "supersedes"


def test_the_first_recall_supersedes_nothing() -> None:
    sim, maker, batch = made()
    with pytest.raises(Refused) as refusal:
        sim.recall(maker, batch, supersedes=batch.id)
    assert code_of(refusal) == "supersedes"


def test_retired_units_only_grow_until_an_undo() -> None:
    sim, maker, batch = made()
    sim.retire(maker, batch, RetireReason.SOLD, ["S0001", "S0002"])
    more = sim.retire(maker, batch, RetireReason.SOLD, ["S0001", "S0002", "S0003"])
    for fewer in (["S0001", "S0003"], ["S0004", "S0005", "S0006"], ["S0001"]):
        with pytest.raises(Refused) as refusal:
            sim.retire(maker, batch, RetireReason.SOLD, fewer)
        assert code_of(refusal) == "not_cumulative"
    sim.undo(maker, more)
    sold = sim.record.retired_units(sim.batch(batch), RetireReason.SOLD)
    assert batch.key("S0002") in sold
    assert batch.key("S0003") not in sold
    assert sim.record.retired_units(sim.batch(batch), RetireReason.STOLEN).count == 0


@pytest.mark.parametrize(("first", "then"), [(64, 65), (65, 66), (10, 100), (65, 100)])
def test_retired_units_travel_in_the_entry_or_as_a_segment(first: int, then: int) -> None:
    sim = Sim.found()
    maker = sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker, units=100)
    sim.retire(maker, batch, RetireReason.SOLD, batch.serials[:first])
    sim.retire(maker, batch, RetireReason.SOLD, batch.serials[:then])
    sold = sim.record.retired_units(sim.batch(batch), RetireReason.SOLD)
    assert sorted(sold) == sorted(batch.key(serial) for serial in batch.serials[:then])
    with pytest.raises(Refused) as refusal:
        sim.retire(maker, batch, RetireReason.SOLD, batch.serials[:first])
    assert code_of(refusal) == "not_cumulative"


def test_units_of_another_batch_cannot_be_retired() -> None:
    sim, maker, batch = made()
    other = sim.register_batch(maker, units=80)
    keys = ["0x" + other.key("S0001").hex()]
    with pytest.raises(Refused) as refusal:
        sim.retire(maker, batch, RetireReason.SOLD, ["S0001"], keys=keys)
    assert code_of(refusal) == "unit_unknown"
    root = sim.store(sorted(other.key(serial) for serial in other.serials))
    with pytest.raises(Refused) as refusal:
        sim.retire(maker, batch, RetireReason.SOLD, ["S0001"], keys=[], unitCount="80", segmentRoot="0x" + root.hex())
    assert code_of(refusal) == "unit_unknown"


@pytest.mark.parametrize(
    "over",
    [
        {"reason": 0},
        {"reason": 4},
        {"unitCount": "2"},
        {"unitCount": "0"},
        {"segmentRoot": "0x" + "ab" * 32},
        {"keys": []},
        {"keys": [], "unitCount": "64", "segmentRoot": "0x" + "ab" * 32},
        {"keys": [], "unitCount": "100"},
        {"keys": ["0x" + "ab" * 32] * 2, "unitCount": "2"},
        {"keys": ["0x" + "ab" * 32, "0x" + "aa" * 32], "unitCount": "2"},
        {"keys": [f"0x{n:064x}" for n in range(65)], "unitCount": "65"},
    ],
)
def test_a_retirement_that_contradicts_itself_is_malformed(over: dict[str, Any]) -> None:
    sim, maker, batch = made()
    statement = sim.retirement(maker, batch, RetireReason.SOLD, ["S0001"], **over)
    with pytest.raises(Malformed) as refusal:
        sim.say(statement)
    assert code_of(refusal) == "field"


def test_a_retirement_as_a_segment_needs_the_segment() -> None:
    sim, maker, batch = made()
    with pytest.raises(NotFound) as refusal:
        sim.retire(maker, batch, RetireReason.SOLD, ["S0001"], keys=[], unitCount="65", segmentRoot="0x" + "ab" * 32)
    assert code_of(refusal) == "segment_not_found"


def test_a_withdrawn_registration_takes_no_more_and_its_lot_stays_taken() -> None:
    sim, maker, batch = made()
    sim.undo(maker, batch.id)
    assert sim.batch(batch).withdrawn
    for say in (
        lambda: sim.recall(maker, batch),
        lambda: sim.retire(maker, batch, RetireReason.SOLD, ["S0001"]),
    ):
        with pytest.raises(Refused) as refusal:
            say()
        assert code_of(refusal) == "batch_withdrawn"
    with pytest.raises(Refused) as refusal:
        sim.undo(maker, batch.id)
    assert code_of(refusal) == "undo_superseded"
    with pytest.raises(Refused) as refusal:
        sim.register_batch(maker, gtin=batch.gtin, lot=batch.lot)
    assert code_of(refusal) == "lot_registered"


def test_only_statements_of_batches_can_be_undone() -> None:
    sim, maker, batch = made()
    undo = sim.undo(maker, sim.recall(maker, batch))
    for leaf in (undo, "0x" + leaf_hash(sim.entries[0]).hex(), "0x" + leaf_hash(sim.entries[2]).hex(), ZERO32):
        with pytest.raises(Refused) as refusal:
            sim.undo(maker, leaf)
        assert code_of(refusal) == "undo_unknown"


def test_a_batch_that_is_none_takes_no_change() -> None:
    sim, maker, batch = made()
    body = {**sim.header(), "batch": "0x" + "ab" * 32, "reason": "x", "noticeUrl": "", "supersedes": ZERO32}
    with pytest.raises(Refused) as refusal:
        sim.say(sim.statement(maker, Kind.BATCH_RECALLED, body))
    assert code_of(refusal) == "batch_unknown"
    recall = sim.recall(maker, batch)
    with pytest.raises(Refused) as refusal:  # a leaf that is in the log and is no batch
        sim.say(sim.statement(maker, Kind.BATCH_RECALLED, {**body, **sim.header(), "batch": recall}))
    assert code_of(refusal) == "batch_unknown"


# registrations

SMALL_ORDER = "0x01" + "00" * 31
REGISTRATIONS: list[tuple[dict[str, Any], str]] = [
    ({"gtin": "9521234000013"}, "gtin_length"),
    ({"gtin": "09521234000014"}, "check_digit"),
    ({"gtin": "95212340001"}, "gtin_length"),
    ({"gtin": "0952123400001X"}, "charset"),
    ({"gtin": "٠٩٥٢١٢٣٤٠٠٠٠١٣"}, "charset"),
    ({"lot": ""}, "lot_length"),
    ({"lot": "x" * 21}, "lot_length"),
    ({"lot": "a b"}, "charset"),
    ({"lot": "ä"}, "charset"),
    ({"unitCount": "0"}, "segment_empty"),
    ({"unitCount": str(2**32 + 1)}, "field"),
    ({"serialSource": 0}, "field"),
    ({"serialSource": 3}, "field"),
    ({"labelCarriers": ["datamatrix", "datamatrix"]}, "malformed"),
    ({"labelCarriers": ["qr", "datamatrix"]}, "malformed"),
    ({"labelCarriers": ["nfc"]}, "malformed"),
    ({"labelCarriers": []}, "field"),
    ({"labelKey": ZERO32}, "field"),
    ({"labelKey": SMALL_ORDER}, "label_key"),
    ({"labelKey": ZERO32[:-2] + "80"}, "label_key"),
    ({"labelKey": "0x" + "ff" * 32}, "label_key"),
    ({"markets": ["NL", "BE"]}, "malformed"),
    ({"markets": ["nl"]}, "malformed"),
    ({"markets": ["NLD"]}, "malformed"),
    ({"expires": "2030-13-01"}, "field"),
    ({"expires": "2030-02-30"}, "field"),
    ({"expires": "٢٠٣٠-12-31"}, "field"),
    ({"expires": "2030-12-31T00:00"}, "field"),
    ({"expires": "31.12.2030"}, "field"),
    ({"salt": "0x" + "01" * 32}, "salt_mismatch"),
]


@pytest.mark.parametrize(("over", "expected"), REGISTRATIONS)
def test_a_registration_that_contradicts_itself_is_refused(over: dict[str, Any], expected: str) -> None:
    sim = Sim.found()
    maker = sim.maker("aurora", PREFIX)
    statement, _ = sim.registration(maker)
    body = {**statement.body, **over}
    size = len(sim.entries)
    with pytest.raises((Malformed, Refused)) as refusal:
        sim.say(sim.statement(maker, Kind.BATCH_REGISTERED, body))
    assert code_of(refusal) == expected
    assert (sim.record.size, sim.record.batches) == (size, {})
    sim.check()


@pytest.mark.parametrize(
    ("source", "bits", "units", "taken"), [(1, 69, 17, True), (1, 68, 17, False), (2, 99, 17, False), (1, 64, 1, True)]
)
def test_a_salt_is_public_only_where_serials_cannot_be_guessed(source: int, bits: int, units: int, taken: bool) -> None:
    sim = Sim.found()
    maker = sim.maker("aurora", PREFIX)
    statement, made = sim.registration(maker, public=True, units=units, serialSource=source, serialSpaceBits=bits)
    if taken:
        sim.say(statement)
        assert next(iter(sim.record.batches.values())).salt == made.salt
        return
    with pytest.raises(Refused) as refusal:
        sim.say(statement)
    assert code_of(refusal) == "salt_published"


def test_a_segment_comes_before_its_registration() -> None:
    sim = Sim.found()
    maker = sim.maker("aurora", PREFIX)
    with pytest.raises(NotFound) as missing:
        sim.register_batch(maker, segmentRoot="0x" + "ab" * 32)
    assert code_of(missing) == "segment_not_found"
    with pytest.raises(ProofInvalid) as miscounted:
        sim.register_batch(maker, unitCount="18")
    assert code_of(miscounted) == "segment_count"


def test_one_lot_is_registered_once_and_case_counts() -> None:
    sim, maker, batch = made()
    with pytest.raises(Refused) as refusal:
        sim.register_batch(maker, gtin=batch.gtin, lot=batch.lot)
    assert code_of(refusal) == "lot_registered"
    sim.register_batch(maker, gtin=batch.gtin, lot=batch.lot.lower())
    sim.register_batch(maker, gtin=gtin_of(PREFIX, 2), lot=batch.lot)


# statements in time, repeats, other logs


def test_statements_are_taken_in_their_lifetime_and_once() -> None:
    sim, maker, batch = made()
    recall = {"batch": batch.id, "reason": "x", "noticeUrl": "", "supersedes": ZERO32}
    now = sim.clock
    cases = {
        "expired": (now - HOUR, now),
        "not_yet_valid": (now + 10 * MINUTE, now + HOUR),
        "lifetime": (now, now + 8 * DAY),
    }
    for expected, (issued, expires) in cases.items():
        body = {**sim.header(), "issuedAt": str(issued), "expiresAt": str(expires), **recall}
        with pytest.raises(Refused) as refusal:
            sim.say(sim.statement(maker, Kind.BATCH_RECALLED, body))
        assert code_of(refusal) == expected
    used = {**sim.header(), **recall}
    sim.say(sim.statement(maker, Kind.BATCH_RECALLED, used))
    head = "0x" + sim.batch(batch).recall.head.hex()
    with pytest.raises(Refused) as refusal:
        sim.say(sim.statement(maker, Kind.BATCH_RECALLED, {**used, "reason": "other", "supersedes": head}))
    assert code_of(refusal) == "statement_id_reused"


@pytest.mark.parametrize("what", ["log", "chain", "contract"])
def test_a_statement_for_another_log_chain_or_contract_is_refused(what: str) -> None:
    sim, maker, batch = made()
    domain = {
        "log": Domain(sim.domain.chain_id, sim.domain.registry, secret("other log")),
        "chain": Domain(1, sim.domain.registry, sim.domain.log_id),
        "contract": Domain(sim.domain.chain_id, "0x" + "33" * 20, sim.domain.log_id),
    }[what]
    body = {**sim.header(), "batch": batch.id, "reason": "x", "noticeUrl": "", "supersedes": ZERO32}
    replayed = Statement(
        Kind.BATCH_RECALLED, body, maker.address, sign(Kind.BATCH_RECALLED, body, domain, maker.secret)
    )
    with pytest.raises(Refused) as refusal:
        sim.say(replayed)
    assert code_of(refusal) == "signature_wrong"


# standing


def test_a_suspended_maker_says_nothing_until_it_is_reinstated() -> None:
    sim, maker, batch = made()
    sim.suspend(maker)
    for say in (lambda: sim.register_batch(maker, lot="B"), lambda: sim.recall(maker, batch)):
        with pytest.raises(Refused) as refusal:
            say()
        assert code_of(refusal) == "suspended"
    sim.reinstate(maker)
    sim.recall(maker, batch)


def test_a_suspension_dated_back_marks_what_was_registered_since() -> None:
    sim, maker, batch = made()
    later = sim.register_batch(maker, lot="LATER")
    sim.suspend(maker, 2, effective_at=sim.batch(later).recorded_at)
    member = sim.record.standing.participants[maker.address]
    assert member.suspended_at(sim.batch(batch).recorded_at) is None
    assert member.suspended_at(sim.batch(later).recorded_at) is not None


def test_a_prefix_not_held_registers_nothing() -> None:
    sim, maker, _ = made()
    for gtin in (gtin_of("9521235"), gtin_of("952123"), "00000000000000"):
        with pytest.raises(Refused) as refusal:
            sim.register_batch(maker, gtin=gtin, lot="B")
        assert code_of(refusal) == "prefix_not_held"
    sim.withdraw(maker, PREFIX)
    with pytest.raises(Refused) as refusal:
        sim.register_batch(maker, gtin=gtin_of(PREFIX), lot="B")
    assert code_of(refusal) == "prefix_not_held"


@pytest.mark.parametrize("prefix", ["952", "9521234567890", "95212a4", "0000", "٩٥٢١٢٣٤", "9521", "95212345", PREFIX])
def test_prefixes_are_digits_and_none_contains_another(prefix: str) -> None:
    sim, maker, _ = made()
    rival = sim.admit("rival")
    with pytest.raises(Refused) as refusal:
        sim.grant(rival, prefix)
    assert code_of(refusal) == "mirror_conflict"
    sim.withdraw(maker, PREFIX)
    sim.grant(rival, PREFIX)
    assert sim.record.standing.holder(gtin_of(PREFIX)) == rival.address


def test_only_active_manufacturers_are_granted_prefixes() -> None:
    sim, _, _ = made()
    carrier, rival = sim.admit("carrier", Role.CARRIER), sim.admit("rival")
    sim.suspend(rival)
    for person in (carrier, rival, actor("stranger")):
        with pytest.raises(Refused) as refusal:
            sim.grant(person, "8712345")
        assert code_of(refusal) == "mirror_conflict"


def admission(sim: Sim, **over: Any) -> dict[str, Any]:
    body = {"participant": actor("new").address, "role": 1, "country": "NL", "nameHash": ZERO32}
    return {**sim.header(), **body, **over}


def mirror(sim: Sim, body: dict[str, Any], voters: list[Actor], **over: Any) -> int:
    mirrored = sim.executed(Proposal.PARTICIPANT_ADMITTED, body, voters)
    return sim.append(Kind.PARTICIPANT_MIRRORED, {**mirrored.to_body(), **over}, None, None)


@pytest.mark.parametrize(
    ("voters", "taken"),
    [
        ([0, 1], True),
        ([0, 1, 2], True),
        ([0], False),
        ([], False),
        ([0, 3], False),  # two authorities, one country
        ([0, 3, 1], True),
        ([0, 0], False),
    ],
)
def test_k_of_n_countries_must_agree(voters: list[int], taken: bool) -> None:
    sim = Sim.found(("NL", "KE", "BR", "NL"))
    people = [sim.authorities[number] for number in voters]
    if taken:
        mirror(sim, admission(sim), people)
        return
    with pytest.raises(Refused) as refusal:
        mirror(sim, admission(sim), people)
    assert code_of(refusal) == "not_approved"


def test_strangers_votes_and_votes_on_oneself_do_not_count() -> None:
    sim = Sim.found()
    with pytest.raises(Refused) as refusal:
        mirror(sim, admission(sim), [sim.authorities[0], sim.authorities[1], actor("stranger")])
    assert code_of(refusal) == "not_approved"
    target = sim.authorities[0]
    with pytest.raises(Refused) as refusal:
        sim.decide(
            Proposal.PARTICIPANT_SUSPENDED,
            [target, sim.authorities[1]],
            participant=target.address,
            suspensionKind=1,
            effectiveAt=str(sim.clock),
        )
    assert code_of(refusal) == "not_approved"
    with pytest.raises(Refused) as refusal:  # an authority that would be its own operator has no vote on that
        sim.decide(
            Proposal.OPERATOR_SET,
            [target, sim.authorities[1]],
            logId="0x" + sim.domain.log_id.hex(),
            operator=target.address,
        )
    assert code_of(refusal) == "not_approved"


def test_a_suspended_authority_has_no_vote_and_its_country_does_not_count() -> None:
    sim = Sim.found(("NL", "KE", "BR", "ZA", "JP"))
    assert sim.record.standing.threshold() == 3
    sim.suspend(sim.authorities[0])
    assert sim.record.standing.threshold() == 3
    with pytest.raises(Refused) as refusal:
        mirror(sim, admission(sim), list(sim.authorities[:3]))
    assert code_of(refusal) == "not_approved"
    sim.suspend(sim.authorities[1])
    assert (sim.record.standing.countries(), sim.record.standing.threshold()) == ({"BR", "ZA", "JP"}, 2)
    mirror(sim, admission(sim), list(sim.authorities[2:4]))
    sim.reinstate(sim.authorities[0])
    assert sim.record.standing.threshold() == 3


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ({"role": 0}, "mirror_conflict"),
        ({"role": 6}, "mirror_conflict"),
        ({"country": "nl"}, "mirror_conflict"),
        ({"country": "NLD"}, "mirror_conflict"),
        ({"participant": "0x" + "00" * 20}, "mirror_conflict"),
        ({"participant": actor("authority-NL-0").address}, "mirror_conflict"),
        ({"participant": actor("recovery-authority-NL-0").address}, "mirror_conflict"),
        ({"expiresAt": "1790000000000"}, "mirror_time"),
        ({"expiresAt": str(1_790_000_000_000 + 8 * DAY)}, "mirror_time"),
        ({"issuedAt": str(1_790_000_000_000 + HOUR)}, "mirror_time"),
    ],
)
def test_decisions_that_the_contract_refuses_are_refused_here(over: dict[str, Any], expected: str) -> None:
    sim = Sim.found()
    body = admission(sim, **over)
    with pytest.raises(Refused) as refusal:
        mirror(sim, body, sim.voters(body))
    assert code_of(refusal) == expected


def test_decisions_come_in_order_without_gaps_and_once() -> None:
    sim = Sim.found()
    voters = list(sim.authorities)
    with pytest.raises(Refused) as refusal:
        mirror(sim, admission(sim), voters, sequence="5")
    assert code_of(refusal) == "mirror_gap"
    with pytest.raises(Refused) as refusal:
        mirror(sim, admission(sim), voters, block_number="0")
    assert code_of(refusal) == "mirror_order"
    body = admission(sim)
    mirror(sim, body, voters)
    with pytest.raises(Refused) as refusal:  # one statementId, another person
        mirror(sim, {**body, "participant": actor("other").address}, voters)
    assert code_of(refusal) == "mirror_conflict"


@pytest.mark.parametrize(
    ("over", "what"),
    [
        ({"sequence": 1}, "number"),
        ({"sequence": "01"}, "number"),
        ({"block_time": "-5"}, "number"),
        ({"block_hash": "0xAB"}, "hex"),
        ({"log_index": "0"}, "type"),
        ({"log_index": True}, "type"),
        ({"signatures": "0x"}, "type"),
        ({"signatures": ["0x00"]}, "hex"),
        ({"proposal": "founded"}, "kind"),
        ({"note": ""}, "keys"),
    ],
)
def test_a_mirrored_decision_in_another_form_is_malformed(over: dict[str, Any], what: str) -> None:
    sim = Sim.found()
    with pytest.raises(Malformed):
        mirror(sim, admission(sim), list(sim.authorities), **over)


def test_the_operator_is_changed_for_this_log_only_and_to_somebody_else() -> None:
    sim = Sim.found()
    ours = "0x" + sim.domain.log_id.hex()
    sim.decide(Proposal.OPERATOR_SET, logId=ours, operator=actor("next").address)
    assert sim.record.standing.operator == actor("next").address
    for log_id, operator in ((ZERO32, actor("x").address), (ours, actor("next").address), (ours, "0x" + "00" * 20)):
        with pytest.raises(Refused) as refusal:
            sim.decide(Proposal.OPERATOR_SET, logId=log_id, operator=operator)
        assert code_of(refusal) == "mirror_conflict"


# founding and entries


@pytest.mark.parametrize(
    "over",
    [
        {"spec": "carnet/2"},
        {"origin": ""},
        {"origin": "x" * 256},
        {"origin": "other.example"},
        {"chain_id": 0},
        {"chain_id": True},
        {"chain_id": "1"},
        {"registry": "0x" + "AB" * 20},
        {"anchor": None},
        {"authorities": []},
        {"authorities": "one-country"},
        {"authorities": "twice"},
        {"authorities": "own-recovery"},
        {"authorities": "small-letters"},
        {"log_keys": []},
        {"log_keys": ["x"]},
        {"log_keys": "cosignature"},
        {"witness_policy": "any"},
        {"witness_policy": None},
        {"witness_policy": ""},
        {"note": 1},
    ],
)
def test_a_founding_that_could_not_stand_is_refused_before_anything_is_stored(over: dict[str, Any]) -> None:
    body = Sim.found().founding.body()
    first, second = body["authorities"][0], body["authorities"][1]
    name = {
        "one-country": [first, {**second, "country": first["country"]}],
        "twice": [first, {**second, "account": first["account"]}],
        "own-recovery": [{**first, "recovery": first["account"]}, second],
        "small-letters": [{**first, "country": "nl"}, second],
    }
    key = over.get("log_keys")
    if key == "cosignature":
        from verifier.tree.note_key import KeyType, SigningKey

        over = {"log_keys": [SigningKey(ORIGIN, secret("log"), KeyType.COSIGNATURE_V1).verifier.format()]}
    if isinstance(over.get("authorities"), str):
        over = {"authorities": name[over["authorities"]]}
    record = Record(Sim.found().segment)
    with pytest.raises(Malformed):
        record.admit(Kind.FOUNDED, {**body, **over}, None, 5)
    assert record.size == 0


def test_a_log_starts_with_its_founding_once() -> None:
    sim = Sim.found()
    with pytest.raises(Refused) as refusal:
        sim.append(Kind.FOUNDED, sim.founding.body(), None, None)
    assert code_of(refusal) == "not_founded"
    with pytest.raises(Refused) as refusal:
        Record(sim.segment).admit(Kind.UNDONE, {}, None, 5)
    assert code_of(refusal) == "not_founded"


def test_the_clock_never_goes_back() -> None:
    sim, maker, batch = made()
    body = {**sim.header(), "batch": batch.id, "reason": "x", "noticeUrl": "", "supersedes": ZERO32}
    with pytest.raises(Refused) as refusal:
        sim.record.admit(Kind.BATCH_RECALLED, body, maker.address, sim.clock - 1)
    assert code_of(refusal) == "clock"


def test_an_entry_that_does_not_follow_is_not_integrated() -> None:
    sim, maker, batch = made()
    body = {**sim.header(), "batch": batch.id, "reason": "x", "noticeUrl": "", "supersedes": ZERO32}
    raw = encode_entry(Kind.BATCH_RECALLED, body, maker.address, "0x" + "00" * 65, sim.clock, bytes(32))
    with pytest.raises(ProofInvalid) as refusal:
        sim.record.integrate(decode_entry(raw))
    assert code_of(refusal) == "chain_broken"
    sim.check()


def test_entries_come_back_as_they_were_and_chain_by_their_leaves() -> None:
    sim, maker, batch = made()
    sim.recall(maker, batch)
    head = bytes(32)
    for raw in sim.entries:
        entry = decode_entry(raw)
        assert entry.previous == head
        assert (
            encode_entry(entry.kind, entry.body, entry.actor, entry.signature, entry.recorded_at, entry.previous) == raw
        )
        head = chain_head(head, entry.leaf)
    assert head == sim.record.head


@given(st.data())
def test_an_entry_put_together_from_parts_is_the_one_that_is_encoded_whole(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([kind for kind in SIGNED if isinstance(kind, Kind)]))
    body, actor, signature = data.draw(bodies(kind)), "0x" + "1f" * 20, "0x" + "5e" * 65
    now, previous = data.draw(st.integers(0, 4_000_000_000_000)), data.draw(st.binary(min_size=32, max_size=32))
    whole = decode_entry(encode_entry(kind, body, actor, signature, now, previous))
    assert assemble_entry(kind, body, canonical.encode(body), actor, signature, now, previous) == whole


def test_an_entry_put_together_from_parts_is_signed_and_fits() -> None:
    sim, maker, batch = made()
    body = {**sim.header(), "batch": batch.id, "reason": "x", "noticeUrl": "", "supersedes": ZERO32}
    parts = Kind.BATCH_RECALLED, body
    for raw, by, code in (
        (canonical.encode(body), None, "hex"),
        (canonical.encode(body), maker.address + '"', "hex"),
        (b" " * 65_535, maker.address, "entry_too_large"),
    ):
        with pytest.raises(Malformed) as refusal:
            assemble_entry(*parts, raw, by, "0x" + "00" * 65, sim.clock, bytes(32))
        assert code_of(refusal) == code


@pytest.mark.parametrize(
    "change",
    [
        lambda value: {**value, "note": 1},
        lambda value: {k: v for k, v in value.items() if k != "previous"},
        lambda value: {**value, "kind": "batch_sold"},
        lambda value: {**value, "kind": None},
        lambda value: {**value, "actor": None},
        lambda value: {**value, "signature": None},
        lambda value: {**value, "actor": value["actor"].upper()},
        lambda value: {**value, "recorded_at": "2026-11-23T22:26:00Z"},
        lambda value: {**value, "recorded_at": "2026-02-30T22:26:00.000Z"},
        lambda value: {**value, "recorded_at": 5},
        lambda value: {**value, "previous": "00"},
        lambda value: {**value, "previous": None},
        lambda value: {**value, "body": []},
        lambda value: {**value, "body": {**value["body"], "note": 1}},
        lambda value: [value],
    ],
)
def test_an_entry_in_another_form_is_malformed(change: Any) -> None:
    sim, _, batch = made()
    with pytest.raises(Malformed):
        decode_entry(canonical.encode(change(canonical.decode(sim.entries[batch.index]))))


@pytest.mark.parametrize(
    "spelling",
    [
        lambda raw: b" " + raw,
        lambda raw: raw + b"\n",
        lambda raw: raw.replace(b'"kind"', b'"\\u006bind"'),
        lambda raw: raw.replace(b'"actor":null,', b'"actor":null,"actor":null,'),
        lambda raw: raw.replace(b'"chain_id":31337', b'"chain_id":31337.0'),
        lambda raw: raw.replace(b'"chain_id":31337', b'"chain_id":3.1337e4'),
        lambda raw: raw[:-1],
        lambda raw: b"[" * 100_000,
        lambda raw: b'{"a":' * 950 + b"0" + b"}" * 950,
        lambda raw: raw + b" " * 65_535,
    ],
)
def test_another_spelling_of_an_entry_is_no_entry(spelling: Any) -> None:
    founded = Sim.found().entries[0]
    assert decode_entry(founded).kind is Kind.FOUNDED
    assert spelling(founded) != founded
    with pytest.raises(Malformed):
        decode_entry(spelling(founded))


def test_what_is_not_signed_gives_no_statement() -> None:
    entry: Entry = decode_entry(Sim.found().entries[0])
    with pytest.raises(Malformed) as refusal:
        _ = entry.statement
    assert code_of(refusal) == "unsigned"


def test_the_salt_of_a_batch_is_committed_to() -> None:
    sim, _, batch = made()
    assert sim.batch(batch).salt_commitment == salt_commitment(batch.salt)
    assert sim.batch(batch).salt is None
