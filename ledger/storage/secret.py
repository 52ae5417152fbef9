"""Secrets and erasable details beside the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import Engine, bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from ledger.storage.database import Query, writing
from ledger.storage.schema import detail, secret
from verifier.errors import Refused


class Sealer(Protocol):
    """Encrypts with the server's key; `context` is authenticated with the value."""

    def seal(self, value: bytes, context: bytes) -> bytes:
        """Encrypt."""
        ...

    def unseal(self, sealed: bytes, context: bytes) -> bytes:
        """Decrypt. Raises ProofInvalid when key, context or bytes do not fit."""
        ...


class SecretTable:
    """Sealed values by name; a name never changes its value."""

    def __init__(self, engine: Engine, sealer: Sealer) -> None:
        self._engine, self._sealer = engine, sealer
        self._by_name = Query(engine, select(secret.c.sealed).where(secret.c.name == bindparam("name")))

    def put(self, name: str, value: bytes) -> None:
        """Seal and keep. Raises Refused (`secret_exists`) when the name stands for another value."""
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(secret).values(name=name, sealed=self._sealer.seal(value, name.encode())))
        except IntegrityError:
            if self.get(name) != value:
                raise Refused(f"couldn't keep {name}: it stands for another value", code="secret_exists") from None

    def sealed(self, name: str, value: bytes) -> bytes:
        """Seal a value, for `LogStore.append` to keep under the name together with its entry."""
        return self._sealer.seal(value, name.encode())

    def get(self, name: str) -> bytes | None:
        """Unseal, or None."""
        row = self._by_name.first(name=name)
        return self._sealer.unseal(row[0], name.encode()) if row is not None else None


class DetailTable:
    """One JSON object a subject, replaceable and erasable: no proof rests on it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._by_subject = Query(engine, select(detail.c.json).where(detail.c.subject == bindparam("subject")))

    def get(self, subject: str) -> Mapping[str, Any] | None:
        """What is kept about a subject."""
        row = self._by_subject.first(subject=subject)
        return json.loads(row[0]) if row is not None else None

    def put(self, subject: str, value: Mapping[str, Any]) -> None:
        """Keep, replacing what was there."""
        with writing(self._engine) as connection:
            text = json.dumps(dict(value))
            if connection.execute(update(detail).where(detail.c.subject == subject).values(json=text)).rowcount == 0:
                connection.execute(insert(detail).values(subject=subject, json=text))

    def erase(self, subject: str) -> int:
        """Forget a subject and everything below it (`subject/…`); returns how many rows that were."""
        own = or_(detail.c.subject == subject, detail.c.subject.startswith(f"{subject}/", autoescape=True))
        with writing(self._engine) as connection:
            return connection.execute(delete(detail).where(own)).rowcount
