"""Hashes of tokens, sign-in links and sessions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Engine, bindparam, delete, func, insert, select, update

from ledger.services.scans.token import Scope, Secret, StoredSecret
from ledger.storage.database import Query, writing
from ledger.storage.schema import token


class TokenTable:
    """Secrets by hash; the secrets themselves are not in here."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._by_digest = Query(engine, select(token).where(token.c.digest == bindparam("digest")))
        self._of_kind = Query(
            engine, select(token).where(token.c.secret == bindparam("secret")).order_by(token.c.created_ms.desc())
        )

    def get(self, digest: bytes) -> StoredSecret | None:
        """The secret with this hash."""
        row = self._by_digest.first(digest=digest)
        return _stored(row) if row is not None else None

    def put(self, stored: StoredSecret) -> None:
        """Keep a new secret; durable when it returns."""
        with writing(self._engine) as connection:
            connection.execute(
                insert(token).values(
                    digest=stored.digest,
                    secret=stored.secret.value,
                    name=stored.name,
                    scopes=" ".join(sorted(stored.scopes)),
                    country=stored.country,
                    created_ms=stored.created_at,
                    expires_ms=stored.expires_at,
                    ended_ms=stored.ended_at,
                    used_ms=stored.used_at,
                )
            )

    def end(self, digest: bytes, at: int, *, used: bool = False) -> bool:
        """End a secret; the condition lets exactly one of several callers through."""
        values = {"ended_ms": at, "used_ms": at} if used else {"ended_ms": at}
        with writing(self._engine) as connection:
            changed = connection.execute(
                update(token).where(token.c.digest == digest, token.c.ended_ms.is_(None)).values(values)
            )
            return changed.rowcount == 1

    def used(self, digest: bytes, at: int) -> None:
        """Note when a secret was used."""
        with writing(self._engine) as connection:
            connection.execute(update(token).where(token.c.digest == digest).values(used_ms=at))

    def list(self, secret: Secret) -> Sequence[StoredSecret]:
        """All of one kind, newest first."""
        return [_stored(row) for row in self._of_kind.all(secret=secret.value)]

    def forget(self, kinds: Collection[Secret], before: int, most: int) -> int:
        """Delete up to `most` ended ones in one transaction; returns how many."""
        ended = func.coalesce(token.c.ended_ms, token.c.expires_ms)
        over = select(token.c.digest).where(token.c.secret.in_([kind.value for kind in kinds]), ended < before)
        with writing(self._engine) as connection:
            return connection.execute(delete(token).where(token.c.digest.in_(over.limit(most)))).rowcount


def _stored(row: tuple[Any, ...]) -> StoredSecret:
    kept = dict(zip(token.c.keys(), row, strict=True))
    return StoredSecret(
        digest=bytes(kept["digest"]),
        secret=Secret(kept["secret"]),
        name=kept["name"],
        scopes=frozenset(Scope(scope) for scope in kept["scopes"].split()),
        country=kept["country"],
        created_at=kept["created_ms"],
        expires_at=kept["expires_ms"],
        ended_at=kept["ended_ms"],
        used_at=kept["used_ms"],
    )
