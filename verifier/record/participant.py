"""Participants: who is admitted, who is suspended, who holds which company prefix.

Their standing is decided by k of n countries on the chain and mirrored into the log with proposal and signatures,
so it is recomputed here from the log alone, by the same rules that the registry contract enforces.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from verifier.errors import Malformed, Refused
from verifier.record.approval import check_approval, subject_of, threshold
from verifier.record.entry import Entry
from verifier.record.founding import Founding
from verifier.record.rules import KNOWN, Rules
from verifier.record.statement import CLOCK_SKEW, LIFETIME_LIMIT, STRUCTS, Domain, Kind, Proposal, check_hex

ZERO_ADDRESS = "0x" + "00" * 20
"""Nobody's account."""
PREFIX_LENGTHS = range(4, 13)
"""Digits of a company prefix (GS1 General Specifications); a GS1-8 prefix is written with "00000" before it."""


class Role(IntEnum):
    """What an organisation is admitted as; the number is the contract's."""

    MANUFACTURER = 1
    CUSTOMS = 2
    CARRIER = 3
    MARKETPLACE = 4
    AUDITOR = 5


class SuspensionKind(IntEnum):
    """Why a participant is suspended; it sets the tier of `issuer_suspended`."""

    ADMINISTRATIVE = 1
    KEY_COMPROMISED = 2
    FRAUD = 3


@dataclass(frozen=True, slots=True)
class Suspension:
    """One suspension: in force from `effective_at` until `ended_at` (milliseconds; None while it lasts)."""

    kind: SuspensionKind
    effective_at: int
    ended_at: int | None = None

    def covers(self, instant: int) -> bool:
        """Whether it was in force at an instant (milliseconds)."""
        return self.effective_at <= instant and (self.ended_at is None or instant < self.ended_at)


@dataclass(frozen=True, slots=True)
class Participant:
    """An admitted organisation. `admitted_in` is the index of the entry that says so (0 for authorities)."""

    address: str
    role: Role
    country: str
    name_hash: str
    admitted_in: int
    suspensions: tuple[Suspension, ...] = ()

    @property
    def suspension(self) -> Suspension | None:
        """The suspension in force now, if any."""
        return next((s for s in self.suspensions if s.ended_at is None), None)

    def suspended_at(self, instant: int) -> Suspension | None:
        """The suspension that covers an instant, also one decided later and dated back."""
        return next((s for s in self.suspensions if s.covers(instant)), None)


@dataclass(frozen=True, slots=True)
class Mirrored:
    """An executed proposal as the log mirrors it: what was decided, by whom, and where the chain says so."""

    proposal: Proposal
    body: Mapping[str, Any]
    signatures: tuple[str, ...]
    sequence: int
    block_number: int
    block_hash: str
    block_time: int
    transaction: str
    log_index: int

    def to_body(self) -> dict[str, Any]:
        """The body of the `participant_mirrored` entry; large numbers are decimal strings."""
        return {
            "proposal": self.proposal.value,
            "statement": dict(self.body),
            "signatures": list(self.signatures),
            "sequence": str(self.sequence),
            "block_number": str(self.block_number),
            "block_hash": self.block_hash,
            "block_time": str(self.block_time),
            "transaction": self.transaction,
            "log_index": self.log_index,
        }


_MIRRORED_KEYS = {
    "proposal", "statement", "signatures", "sequence", "block_number", "block_hash", "block_time", "transaction",
    "log_index",
}  # fmt: skip
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")


def parse_mirrored(body: Mapping[str, Any]) -> Mirrored:
    """Read the body of a `participant_mirrored` entry. Raises Malformed (`mirrored`)."""
    if set(body) != _MIRRORED_KEYS:
        raise Malformed(f"couldn't read the mirrored proposal: expected {sorted(_MIRRORED_KEYS)}", code="mirrored")
    try:
        proposal = Proposal(body["proposal"])
    except ValueError as error:
        raise Malformed(f"couldn't read the mirrored proposal: {error}", code="mirrored") from error
    STRUCTS[proposal].check(body["statement"])
    signatures = body["signatures"]
    if not isinstance(signatures, list) or len(signatures) > 64 or type(body["log_index"]) is not int:
        raise Malformed("couldn't read the mirrored proposal: signatures or log_index", code="mirrored")
    for signature in signatures:
        check_hex("signature", signature, 65)
    check_hex("block_hash", body["block_hash"], 32)
    check_hex("transaction", body["transaction"], 32)
    return Mirrored(
        proposal,
        body["statement"],
        tuple(signatures),
        _number(body, "sequence"),
        _number(body, "block_number"),
        body["block_hash"],
        _number(body, "block_time"),
        body["transaction"],
        body["log_index"],
    )


def goes_beyond(entry: Entry, known: Rules) -> bool:
    """Whether an entry claims to raise a ledger beyond the known rules. Only `Standing.check` tells if that is so."""
    if entry.kind is not Kind.PARTICIPANT_MIRRORED or entry.body.get("proposal") != Proposal.RULES_RAISED:
        return False
    statement = entry.body.get("statement")
    version = statement.get("version") if isinstance(statement, Mapping) else None
    return type(version) is int and version > known.newest


def _number(body: Mapping[str, Any], key: str) -> int:
    if not isinstance(body[key], str) or not _NUMBER.fullmatch(body[key]):
        raise Malformed(f"couldn't read the mirrored proposal: {key} is no decimal string", code="mirrored", at=key)
    return int(body[key])


def name_commitment(salt: bytes, name: str) -> bytes:
    """The 32 bytes that stand for a name on the chain and in the log: SHA-256(0x06, 32-byte salt, UTF-8 name).

    Name and salt stay beside the log, so the name can be erased without breaking a proof.
    """
    if len(salt) != 32:
        raise Malformed(f"couldn't commit to a name: got a salt of {len(salt)} bytes, expected 32")
    try:
        encoded = name.encode()
    except UnicodeEncodeError as error:
        raise Malformed(f"couldn't commit to a name: {name!r} is no text", at="name") from error
    return hashlib.sha256(b"\x06" + salt + encoded).digest()


_FAVOURABLE = {Proposal.PARTICIPANT_ADMITTED, Proposal.PARTICIPANT_REINSTATED, Proposal.PREFIX_GRANTED}


class Standing:
    """Participants, prefixes and the operator as the entries so far say. Grows by `apply` only."""

    def __init__(self, founding: Founding, known: Rules = KNOWN) -> None:
        self.known, self.rules = known, founding.rules
        self.domain: Domain = founding.domain
        self.authorities = {a.account: a.country for a in founding.authorities}
        self.participants: dict[str, Participant] = {
            a.account: Participant(a.account, Role.CUSTOMS, a.country, "", 0) for a in founding.authorities
        }
        self.recovery_keys = frozenset(a.recovery for a in founding.authorities)
        self.prefixes: dict[str, str] = {}
        self.operator: str | None = None
        self.operators: set[str] = set()  # every address that ever was it
        self.sequence = 0
        self.position = (0, -1)
        self.executed: set[str] = set()
        self.decided: dict[str, list[int]] = {}
        self.entries: list[int] = []  # of all decisions, in order
        self.favoured: dict[str, int] = {}
        self.favoured_last = 0

    def holder(self, gtin: str) -> str | None:
        """The address that holds the company prefix of a GTIN-14 now, or None.

        A prefix is matched from digit 2; held prefixes never contain one another, so the first match is the only one.
        """
        for length in PREFIX_LENGTHS:
            found = self.prefixes.get(gtin[1 : 1 + length])
            if found is not None:
                return found
        return None

    def countries(self) -> set[str]:
        """Countries with an active authority."""
        return {self.authorities[account] for account in self._active()}

    def threshold(self) -> int:
        """k: how many countries must agree, more than half of those with an active authority."""
        return threshold(len(self.countries()))

    def decisions(self, subject: str) -> tuple[int, ...]:
        """Indexes of the entries that decided about a participant, a company prefix or an operator, in order.

        Grants stand under their prefix, not under its holder; all about operators also under `operator_set`.
        """
        return tuple(self.decided.get(subject, ()))

    def favours(self, gtin: str, *accounts: str | None) -> int:
        """The last entry in favour of these accounts or of whoever holds the prefix of a GTIN-14; 0 for the founding.

        Admission, reinstatement and grant speak for somebody; they count once witnesses have seen them.
        """
        prefixes = (gtin[1 : 1 + length] for length in PREFIX_LENGTHS)
        return max(self.favoured.get(subject, 0) for subject in (*prefixes, *accounts) if subject is not None)

    def check(self, mirrored: Mirrored, *, gaps: bool = False) -> None:
        """Check order, approval and sense of a proposal before it is applied.

        With `gaps` proposals may be left out between two (an excerpt of a log), but not turned around.
        Raises Refused (`mirror_gap`, `mirror_order`, `not_approved`, `mirror_time`, `mirror_conflict`, `rules_differ`,
        `kind_not_yet`), RulesUnknown for an approved raise to a version that is not known here.
        """
        if mirrored.sequence != self.sequence + 1 and not (gaps and mirrored.sequence > self.sequence):
            raise Refused(
                f"couldn't mirror proposal {mirrored.sequence}: expected {self.sequence + 1}", code="mirror_gap"
            )
        if (mirrored.block_number, mirrored.log_index) <= self.position:
            raise Refused("couldn't mirror the proposal: it stands before the last mirrored one", code="mirror_order")
        issued, expires = int(mirrored.body["issuedAt"]), int(mirrored.body["expiresAt"])
        lifetime = issued < expires <= issued + LIFETIME_LIMIT
        if not lifetime or not issued - CLOCK_SKEW <= mirrored.block_time <= expires:
            raise Refused("couldn't mirror the proposal: executed outside its validity", code="mirror_time")
        if mirrored.body["statementId"] in self.executed:
            raise Refused("couldn't mirror the proposal: its statementId was executed before", code="mirror_conflict")
        check_approval(
            mirrored.proposal, mirrored.body, mirrored.signatures, self.domain, self.authorities, self._active()
        )
        self._check_sense(mirrored, gaps)
        self.known.check_kind(mirrored.proposal, self.rules)
        if mirrored.proposal is Proposal.RULES_RAISED:
            self._check_raise(mirrored.body["version"], mirrored.body["digest"])

    def apply(self, mirrored: Mirrored, index: int) -> None:
        """Take a checked proposal into the standing; `index` is its entry's."""
        body, now = mirrored.body, mirrored.block_time
        match mirrored.proposal:
            case Proposal.PARTICIPANT_ADMITTED:
                address = body["participant"]
                self.participants[address] = Participant(
                    address, Role(body["role"]), body["country"], body["nameHash"], index
                )
            case Proposal.PARTICIPANT_SUSPENDED:
                suspension = Suspension(SuspensionKind(body["suspensionKind"]), int(body["effectiveAt"]))
                member = self.participants[body["participant"]]
                self.participants[member.address] = replace(member, suspensions=(*member.suspensions, suspension))
            case Proposal.PARTICIPANT_REINSTATED:
                member = self.participants[body["participant"]]
                ended = tuple(s if s.ended_at is not None else replace(s, ended_at=now) for s in member.suspensions)
                self.participants[member.address] = replace(member, suspensions=ended)
            case Proposal.PREFIX_GRANTED:
                self.prefixes[body["prefix"]] = body["holder"]
            case Proposal.PREFIX_WITHDRAWN:
                del self.prefixes[body["prefix"]]
            case Proposal.OPERATOR_SET:
                self.operator = body["operator"]
                self.operators.add(body["operator"])
                self.decided.setdefault(mirrored.proposal.value, []).append(index)
            case Proposal.RULES_RAISED:
                self.known.check_known(body["version"])  # also where stored entries are folded without being admitted
                self.rules = body["version"]
        self.entries.append(index)
        self.sequence = mirrored.sequence
        self.position = (mirrored.block_number, mirrored.log_index)
        self.executed.add(body["statementId"])
        subject = subject_of(body)
        self.decided.setdefault(subject, []).append(index)
        if mirrored.proposal in _FAVOURABLE:
            self.favoured[subject] = self.favoured_last = index

    def _active(self) -> set[str]:
        """Accounts of the authorities that have a vote now."""
        return {account for account in self.authorities if self.participants[account].suspension is None}

    def _check_raise(self, version: int, told: str) -> None:
        """A version that is not here stops the reader; of one that is here, the authorities must mean the same."""
        own = "0x" + self.known.digest(version).hex()
        if told != own:
            raise Refused(
                f"couldn't raise the rules to version {version}: the authorities signed the digest {told}, "
                f"its table has {own}",
                code="rules_differ",
            )

    def _check_sense(self, mirrored: Mirrored, gaps: bool) -> None:
        body = mirrored.body
        match mirrored.proposal:
            case Proposal.PARTICIPANT_ADMITTED:
                sound = body["participant"] not in self.participants and body["role"] in set(Role)
                sound = sound and re.fullmatch("[A-Z]{2}", body["country"]) is not None
                sound = sound and body["participant"] not in self.recovery_keys | {ZERO_ADDRESS}
            case Proposal.PARTICIPANT_SUSPENDED:
                member = self.participants.get(body["participant"])
                sound = member is not None and member.suspension is None
                sound = sound and body["suspensionKind"] in set(SuspensionKind)
                sound = sound and 0 < int(body["effectiveAt"]) <= mirrored.block_time
            case Proposal.PARTICIPANT_REINSTATED:
                member = self.participants.get(body["participant"])
                sound = member is not None and member.suspension is not None
            case Proposal.PREFIX_GRANTED:
                holder, prefix = self.participants.get(body["holder"]), body["prefix"]
                sound = holder is not None and holder.suspension is None and holder.role is Role.MANUFACTURER
                sound = sound and re.fullmatch("(?!0+$)[0-9]{4,12}", prefix) is not None
                sound = sound and not any(prefix.startswith(p) or p.startswith(prefix) for p in self.prefixes)
            case Proposal.PREFIX_WITHDRAWN:
                sound = self.prefixes.get(body["prefix"]) == body["holder"]
            case Proposal.OPERATOR_SET:
                sound = body["logId"] == "0x" + self.domain.log_id.hex()
                sound = sound and body["operator"] not in (ZERO_ADDRESS, self.operator)
            case Proposal.RULES_RAISED:
                sound = body["version"] == self.rules + 1 or (gaps and body["version"] > self.rules)
        if not sound:
            raise Refused(f"couldn't mirror {mirrored.proposal}: it contradicts the standing", code="mirror_conflict")
