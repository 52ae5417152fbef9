"""Scan history and look-up counts in the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, bindparam, insert, literal, null, select, union_all, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from ledger.services.scans.scan import ScanInput, StoredScan
from ledger.services.scans.verification import History
from ledger.storage.database import Query, writing
from ledger.storage.schema import lookup, scan
from ledger.storage.seal import DEADLINE, open_seal
from verifier.errors import Unavailable
from verifier.verdict.behaviour import Sighting
from verifier.verdict.facts import Context


class ScanTable:
    """Scans by id and by subject. A scan is durable when `put` returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._by_id = Query(engine, select(scan).where(scan.c.id == bindparam("id")))
        self._history = Query(engine, _history())
        self._add = _adding(engine.dialect.name)

    def get(self, scan_id: str) -> StoredScan | None:
        """The scan kept under an id. Raises Unavailable (`scan_row`) for a row that can't be read."""
        row = self._by_id.first(id=scan_id)
        if row is None:
            return None
        try:
            return _scan(dict(zip(scan.c.keys(), row, strict=True)))
        except (ValueError, TypeError, AttributeError) as error:
            raise Unavailable(f"couldn't read scan {scan_id[:80]}: its row is damaged", code="scan_row") from error

    def put(self, stored: StoredScan) -> StoredScan | None:
        """Keep a scan, in the seal that is open if one was promised; None when its id is taken."""
        try:
            with writing(self._engine) as connection:
                if stored.deadline is not None:
                    stored = replace(stored, seal=open_seal(connection))
                connection.execute(insert(scan).values(_row(stored)))
                # If we stop before the commit that follows, restart finds no scan; after it, a scan whose seal is open.
        except IntegrityError:
            return None
        return stored

    def promise(self, scan_id: str, deadline: int) -> StoredScan | None:
        """Put a kept scan that was promised nothing into the seal that is open; None when it is not here."""
        with writing(self._engine) as connection:
            found = connection.execute(select(scan).where(scan.c.id == scan_id)).mappings().first()
            if found is None:
                return None
            kept = _scan(dict(found))
            if kept.deadline is not None or kept.seal is not None:
                return kept
            kept = replace(kept, seal=open_seal(connection), deadline=deadline)
            changed = {name: _row(kept)[name] for name in ("seal", "response")}
            connection.execute(update(scan).where(scan.c.id == scan_id).values(changed))
            # If we stop before the commit that follows, restart finds a scan without a promise, as it was.
        return kept

    def history(self, subject: bytes) -> History:
        """Sightings, look-ups and wrong signatures of a subject, in one indexed read."""
        sightings, lookups, wrong = [], 0, set()
        for times, at, country, unlocode, latitude, longitude, signature in self._history.all(subject=subject):
            if times is not None:
                lookups = times
                continue
            sightings.append(Sighting(at, country, latitude, longitude, unlocode))
            if signature is not None:
                wrong.add(signature)
        return History(tuple(sightings), lookups, frozenset(wrong))

    def add_lookups(self, counts: Mapping[bytes, int], seen_at: int) -> None:
        """Add to the counts of several subjects in one transaction."""
        # In one order, so that two writers never wait for each other's rows.
        rows = [{"subject": subject, "times": times, "last_ms": seen_at} for subject, times in sorted(counts.items())]
        with writing(self._engine) as connection:
            connection.execute(self._add, rows)


def _adding(dialect: str) -> Any:
    """Insert or add, in one statement: a busy server counts thousands of subjects a second."""
    new: Any = sqlite.insert(lookup) if dialect == "sqlite" else postgresql.insert(lookup)
    values = {"times": lookup.c.times + new.excluded.times, "last_ms": new.excluded.last_ms}
    return new.on_conflict_do_update(index_elements=[lookup.c.subject], set_=values)


def _history() -> Any:
    """Officers' rows and the one look-up row of a subject; `times` is NULL for the former."""
    scans = select(
        null().label("times"),
        scan.c.scanned_at_ms,
        scan.c.country,
        scan.c.unlocode,
        scan.c.latitude,
        scan.c.longitude,
        scan.c.wrong_signature,
    ).where(scan.c.subject == bindparam("subject"))
    counts = select(lookup.c.times, literal(0), null(), null(), null(), null(), null()).where(
        lookup.c.subject == bindparam("subject")
    )
    return union_all(counts, scans)


def _row(stored: StoredScan) -> dict[str, Any]:
    given = stored.scan
    return {
        "id": stored.id,
        "subject": stored.subject,
        "officer": stored.officer,
        "scanned_at_ms": given.scanned_at,
        "recorded_at_ms": stored.recorded_at,
        "device": given.device,
        "context": given.context.value,
        "country": given.country,
        "unlocode": given.unlocode,
        "latitude": given.latitude,
        "longitude": given.longitude,
        "code": given.code,
        "verdict": stored.verdict,
        "wrong_signature": stored.wrong_signature,
        "salt": stored.salt,
        "body": stored.body,
        "response": json.dumps({**stored.response, DEADLINE: stored.deadline}),
        "seal": stored.seal,
    }


def _scan(row: Mapping[str, Any]) -> StoredScan:
    given = ScanInput(
        id=row["id"],
        code=row["code"],
        scanned_at=row["scanned_at_ms"],
        device=row["device"],
        context=Context(row["context"]),
        country=row["country"],
        unlocode=row["unlocode"],
        latitude=row["latitude"],
        longitude=row["longitude"],
    )
    response = json.loads(row["response"])
    deadline = response.pop(DEADLINE, None)
    return StoredScan(
        id=row["id"],
        subject=row["subject"],
        officer=row["officer"],
        scan=given,
        recorded_at=row["recorded_at_ms"],
        verdict=row["verdict"],
        wrong_signature=row["wrong_signature"],
        salt=row["salt"],
        body=row["body"],
        response=response,
        seal=row["seal"],
        deadline=deadline,
    )
