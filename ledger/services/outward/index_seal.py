"""The index of this log: sealed on a cadence by its writer, confirmed by others.

A seal speaks of all entries before it, so its body is made when its turn comes: under load entries would otherwise slip
in between. Whether a seal is due is asked at that very moment too, so two callers never seal the same state twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from ledger.services.outward.upkeep import Trouble, trouble_of
from ledger.services.record.append import Receipt, Sequencer, Submission, now_ms
from ledger.services.record.participant import Participants
from verifier.errors import CarnetError, Malformed, Refused
from verifier.instant import HOUR, MINUTE, format_instant
from verifier.record.independence import independence, operator_countries
from verifier.record.index import DECISIONS, LISTED_FROM
from verifier.record.record import Record
from verifier.record.sealed_index import SealedIndex
from verifier.record.statement import Kind, Statement, verify

SEAL_ENTRIES = 64
"""A seal is due when this many entries have come that speak of any product."""
SEAL_AGE = 10 * MINUTE
"""A seal is due when the last one is this old (milliseconds) and one such entry has come."""
SEAL_QUIET = HOUR
"""By rules that list decisions, a seal is due when the last one is this old (milliseconds), whatever was said. What
follows the newest index stays short, and a file of evidence small."""
LOOK_SECONDS = 5.0
"""How often the cadence looks whether a seal is due."""


class Indexes:
    """Seals the index and takes in confirmations."""

    def __init__(self, record: Record, participants: Participants, clock: Callable[[], int] = now_ms) -> None:
        """`clock` tells the milliseconds by which a seal is old."""
        self._record, self._participants, self._clock = record, participants, clock
        self._sequencer: Sequencer | None = None

    def use(self, sequencer: Sequencer) -> None:
        """Write from now on."""
        self._sequencer = sequencer

    @property
    def new(self) -> int:
        """How many entries that speak of any product the newest index does not cover."""
        return _new(self._record)

    def due(self, now: int) -> bool:
        """Whether the cadence calls for a seal at this instant (milliseconds)."""
        new, sealed = self.new, self._record.sealed_index
        if new >= SEAL_ENTRIES or (new > 0 and (sealed is None or now - sealed.recorded_at >= SEAL_AGE)):
            return True
        return _decided(self._record) or _quiet(self._record, now)

    def seal(self) -> Receipt:
        """Seal the index as it is. Raises Refused (`index_current`) when nothing is new and it is not old, Stopped."""

        def body(record: Record) -> Mapping[str, Any]:
            return _body(record, self._clock())

        return self._writer.submit(Submission(Kind.INDEX_SEALED, {}, None, None, None, frozenset({"*"}), derive=body))

    def confirm(self, statement: Statement) -> Receipt:
        """Take in the confirmation of a sealed index.

        Raises Malformed, Refused (`not_entitled`, `index_unsealed`, `index_confirmed`, and those of any statement).
        """
        if statement.kind is not Kind.INDEX_CONFIRMED:
            raise Malformed(f"couldn't confirm an index: got a {statement.kind} statement", at="kind")
        digest = verify(statement, self._record.founding.domain)
        self.check_independent(statement)
        touches = frozenset({statement.body["statementId"], "index"})
        return self._writer.submit(
            Submission(statement.kind, statement.body, statement.actor, statement.signature, digest, touches)
        )

    def check_independent(self, statement: Statement) -> None:
        """Refuse a confirmation that would stand in the log and count for nothing: see `verifier.record.independence`.

        Other kinds pass. Raises Refused (`not_entitled`).
        """
        if statement.kind is not Kind.INDEX_CONFIRMED:
            return
        actor, standing = statement.actor, self._record.standing
        member = standing.participants.get(actor)
        own = actor in standing.operators or (member is not None and member.country in operator_countries(standing))
        if member is not None and own:
            raise Refused(
                f"couldn't accept the confirmation: {actor} is, or was, the operator of this log, or is admitted from "
                "its country; expected an auditor or customs administration of another country",
                code="not_entitled",
            )

    def describe(self) -> dict[str, Any]:
        """The newest sealed and the newest confirmed index as JSON; `new` entries are not covered by the former."""
        sealed, confirmed = self._record.sealed_index, self._record.confirmed_index
        return {
            "sealed": self._describe(sealed) if sealed is not None else None,
            "confirmed": self._describe(confirmed) if confirmed is not None else None,
            "new": self.new,
        }

    def _describe(self, sealed: SealedIndex) -> dict[str, Any]:
        who = independence(self._record.standing, sealed)
        return {
            "entry": sealed.index,
            **sealed.head.body(),
            "recorded_at": format_instant(sealed.recorded_at),
            "confirmations": [{**one.to_json(), "name": self._name(one.address)} for one in who.confirmers],
            "countries": list(who.countries),
            "independent": who.shown,
        }

    def _name(self, address: str) -> str | None:
        name: str | None = self._participants.describe(address)["name"]
        return name

    @property
    def _writer(self) -> Sequencer:
        if self._sequencer is None:
            raise Refused("couldn't append: this ledger was opened for reading", code="read_only")
        return self._sequencer


class IndexCadence:
    """Seals whenever a seal is due, in a thread of its own: a chain that is down does not hold it up."""

    def __init__(self, indexes: Indexes, interval: float = LOOK_SECONDS) -> None:
        self._indexes, self._interval = indexes, interval
        self._stop = threading.Event()
        self.trouble: Trouble | None = None
        self._thread = threading.Thread(target=self._run, name="index", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Finish the seal under way and stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._indexes.due(now_ms()):
                    self._indexes.seal()
                self.trouble = None  # also where somebody sealed on demand meanwhile
            except CarnetError as error:
                if error.code == "closed":
                    return
                self.trouble = None if error.code == "index_current" else trouble_of(error, now_ms())
            except Exception as error:  # a lack of files or memory must not end the cadence for good, and unseen
                self.trouble = trouble_of(error, now_ms())
            self._stop.wait(self._interval)


def _new(record: Record) -> int:
    sealed = record.sealed_index
    return record.index.changes - (sealed.changes if sealed is not None else 0)


def _decided(record: Record) -> bool:
    """Whether a decision about people waits for a seal: a proof must not be able to leave it out for long."""
    sealed = record.sealed_index
    row = sealed.view.row_at(DECISIONS) if sealed is not None and sealed.view is not None else None
    return record.rules >= LISTED_FROM and record.index.decisions > (row.count if row is not None else 0)


def _quiet(record: Record, now: int) -> bool:
    """Whether so long nothing was sealed that it is due although nothing was said."""
    sealed = record.sealed_index
    return record.rules >= LISTED_FROM and (sealed is None or now - sealed.recorded_at >= SEAL_QUIET)


def _body(record: Record, now: int) -> Mapping[str, Any]:
    if not (_new(record) or _decided(record) or _quiet(record, now)):
        raise Refused("couldn't seal the index: it is sealed already, nothing new was said", code="index_current")
    return record.index.view(record.size).head.body()
