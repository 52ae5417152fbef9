"""Honest files of evidence and what can be done to them: a kind of damage is a function of a file and chance.

A kind gives bytes that differ from the honest file's and must not be accepted by somebody who asked for exactly what
that file is about, holds the pin, and has a node of the chain. Chance is seeded by kind and number, so every case of a
run can be made again.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from tests.sim import MadeBatch, Sim, secret, sign_unit
from tests.verifier.decision_vectors import folded, listed
from tests.verifier.evidence_vectors import MISSING, SERIAL, indexed, scene
from verifier import canonical
from verifier.evidence.evidence import check_evidence
from verifier.evidence.explain import Report
from verifier.evidence.index import encode_row_proof
from verifier.reading.gs1 import UnitCode
from verifier.record.index import DECISIONS, HISTORY, IndexProof, IndexView, index_key
from verifier.record.participant import Role
from verifier.segment.view import encode_absence, encode_membership, unit_key
from verifier.tree.checkpoint import Checkpoint, sign_checkpoint
from verifier.tree.merkle import Frontier, consistency_proof, inclusion_proof
from verifier.tree.note import Note
from verifier.tree.note_key import SigningKey
from verifier.tree.tlog_proof import TlogProof


@dataclass(frozen=True)
class Honest:
    """An honest file, the ledger it comes from, and the code that whoever checks it has read (None for receipts)."""

    name: str
    raw: bytes
    sim: Sim
    code: UnitCode | None = None
    batch: MadeBatch | None = None
    salt: bytes | None = None

    @property
    def proof(self) -> TlogProof:
        return TlogProof.decode(self.raw)

    @property
    def extra(self) -> dict[str, Any]:
        """A fresh copy of what the file carries."""
        value: dict[str, Any] = canonical.decode(self.proof.extra or b"")
        return value

    def with_extra(self, extra: Any) -> bytes:
        return replace(self.proof, extra=canonical.encode(extra)).encode()

    def check(self, raw: bytes) -> Report:
        return check_evidence(raw, pin=self.sim.pin, code=self.code, salt=self.salt, chain=self.sim)


@cache
def bases() -> tuple[Honest, ...]:
    """Honest files of every sort, from three ledgers."""
    one, two, three = scene(), indexed(), listed()
    decided = three.sim.proofs()
    sim, proofs, whole = one.sim, one.sim.proofs(), two.sim.proofs()
    signed = one.open.code(SERIAL, signature=sign_unit(sim, one.open, SERIAL))
    missing, hidden = one.open.code(MISSING), one.hidden.code(MISSING)
    none = replace(two.quiet.code(MISSING), lot=two.quiet.code(SERIAL, lot="NONE").lot)
    return (
        Honest("unit", proofs.for_unit(signed), sim, signed, one.open),
        Honest("unit-hidden-salt", proofs.for_unit(one.hidden.code(SERIAL)), sim, one.hidden.code(SERIAL), one.hidden),
        Honest("absence", proofs.for_absence(missing), sim, missing, one.open),
        Honest("absence-hidden-salt", proofs.for_absence(hidden), sim, hidden, one.hidden, one.hidden.salt),
        Honest("receipt", proofs.for_entry(sim.size() - 1), sim),
        Honest("complete", whole.for_unit(two.quiet.code(SERIAL)), two.sim, two.quiet.code(SERIAL), two.quiet),
        Honest("recalled", whole.for_unit(two.recalled.code(SERIAL)), two.sim, two.recalled.code(SERIAL), two.recalled),
        Honest("lot-absent", whole.for_absent_lot(none.gtin, none.lot), two.sim, none),
        Honest("decided", decided.for_unit(three.bad.code(SERIAL)), three.sim, three.bad.code(SERIAL), three.bad),
        Honest("decided-since", decided.for_unit(three.late.code(SERIAL)), three.sim, three.late.code(SERIAL)),
    )


@cache
def other_log() -> Sim:
    """Another ledger of the same name with as many entries as the larger of ours."""
    sim = Sim.found(("NL", "KE"), checked=False, witnesses=("nl", "ke"))
    while sim.size() < max(honest.sim.size() for honest in bases()):
        sim.admit(f"filler {sim.size()}")
    return sim


@cache
def lawless() -> Sim:
    """Our ledger as its operator could go on with it for somebody else: the same beginning, another end."""
    sim = Sim.found(checked=False)
    sim.maker("aurora", "9521234")
    sim.admit("swift", Role.CARRIER, "KE")
    return sim


Kind = Callable[[Honest, random.Random], bytes]


def made(kind: str, number: int) -> tuple[Honest, bytes]:
    """Case `number` of a kind: the honest file and the damaged bytes, which differ from it."""
    rng = random.Random(f"{kind}/{number}")
    damage, fits = KINDS[kind]
    suited = [honest for honest in bases() if fits(honest)]
    while True:
        honest = suited[rng.randrange(len(suited))]
        raw = damage(honest, rng)
        if raw != honest.raw:
            return honest, raw


# bytes


def flipped_bit(honest: Honest, rng: random.Random) -> bytes:
    """One bit of the file."""
    raw = bytearray(honest.raw)
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return bytes(raw)


def flipped_bit_inside(honest: Honest, rng: random.Random) -> bytes:
    """One bit of the JSON, under a base64 that is right."""
    extra = bytearray(honest.proof.extra or b"")
    extra[rng.randrange(len(extra))] ^= 1 << rng.randrange(8)
    return replace(honest.proof, extra=bytes(extra)).encode()


def cut(honest: Honest, rng: random.Random) -> bytes:
    """The end is missing."""
    return honest.raw[: rng.randrange(len(honest.raw))]


def hole(honest: Honest, rng: random.Random) -> bytes:
    """A piece is missing."""
    start = rng.randrange(len(honest.raw))
    return honest.raw[:start] + honest.raw[start + rng.randrange(1, 200) :]


def doubled(honest: Honest, rng: random.Random) -> bytes:
    """A piece, a line or the whole stands there twice."""
    lines = honest.raw.split(b"\n")
    match rng.randrange(3):
        case 0:
            start, size = rng.randrange(len(honest.raw)), rng.randrange(1, 200)
            piece = honest.raw[start : start + size]
            return honest.raw[:start] + piece + honest.raw[start:]
        case 1:
            # A signature line twice says nothing else: all lines before the signatures, then.
            at = rng.randrange(lines.index(b"") + 4)
            return b"\n".join([*lines[:at], lines[at], *lines[at:]])
        case _:
            return honest.raw + honest.raw[rng.randrange(2) :]


def inserted(honest: Honest, rng: random.Random) -> bytes:
    """Something stands there that does not belong."""
    at, junk = rng.randrange(len(honest.raw)), rng.choice([b" ", b"\n", b"\r", b"\x00", b"=", b"A", b"\xef\xbb\xbf"])
    return honest.raw[:at] + junk * rng.randrange(1, 4) + honest.raw[at:]


def spelled_otherwise(honest: Honest, rng: random.Random) -> bytes:
    """The same values in another spelling: padding, order of keys, escapes, capitals."""
    extra = (honest.proof.extra or b"").decode()
    at = [at for at, sign in enumerate(extra) if sign in ",:{[" and at > 0]
    value = honest.extra
    spaced = (at_ := rng.choice(at)) + 1
    spellings = [
        extra[:spaced] + rng.choice([" ", "\n", "\t"]) + extra[spaced:],
        json.dumps(value, sort_keys=True),
        json.dumps(dict(reversed(list(value.items()))), separators=(",", ":")),
        extra + rng.choice([" ", "\n", "\x00"]),
        extra.replace('"spec"', rng.choice(['"\\u0073pec"', '"SPEC"'])),
        extra[:at_] + extra[at_:].replace(":", ":0", 1),
        '{"spec":"carnet/evidence/2",' + extra[1:],
        extra.replace("evidence/2", "evidence/3")
        if "evidence/2" in extra
        else extra.replace("evidence/3", "evidence/2"),
    ]
    return replace(honest.proof, extra=rng.choice(spellings).encode()).encode()


def capitals(honest: Honest, rng: random.Random) -> bytes:
    """Hex in capitals somewhere."""
    return _edited(honest, rng, lambda text: text.upper(), lambda value: isinstance(value, str) and _is_hex(value))


def base64_otherwise(honest: Honest, rng: random.Random) -> bytes:
    """Base64 of the same bytes in another spelling."""
    lines = honest.raw.split(b"\n")
    at = rng.randrange(1, lines.index(b"") + 1)
    stray = [b" ", b"\t", b"=", b"\r", b"AAAA"]
    lines[at] = rng.choice([lines[at] + rng.choice(stray), rng.choice(stray) + lines[at], lines[at].lower() + b"="])
    return b"\n".join(lines)


# values


def number_moved(honest: Honest, rng: random.Random) -> bytes:
    """A number is another one."""

    def moved(number: int) -> int:
        return max(0, number + rng.choice([-1, 1, 2, 256, -number, 2**52]))

    return _edited(honest, rng, moved, lambda value: type(value) is int)


def value_replaced(honest: Honest, rng: random.Random) -> bytes:
    """A value is of another type."""
    junk: list[Any] = [0, -1, "", "x", [], {}, True, [[]], 2**53 - 1, "0" * 64]
    return _edited(honest, rng, lambda _value: rng.choice(junk), lambda value: value not in (None, [], {}))


def key_dropped_or_added(honest: Honest, rng: random.Random) -> bytes:
    """An object has one key less, or one more."""
    extra = honest.extra
    objects = [value for value in _walk(extra) if isinstance(value, dict)]
    target = rng.choice(objects)
    if rng.randrange(2):
        del target[rng.choice(list(target))]
    else:
        target[rng.choice(["note", "x", "data2", ""])] = rng.choice([0, None, "x"])
    return honest.with_extra(extra)


def entry_altered(honest: Honest, rng: random.Random) -> bytes:
    """One bit of an entry, its path as it was."""
    extra = honest.extra
    places = [(extra, "entry"), *((one, "data") for one in extra["entries"])]
    holder, key = rng.choice(places)
    data = bytearray(base64.b64decode(holder[key]))
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    holder[key] = base64.b64encode(bytes(data)).decode()
    return honest.with_extra(extra)


def entries_swapped(honest: Honest, rng: random.Random) -> bytes:
    """Two entries in each other's place, whole or only their bytes, paths or numbers."""
    extra = honest.extra
    entries = extra["entries"]
    one, two = rng.sample(range(len(entries)), 2)
    match rng.randrange(4):
        case 0:
            entries[one], entries[two] = entries[two], entries[one]
        case 1:
            entries[one]["data"], entries[two]["data"] = entries[two]["data"], entries[one]["data"]
        case 2:
            entries[one]["path"], entries[two]["path"] = entries[two]["path"], entries[one]["path"]
        case _:
            extra["entry"], entries[one]["data"] = entries[one]["data"], extra["entry"]
    return honest.with_extra(extra)


def entry_doubled(honest: Honest, rng: random.Random) -> bytes:
    """An entry stands there twice, or the own one among the others."""
    extra = honest.extra
    own = {"index": honest.proof.index, "data": extra["entry"], "path": [node.hex() for node in honest.proof.path]}
    one = rng.choice([*extra["entries"], own])
    extra["entries"].insert(rng.randrange(len(extra["entries"]) + 1), one)
    return honest.with_extra(extra)


def path_altered(honest: Honest, rng: random.Random) -> bytes:
    """A path is cut, longer, turned around, or has one hash of another."""
    extra, proof = honest.extra, honest.proof
    paths = [value for value in _walk(extra) if isinstance(value, list) and value and _is_hash(value[0])]
    path = rng.choice(paths)
    if rng.randrange(5) == 0:
        nodes = list(proof.path)
        nodes[rng.randrange(len(nodes))] = secret(f"node {rng.randrange(10**9)}")
        return replace(proof, path=tuple(nodes)).encode()
    match rng.randrange(4):
        case 0:
            del path[rng.randrange(len(path))]
        case 1:
            path.insert(rng.randrange(len(path) + 1), rng.choice([*path, "00" * 32]))
        case 2:
            path[rng.randrange(len(path))] = rng.choice(paths)[0]
        case _:
            path.reverse()
    return honest.with_extra(extra)


# other ledgers and heads


def other_logs_checkpoint(honest: Honest, rng: random.Random) -> bytes:
    """The head of another ledger of the same name, under its own paths or under ours."""
    other, proof = other_log(), honest.proof
    size = rng.randrange(proof.index + 1, other.size() + 1)
    note = other.notes[size]
    path = proof.path
    if rng.randrange(2):
        path = inclusion_proof(proof.index, size, other.tree())
    return replace(proof, checkpoint=note, path=path).encode()


def other_size(honest: Honest, rng: random.Random) -> bytes:
    """A head that this log did sign, of another size than the paths lead to."""
    sizes = [size for size in honest.sim.notes if size != honest.sim.size() and size > 1]
    return replace(honest.proof, checkpoint=honest.sim.notes[rng.choice(sizes)]).encode()


def strangers_checkpoint(honest: Honest, rng: random.Random) -> bytes:
    """The right head under a key of the same name that is not the log's."""
    stranger = SigningKey(honest.sim.log_key.name, secret(f"stranger {rng.randrange(1_000)}"))
    head = Checkpoint(stranger.name, honest.sim.size(), honest.sim.root())
    lines = Note.parse(honest.proof.checkpoint).signatures[1:]
    signed = sign_checkpoint(head, stranger)
    return replace(honest.proof, checkpoint=Note(signed.text, (*signed.signatures, *lines)).format()).encode()


def other_root(honest: Honest, rng: random.Random) -> bytes:
    """A head that the log's own key signed, of another history."""
    size = honest.sim.size()
    root = rng.choice([lawless().root(), secret(f"root {rng.randrange(10**6)}"), honest.sim.root(size - 1)])
    head = Checkpoint(honest.sim.log_key.name, rng.choice([size, size + 1]), root)
    note = honest.sim.cosigned(sign_checkpoint(head, honest.sim.log_key))
    return replace(honest.proof, checkpoint=note.format()).encode()


def witness_altered(honest: Honest, rng: random.Random) -> bytes:
    """A cosignature is missing, of another head or witness, or with another time."""
    note = Note.parse(honest.proof.checkpoint)
    log, *lines = note.signatures
    at = rng.randrange(len(lines))
    other = Note.parse(honest.sim.notes[honest.sim.size() - 1 - rng.randrange(5)]).signatures[1 + at]
    broken = bytearray(lines[at].signature)
    broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
    match rng.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines[at] = other
        case 2:
            lines[at] = replace(lines[at], signature=bytes(broken))
        case _:
            lines[at] = replace(lines[at - 1], name=lines[at].name, key_id=lines[at].key_id)
    return replace(honest.proof, checkpoint=Note(note.text, (log, *lines)).format()).encode()


# the unit


def wrong_neighbour(honest: Honest, rng: random.Random) -> bytes:
    """Membership of another serial, or the absence of another key, under the name of this one."""
    extra, batch = honest.extra, honest.batch
    assert batch is not None
    unit = extra["unit"]
    registered = honest.sim.batch(batch)
    view = honest.sim.segment(registered.segment_root, registered.unit_count)
    blind = bytes.fromhex(unit["blind"])
    if unit["membership"] is not None and rng.randrange(2):
        other = rng.choice([serial for serial in batch.serials if serial != SERIAL])
        position = view.find(batch.key(other))
        assert position is not None
        shown = encode_membership(view.membership(position, blind))
        unit["membership"] = {key: shown[key] for key in ("leaf", "keys", "path")}
        if rng.randrange(2):
            unit["serial"] = other
        return honest.with_extra(extra)
    made_up = secret(f"blind {rng.randrange(10**9)}")
    absent = view.absence(unit_key(made_up, unit["serial"]))
    unit["membership"], unit["absence"] = None, encode_absence(absent)
    if rng.randrange(2) and honest.name != "unit-hidden-salt":  # there nobody can tell: it is unproved, not refused
        unit["blind"] = made_up.hex()
        unit["retired"] = []
    return honest.with_extra(extra)


def other_unit(honest: Honest, rng: random.Random) -> bytes:
    """The honest file of another unit, for whoever asked about this one."""
    batch = honest.batch
    assert batch is not None
    serial = rng.choice([serial for serial in batch.serials if serial != SERIAL])
    return honest.sim.proofs().for_unit(batch.code(serial))


def label_of_another(honest: Honest, rng: random.Random) -> bytes:
    """The label signature of another unit, or one in which a letter is another."""
    extra = honest.extra
    here = scene()
    serial = rng.choice([serial for serial in here.open.serials if serial != SERIAL])
    text = rng.choice([extra["label"], sign_unit(honest.sim, here.open, serial)])
    at = rng.randrange(len(text))
    extra["label"] = rng.choice([text, text[:at] + rng.choice("ABCX29") + text[at + 1 :]])
    return honest.with_extra(extra)


# the anchor


def anchor_altered(honest: Honest, rng: random.Random) -> bytes:
    """An anchor that is not this one, or that this history does not extend."""
    extra, sim = honest.extra, honest.sim
    anchor = extra["anchor"]
    size = rng.randrange(2, sim.size())
    other = other_log()
    changes: list[dict[str, Any]] = [
        {"transaction": "0x" + secret(f"t{rng.randrange(10**6)}").hex()},
        {"block_hash": "0x" + secret(f"b{rng.randrange(10**6)}").hex()},
        {"block_number": anchor["block_number"] + rng.randrange(1, 9)},
        {"previous_size": anchor["previous_size"] + rng.randrange(1, 9)},
        {"root": "0x" + other.root(anchor["size"]).hex()},
        {"root": "0x" + sim.root(size).hex(), "size": size},
        {
            "size": size,
            "root": "0x" + other.root(size).hex(),
            "path": [node.hex() for node in consistency_proof(size, sim.size(), other.tree())],
        },
    ]
    extra["anchor"] = {**anchor, **rng.choice(changes)}
    return honest.with_extra(extra)


# the index


def other_row(honest: Honest, rng: random.Random) -> bytes:
    """The row of another product or batch, or of none, under the name of this one."""
    extra, here = honest.extra, indexed()
    part = extra["index"]
    view = here.sim.record.index_seals[part["seal"]].view
    assert view is not None
    gtin, lot = rng.choice(
        [
            (here.other.gtin, "QUIET"),
            (here.other.gtin, None),
            (here.quiet.gtin, "RECALLED"),
            (here.quiet.gtin, "QUIET"),
            (here.quiet.gtin, None),
            (here.quiet.gtin, f"NO{rng.randrange(10**6)}"),
            (f"{rng.randrange(10**14):014}", None),
        ]
    )
    proof = view.prove(gtin, lot)
    row = proof.row
    part["row"] = {"key": row.key.hex(), "count": row.count, "root": row.root.hex()} if row else None
    part["path"] = [node.hex() for node in proof.path]
    if row is not None and rng.randrange(3) == 0:
        part["row"] = {**part["row"], **rng.choice([{"count": row.count + 1}, {"root": "00" * 32}, {"key": "ff" * 32}])}
    return honest.with_extra(extra)


def other_subject(honest: Honest, rng: random.Random) -> bytes:
    """Completeness of another product or batch beside this one."""
    extra, here = honest.extra, indexed()
    part = extra["index"]
    part["gtin"] = rng.choice([part["gtin"], here.other.gtin, f"{rng.randrange(10**14):014}"])
    part["lot"] = rng.choice([None, "QUIET", "RECALLED", "NONE", f"L{rng.randrange(99)}"])
    return honest.with_extra(extra)


def entry_hidden(honest: Honest, rng: random.Random) -> bytes:
    """An entry that the file rests on is not among those folded; in the tail its bytes stay where they were."""
    extra = honest.extra
    part = extra["index"]
    entries = extra["entries"]
    if honest.batch is None:  # who holds the prefix of a product that has no such lot proves nothing either way
        entries = [one for one in entries if b'"prefix_granted"' not in base64.b64decode(one["data"])]
    hidden = rng.choice(entries)
    extra["entries"].remove(hidden)
    place = hidden["index"] - part["seal"]
    if 0 <= place < len(part["later"]) and rng.randrange(4):
        part["later"][place] = hidden["data"]
    return honest.with_extra(extra)


def tail_altered(honest: Honest, rng: random.Random) -> bytes:
    """The entries since the seal: one missing, doubled, moved or altered; the edge or the end another."""
    extra, sim = honest.extra, honest.sim
    part = extra["index"]
    later, seal = part["later"], part["seal"]
    at = rng.randrange(len(later))
    match rng.randrange(7):
        case 0:
            del later[at]
        case 1:
            later.insert(at, later[at])
        case 2:
            later.reverse()
        case 3:
            later[at] = base64.b64encode(sim.entries[rng.randrange(sim.size())]).decode()
        case 4:
            part["edge"] = part["edge"][:: rng.choice([-1, 2])] + (["00" * 32] if rng.randrange(2) else [])
        case 5:
            # Cut off with the consistency proof of another place. Cut off honestly it would only claim less.
            part["later"] = later[: rng.randrange(1, len(later))]
            other = rng.randrange(1, sim.size())
            if other != seal + len(part["later"]):
                part["consistency"] = [node.hex() for node in consistency_proof(other, sim.size(), sim.tree())]
        case _:
            part["seal"] = max(0, seal + rng.choice([-2, -1, 1, 2]))
    return honest.with_extra(extra)


def confirmation_altered(honest: Honest, rng: random.Random) -> bytes:
    """The confirmation says something else than was signed, or names somebody else."""
    extra, sim = honest.extra, honest.sim
    confirmation = next(one for one in extra["entries"] if b'"index_confirmed"' in base64.b64decode(one["data"]))
    value = canonical.decode(base64.b64decode(confirmation["data"]))
    changes: list[dict[str, Any]] = [
        {"body": {**value["body"], "size": str(rng.randrange(1, sim.size()))}},
        {"body": {**value["body"], "root": "0x" + secret(f"r{rng.randrange(10**6)}").hex()}},
        {"body": {**value["body"], "gtins": str(rng.randrange(3, 99))}},
        {"actor": sim.authorities[rng.randrange(3)].address},
        {"actor": indexed().maker.address},
    ]
    data = canonical.encode({**value, **rng.choice(changes)})
    confirmation["data"] = base64.b64encode(data).decode()
    return honest.with_extra(extra)


def older_confirmation(honest: Honest, rng: random.Random) -> bytes:
    """Honest entries of an index that was sealed and confirmed before, where the newer one should stand."""
    extra, sim = honest.extra, honest.sim
    part = extra["index"]
    old = next(iter(sim.record.index_seals.values()))
    (confirmed,) = old.confirmed.values()
    if rng.randrange(2):  # the newer seal with nothing but the older one's confirmation
        newer = sim.record.index_seals[part["seal"]]
        taken = set(newer.confirmed.values())
        extra["entries"] = [one for one in extra["entries"] if one["index"] not in taken]
        for index in taken:
            part["later"][index - part["seal"]] = base64.b64encode(sim.entries[index]).decode()
    elif rng.randrange(2):  # the older index with the newer one's rows, or no tail from there
        part["seal"] = old.index
        part["edge"] = [node.hex() for node in Frontier.at(old.index, sim.tree()).edge]
        between = [base64.b64encode(raw).decode() for raw in sim.entries[old.index : honest.extra["index"]["seal"]]]
        part["later"] = [*between, *part["later"]][rng.randrange(2) :]
    else:  # the older row under the newer root
        view = rows_at(old.index)
        unit = extra["unit"] or {"gtin": part["gtin"], "lot": part["lot"]}
        row, path = view.prove(unit["gtin"], unit["lot"]).row, view.prove(unit["gtin"], unit["lot"]).path
        part["row"] = {"key": row.key.hex(), "count": row.count, "root": row.root.hex()} if row else None
        part["path"] = [node.hex() for node in path]
    known = {one["index"] for one in extra["entries"]} | {honest.proof.index}
    tree = sim.tree()
    for index in {old.index, confirmed} - known:
        path_ = [node.hex() for node in inclusion_proof(index, sim.size(), tree)]
        data = base64.b64encode(sim.entries[index]).decode()
        extra["entries"].append({"index": index, "data": data, "path": path_})
    extra["entries"].sort(key=lambda one: one["index"])
    if rng.randrange(2):  # once more as an attacker would who minds the rule that nothing stands there twice
        known |= {old.index, confirmed}
        part["later"] = [None if part["seal"] + at in known else one for at, one in enumerate(part["later"])]
    return honest.with_extra(extra)


# the decisions


def decision_left_out(honest: Honest, rng: random.Random) -> bytes:
    """A decision is not among the entries; since the seal its bytes stay where they were, or are gone as well."""
    extra = honest.extra
    part = extra["index"]
    hidden = rng.choice([one for one in extra["entries"] if b'"participant_mirrored"' in base64.b64decode(one["data"])])
    extra["entries"].remove(hidden)
    place = hidden["index"] - part["seal"]
    if place >= 0:
        later = part["later"]
        later[place : place + 1] = [hidden["data"]] if rng.randrange(2) else []
    elif rng.randrange(2):
        return _with_row(honest, extra, listed_at(rng.randrange(1, hidden["index"] + 1)).prove_at(DECISIONS))
    return honest.with_extra(extra)


def decisions_row_altered(honest: Honest, rng: random.Random) -> bytes:
    """The row of the decisions is another one: of the history, of goods, of nothing, of an older index, miscounted."""
    extra, seal = honest.extra, honest.extra["index"]["seal"]
    row = extra["decisions"]["row"]
    match rng.randrange(4):
        case 0:
            key = rng.choice([HISTORY, index_key(extra["index"]["gtin"]), secret(f"key {rng.randrange(10**6)}")])
            return _with_row(honest, extra, listed_at(seal).prove_at(key))
        case 1:
            extra["decisions"]["row"] = None
        case 2:
            return _with_row(honest, extra, listed_at(rng.randrange(1, seal)).prove_at(DECISIONS))
        case _:
            changes = [{"count": row["count"] + rng.choice([-1, 1])}, {"root": "00" * 32}, {"key": HISTORY.hex()}]
            extra["decisions"]["row"] = {**row, **rng.choice(changes)}
    return honest.with_extra(extra)


def _with_row(honest: Honest, extra: dict[str, Any], proof: IndexProof) -> bytes:
    extra["decisions"] = encode_row_proof(proof)
    return honest.with_extra(extra)


@cache
def rows_at(size: int) -> IndexView:
    """The index of the first entries of the indexed ledger, folded anew."""
    return folded(indexed().sim, size)


@cache
def listed_at(size: int) -> IndexView:
    """The index of the first entries of the ledger whose index lists decisions."""
    return folded(listed().sim, size)


# helpers


def _walk(value: Any) -> list[Any]:
    """Every container in JSON, and every list in it."""
    found = [value]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        if isinstance(child, dict | list):
            found += _walk(child)
    return found


def _edited(honest: Honest, rng: random.Random, change: Callable[[Any], Any], fits: Callable[[Any], bool]) -> bytes:
    """The file with one single value changed."""
    extra = honest.extra
    places = [
        (holder, key)
        for holder in _walk(extra)
        for key in (holder if isinstance(holder, dict) else range(len(holder)))
        if not isinstance(holder[key], dict | list) and fits(holder[key])
    ]
    holder, key = rng.choice(places)
    holder[key] = change(holder[key])
    return honest.with_extra(extra)


def _is_hex(text: str) -> bool:
    digits = text.removeprefix("0x")
    return len(digits) == 64 and set(digits) <= set("0123456789abcdef") and digits.upper() != digits


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64


def _any(_honest: Honest) -> bool:
    return True


def _index(honest: Honest) -> bool:
    return honest.name in ("complete", "recalled", "lot-absent")


def _decided(honest: Honest) -> bool:
    return honest.name in ("decided", "decided-since")


def _unit(honest: Honest) -> bool:
    return honest.batch is not None


def _anchor(honest: Honest) -> bool:
    return honest.extra["anchor"] is not None


KINDS: Mapping[str, tuple[Kind, Callable[[Honest], bool]]] = {
    "flipped bit": (flipped_bit, _any),
    "flipped bit inside": (flipped_bit_inside, _any),
    "cut": (cut, _any),
    "hole": (hole, _any),
    "doubled": (doubled, _any),
    "inserted": (inserted, _any),
    "spelled otherwise": (spelled_otherwise, _any),
    "capitals": (capitals, _any),
    "base64 otherwise": (base64_otherwise, _any),
    "number moved": (number_moved, _any),
    "value replaced": (value_replaced, _any),
    "key dropped or added": (key_dropped_or_added, _any),
    "entry altered": (entry_altered, _any),
    "entries swapped": (entries_swapped, _any),
    "entry doubled": (entry_doubled, _any),
    "path altered": (path_altered, _any),
    "another log's checkpoint": (other_logs_checkpoint, _any),
    "checkpoint of another size": (other_size, _any),
    "a stranger's checkpoint": (strangers_checkpoint, _any),
    "checkpoint of another history": (other_root, _any),
    "witness altered": (witness_altered, _index),
    "wrong neighbour": (wrong_neighbour, _unit),
    "another unit": (other_unit, lambda honest: _unit(honest) and "absence" not in honest.name),
    "label of another": (label_of_another, lambda honest: honest.name == "unit"),
    "anchor altered": (anchor_altered, _anchor),
    "row of another": (other_row, _index),
    "another subject": (other_subject, _index),
    "entry hidden": (entry_hidden, _index),
    "tail altered": (tail_altered, _index),
    "confirmation altered": (confirmation_altered, _index),
    "older confirmation": (older_confirmation, _index),
    "decision left out": (decision_left_out, _decided),
    "row of decisions altered": (decisions_row_altered, _decided),
}
"""Name -> what it does, and which honest files it fits."""
