"""A ledger in memory that speaks the domain, and re-verifies everything after each step.

    sim = Sim.found()
    maker = sim.maker("aurora", "9521234")
    batch = sim.register_batch(maker, units=17)
    recall = sim.recall(maker, batch)
    sim.tamper(3, lambda entry: {**entry, "actor": rival.address})
    sim.audit().findings

All keys, salts and identifiers follow from names and counters, so a story gives the same bytes every time. It serves as
a source for audits, as storage for proofs and, with `sim.anchor()`, as a chain that answers `eth_getLogs`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from biip.checksums import gs1_standard_check_digit
from eth_abi.abi import encode as abi_encode
from eth_account import Account

from ledger.services.outward.anchoring import Anchor, AnchorState
from ledger.services.proofs.proof import Proofs
from verifier import canonical
from verifier.audit.audit import audit
from verifier.audit.report import AuditReport
from verifier.chain.event import ANCHORED, EXECUTED, Block
from verifier.errors import NotFound
from verifier.instant import HOUR, SECOND
from verifier.reading.gs1 import Carrier, Gtin, Lot, Serial, UnitCode
from verifier.reading.label import sign_label
from verifier.record.batch import Batch, RetireReason
from verifier.record.entry import chain_head, decode_entry, encode_entry
from verifier.record.founding import Authority, Founding
from verifier.record.participant import Mirrored, Role, name_commitment
from verifier.record.record import Record
from verifier.record.rules import KNOWN, NEWEST, Rules
from verifier.record.seal import build_seal, padded_leaves
from verifier.record.statement import STRUCTS, Domain, Kind, Proposal, Statement, digest, sign, verify
from verifier.record.struct import ZERO32
from verifier.scan.evidence_file import encode_scan_evidence
from verifier.scan.receipt import ScanReceipt, encode_scan, sign_receipt
from verifier.scan.search import ScanSearch
from verifier.segment.view import (
    Layout,
    SegmentHeader,
    SegmentView,
    blind,
    encode_header,
    salt_commitment,
    unit_key,
)
from verifier.tree.checkpoint import Checkpoint, sign_checkpoint
from verifier.tree.merkle import MemoryTree, leaf_hash, node_hash, root_at
from verifier.tree.note import Note, cosign_note
from verifier.tree.note_key import KeyType, SigningKey
from verifier.tree.tiles import TILE_HEIGHT, TILE_WIDTH, Level, encode_bundle, width_of

ORIGIN = "sim.example/carnet"
CHAIN_ID = 31337
REGISTRY, ANCHOR = "0x" + "11" * 20, "0x" + "22" * 20
START = 1_790_000_000_000


@dataclass(frozen=True)
class Actor:
    """Somebody with a key."""

    name: str
    secret: bytes
    address: str


@dataclass(frozen=True)
class MadeBatch:
    """A registered batch with what its maker knows."""

    id: str
    index: int
    maker: Actor
    gtin: str
    lot: str
    serials: tuple[str, ...]
    salt: bytes
    label_seed: bytes

    def key(self, serial: str) -> bytes:
        """The unit key of a serial, 32 bytes."""
        return unit_key(blind(self.salt, self.gtin, self.lot, serial), serial)

    def code(self, serial: str, *, signature: str | None = None, lot: str | None = "") -> UnitCode:
        """The code of a unit as a scanner reads it."""
        printed = self.lot if lot == "" else lot
        return UnitCode(Gtin(self.gtin), Lot(printed) if printed else None, Serial(serial), signature, Carrier.QR)


class Anchors:
    """Anchors kept in memory."""

    def __init__(self) -> None:
        self._kept: dict[int, Anchor] = {}

    def get(self, size: int) -> Anchor | None:
        return self._kept.get(size)

    def put(self, anchor: Anchor) -> None:
        self._kept[anchor.size] = anchor

    def newest(self, state: AnchorState | None = None) -> Anchor | None:
        kept = [anchor for anchor in self._kept.values() if state in (None, anchor.state)]
        return max(kept, key=lambda anchor: anchor.size, default=None)

    def open(self) -> Sequence[Anchor]:
        return []


@dataclass
class Sim:
    """The ledger. `entries` are bytes as stored; `clock` moves by a second with each entry."""

    founding: Founding
    log_key: SigningKey
    authorities: tuple[Actor, ...]
    clock: int = START
    entries: list[bytes] = field(default_factory=list)
    notes: dict[int, bytes] = field(default_factory=dict)
    stored_tiles: dict[tuple[Level, int, int], bytes] = field(default_factory=dict)
    segments: dict[bytes, bytes] = field(default_factory=dict)
    salts: dict[bytes, bytes] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    blocks: dict[int, Block] = field(default_factory=dict)
    contracts: dict[str, bytes] = field(default_factory=lambda: {REGISTRY: bytes(32), ANCHOR: bytes(64)})
    anchors: Anchors = field(default_factory=lambda: Anchors())
    sealed: dict[int, bytes] = field(default_factory=dict)
    checked: bool = True
    witnesses: dict[str, SigningKey] = field(default_factory=dict)
    known: Rules = KNOWN
    record: Record = field(init=False)
    _counter: int = 0

    def __post_init__(self) -> None:
        self.record = Record(self.segment, self.known)

    # founding and people

    @classmethod
    def found(
        cls,
        countries: Sequence[str] = ("NL", "KE", "BR"),
        *,
        checked: bool = True,
        witnesses: Sequence[str] = (),
        clock: int = START,
        rules: int = NEWEST,
        known: Rules = KNOWN,
    ) -> Sim:
        """Found a ledger with one authority a country, and name the operator. All `witnesses` must cosign."""
        people = tuple(actor(f"authority-{country}-{at}") for at, country in enumerate(countries))
        key = SigningKey(ORIGIN, secret("log"))
        authorities = tuple(
            Authority(person.address, country, actor(f"recovery-{person.name}").address)
            for person, country in zip(people, countries, strict=True)
        )
        cosigners = {
            name: SigningKey(f"{name}.example/witness", secret(f"witness-{name}"), KeyType.COSIGNATURE_V1)
            for name in witnesses
        }
        policy = policy_of(key, cosigners) if cosigners else "none"
        founding = Founding(ORIGIN, CHAIN_ID, REGISTRY, ANCHOR, authorities, (key.verifier,), policy, b"", rules)
        sim = cls(founding, key, people, clock, checked=checked, witnesses=cosigners, known=known)
        sim.append(Kind.FOUNDED, founding.body(), None, None)
        sim.decide(Proposal.OPERATOR_SET, logId="0x" + founding.log_id.hex(), operator=actor("operator").address)
        return sim

    @property
    def domain(self) -> Domain:
        """What signatures for this ledger are bound to."""
        return self.founding.domain

    @property
    def pin(self) -> bytes:
        """SHA-256 of entry 0's bytes."""
        return self.founding.pin

    def decide(self, kind: Proposal, voters: Sequence[Actor] | None = None, **body: Any) -> int:
        """Have the authorities decide, the registry execute and the log mirror; returns the entry's index."""
        full = {**self.header(), **body}
        mirrored = self.executed(kind, full, voters or self.voters(body))
        return self.append(Kind.PARTICIPANT_MIRRORED, mirrored.to_body(), None, None)

    def voters(self, body: Mapping[str, Any]) -> list[Actor]:
        """All authorities but the one that a proposal is about."""
        about = body.get("participant") or body.get("holder") or body.get("operator")
        return [person for person in self.authorities if person.address != about]

    def executed(self, kind: Proposal, body: Mapping[str, Any], voters: Sequence[Actor]) -> Mirrored:
        """What the registry would emit for a proposal with these votes; the event is kept."""
        standing, votes = self.record.standing, [sign(kind, body, self.domain, person.secret) for person in voters]
        block = standing.position[0] + 1
        mirrored = Mirrored(
            kind, body, tuple(votes), standing.sequence + 1, block, self._hash("block", block), self.clock,
            self._hash("transaction", block), 0,
        )  # fmt: skip
        topics = [EXECUTED, word(mirrored.sequence), "0x" + digest(kind, body, self.domain).hex()]
        number, signed = list(Proposal).index(kind) + 1, [bytes.fromhex(vote[2:]) for vote in votes]
        data = abi_encode(["uint8", "bytes", "bytes[]"], [number, encoded(kind, body), signed])
        self._emit(REGISTRY, topics, "0x" + data.hex(), block, mirrored.transaction)
        return mirrored

    def admit(self, name: str, role: Role = Role.MANUFACTURER, country: str = "NL") -> Actor:
        """Admit an organisation under a key of that name."""
        person = actor(name)
        self.decide(
            Proposal.PARTICIPANT_ADMITTED,
            participant=person.address,
            role=int(role),
            country=country,
            nameHash="0x" + name_commitment(secret(f"name-{name}"), name).hex(),
        )
        return person

    def grant(self, person: Actor, prefix: str) -> None:
        """Grant a company prefix."""
        self.decide(Proposal.PREFIX_GRANTED, holder=person.address, prefix=prefix)

    def withdraw(self, person: Actor, prefix: str) -> None:
        """Withdraw a company prefix."""
        self.decide(Proposal.PREFIX_WITHDRAWN, holder=person.address, prefix=prefix)

    def maker(self, name: str, prefix: str, country: str = "NL") -> Actor:
        """Admit a manufacturer and grant it a prefix."""
        person = self.admit(name, Role.MANUFACTURER, country)
        self.grant(person, prefix)
        return person

    def suspend(self, person: Actor, kind: int = 1, effective_at: int | None = None) -> None:
        """Suspend a participant, now or dated back."""
        at = str(effective_at or self.clock)
        self.decide(Proposal.PARTICIPANT_SUSPENDED, participant=person.address, suspensionKind=kind, effectiveAt=at)

    def reinstate(self, person: Actor) -> None:
        """End a suspension."""
        self.decide(Proposal.PARTICIPANT_REINSTATED, participant=person.address)

    def raise_rules(self, version: int | None = None, digest: bytes | None = None) -> int:
        """Raise the rules, by default to the next version; returns the entry's index."""
        number = version or self.record.rules + 1
        told = digest or self.known.digest(number)
        return self.decide(Proposal.RULES_RAISED, version=number, digest="0x" + told.hex())

    # statements

    def header(self) -> dict[str, str]:
        """A fresh header at the present clock."""
        self._counter += 1
        return {
            "statementId": self._hash("statement", self._counter),
            "issuedAt": str(self.clock),
            "expiresAt": str(self.clock + HOUR),
        }

    def registration(
        self,
        maker: Actor,
        *,
        gtin: str = "",
        lot: str = "",
        serials: Sequence[str] = (),
        units: int = 17,
        public: bool = False,
        **over: Any,
    ) -> tuple[Statement, MadeBatch]:
        """A registration ready to be appended, and what its maker knows; its segment is stored."""
        gtin = gtin or gtin_of(self.prefix_of(maker))
        lot = lot or f"LOT-{len(self.record.batches) + 1}"
        serials = tuple(serials or (f"S{number:04d}" for number in range(units)))
        salt, label = secret(f"salt-{gtin}-{lot}"), secret(f"label-{gtin}-{lot}")
        keys = [unit_key(blind(salt, gtin, lot, serial), serial) for serial in serials]
        body = {
            **self.header(),
            "gtin": gtin,
            "lot": lot,
            "unitCount": str(len(keys)),
            "segmentRoot": "0x" + self.store(keys).hex(),
            "saltCommitment": "0x" + salt_commitment(salt).hex(),
            "salt": "0x" + salt.hex() if public else ZERO32,
            "serialSource": 1,
            "serialSpaceBits": 99,
            "labelKey": "0x" + SigningKey("label", label).verifier.public.hex(),
            "labelCarriers": ["qr"],
            "markets": ["NL"],
            "expires": "2030-12-31",
        } | over
        self.salts[salt_commitment(salt)] = salt
        return self.statement(maker, Kind.BATCH_REGISTERED, body), MadeBatch(
            "", -1, maker, gtin, lot, serials, salt, label
        )

    def register_batch(self, maker: Actor, **options: Any) -> MadeBatch:
        """Register a batch (see `registration` for the options)."""
        statement, made = self.registration(maker, **options)
        index = self.say(statement)
        leaf = "0x" + leaf_hash(self.entries[index]).hex()
        return MadeBatch(leaf, index, maker, made.gtin, made.lot, made.serials, made.salt, made.label_seed)

    def recall(self, by: Actor, batch: MadeBatch, reason: str = "seal may leak", **over: Any) -> str:
        """Recall a batch; returns the leaf of the recall."""
        body = {**self.header(), "batch": batch.id, "reason": reason, "noticeUrl": ""}
        body |= {"supersedes": "0x" + self.batch(batch).recall.head.hex()} | over
        return self._leaf(self.say(self.statement(by, Kind.BATCH_RECALLED, body)))

    def retirement(
        self, by: Actor, batch: MadeBatch, why: RetireReason, serials: Sequence[str], **over: Any
    ) -> Statement:
        """A report that units were sold, destroyed or stolen; more than 64 travel as a segment."""
        keys = sorted(batch.key(serial) for serial in serials)
        listed = len(keys) <= 64
        body = {
            **self.header(),
            "batch": batch.id,
            "reason": int(why),
            "keys": ["0x" + key.hex() for key in keys] if listed else [],
            "unitCount": str(len(keys)),
            "segmentRoot": ZERO32 if listed else "0x" + self.store(keys).hex(),
            "supersedes": "0x" + self.batch(batch).retired[why].head.hex(),
        } | over
        return self.statement(by, Kind.UNITS_RETIRED, body)

    def retire(self, by: Actor, batch: MadeBatch, why: RetireReason, serials: Sequence[str], **over: Any) -> str:
        """Append such a report; returns its leaf."""
        return self._leaf(self.say(self.retirement(by, batch, why, serials, **over)))

    def undo(self, by: Actor, leaf: str, reason: str = "reported by mistake") -> str:
        """Undo the statement with this leaf; returns the undo's own."""
        body = {**self.header(), "target": leaf, "reason": reason}
        return self._leaf(self.say(self.statement(by, Kind.UNDONE, body)))

    def seal_index(self) -> int:
        """Seal the index of everything said so far; returns the entry's index, which is the size it is of."""
        return self.append(Kind.INDEX_SEALED, self.record.index.view(self.record.size).head.body(), None, None)

    def confirm_index(self, by: Actor, size: int | None = None) -> int:
        """Confirm an index, the newest if no other is named, as somebody who recomputed it."""
        sealed = self.record.index_seals[size] if size is not None else self.record.sealed_index
        assert sealed is not None
        return self.say(self.statement(by, Kind.INDEX_CONFIRMED, {**self.header(), **sealed.head.body()}))

    def statement(self, by: Actor, kind: Kind, body: Mapping[str, Any]) -> Statement:
        """Sign a body for this ledger."""
        return Statement(kind, body, by.address, sign(kind, body, self.domain, by.secret))

    def say(self, statement: Statement) -> int:
        """Take in a signed statement as a ledger does; returns its entry's index. Raises as intake does."""
        verify(statement, self.domain)
        return self.append(statement.kind, statement.body, statement.actor, statement.signature)

    # scans

    def scan(self, name: str, **over: Any) -> tuple[bytes, bytes]:
        """An officer's scan as it is kept: its canonical bytes and its salt; `over` replaces and adds fields."""
        scan = {
            "id": f"scan-{name}",
            "code": f"https://id.example/01/09521234000013/10/L1/21/{name}",
            "scanned_at": str(self.clock),
            "device": "dock-3",
            "officer": "port",
            "context": "import",
            "country": "NL",
            "unlocode": "NLRTM",
            "latitude": None,
            "longitude": None,
            "verdict": "registered",
            "reasons": ["unit_registered"],
            "log_size": str(self.size()),
        } | over
        return encode_scan(scan), secret(f"scan-salt-{name}")

    def promise(self, name: str, within: int = HOUR, **over: Any) -> ScanReceipt:
        """Promise a scan a place in the open seal, within so many milliseconds."""
        scan, salt = self.scan(name, **over)
        number, deadline = len(self.record.seals), self.clock + within
        return sign_receipt(self.log_key, self.founding.log_id, scan, salt, number, deadline)

    def seal(self, leaves: Iterable[bytes] = ()) -> int:
        """Seal leaves under the next number, padded; returns the entry's index."""
        number, drawn = len(self.record.seals), 0

        def random(size: int) -> bytes:
            nonlocal drawn
            drawn += 1
            return secret(f"padding-{number}-{drawn}")[:size]

        self.sealed[number] = padded_leaves(leaves, random)
        return self.append(Kind.SCANS_SEALED, build_seal(number, self.sealed[number]).body(), None, None)

    def leaves(self, number: int) -> bytes:
        """The published leaves of a seal."""
        if number not in self.sealed:
            raise NotFound(f"couldn't find seal {number}: it is not published", code="seal_missing")
        return self.sealed[number]

    def evidence(self, receipt: ScanReceipt) -> bytes | None:
        """What became of a promise, from what is published; None while the log shows nothing."""
        found = ScanSearch(self.notes[self.size()], self, self.leaves).evidence(receipt)
        return encode_scan_evidence(found) if found is not None else None

    # the log

    def append(self, kind: Kind, body: Mapping[str, Any], actor: str | None, signature: str | None) -> int:
        """Append an entry under a new signed checkpoint, and check everything."""
        self.clock += SECOND
        self.record.admit(kind, body, actor, self.clock)
        raw = encode_entry(kind, body, actor, signature, self.clock, self.record.head)
        self.record.integrate(decode_entry(raw))
        self.founding = self.record.founding
        self.entries.append(raw)
        self.sign_head()
        if self.checked:
            self.check()
        return len(self.entries) - 1

    def force(self, kind: Kind, body: Mapping[str, Any], actor: str | None, signature: str | None) -> int:
        """Append without asking any rule, as an operator without scruples would."""
        self.clock += SECOND
        head = bytes(32)
        for raw in self.entries:
            head = chain_head(head, leaf_hash(raw))
        self.entries.append(encode_entry(kind, body, actor, signature, self.clock, head))
        self.sign_head()
        return len(self.entries) - 1

    def sign_head(self) -> None:
        """Sign a checkpoint of all entries."""
        checkpoint = Checkpoint(ORIGIN, len(self.entries), self.root())
        self.notes[len(self.entries)] = self.cosigned(sign_checkpoint(checkpoint, self.log_key)).format()

    def cosigned(self, note: Note, *, at: int | None = None) -> Note:
        """The note with a cosignature of every witness; `at`: their clock (ms), the log's own without it."""
        for key in self.witnesses.values():
            note = cosign_note(note, key, (at or self.clock) // SECOND)
        return note

    def root(self, size: int | None = None) -> bytes:
        """The root over the first `size` entries as stored."""
        tree = self.tree()
        return root_at(tree.size if size is None else size, tree)

    def tree(self) -> MemoryTree:
        """The tree over the entries as stored."""
        return MemoryTree([leaf_hash(raw) for raw in self.entries])

    def batch(self, made: MadeBatch) -> Batch:
        """The ledger's own view of a batch."""
        return self.record.batches[bytes.fromhex(made.id[2:])]

    def anchor(self) -> None:
        """Have the contract accept the present head."""
        size, block = len(self.entries), 1_000 + len(self.events)
        previous = max((int(e["topics"][2], 16) for e in self.events if e["address"] == ANCHOR), default=0)
        transaction = self._hash("anchor", block)
        topics = [ANCHORED, "0x" + self.founding.log_id.hex(), word(size)]
        self._emit(ANCHOR, topics, "0x" + self.root().hex() + word(previous)[2:], block, transaction)
        self.anchors.put(
            Anchor(
                size,
                self.root(),
                previous,
                (),
                b"",
                transaction,
                0,
                AnchorState.FINAL,
                block,
                self._hash("block", block),
            )
        )

    # what goes wrong

    def tamper(self, entry: int, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Change a stored entry and nothing else."""
        self.entries[entry] = canonical.encode(change(canonical.decode(self.entries[entry])))

    def forge(self, entry: int, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Rewrite history as its operator could: change an entry, then make chain, tree and checkpoints fit again."""
        sizes = list(self.notes)
        self.tamper(entry, change)
        head = bytes(32)
        for index, raw in enumerate(self.entries):
            value = {**canonical.decode(raw), "previous": head.hex()}
            self.entries[index] = canonical.encode(value)
            head = chain_head(head, leaf_hash(self.entries[index]))
        for size in sizes:
            checkpoint = Checkpoint(ORIGIN, size, self.root(size))
            self.notes[size] = self.cosigned(sign_checkpoint(checkpoint, self.log_key)).format()

    # checks

    def check(self) -> None:
        """Everything holds: the audit, and a second derivation of head and root from the record."""
        report = self.audit()
        assert not report.findings, report.findings
        assert report.size == self.record.size == len(self.entries)
        assert report.chain_head == self.record.head
        assert report.root == self.root()

    def audit(
        self, *, chain: bool = True, pin: bytes | None = None, known: Rules | None = None, now: int | None = None
    ) -> AuditReport:
        """Audit what is stored, as an auditor with these versions of the rules; by default the ledger's own."""
        node = self if chain else None
        return audit(
            self, pin or self.pin, chain=node, seals=self.leaves, known=known or self.known, now=now,
            served=now is not None,
        )  # fmt: skip

    def proofs(self) -> Proofs:
        """Proof files from what is stored."""
        return Proofs(self.record, self, self, lambda batch: self.salts.get(batch.salt_commitment), self.anchors)

    # as an audit source, and as the storage that proofs are built from

    def size(self) -> int:
        return len(self.entries)

    def tile(self, level: Level, n: int, width: int) -> bytes:
        stored = self.stored_tiles.get((level, n, width))
        if stored is not None:
            return stored
        start = n * TILE_WIDTH
        if width_of(level, n, self.size()) < width:
            raise NotFound(f"couldn't find {width} of tile {n}", code="tile_missing")
        if level == "entries":
            return encode_bundle(self.entries[start : start + width])
        tree = self.tree()
        return b"".join(tree(TILE_HEIGHT * level, index) for index in range(start, start + width))

    def keep_tiles(self) -> None:
        """From now on tiles and bundles are what is stored now, whatever happens to the entries."""
        for level in ("entries", 0, 1):
            for n in range(1 + self.size() // TILE_WIDTH):
                width = width_of(level, n, self.size())
                if width:
                    self.stored_tiles[level, n, width] = self.tile(level, n, width)

    def checkpoints(self) -> Iterable[bytes]:
        return self.notes.values()

    def segment(self, root: bytes, n: int) -> SegmentView:
        if root not in self.segments:
            raise NotFound(f"couldn't open segment {root.hex()}: it is not here", code="segment_not_found")
        return SegmentView(self.segments[root], n=n, root=root)

    open = segment

    def read_entries(self, start: int, end: int) -> list[bytes]:
        return self.entries[start:end]

    def hashes(self) -> MemoryTree:
        return self.tree()

    def latest_checkpoint(self) -> tuple[int, bytes] | None:
        return max(self.notes.items(), default=None)

    def read_checkpoint(self, size: int) -> bytes | None:
        return self.notes.get(size)

    # as a node of the chain

    def chain_id(self) -> int:
        return CHAIN_ID

    def block(self, number: int | None = None) -> Block | None:
        return self.blocks.get(max(self.blocks, default=0) if number is None else number)

    def call(self, address: str, data: bytes, block: int) -> bytes:
        """The contracts' own state, whatever became of their events."""
        return self.contracts.get(address, b"")

    def newest(self, _size: int, /) -> bytes | None:
        return max(self.notes.items(), default=(0, None))[1]

    def logs(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        topics = query["topics"]
        return [
            event
            for event in self.events
            if event["address"] == query["address"]
            and event["topics"][: len(topics)] == topics
            and query.get("blockHash") in (None, event["blockHash"])
        ]

    def store(self, keys: Iterable[bytes]) -> bytes:
        """Store the segment of these keys; returns its root."""
        root, data = segment_bytes(sorted(keys))
        self.segments[root] = data
        return root

    def prefix_of(self, maker: Actor) -> str:
        return next(prefix for prefix, holder in self.record.standing.prefixes.items() if holder == maker.address)

    def _emit(self, address: str, topics: list[str], data: str, block: int, transaction: str) -> None:
        self.blocks[block] = Block(block, self._hash("block", block), self.clock)
        newest = bytes.fromhex(topics[1 if address == REGISTRY else 2][2:])
        self.contracts[address] = newest if address == REGISTRY else newest + bytes.fromhex(data[2:66])
        self.events.append(
            {
                "address": address,
                "topics": topics,
                "data": data,
                "blockNumber": hex(block),
                "blockHash": self._hash("block", block),
                "transactionHash": transaction,
                "logIndex": "0x0",
                "removed": False,
            }
        )

    def _hash(self, what: str, number: int) -> str:
        return "0x" + secret(f"{what}-{number}").hex()

    def _leaf(self, index: int) -> str:
        return "0x" + leaf_hash(self.entries[index]).hex()


def encoded(kind: Proposal, body: Mapping[str, Any]) -> bytes:
    """`abi.encode` of a proposal's struct, by another library than the verifier's own reading."""
    fields = STRUCTS[kind].fields
    as_abi = {"bytes32": lambda text: bytes.fromhex(text[2:]), "uint64": int}
    values = [as_abi.get(field, lambda value: value)(body[name]) for name, field in fields]
    return abi_encode([f"({','.join(field for _, field in fields)})"], [tuple(values)])


def secret(label: str) -> bytes:
    """32 bytes that follow from a name."""
    return hashlib.sha256(f"sim/{label}".encode()).digest()


def actor(name: str) -> Actor:
    """Somebody whose key follows from the name."""
    key = secret(f"key-{name}")
    return Actor(name, key, Account.from_key(key).address.lower())


def gtin_of(prefix: str, item: int = 1) -> str:
    """A GTIN-14 under a company prefix."""
    body = "0" + prefix + str(item).zfill(12 - len(prefix))
    return body + str(gs1_standard_check_digit(body))


def sign_unit(sim: Sim, batch: MadeBatch, serial: str) -> str:
    """The label signature of a unit, as printed."""
    return sign_label(batch.label_seed, sim.founding.log_id, batch.gtin, batch.lot, serial)


def policy_of(log: SigningKey, witnesses: Mapping[str, SigningKey]) -> str:
    """The policy under which every one of these witnesses must cosign."""
    lines = [f"log {log.verifier.format()}"]
    lines += [f"witness {name} {key.verifier.format()}" for name, key in witnesses.items()]
    return "\n".join([*lines, f"group everybody all {' '.join(witnesses)}", "quorum everybody"]) + "\n"


def word(number: int) -> str:
    """A number as one word of the ABI."""
    return f"0x{number:064x}"


def segment_bytes(keys: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Root and file of the segment with these keys, in the order given."""
    layout = Layout(len(keys))
    level = [leaf_hash(b"".join(keys[at : at + 16])) for at in range(0, len(keys), 16)]
    root, parts = root_at(len(level), MemoryTree(level)), [b"".join(keys)]
    while level:
        parts.append(b"".join(level))
        level = [node_hash(a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
    data = encode_header(SegmentHeader(n=len(keys), root=root)) + b"".join(parts)
    assert len(data) == layout.size
    return root, data
