"""Sessions and sign-in links go some time after their end, on both databases, and no sooner."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, func, select

from ledger.services.scans.token import (
    FORGOTTEN_AT_ONCE,
    KEPT_AFTER_END,
    LINK_LIFETIME,
    SESSION_LIFETIME,
    LinkState,
    Scope,
    Secret,
    StoredSecret,
    Tokens,
)
from ledger.storage.database import create_all, open_database
from ledger.storage.schema import token
from ledger.storage.token import TokenTable
from verifier.instant import DAY


class Clock:
    now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def tokens(engine: Engine, clock: Clock) -> Tokens:
    return Tokens(TokenTable(engine), clock)


def rows(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(token)).scalar_one()


def test_what_is_over_is_said_for_a_while_and_then_forgotten(tokens: Tokens, engine: Engine, clock: Clock) -> None:
    used, unused, ended = (tokens.one_time_link(name) for name in ("desk", "pier", "gate"))
    tokens.end_session(next(one.id for one in tokens.sessions() if one.name == "gate"))
    session = tokens.sign_in(used)
    assert session is not None
    began = clock.now
    clock.now += LINK_LIFETIME
    tokens.sign_out(session)
    said = {
        used: (LinkState.USED, began),
        ended: (LinkState.ENDED, began),
        unused: (LinkState.EXPIRED, began + LINK_LIFETIME),
        session: (LinkState.UNKNOWN, None),
    }
    clock.now = began + KEPT_AFTER_END
    assert not tokens.forget()
    assert {code: tokens.link_state(code) for code in said} == said
    clock.now += 1
    tokens.forget()
    assert {tokens.link_state(code) for code in (used, ended)} == {(LinkState.UNKNOWN, None)}
    assert tokens.link_state(unused) == said[unused], "its end came later"
    assert rows(engine) == 2, "that one, and the session, which ended with it"
    clock.now += LINK_LIFETIME
    tokens.forget()
    assert rows(engine) == 0


def test_what_opens_something_and_api_tokens_stay(tokens: Tokens, engine: Engine, clock: Clock) -> None:
    expired, revoked = tokens.issue("a", [Scope.SCAN], lifetime=1), tokens.issue("b", [Scope.SCAN])
    tokens.revoke(next(one.id for one in tokens.list() if one.name == "b"))
    forgotten = tokens.sign_in(tokens.one_time_link("early"))
    clock.now += KEPT_AFTER_END + SESSION_LIFETIME + DAY
    waiting, session = tokens.one_time_link("pier"), tokens.sign_in(tokens.one_time_link("desk"))
    assert forgotten is not None
    assert session is not None
    tokens.forget()
    assert tokens.session(session) is not None
    assert tokens.link_state(waiting) == (LinkState.OPEN, None)
    assert {one.name for one in tokens.list()} == {"a", "b"}
    assert tokens.authenticate(expired) is tokens.authenticate(revoked) is None
    assert rows(engine) == 5, "two API tokens, two links, one session"


def test_a_step_is_bounded_and_says_that_there_is_more(tokens: Tokens, engine: Engine, clock: Clock) -> None:
    table, more = TokenTable(engine), 3
    for at in range(FORGOTTEN_AT_ONCE + more):
        digest = at.to_bytes(32, "big")
        kind = Secret.SESSION if at % 2 else Secret.LINK
        table.put(StoredSecret(digest, kind, "desk", frozenset({Scope.SCAN}), None, clock.now, clock.now + 1))
    clock.now += KEPT_AFTER_END + 2
    assert tokens.forget() is True
    assert rows(engine) == more
    assert tokens.forget() is False
    assert rows(engine) == 0
