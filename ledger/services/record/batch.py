"""Batches: registrations and everything said about them later, taken in as signed statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ledger.ports import Log, Secrets, Segments
from ledger.services.record.append import Receipt, Sequencer, Submission
from ledger.services.record.batch_history import history_of
from ledger.services.record.lines import Line
from ledger.services.record.participant import Freshness, Participants
from ledger.services.record.staging import Staging
from verifier.errors import Malformed, NotFound, Refused, Unavailable
from verifier.instant import format_instant
from verifier.record.batch import Batch, RetireReason, Slot
from verifier.record.record import Record
from verifier.record.statement import STRUCTS, Kind, Statement, verify
from verifier.segment.view import salt_commitment


class Batches:
    """Accepts statements about batches and describes batches to others."""

    def __init__(
        self,
        record: Record,
        log: Log,
        segments: Segments,
        secrets: Secrets,
        participants: Participants,
        freshness: Freshness,
    ) -> None:
        self._freshness = freshness
        self._record, self._log, self._segments, self._secrets = record, log, segments, secrets
        self._participants = participants
        self._sequencer: Sequencer | None = None
        self.staging = Staging(record, segments)

    def use(self, sequencer: Sequencer) -> None:
        """Take statements in from now on."""
        self._sequencer = sequencer

    def register(self, statement: Statement, salt: bytes) -> Receipt:
        """Register a batch whose segment is stored already.

        `salt`: 32 bytes, checked against its commitment, kept sealed beside the log, never logged. Raises Malformed,
        Refused (the rule's code), NotFound (`segment_not_found`), Stopped.
        """
        if statement.kind is not Kind.BATCH_REGISTERED:
            raise Malformed(f"couldn't register: got a {statement.kind} statement", at="kind")
        if len(salt) != 32 or salt_commitment(salt).hex() != statement.body["saltCommitment"][2:]:
            raise Refused("couldn't accept the salt: it does not match saltCommitment", code="salt_mismatch")
        submission = self._submission(statement)
        with self._staged(statement):
            return self._register(submission, statement, salt)

    def _register(self, submission: Submission, statement: Statement, salt: bytes) -> Receipt:
        self._check_fresh()
        if submission.digest is None or self._log.find_statement(submission.digest) is None:
            # Asked here too: a statement that is refused must leave nothing behind, not even a sealed salt.
            self._record.admit(statement.kind, statement.body, statement.actor, self._writer.now())
        # An upload that nobody refers to is swept after a day; this one must outlive the append.
        self._segments.hold(bytes.fromhex(statement.body["segmentRoot"][2:]))
        # If we stop after this line, a sealed salt lies beside the log that no entry commits to: harmless.
        self._secrets.put(salt_name(statement.body["saltCommitment"]), salt)
        return self._writer.submit(submission)

    def change(self, statement: Statement) -> Receipt:
        """Take in a recall, a retirement or an undo. Raises Malformed, Refused (the rule's code), Stopped."""
        if statement.kind is Kind.BATCH_REGISTERED:
            raise Malformed("couldn't change a batch: a registration needs its salt beside it", at="kind")
        if statement.kind is Kind.INDEX_CONFIRMED:
            raise Malformed("couldn't change a batch: a confirmation is about the index", at="kind")
        submission = self._submission(statement)
        with self._staged(statement):
            if statement.kind is Kind.UNITS_RETIRED:
                self._segments.hold(bytes.fromhex(statement.body["segmentRoot"][2:]))  # as in `register`
            return self._writer.submit(submission)

    def submission(self, line: Line) -> Submission | Receipt:
        """What a line of many is to become, or the receipt of what stands already; its signature has been checked.

        A salt is sealed here and becomes durable with its entry: what is refused leaves none. Raises as `register`
        and `change`.
        """
        statement, salt, known = line.statement, line.salt, self._known(line)
        if known is not None:
            return known
        if line.words is not None:
            raise line.words
        secret: tuple[str, bytes] | None = None
        if salt is not None:
            self._check_fresh()
            name = salt_name(statement.body["saltCommitment"])
            secret = name, self._secrets.sealed(name, salt)
        if any(root := bytes.fromhex(statement.body.get("segmentRoot", "0x")[2:])):
            self._segments.hold(root)  # as in `_register`
        return Submission(
            statement.kind, statement.body, statement.actor, statement.signature, line.digest,
            self._touches(statement), None, line.canonical, secret,
        )  # fmt: skip

    def _known(self, line: Line) -> Receipt | None:
        """The receipt of a line that stands already: found under its statementId, which its digest covers."""
        if line.statement.body["statementId"] not in self._record.statement_ids:
            return None
        index = self._log.find_statement(line.digest)
        return self._writer.receipt(index) if index is not None else None

    def _check_fresh(self) -> None:
        self._writer.now()  # first: a clock that is days ahead makes everything late
        if self._freshness.stale:
            raise Unavailable(
                "couldn't register: the registry has not been read for a day; recalls and scans go on",
                code="register_stale",
            )

    def find(self, batch_id: str) -> Batch:
        """The batch with this id (0x and 64 hex). Raises NotFound (`batch_unknown`)."""
        try:
            return self._record.batches[bytes.fromhex(batch_id.removeprefix("0x"))]
        except (KeyError, ValueError) as error:
            raise NotFound(f"couldn't find batch {batch_id}: it is not in this ledger", code="batch_unknown") from error

    def find_lot(self, gtin: str, lot: str) -> Batch:
        """The batch of a GTIN-14 and lot. Raises NotFound (`batch_unknown`)."""
        batch = self._record.by_lot.get((gtin, lot))
        if batch is None:
            raise NotFound(f"couldn't find GTIN {gtin} lot {lot}: it is not in this ledger", code="batch_unknown")
        return batch

    def salt(self, batch: Batch) -> bytes | None:
        """The batch's salt, published or kept beside the log; for authorities and the server only."""
        return batch.salt or self._secrets.get(salt_name("0x" + batch.salt_commitment.hex()))

    def describe(self, batch: Batch) -> dict[str, Any]:
        """What anybody may know about a batch, as JSON."""
        return {
            "id": "0x" + batch.id.hex(),
            "entry": batch.index,
            "gtin": batch.gtin,
            "lot": batch.lot,
            "unit_count": batch.unit_count,
            "segment_root": "0x" + batch.segment_root.hex(),
            "salt_published": batch.salt is not None,
            "label_carriers": list(batch.label_carriers),
            "markets": list(batch.markets),
            "expires": batch.expires,
            "recorded_at": format_instant(batch.recorded_at),
            "maker": self._participants.describe(batch.maker),
            "withdrawn": batch.withdrawn,
            "heads": self.heads(batch),
            "in_force": self.in_force(batch),
            "recall": _change(batch.recall.current),
            "retired": {
                reason.name.lower(): int(slot.current.body["unitCount"])
                for reason, slot in batch.retired.items()
                if slot.current
            },
        }

    def history(self, batch: Batch) -> list[dict[str, Any]]:
        """What was said about a batch, oldest first; `history_of` describes the fields."""
        return history_of(batch, self._log.read_entries, lambda by: self._participants.describe(by)["name"])

    def heads(self, batch: Batch) -> dict[str, str]:
        """The leaf that the next statement of each slot must supersede."""
        return {name: "0x" + slot.head.hex() for name, slot in _slots(batch).items()}

    def in_force(self, batch: Batch) -> dict[str, dict[str, Any] | None]:
        """The statement of each slot that counts now, which is what an undo takes back; None where there is none."""
        return {
            name: {"entry": slot.current.index, "leaf": "0x" + slot.current.leaf.hex()} if slot.current else None
            for name, slot in _slots(batch).items()
        }

    def receipt(self, index: int) -> Receipt:
        """The receipt of an entry that stands already."""
        return self._writer.receipt(index)

    @contextmanager
    def _staged(self, statement: Statement) -> Iterator[None]:
        """A segment is staged until an entry names it: a statement that is refused for good takes it along."""
        self.staging.begin(statement)
        outcome: BaseException | None = None
        try:
            yield
        except BaseException as error:
            outcome = error
            raise
        finally:
            self.staging.end(statement, outcome if self._sequencer is not None else None)

    @property
    def _writer(self) -> Sequencer:
        if self._sequencer is None:
            raise Refused("couldn't append: this ledger was opened for reading", code="read_only")
        return self._sequencer

    def _submission(self, statement: Statement) -> Submission:
        digest = verify(statement, self._record.founding.domain)
        if self._log.find_statement(digest) is None:  # what was taken in once gets its receipt again
            STRUCTS[statement.kind].check_words(statement.body)
        return Submission(
            statement.kind, statement.body, statement.actor, statement.signature, digest, self._touches(statement)
        )

    def _touches(self, statement: Statement) -> frozenset[str]:
        body = statement.body
        touched = {body["statementId"]}
        match statement.kind:
            case Kind.BATCH_REGISTERED:
                touched.add(f"{body['gtin']}/{body['lot']}")
            case Kind.UNDONE:
                target = self._record.target(body["target"])
                touched.add("0x" + target.batch.id.hex() if target else body["target"])
            case Kind.INDEX_CONFIRMED:
                touched.add("index")
            case _:
                touched.add(body["batch"])
        return frozenset(touched)


def salt_name(commitment: str) -> str:
    """The name a batch's salt is sealed under: its commitment, known before the batch has an id."""
    return f"salt/{commitment.removeprefix('0x')}"


def _slots(batch: Batch) -> dict[str, Slot]:
    slots = {"registration": batch.registration, "recall": batch.recall}
    return slots | {reason.name.lower(): batch.retired[reason] for reason in RetireReason}


def _change(change: Any) -> dict[str, Any] | None:
    if change is None:
        return None
    return {
        "entry": change.index,
        "leaf": "0x" + change.leaf.hex(),
        "by": change.actor,
        "at": format_instant(change.recorded_at),
        "reason": change.body["reason"],
        "notice": change.body["noticeUrl"] or None,
    }
