"""Participants: who they are to people, and the mirror that takes the registry's decisions into the log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ledger.ports import Chain
from ledger.services.record.append import Sequencer, Submission, now_ms
from verifier.errors import NotFound
from verifier.foreign import check_text
from verifier.instant import DAY, MINUTE, format_instant
from verifier.record.participant import Participant, name_commitment
from verifier.record.record import Record
from verifier.record.statement import Kind

MIRROR_AGE_LIMIT = DAY
"""Registrations stop when the registry has not been read for this long (milliseconds)."""


class Details(Protocol):
    """Erasable facts beside the log, one JSON object a subject."""

    def get(self, subject: str) -> Mapping[str, Any] | None:
        """What is kept about a subject."""
        ...

    def put(self, subject: str, value: Mapping[str, Any]) -> None:
        """Keep a JSON object about a subject, replacing what was there."""
        ...

    def erase(self, subject: str) -> int:
        """Forget a subject and everything below it (`subject/…`); returns how many objects that were."""
        ...


class Participants:
    """Describes participants; names come from beside the log and count only if they match their commitment."""

    def __init__(self, record: Record, details: Details) -> None:
        self._record, self._details = record, details

    def list(self) -> list[dict[str, Any]]:
        """Every participant, authorities first, as JSON."""
        return [self.describe(address) for address in self._record.standing.participants]

    def describe(self, address: str) -> dict[str, Any]:
        """One participant as JSON. Raises NotFound (`not_admitted`)."""
        standing = self._record.standing
        member = standing.participants.get(address)
        if member is None:
            raise NotFound(f"couldn't find {address}: no such participant", code="not_admitted")
        return {
            "address": address,
            "name": self.name(member),
            "role": member.role.name.lower(),
            "country": member.country,
            "authority": address in standing.authorities,
            "prefixes": sorted(prefix for prefix, holder in standing.prefixes.items() if holder == address),
            "suspended": _suspension(member),
            "admitted_in": member.admitted_in,
        }

    def keep_name(self, address: str, name: str, salt: bytes) -> None:
        """Keep a participant's name beside the log; `salt` (32 bytes) opens the commitment in its admission.

        Kept under its commitment, before the admission is sent: whichever of several attempts the chain took, the name
        that was committed to in it is here. Raises Malformed (`hidden_character`).
        """
        check_text("name", name, at="name")
        member = self._record.standing.participants.get(address)
        subject = f"participant/{address}"
        if member is None or member.name_hash:  # an authority's name is committed to nowhere
            subject += "/0x" + name_commitment(salt, name).hex()
        self._details.put(subject, {"name": name, "salt": salt.hex()})

    def forget_name(self, address: str) -> int:
        """Erase every name kept for an address, with the salts that could show it; returns how many there were.

        The log holds a salted commitment, so nothing there tells the name any more, and no proof rests on it.
        Raises NotFound (`not_admitted`).
        """
        if address not in self._record.standing.participants:
            raise NotFound(f"couldn't find {address}: no such participant", code="not_admitted")
        return self._details.erase(f"participant/{address}")

    def name(self, member: Participant) -> str | None:
        """The name, or None when it was erased or does not match what was admitted."""
        return self.committed_name(member.address, member.name_hash)

    def committed_name(self, address: str, name_hash: str) -> str | None:
        """The name that a commitment (0x and 64 hex; empty for an authority's) opens to, if it is kept here."""
        kept = self._details.get(f"participant/{address}/{name_hash}") if name_hash else None
        if kept is None:
            kept = self._details.get(f"participant/{address}")  # where names were kept at first
        if kept is None:
            return None
        committed = "0x" + name_commitment(bytes.fromhex(kept["salt"]), kept["name"]).hex()
        return str(kept["name"]) if committed == name_hash or not name_hash else None


class Mirror:
    """Copies executed proposals from final blocks into the log, in order and without gaps."""

    def __init__(self, record: Record, chain: Chain, sequencer: Sequencer, freshness: Freshness) -> None:
        self._record, self._chain, self._sequencer = record, chain, sequencer
        self._freshness = freshness
        self._one = threading.Lock()

    def sync(self) -> int:
        """Take in what is new; returns how many entries it made. Raises Unavailable, ProofInvalid (a gap), Refused."""
        with self._one:  # two at once would read the same decisions, and the second could not mirror them again
            count = 0
            for mirrored in self._chain.proposals(self._record.standing.sequence):
                body = mirrored.to_body()
                self._sequencer.submit(Submission(Kind.PARTICIPANT_MIRRORED, body, None, None, None, frozenset({"*"})))
                count += 1
            self._freshness.read_now()
            return count


class Freshness:
    """When the registry was last read; kept beside the log, so that a restart does not forget it.

    A mirror reads the registry through its log alone: `newest` is when that log's newest entry was recorded (ms), and a
    log that stands still tells nothing of the registry, however often it is read.
    """

    def __init__(self, details: Details, clock: Callable[[], int] = now_ms) -> None:
        self._details, self._clock = details, clock
        self._read_at: int | None = None
        self.newest: Callable[[], int] | None = None

    def read_now(self) -> None:
        """The registry has just been read to its end."""
        now = self._clock()
        if self._read_at is None or now - self._read_at > MINUTE:
            self._details.put("mirror", {"read_at": now})
        self._read_at = now

    @property
    def read_at(self) -> int | None:
        """When it was last read (ms), or None for never; over a restart a minute less sharp."""
        if self._read_at is None:
            kept = self._details.get("mirror")
            self._read_at = int(kept["read_at"]) if kept else None
        return self._read_at

    @property
    def stale(self) -> bool:
        """Whether nobody has heard of the registry for a day: registrations wait, and nothing is called registered."""
        now, read_at = self._clock(), self.read_at
        if self.newest is not None and now - self.newest() > MIRROR_AGE_LIMIT:
            return True
        return read_at is None or now - read_at > MIRROR_AGE_LIMIT


def _suspension(member: Participant) -> dict[str, str] | None:
    if member.suspension is None:
        return None
    return {
        "kind": member.suspension.kind.name.lower(),
        "since": format_instant(member.suspension.effective_at),
    }
