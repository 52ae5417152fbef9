"""Tokens: how officers, operators and programs identify themselves. Only hashes of secrets are stored.

Three kinds share one shape. An API token lasts until it is revoked or expires; a sign-in link works once and for
a short time; it turns into a session, which a browser holds as a cookie.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ledger.services.record.append import now_ms
from verifier.errors import CarnetError, Malformed, NotFound
from verifier.foreign import check_text
from verifier.instant import DAY, HOUR, MINUTE

LINK_LIFETIME = 30 * MINUTE
"""How long a sign-in link may wait to be used, in milliseconds."""
SESSION_LIFETIME = 12 * HOUR
"""One shift: how long a browser stays signed in, in milliseconds."""
TOKEN_LIFETIME_LIMIT = 366 * DAY
"""The longest life an API token can be given, in milliseconds."""

KEPT_AFTER_END = 7 * DAY
"""How long a session or sign-in link is remembered after its end, in milliseconds.

In that time a used link is reported as used, and ending a session again reports that it had ended. API tokens are kept
for ever: they are few and made by hand.
"""
FORGOTTEN_AT_ONCE = 1_000
"""The most rows that one step of forgetting deletes, in one transaction, so that other writers do not wait long."""

USE_NOTED = MINUTE
"""How exactly the last use of a secret is known, in milliseconds; noting each use would cost a write."""

_NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,80}")  # surrogates: bytes of an argument that are no text
_COUNTRY = re.compile("[A-Z]{2}")
_MOST_NOTED = 10_000  # callers whose last use is kept in memory
_BYTES = 32  # 256 random bits: looking one up by its hash leaks nothing that helps to guess it


class Scope(StrEnum):
    """A right of a caller beyond everybody's rights."""

    SCAN = "scan"
    PROOF = "proof"
    SALT = "salt"
    METRICS = "metrics"
    ADMIN = "admin"


OFFICER_SCOPES = frozenset({Scope.SCAN, Scope.PROOF})
"""The default scopes of a sign-in link."""


class Secret(StrEnum):
    """The kind of a secret; one kind is never taken for another."""

    TOKEN = "token"  # noqa: S105 - a kind, not a password
    LINK = "link"
    SESSION = "session"


class LinkState(StrEnum):
    """The state of a sign-in link."""

    OPEN = "open"
    USED = "used"
    ENDED = "ended"  # before anybody used it; or used by a release that did not note which
    EXPIRED = "expired"
    UNKNOWN = "unknown"  # never made here, or its end is longer ago than KEPT_AFTER_END


@dataclass(frozen=True, slots=True)
class Officer:
    """The owner of a scan: a name within an administration, and its country (alpha-2), None for a token without one.

    Neither alone names anybody: two administrations may both have a "gate".
    """

    name: str
    administration: str | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who has shown a token or a session. `country` is alpha-2 or None; `id` names the secret, not itself."""

    id: str
    name: str
    scopes: frozenset[Scope]
    country: str | None
    secret: Secret

    @property
    def officer(self) -> Officer:
        """The owner of this caller's scans."""
        return Officer(self.name, self.country)


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A secret as stored: its SHA-256 (32 bytes), whose it is, and its times in milliseconds."""

    digest: bytes
    secret: Secret
    name: str
    scopes: frozenset[Scope]
    country: str | None
    created_at: int
    expires_at: int | None
    ended_at: int | None = None
    used_at: int | None = None

    @property
    def id(self) -> str:
        """A short public name: the first 8 bytes of the hash."""
        return self.digest[:8].hex()

    def valid(self, now: int) -> bool:
        """Whether it opens anything at an instant."""
        return self.ended_at is None and (self.expires_at is None or now < self.expires_at)


class TokenStore(Protocol):
    """Where hashes of secrets are kept, durable."""

    def get(self, digest: bytes) -> StoredSecret | None:
        """The secret with this hash, in one indexed read."""
        ...

    def put(self, stored: StoredSecret) -> None:
        """Keep a new secret."""
        ...

    def end(self, digest: bytes, at: int, *, used: bool = False) -> bool:
        """End a secret, by using it up or not; True for exactly one caller, also when several try at once."""
        ...

    def used(self, digest: bytes, at: int) -> None:
        """Note when a secret was used."""
        ...

    def list(self, secret: Secret) -> Sequence[StoredSecret]:
        """All of one kind, newest first."""
        ...

    def forget(self, kinds: Collection[Secret], before: int, most: int) -> int:
        """Delete up to `most` secrets of these kinds that ended or expired before an instant; how many it were."""
        ...


class Tokens:
    """Issues, recognises and ends tokens, sign-in links and sessions."""

    def __init__(self, store: TokenStore, clock: Callable[[], int] = now_ms) -> None:
        self._store, self._clock = store, clock
        self._noted: dict[str, tuple[bytes, int]] = {}  # id -> hash, and when a use was last noted

    def issue(
        self, name: str, scopes: Iterable[Scope | str], country: str | None = None, lifetime: int | None = None
    ) -> str:
        """A new API token, to be shown once. `lifetime` in milliseconds, None for one that lasts until it is revoked.

        Raises Malformed (`token_name`, `token_scope`, `country`, `token_lifetime`).
        """
        if lifetime is not None and not 0 < lifetime <= TOKEN_LIFETIME_LIMIT:
            raise Malformed("couldn't issue a token: its lifetime must be 1 ms to 366 days", code="token_lifetime")
        return self._keep(Secret.TOKEN, name, scopes, country, lifetime)

    def authenticate(self, plain: str) -> Caller | None:
        """The caller with this API token, or None if it is not valid."""
        return self._caller(Secret.TOKEN, plain)

    def one_time_link(
        self, name: str, scopes: Iterable[Scope | str] = OFFICER_SCOPES, country: str | None = None
    ) -> str:
        """A code for a sign-in link, good for one use within half an hour. Raises Malformed as `issue`.

        A name is a person, from one shift to the next: scans and their receipts belong to it.
        """
        return self._keep(Secret.LINK, name, scopes, country, LINK_LIFETIME)

    def sign_in(self, code: str) -> str | None:
        """Use a sign-in code up; returns the new session's secret, or None if the code is not valid."""
        link = self._find(Secret.LINK, code)
        if link is None or not self._store.end(link.digest, self._clock(), used=True):
            return None
        # If we stop here, the link is used up and nobody is signed in: a new link is needed, nothing is open.
        return self._keep(Secret.SESSION, link.name, link.scopes, link.country, SESSION_LIFETIME)

    def link_state(self, code: str) -> tuple[LinkState, int | None]:
        """The state of the sign-in link with this code, and when (ms) it was used, ended or expired."""
        link = self._store.get(_digest(code)) if code.startswith(f"carnet_{Secret.LINK}_") else None
        if link is None or link.secret is not Secret.LINK:
            return LinkState.UNKNOWN, None
        if link.ended_at is not None:
            return LinkState.ENDED if link.used_at is None else LinkState.USED, link.ended_at
        return (LinkState.OPEN, None) if link.valid(self._clock()) else (LinkState.EXPIRED, link.expires_at)

    def session(self, plain: str) -> Caller | None:
        """The holder of this session, or None if it is not valid."""
        return self._caller(Secret.SESSION, plain)

    def sign_out(self, plain: str) -> None:
        """End a session; an invalid one is fine too."""
        session = self._find(Secret.SESSION, plain)
        if session is not None:
            self._store.end(session.digest, self._clock())

    def list(self) -> Sequence[StoredSecret]:
        """All API tokens ever issued, newest first; the tokens themselves are not known here."""
        return self._store.list(Secret.TOKEN)

    def revoke(self, token_id: str) -> tuple[StoredSecret, bool]:
        """End an API token by its id. Returns it, and whether it had ended before.

        Raises NotFound (`token_unknown`).
        """
        ended = self._end(token_id, Secret.TOKEN)
        if ended is None:
            raise NotFound(f"couldn't revoke token {token_id[:40]}: there is none with this id", code="token_unknown")
        return ended

    def sessions(self) -> Sequence[StoredSecret]:
        """Valid browser secrets, newest first: sessions, and sign-in links that nobody has used yet."""
        now = self._clock()
        found = [*self._store.list(Secret.SESSION), *self._store.list(Secret.LINK)]
        return sorted((one for one in found if one.valid(now)), key=lambda one: -one.created_at)

    def end_session(self, session_id: str) -> tuple[StoredSecret, bool]:
        """End a session, or a sign-in link, by its id. Returns it, and whether it had ended before.

        Raises NotFound (`session_unknown`).
        """
        ended = self._end(session_id, Secret.SESSION, Secret.LINK)
        if ended is None:
            raise NotFound(
                f"couldn't end session {session_id[:40]}: there is none with this id", code="session_unknown"
            )
        return ended

    def forget(self) -> bool:
        """Delete sessions and sign-in links whose end is long ago, one bounded step; whether there may be more.

        Raises Unavailable, Stopped.
        """
        over = self._clock() - KEPT_AFTER_END
        return self._store.forget((Secret.SESSION, Secret.LINK), over, FORGOTTEN_AT_ONCE) == FORGOTTEN_AT_ONCE

    def use_is_due(self, who: Caller) -> bool:
        """Whether `note_use` has something to write."""
        noted = self._noted.get(who.id)
        return noted is not None and self._clock() - noted[1] >= USE_NOTED

    def note_use(self, who: Caller) -> None:
        """Note that a caller was here. Writes to the database: not for the event loop.

        If a use cannot be noted, the caller still gets in; the list of sessions then shows an older use.
        """
        noted, now = self._noted.get(who.id), self._clock()
        if noted is None:  # another thread has just made room
            return
        self._noted[who.id] = noted[0], now
        with suppress(CarnetError):
            self._store.used(noted[0], now)

    def _end(self, secret_id: str, *kinds: Secret) -> tuple[StoredSecret, bool] | None:
        now = self._clock()
        for stored in (one for kind in kinds for one in self._store.list(kind)):
            if stored.id == secret_id:
                return stored, not (self._store.end(stored.digest, now) and stored.valid(now))
        return None

    def _keep(
        self, secret: Secret, name: str, scopes: Iterable[Scope | str], country: str | None, lifetime: int | None
    ) -> str:
        plain = f"carnet_{secret.value}_{secrets.token_urlsafe(_BYTES)}"
        now = self._clock()
        self._store.put(
            StoredSecret(
                digest=_digest(plain),
                secret=secret,
                name=_name(name),
                scopes=_scopes(scopes),
                country=_country(country),
                created_at=now,
                expires_at=None if lifetime is None else now + lifetime,
            )
        )
        return plain

    def _find(self, secret: Secret, plain: str) -> StoredSecret | None:
        if not plain.startswith(f"carnet_{secret.value}_"):
            return None
        stored = self._store.get(_digest(plain))
        return stored if stored is not None and stored.secret is secret and stored.valid(self._clock()) else None

    def _caller(self, secret: Secret, plain: str) -> Caller | None:
        stored = self._find(secret, plain)
        if stored is None:
            return None
        if len(self._noted) > _MOST_NOTED:
            self._noted.clear()
        self._noted.setdefault(stored.id, (stored.digest, stored.used_at or 0))
        return Caller(stored.id, stored.name, stored.scopes, stored.country, secret)


def _digest(plain: str) -> bytes:
    return hashlib.sha256(plain.encode(errors="surrogateescape")).digest()


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Malformed(
            "couldn't issue a token: its name must be 1 to 80 characters of text", code="token_name", at="name"
        )
    check_text("name", name, at="name")
    return name


def _scopes(scopes: Iterable[Scope | str]) -> frozenset[Scope]:
    try:
        found = frozenset(Scope(scope) for scope in scopes)
    except ValueError as error:
        raise Malformed(
            f"couldn't issue a token: {error}; expected {', '.join(Scope)}", code="token_scope", at="scopes"
        ) from error
    if not found:
        raise Malformed("couldn't issue a token: it needs at least one scope", code="token_scope", at="scopes")
    return found


def _country(country: str | None) -> str | None:
    if country is not None and not _COUNTRY.fullmatch(country):
        raise Malformed(
            f"couldn't issue a token: got country {country!r}, expected two capital letters",
            code="country",
            at="country",
        )
    return country
