"""Verification: gathers the facts about one code from record, segments and scan history, and has them judged.

It only reads. A part that cannot be read raises Unavailable: no answer, which says nothing about the item.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ledger.ports import Segments
from ledger.services.copies.mirroring import MirrorView
from ledger.services.record.batch import Batches
from ledger.services.scans.judging import Judge
from ledger.services.scans.question import Question as Question
from ledger.services.scans.question import ReadBeside, read_surely
from verifier.errors import NotFound, ProofInvalid, Unavailable
from verifier.instant import format_instant
from verifier.reading.gs1 import Carrier, UnitCode, gs1_office
from verifier.reading.label import LabelCheck, verify_label
from verifier.reading.printed import printed_fields
from verifier.reading.reading import NotGs1, ReadCode, Reading
from verifier.record.batch import Batch, RetireReason
from verifier.record.independence import independence
from verifier.record.record import Record
from verifier.segment.view import SegmentView, blind, unit_key
from verifier.verdict.behaviour import Sighting
from verifier.verdict.facts import BatchFacts, Facts, Label, Readable, Unit, Witnessing
from verifier.verdict.judge import Judgement, judge

PUBLIC_BATCH_LIMIT = 4_096
"""Batches of one GTIN searched for a caller without an account; beyond it there is no answer."""

_NO_KEY = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
"""A valid key (RFC 8032 7.1, test 1) to check against when no batch fits, so that every answer takes the same work."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Officers' earlier scans of a unit: how often, first, last and where."""

    times: int = 0
    first: Sighting | None = None
    last: Sighting | None = None
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AsOf:
    """What an answer rests on: the newest signed checkpoint, when it was recorded, and the newest final anchor.

    `witnessed_size`: W, the newest size that a quorum of witnesses has cosigned; `witnessed_at`: when the quorum-th
    newest cosignature was made (ms); `witnesses`: whose. `fresh`: whether good facts may rest on W now. A ledger
    without witnesses has no W: there good facts rest on `size`, and the answer says so. `mirror`: whose copy answers,
    if it is one; `doubted`: nothing good rests on it now, because it is too old or its log contradicted itself.
    """

    size: int
    root: bytes
    recorded_at: int
    anchored_size: int | None
    witnessed_size: int | None = None
    witnessed_at: int | None = None
    witnesses: tuple[str, ...] = ()
    has_witnesses: bool = False
    fresh: bool = True
    mirror: MirrorView | None = None
    doubted: bool = False

    @property
    def good_size(self) -> int:
        """Good facts count below this size."""
        if self.doubted:
            return 0
        if not self.has_witnesses:
            return self.size
        return (self.witnessed_size or 0) if self.fresh else 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A judged code with what it was judged from. `subject` (32 bytes) names the unit, or the code, in scan history.

    `carrier` is what bore the code as read; `typed`: no device says that it read it. `wrong_signature`: a label
    signature that is well formed, wrong, and read so surely that reading it once more would confirm it.
    """

    judgement: Judgement
    facts: Facts
    reading: Reading
    code: UnitCode | None
    batches: tuple[Batch, ...]
    unit_key: bytes | None
    subject: bytes | None
    seen: Seen
    as_of: AsOf
    carrier: Carrier = Carrier.TEXT
    wrong_signature: str | None = None
    typed: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """What is kept about a subject: officers' sightings, public look-ups, label signatures found wrong before."""

    sightings: tuple[Sighting, ...] = ()
    lookups: int = 0
    wrong_signatures: frozenset[str] = frozenset()


class Histories(Protocol):
    """Scan history, by subject."""

    def history(self, subject: bytes) -> History:
        """Everything kept about a subject, in one indexed read."""
        ...


@dataclass(frozen=True, slots=True)
class _Found:
    batch: Batch
    key: bytes


class Verification:
    """Answers questions about codes."""

    def __init__(
        self,
        record: Record,
        segments: Segments,
        batches: Batches,
        histories: Histories,
        tip: Callable[[], AsOf],
        register_stale: Callable[[], bool],
    ) -> None:
        self._record, self._segments, self._batches = record, segments, batches
        self._histories, self._tip, self._register_stale = histories, tip, register_stale
        self._salts: dict[bytes, bytes] = {}
        self._judge = Judge()

    def look_through(self, see: Callable[[AsOf], AsOf]) -> None:
        """From now on answers rest on what `see` makes of the tip: a mirror adds whose copy it is."""
        tip = self._tip
        self._tip = lambda: see(tip())

    def answer(self, question: Question) -> Answer:
        """Judge one code.

        1. what was read; 2. the unit in the register; 3. its history; 4. its label; 5. the judgement.
        Raises Unavailable when a part cannot be read.
        """
        reading, as_of = question.reading, self._tip()
        if not isinstance(reading, ReadCode):  # 1
            return _unread(question, reading.why.value if isinstance(reading, NotGs1) else reading.why, as_of)
        code = reading.code
        candidates = self._candidates(code, question.officer)
        found, hidden = self._find(code, candidates)  # 2
        if reading.suspects and not any(code.lot in (None, one.batch.lot) for one in found):
            # The text shows a device fault, so that the literal code is not registered says nothing: it was not read.
            return _unread(question, reading.suspects[0].value, as_of)
        printed = self._record.by_lot.get((code.gtin, code.lot)) if code.lot is not None else None
        subject = found[0].key if found else _subject(code)
        history = self._history([one.key for one in found] or [subject]) if code.serial is not None else History()  # 3
        labels, wrong = self._labels(question, code, found, printed, history)  # 4
        facts = self._facts(question, code, found, printed, history, labels, as_of)
        facts, judgement = self._judge(replace(facts, hidden_lots=hidden) if hidden else facts)
        batches = tuple(f.batch for f in found)
        if not batches and printed is not None:
            batches = (printed,)
        return Answer(  # 5
            judgement, facts, question.reading, code, batches, found[0].key if found else None, subject,
            _seen(history), as_of, question.carrier, wrong, question.typed,
        )  # fmt: skip

    def unit(self, code: UnitCode, batch: Batch) -> tuple[bytes, bytes]:
        """Blind and key (32 bytes each) that a code has in a batch. Raises Unavailable when its salt is not here."""
        salt = self._salt(batch)
        if salt is None or code.serial is None:
            raise Unavailable("couldn't look the unit up: the batch's salt is not here", code="salt_missing")
        hidden = blind(salt, batch.gtin, batch.lot, code.serial)
        return hidden, unit_key(hidden, code.serial)

    def _candidates(self, code: UnitCode, officer: bool) -> Sequence[Batch]:
        batches = self._record.by_gtin.get(code.gtin, ())
        if len(batches) > PUBLIC_BATCH_LIMIT and not officer:
            raise Unavailable(
                f"couldn't search {len(batches)} batches of one product without an account", code="too_many_batches"
            )
        return batches

    def _find(self, code: UnitCode, candidates: Sequence[Batch]) -> tuple[list[_Found], int]:
        """Every batch that contains the unit, and how many could not be searched, because their salts are not here.

        All are asked, so that absent lot and absent unit cost the same. If other lots are hidden, a unit found in its
        printed lot is answered for, but absence is never claimed.

        Raises Unavailable (`salt_missing`, `salt_missing_recalled`, `segment`).
        """
        if code.serial is None:
            return [], 0
        found, elsewhere, hidden = [], [], 0
        for batch in candidates:
            salt = self._salt(batch)
            if salt is None:
                if batch.lot == code.lot and batch.recall.current is not None:
                    raise Unavailable(
                        f"couldn't look the unit up: the salt of lot {batch.lot}, which is recalled, is not here",
                        code="salt_missing_recalled",
                    )
                hidden += 1
                continue
            key = unit_key(blind(salt, batch.gtin, batch.lot, code.serial), code.serial)
            view = self._open(batch)
            if view.find(key) is not None:
                found.append(_Found(batch, key))
            else:
                elsewhere.append((view, key))
        if hidden and not any(one.batch.lot == code.lot for one in found):
            raise Unavailable(
                f"couldn't look the unit up: {hidden} salts of GTIN {code.gtin} are not here", code="salt_missing"
            )
        if not found:
            _prove_absent(elsewhere)
        # the newest first, but before it the one whose lot is printed: that is what the pack can be compared with
        return sorted(found, key=lambda one: one.batch.lot != code.lot), hidden

    def _open(self, batch: Batch) -> SegmentView:
        try:
            return self._segments.open(batch.segment_root, batch.unit_count)
        except (NotFound, ProofInvalid) as error:
            raise Unavailable(f"couldn't read the segment of {batch.gtin} {batch.lot}", code="segment") from error

    def _salt(self, batch: Batch) -> bytes | None:
        salt = self._salts.get(batch.id) or self._batches.salt(batch)
        if salt is not None:
            self._salts[batch.id] = salt
        return salt

    def _history(self, subjects: Sequence[bytes]) -> History:
        """What is kept about a unit under any of its names: one serial in two lots is scanned with either on it."""
        kept = [self._histories.history(subject) for subject in subjects]
        if len(kept) == 1:
            return kept[0]
        sightings = sorted((s for one in kept for s in one.sightings), key=lambda s: s.scanned_at)
        wrong = frozenset().union(*(one.wrong_signatures for one in kept))
        return History(tuple(sightings), sum(one.lookups for one in kept), wrong)

    def _labels(
        self, question: Question, code: UnitCode, found: list[_Found], printed: Batch | None, history: History
    ) -> tuple[list[Label], str | None]:
        """What the signature of every code that was read says, the first one's first, and a surely wrong one."""
        batch = found[0].batch if found else printed
        sure = read_surely(question, bool(found))
        labels, wrong = [], None
        for one in (ReadBeside(code, question.decodes), *question.beside):
            label = self._label(one.code, code, batch, bool(found))
            if label is Label.WRONG_ONCE and sure and one.code.signature is not None:
                wrong = one.code.signature.upper()
                if one.decodes >= 2 or wrong in history.wrong_signatures:
                    label = Label.WRONG_TWICE
            labels.append(label)
        return labels, wrong

    def _label(self, one: UnitCode, item: UnitCode, batch: Batch | None, found: bool) -> Label:
        """What the signature of one code says about the item that it names. Wrong is wrong once, here."""
        if one.signature is None:
            borne = batch is not None and found and one.carrier.value in batch.label_carriers
            return Label.MISSING if borne else Label.NONE
        key = batch.label_key if batch is not None and batch.label_key is not None else _NO_KEY
        lot = batch.lot if batch is not None else item.lot or ""
        log_id = self._record.founding.log_id
        check = verify_label(key, log_id, item.gtin, lot, item.serial or "", one.signature)
        if batch is None or item.serial is None:
            return Label.NONE
        if batch.label_key is None:
            return Label.NO_KEY
        match check:
            case LabelCheck.VALID:
                return Label.VALID
            case LabelCheck.MALFORMED:
                return Label.MALFORMED
            case LabelCheck.WRONG:
                return Label.WRONG_ONCE

    def _facts(
        self,
        question: Question,
        code: UnitCode,
        found: list[_Found],
        printed: Batch | None,
        history: History,
        labels: Sequence[Label],
        as_of: AsOf,
    ) -> Facts:
        named = found or ([_Found(printed, b"")] if printed is not None and code.serial is None else [])
        holder = self._record.standing.holder(code.gtin)
        return Facts(
            readable=Readable.GS1,
            today=question.today,
            context=question.context,
            repairs=question.repairs,
            has_serial=code.serial is not None,
            holder=holder,
            gs1_office=gs1_office(code.gtin),
            unit=_unit_state(code, found),
            absence=self._absence(code, printed),
            batches=tuple(self._batch_facts(f, code, holder) for f in named),
            label=labels[0],
            labels_beside=tuple(labels[1:]),
            printed=printed_fields(code, *(one.code for one in question.beside)),
            not_judged=question.not_judged,
            market=question.market,
            sightings=history.sightings + ((question.scan,) if question.scan else ()),
            officer=question.scan is not None,
            public_lookups=history.lookups,
            witnessing=self._witnessing(code.gtin, named, holder, as_of),
            register_stale=self._register_stale(),
        )

    def _witnessing(self, gtin: str, named: Sequence[_Found], holder: str | None, as_of: AsOf) -> Witnessing:
        """Whether the good facts lie below W: registration, admission, prefix, and whatever was undone or ended.

        Bad facts are not asked about: they count as soon as they are integrated.
        """
        standing, good = self._record.standing, as_of.good_size
        rests_on = max((found.batch.favoured for found in named), default=0)
        if standing.favoured_last >= good:  # seldom, and else nobody's standing has to be looked up
            rests_on = max(rests_on, standing.favours(gtin, holder, *(found.batch.maker for found in named)))
        if rests_on >= good:
            return Witnessing.AWAITING
        return Witnessing.COVERED if as_of.has_witnesses else Witnessing.NO_WITNESSES

    def _absence(self, code: UnitCode, printed: Batch | None) -> dict[str, object]:
        """What absence rests on: a proof, or the confirmed index; else the operator's statement."""
        if printed is not None:
            return {"rests_on": "proof", "batch": "0x" + printed.id.hex(), "lot": printed.lot}
        sealed = self._record.confirmed_index
        unknown = code.lot is not None or code.gtin not in self._record.by_gtin
        if sealed is not None and unknown:
            # Entries after it are looked at one by one: the record holds them, and none registers this lot.
            who = independence(self._record.standing, sealed)
            if who.counting:
                return {
                    "rests_on": "index",
                    "size": sealed.head.size,
                    "confirmed_by": ", ".join(one.address for one in who.counting),
                    "countries": ", ".join(who.countries),
                    "independent": who.shown,
                }
        return {"rests_on": "operator_statement"}

    def _batch_facts(self, found: _Found, code: UnitCode, holder: str | None) -> BatchFacts:
        batch, standing = found.batch, self._record.standing
        maker = standing.participants[batch.maker]
        recall = batch.recall.current
        return BatchFacts(
            id="0x" + batch.id.hex(),
            index=batch.index,
            lot=batch.lot,
            lot_as_printed=code.lot is None or code.lot == batch.lot,
            markets=batch.markets,
            expires=batch.expires,
            recall={
                "entry": recall.index,
                "at": format_instant(recall.recorded_at),
                "reason": recall.body["reason"],
                "notice": recall.body["noticeUrl"] or None,
            }
            if recall
            else None,
            withdrawn=batch.withdrawn,
            retired=self._retired(found),
            maker_suspension=maker.suspension,
            registered_while_suspended=maker.suspended_at(batch.recorded_at) is not None,
            maker_holds_prefix=holder == batch.maker,
        )

    def _retired(self, found: _Found) -> dict[RetireReason, dict[str, object]]:
        reasons: dict[RetireReason, dict[str, object]] = {}
        for reason in RetireReason:
            change = found.batch.retired[reason].current
            if change is not None and found.key in self._record.retired_units(found.batch, reason):
                reasons[reason] = {"entry": change.index, "at": format_instant(change.recorded_at), "by": change.actor}
        return reasons


def _unread(question: Question, why: str, as_of: AsOf) -> Answer:
    reading = question.reading
    facts = Facts(
        readable=Readable.NOT_GS1 if isinstance(reading, NotGs1) else Readable.UNREADABLE,
        today=question.today,
        context=question.context,
        repairs=question.repairs,
        not_judged=question.not_judged,
        why_unreadable=why,
        suspects=tuple(suspect.value for suspect in reading.suspects) if isinstance(reading, ReadCode) else (),
        officer=question.officer,
        # Nothing of it rests on the log.
        witnessing=Witnessing.COVERED if as_of.has_witnesses else Witnessing.NO_WITNESSES,
    )
    return Answer(
        judge(facts), facts, reading, None, (), None, None, Seen(), as_of, question.carrier, typed=question.typed
    )


def _prove_absent(elsewhere: Sequence[tuple[SegmentView, bytes]]) -> None:
    """Not finding a key proves nothing, a flipped bit could hide it; the neighbours under the signed root do."""
    try:
        for view, key in elsewhere:
            view.absence(key)
    except ProofInvalid as error:
        raise Unavailable("couldn't prove the unit absent: a stored segment is damaged", code="segment") from error


def _unit_state(code: UnitCode, found: list[_Found]) -> Unit:
    if code.serial is None:
        return Unit.UNKNOWN
    return Unit.PRESENT if found else Unit.ABSENT


def _subject(code: UnitCode) -> bytes:
    """A name in scan history for a code that is no registered unit."""
    parts = (code.gtin, code.lot or "", code.serial or "")
    return hashlib.sha256(b"carnet/subject/v1\n" + b"\x1d".join(part.encode() for part in parts)).digest()


def _seen(history: History) -> Seen:
    if not history.sightings:
        return Seen()
    ordered = sorted(history.sightings, key=lambda sighting: sighting.scanned_at)
    places = dict.fromkeys(s.place or s.country or "unknown" for s in ordered)
    return Seen(len(ordered), ordered[0], ordered[-1], tuple(places))
