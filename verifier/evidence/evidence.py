"""Evidence: one file that a third party checks offline, from a single value it was told before.

That value is the pin, SHA-256 of entry 0's bytes. Nothing in the file is believed but through it: entry 0 gives the log
key and the authorities, the signed checkpoint gives size and root, the root gives the entries, and these give the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from verifier.chain.event import ChainReader
from verifier.errors import CarnetError, Malformed, ProofInvalid, RulesUnknown, Unavailable
from verifier.evidence.anchor import check_anchor, check_on_chain
from verifier.evidence.decisions import check_decisions
from verifier.evidence.explain import STEPS, Limits, Report, Step
from verifier.evidence.facts import anchor_facts, batch_facts, index_facts, unit_facts, witness_facts
from verifier.evidence.file import EvidenceFile, ShownEntry, decode_evidence
from verifier.evidence.index import check_index_part
from verifier.evidence.register import Register, check_register
from verifier.evidence.unit import check_retired, check_unit
from verifier.instant import SECOND, format_instant
from verifier.reading.gs1 import UnitCode
from verifier.reading.label import LabelCheck, verify_label
from verifier.record.batch import Batch
from verifier.record.entry import Entry, decode_entry
from verifier.record.excerpt import Excerpt
from verifier.record.founding import Founding, parse_founding
from verifier.record.head import Head, open_head
from verifier.record.independence import Independence, independence
from verifier.record.index import LISTED_FROM
from verifier.record.participant import goes_beyond
from verifier.record.rules import KNOWN, Rules
from verifier.record.sealed_index import SealedIndex
from verifier.record.statement import Kind
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.merkle import leaf_hash, verify_inclusion


class _Open(Exception):
    def __init__(self, words: str, *, needed: bool = False) -> None:
        super().__init__(words)
        self.needed = needed


def check_evidence(
    raw: bytes,
    *,
    pin: bytes,
    code: UnitCode | None = None,
    salt: bytes | None = None,
    chain: ChainReader | None = None,
    unwitnessed: bool = False,
    known: Rules = KNOWN,
) -> Report:
    """Check a file of evidence step by step; stops at the first step that fails.

    Args:
        raw: the file's bytes, from anybody.
        pin: SHA-256 of entry 0's bytes (32 bytes), told out of band.
        code: the code as it was read, if the file is to speak of exactly that one; its label signature is checked too.
        salt: the batch's salt (32 bytes) for those who have it; absence in a batch with a hidden salt needs it.
        chain: the verifier's own node; without it anchor and register rest on what the file says.
        unwitnessed: be content with a head that fewer witnesses cosigned than entry 0 asks for. It may be one of two
            histories; without this such a file proves nothing.
        known: the versions of the rules that this verifier has. A file that goes beyond them is `paused`: nobody can
            tell here whether it holds, and what was said before stands.

    Never raises for anything the file holds.
    """
    return _Check(raw, pin, code, salt, chain, unwitnessed, known).run()


class _Check:
    """One run. Steps set what later steps use; each returns its words, raises a CarnetError, or `_Open`."""

    def __init__(
        self,
        raw: bytes,
        pin: bytes,
        code: UnitCode | None,
        salt: bytes | None,
        chain: ChainReader | None,
        unwitnessed: bool,
        known: Rules,
    ) -> None:
        self._raw, self._pin, self._code, self._salt, self._chain = raw, pin, code, salt, chain
        self._unwitnessed = unwitnessed
        self._file: EvidenceFile
        self._shown: tuple[ShownEntry, ...]
        self._entries: list[tuple[int, Entry]]
        self._founding: Founding
        self._signed: Head
        self._head: Checkpoint
        self._quorum_at: int | None = None
        self._index: SealedIndex | None = None
        self._independence: Independence | None = None
        self._decisions: int | None = None
        self._excerpt = Excerpt(known)
        self._paused: RulesUnknown | None = None
        self._refused: tuple[str, CarnetError] | None = None
        self._batch: Batch | None = None
        self._blind_unknown = False
        self._labelled = False
        self._asked = False
        self._register: Register | None = None

    def run(self) -> Report:
        steps: list[Step] = []
        unproved = None
        for name in STEPS:
            if any(step.ok is False for step in steps):
                steps.append(Step(name, None, "not reached"))
                continue
            if self._paused is not None and name not in _ON_PAUSE:
                steps.append(Step(name, None, "not reached"))
                continue
            check: Callable[[], str] = getattr(self, f"_check_{name}")
            try:
                steps.append(Step(name, True, check()))
            except _Open as open_:
                steps.append(Step(name, None, str(open_)))
                unproved = unproved or (name if open_.needed else None)
            except RulesUnknown as error:
                self._paused, unproved = error, unproved or name
                steps.append(Step(name, None, str(error)))
            except CarnetError as error:
                steps.append(Step(name, False, str(error)))
        good = all(step.ok is not False for step in steps)
        # Of a file that fails nothing is said but where: what a later step would have found nobody looked at.
        shows, limits = (self._shows(), self._limits().sentences()) if good and unproved != "founding" else ({}, ())
        return Report(tuple(steps), shows, limits, unproved, str(self._paused) if self._paused is not None else None)

    def _check_file(self) -> str:
        self._file = decode_evidence(self._raw)
        self._shown = self._file.shown()
        self._entries = self._decoded()
        return f"entry {self._file.proof.index} with {len(self._file.entries)} others that it rests on"

    def _decoded(self) -> list[tuple[int, Entry]]:
        """The entries shown; what a newer version brought cannot be read, behind the entry that raises to it."""
        entries: list[tuple[int, Entry]] = []
        known = self._excerpt.known
        beyond = False
        for shown in self._shown:
            try:
                entries.append((shown.index, decode_entry(shown.data)))
            except Malformed:
                # Believed for now: the fold checks that raise, and stops there if countries have signed it.
                if not beyond:
                    raise
                break
            beyond = beyond or goes_beyond(entries[-1][1], known)
        return entries

    def _check_code(self) -> str:
        if self._code is None:
            raise _Open("no code was given to compare with")
        code, unit, index = self._code, self._file.unit, self._file.index
        about: tuple[str | None, ...]
        read: tuple[str | None, ...]
        if unit is not None:
            about = (unit.gtin, unit.lot, unit.serial)
            read = (code.gtin, code.lot or unit.lot, code.serial)
        elif index is not None:  # it speaks of a whole batch, or of all of a product's
            about = (index.gtin, index.lot, code.serial)
            read = (code.gtin, code.lot if index.lot is not None else None, code.serial)
        else:
            raise ProofInvalid("couldn't match the code: the file is about no goods", code="other_code")
        if read != about:
            raise ProofInvalid(
                f"couldn't match the code: got {_named(*read)}, the file is about {_named(*about)}", code="other_code"
            )
        if unit is None:
            return "the file speaks of the batch that was read"
        return (
            "GTIN, lot and serial are those that were read" if code.lot else "GTIN and serial are those that were read"
        )

    def _check_founding(self) -> str:
        index, first = self._entries[0]
        got = hashlib.sha256(first.raw).digest()
        if index != 0 or got != self._pin:
            raise ProofInvalid(
                f"couldn't trust the founding: got SHA-256 {got.hex()} at entry {index}, expected {self._pin.hex()}",
                code="pin",
            )
        self._founding = parse_founding(first, self._excerpt.known)
        countries = sorted({authority.country for authority in self._founding.authorities})
        return f"{self._founding.origin}, founded by {', '.join(countries)}"

    def _check_checkpoint(self) -> str:
        self._signed = open_head(self._file.proof.checkpoint, self._founding)
        self._head = self._signed.checkpoint
        return f"{self._head.size} entries, root {self._head.root.hex()}"

    def _check_witnesses(self) -> str:
        if self._founding.policy is None:
            raise _Open("entry 0 asks for no witnesses")
        for line in self._signed.cosigned:
            if line.error is not None:
                raise line.error
        self._quorum_at = self._signed.quorum_time(self._founding)
        who = ", ".join(sorted(self._signed.times)) or "nobody"
        if self._quorum_at is None:
            raise _Open(
                f"{who} cosigned this head, which is less than entry 0 asks for: others may have been shown another "
                "history",
                needed=not self._unwitnessed,
            )
        return f"{who} cosigned; a quorum had at {format_instant(self._quorum_at * SECOND)}"

    def _check_inclusion(self) -> str:
        for shown in self._shown:
            try:
                verify_inclusion(leaf_hash(shown.data), shown.index, self._head.size, shown.path, self._head.root)
            except ProofInvalid as error:
                raise ProofInvalid(f"entry {shown.index}: {error}", code=error.code) from error
        return f"{len(self._shown)} entries lead to the root"

    def _check_participants(self) -> str:
        """Fold all entries in order, and answer for the decisions among them; the next two steps answer for theirs."""
        for index, entry in self._entries:
            try:
                self._excerpt.take(index, entry)
            except RulesUnknown as error:
                # What comes from there on was not looked at, and is no part of what this report says.
                self._entries = [(at, each) for at, each in self._entries if at < index]
                self._batch = self._subject()
                raise RulesUnknown(f"entry {index}: {error}") from error
            except CarnetError as error:
                error.args = (f"entry {index}: {error}",)
                self._refused = (_step_of(entry.kind), error)
                break
        self._raise_refusal("participants")
        decisions = self._count(Kind.PARTICIPANT_MIRRORED)
        standing = self._excerpt.standing
        needed = f"{standing.threshold()} of {len(standing.countries())} countries must agree"
        return f"{decisions} decisions approved; {needed}" if decisions else "it rests on no decision"

    def _check_registration(self) -> str:
        self._raise_refusal("registration")
        self._batch = self._subject()
        if self._batch is None:
            raise _Open("this file is about no batch")
        maker = self._excerpt.standing.participants[self._batch.maker]
        return f"GTIN {self._batch.gtin} lot {self._batch.lot}, signed by {maker.address} ({maker.country})"

    def _check_changes(self) -> str:
        self._raise_refusal("changes")
        later = self._count(Kind.BATCH_RECALLED, Kind.UNITS_RETIRED, Kind.UNDONE)
        if not later:
            raise _Open("the file shows no later statement about this batch")
        return f"{later} later statements"

    def _check_index(self) -> str:
        self._raise_refusal("index")
        part = self._file.index
        if part is None:
            raise _Open("the file does not show that nothing was left out")
        unit, batch = self._file.unit, self._batch
        goods = (unit.gtin, unit.lot) if unit is not None else (batch.gtin, batch.lot) if batch is not None else None
        if goods is not None and not part.covers(*goods):
            raise ProofInvalid(
                f"couldn't check the index: it is about GTIN {part.gtin} lot {part.lot}, the file about {goods}",
                code="index_subject",
            )
        shown = {shown.index: shown.data for shown in self._shown}
        self._index = check_index_part(part, self._excerpt, shown, self._head)
        self._independence = independence(self._excerpt.standing, self._index)
        who = self._independence.words
        return (
            f"the {self._index.head.size} entries that {who} indexed, and the {len(part.later)} after them, say no "
            "more of this than is shown"
        )

    def _check_decisions(self) -> str:
        """That the decisions shown are all there are; without it nothing good is said of the maker's standing."""
        proof, part = self._file.decisions, self._file.index
        if proof is None or part is None or self._index is None:
            raise _Open("the file does not show that no decision about people was left out")
        self._decisions = check_decisions(proof, part, self._index, self._entries)
        return f"the {self._decisions} decisions shown are all of the first {part.complete_to} entries"

    def _check_unit(self) -> str:
        unit, batch = self._file.unit, self._batch
        if unit is None:
            raise _Open("this file is about no single unit")
        if batch is None or batch.index != self._file.proof.index:
            raise ProofInvalid("couldn't check the unit: the file's own entry is no registration", code="unit_batch")
        finding = check_unit(unit, batch, self._salt)
        check_retired(unit, batch)
        self._blind_unknown = finding.blind_unknown
        if finding.blind_unknown:
            raise _Open(
                "it can't be told whether the unit is absent: that needs the batch's salt, which is not public. The "
                "file gives the operator's word for it",
                needed=True,
            )
        return finding.words

    def _check_label(self) -> str:
        texts = [text for text in (self._file.label, self._code.signature if self._code else None) if text is not None]
        unit, batch = self._file.unit, self._batch
        if unit is None or batch is None or not texts:
            raise _Open("no label signature was given")
        if batch.label_key is None:
            raise ProofInvalid("couldn't check the label: the batch's labels bear no signature", code="label_wrong")
        for text in texts:
            found = verify_label(batch.label_key, self._founding.log_id, unit.gtin, unit.lot, unit.serial, text)
            if found is not LabelCheck.VALID:
                raise ProofInvalid(f"couldn't check the label: its signature is {found}", code="label_wrong")
        self._labelled = True
        return "the signature was made with the key registered for this batch"

    def _check_anchor(self) -> str:
        anchor = self._file.anchor
        if anchor is None:
            raise _Open("the file carries no anchor")
        check_anchor(anchor, self._head)
        covered = "among them this one" if self._file.proof.index < anchor.size else "this one came later"
        return f"{anchor.size} entries were anchored, {covered}"

    def _check_chain(self) -> str:
        anchor = self._file.anchor
        if self._chain is None:
            raise _Open("no node of the chain was asked")
        if anchor is None:
            raise _Open("the file carries no anchor to ask for")
        try:
            check_on_chain(anchor, self._founding, self._chain)
        except Unavailable as error:
            raise _Open(f"the chain gave no answer ({error})") from error
        self._asked = True
        return f"Anchored(size {anchor.size}) in block {anchor.block_number}, transaction {anchor.transaction}"

    def _check_register(self) -> str:
        """Decisions that the registry took and the file does not show; a file that lacks one proves no standing."""
        if self._chain is None:
            raise _Open("no node of the chain was asked: decisions about people rest on what the file shows")
        unit, index, batch = self._file.unit, self._file.index, self._batch
        gtin = unit.gtin if unit else batch.gtin if batch else index.gtin if index else None
        try:
            self._register = check_register(self._entries, self._founding, gtin, self._chain)
        except Unavailable as error:
            raise _Open(f"the chain gave no answer ({error})") from error
        if self._register.stale:
            raise _Open(self._register.words, needed=True)
        return self._register.words

    def _raise_refusal(self, step: str) -> None:
        if self._refused is not None and self._refused[0] == step:
            raise self._refused[1]

    def _count(self, *kinds: Kind) -> int:
        return sum(entry.kind in kinds for _, entry in self._entries)

    def _subject(self) -> Batch | None:
        """The batch that the file's own entry is about."""
        own = next((entry for index, entry in self._entries if index == self._file.proof.index), None)
        if own is None:
            return None  # behind a pause
        match own.kind:
            case Kind.BATCH_REGISTERED:
                return self._excerpt.batches.get(own.leaf)
            case Kind.BATCH_RECALLED | Kind.UNITS_RETIRED:
                return self._excerpt.batches.get(bytes.fromhex(own.body["batch"][2:]))
            case Kind.UNDONE:
                target = self._excerpt.target(own.body["target"])
                return target.batch if target else None
            case _:
                return None

    def _limits(self) -> Limits:
        return Limits(
            unit=self._file.unit is not None or self._file.index is not None,
            policy=self._founding.policy is not None,
            witnessed=self._quorum_at is not None,
            size=self._head.size,
            complete_to=self._file.index.complete_to if self._file.index is not None else None,
            decisions_shown=self._decisions is not None,
            anchored=self._file.anchor is not None,
            chain_asked=self._asked,
            register_asked=self._register is not None,
            one_country=", ".join(who.countries) if (who := self._independence) is not None and not who.shown else None,
        )

    def _shows(self) -> dict[str, Any]:
        if self._paused is not None:
            return self._shows_till_pause()
        own = next(entry for index, entry in self._entries if index == self._file.proof.index)
        anchor, unit, batch, part = self._file.anchor, self._file.unit, self._batch, self._file.index
        return {
            "log": {"origin": self._founding.origin, "size": self._head.size, "root": "0x" + self._head.root.hex()},
            "entry": {
                "index": self._file.proof.index,
                "kind": own.kind.value,
                "recorded_at": format_instant(own.recorded_at),
                "leaf": "0x" + own.leaf.hex(),
            },
            "batch": self._batch_facts(batch) if batch else None,
            "unit": unit_facts(unit, batch, self._blind_unknown) if unit and batch else None,
            "index": index_facts(part, self._index, self._excerpt, told=self._tells_decisions)
            if part and self._index
            else None,
            "decisions": {"count": self._decisions, "complete_to": part.complete_to}
            if part and self._decisions is not None
            else None,
            "witnesses": witness_facts(self._signed, self._quorum_at) if self._founding.policy else None,
            "label": "valid" if self._labelled else None,
            "anchor": anchor_facts(anchor, asked=self._asked) if anchor else None,
            "register": self._register.to_json() if self._register else None,
        }

    def _shows_till_pause(self) -> dict[str, Any]:
        """The goods as the entries before the pause leave them: a recall counts, and nothing is called registered."""
        if self._batch is None:
            return {}
        return {
            "paused_at": self._excerpt.size,
            "batch": batch_facts(self._batch, self._excerpt.standing, checked=False),
        }

    @property
    def _tells_decisions(self) -> bool:
        """Whether the right of confirmers is shown: by the row of decisions, a node, or rules that know no such row."""
        asked = self._register is not None and self._register.tells_standing and not self._register.stale
        return self._decisions is not None or asked or self._excerpt.standing.rules < LISTED_FROM

    def _batch_facts(self, batch: Batch) -> dict[str, Any]:
        standing, part = self._excerpt.standing, self._file.index
        # A decision may lie between the complete part and the head, so only a part that reaches the head tells all.
        whole = part is not None and self._decisions is not None and part.complete_to == self._head.size
        register = self._register
        facts = batch_facts(batch, standing, checked=whole or (register is not None and register.tells_standing))
        return register.worse(facts, batch) if register is not None else facts


_ON_PAUSE = {"anchor", "chain"}
"""Steps that rest on no entry behind a pause."""


def _step_of(kind: Kind) -> str:
    match kind:
        case Kind.FOUNDED | Kind.PARTICIPANT_MIRRORED:
            return "participants"
        case Kind.BATCH_REGISTERED:
            return "registration"
        case Kind.BATCH_RECALLED | Kind.UNITS_RETIRED | Kind.UNDONE:
            return "changes"
        case Kind.INDEX_SEALED | Kind.INDEX_CONFIRMED:
            return "index"
        case Kind.SCANS_SEALED:
            return "changes"


def _named(gtin: str, lot: str | None, serial: str | None) -> str:
    parts = {"GTIN": gtin, "lot": lot, "serial": serial}
    return " ".join(f"{name} {value}" if value else f"without {name}" for name, value in parts.items())
