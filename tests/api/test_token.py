"""Tokens, sign-in links and sessions: kept as hashes, good for what they were made for, and over when they are over."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from ledger.services.scans.token import LINK_LIFETIME, SESSION_LIFETIME, USE_NOTED, Scope, Secret, Tokens
from ledger.storage.database import create_all, open_database
from ledger.storage.token import TokenTable
from verifier.errors import Malformed, NotFound
from verifier.instant import DAY


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'tokens.db'}"


@pytest.fixture
def tokens(database: str, clock: Clock) -> Iterator[Tokens]:
    engine = open_database(database)
    create_all(engine)
    yield Tokens(TokenTable(engine), clock)
    engine.dispose()


def test_a_token_says_who_shows_it(tokens: Tokens) -> None:
    plain = tokens.issue("dock 3", [Scope.SCAN, "proof"], "NL")
    caller = tokens.authenticate(plain)
    assert caller is not None
    assert (caller.name, caller.scopes, caller.country) == ("dock 3", {Scope.SCAN, Scope.PROOF}, "NL")
    assert tokens.authenticate(plain[:-1]) is None
    assert tokens.authenticate("") is None


def test_nothing_that_opens_a_door_is_stored(tokens: Tokens, database: str) -> None:
    secrets = [tokens.issue("a", [Scope.SCAN]), tokens.one_time_link("desk")]
    session = tokens.sign_in(secrets[1])
    assert session is not None
    engine = open_database(database)
    with engine.connect() as connection:
        stored = repr(connection.execute(text("SELECT * FROM token")).all())
    engine.dispose()
    assert all(secret.rsplit("_", 1)[-1] not in stored for secret in [*secrets, session])


def test_no_kind_is_taken_for_another(tokens: Tokens) -> None:
    token, link = tokens.issue("a", [Scope.SCAN]), tokens.one_time_link("desk")
    assert tokens.session(token) is None
    assert tokens.sign_in(token) is None
    assert tokens.authenticate(link) is None
    session = tokens.sign_in(link)
    assert session is not None
    assert tokens.authenticate(session) is None
    assert tokens.authenticate(session.replace("session", "token")) is None


def test_a_link_works_once_also_for_many_at_once(tokens: Tokens) -> None:
    link = tokens.one_time_link("desk", country="KE")
    with ThreadPoolExecutor(8) as pool:
        sessions = [session for session in pool.map(tokens.sign_in, [link] * 8) if session]
    assert len(sessions) == 1
    caller = tokens.session(sessions[0])
    assert caller is not None
    assert (caller.name, caller.country) == ("desk", "KE")


def test_everything_ends(tokens: Tokens, clock: Clock) -> None:
    link, token = tokens.one_time_link("desk"), tokens.issue("a", [Scope.SCAN], lifetime=DAY)
    session = tokens.sign_in(tokens.one_time_link("desk"))
    assert session is not None
    clock.now += LINK_LIFETIME
    assert tokens.sign_in(link) is None
    clock.now += SESSION_LIFETIME
    assert tokens.session(session) is None
    assert tokens.authenticate(token) is not None
    clock.now += DAY
    assert tokens.authenticate(token) is None


def test_signing_out_and_revoking_end_at_once(tokens: Tokens) -> None:
    session = tokens.sign_in(tokens.one_time_link("desk"))
    assert session is not None
    tokens.sign_out(session)
    assert tokens.session(session) is None
    plain = tokens.issue("a", [Scope.ADMIN])
    (listed,) = tokens.list()
    assert tokens.revoke(listed.id) == (listed, False)
    assert tokens.authenticate(plain) is None
    ended = tokens.list()[0]
    assert ended.ended_at is not None
    assert tokens.revoke(listed.id) == (ended, True)
    assert tokens.list()[0].ended_at == ended.ended_at
    with pytest.raises(NotFound, match="none with this id"):
        tokens.revoke("0000000000000000")


def test_who_is_signed_in_is_seen_and_ended(tokens: Tokens, clock: Clock) -> None:
    waiting, link = tokens.one_time_link("pier", country="KE"), tokens.one_time_link("desk")
    clock.now += 1
    session = tokens.sign_in(link)
    assert session is not None
    seen = tokens.sessions()
    assert [(one.secret, one.name, one.used_at) for one in seen] == [
        (Secret.SESSION, "desk", None),
        (Secret.LINK, "pier", None),
    ]
    assert not any(secret in repr(seen) for secret in (session, link, waiting))
    assert tokens.end_session(seen[0].id) == (seen[0], False)
    assert tokens.session(session) is None
    assert tokens.end_session(seen[0].id)[1], "the second time nothing changes"
    tokens.end_session(seen[1].id)
    assert tokens.sign_in(waiting) is None, "a link that nobody used opens nothing either"
    assert not tokens.sessions()
    token = tokens.issue("a", [Scope.SCAN])
    with pytest.raises(NotFound, match="none with this id"):
        tokens.end_session(tokens.list()[0].id)
    assert tokens.authenticate(token) is not None


def test_the_last_use_is_noted_once_a_minute(tokens: Tokens, clock: Clock) -> None:
    session = tokens.sign_in(tokens.one_time_link("desk"))
    assert session is not None
    for wait, noted in ((0, True), (USE_NOTED - 1, False), (1, True)):
        clock.now += wait
        who = tokens.session(session)
        assert who is not None
        assert tokens.use_is_due(who) is noted
        if noted:
            tokens.note_use(who)
            assert tokens.sessions()[0].used_at == clock.now


def test_a_use_of_a_caller_that_was_forgotten_turns_nobody_away(tokens: Tokens) -> None:
    caller = tokens.authenticate(tokens.issue("a", [Scope.SCAN]))
    assert caller is not None
    tokens._noted.clear()  # as another thread does when too many are remembered
    tokens.note_use(caller)


def test_a_use_that_cannot_be_noted_turns_nobody_away(tokens: Tokens, database: str) -> None:
    caller = tokens.authenticate(tokens.issue("a", [Scope.SCAN]))
    assert caller is not None
    engine = open_database(database)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE token RENAME TO elsewhere"))
    tokens.note_use(caller)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO token"))
    engine.dispose()
    assert tokens.list()[0].used_at is None


@pytest.mark.parametrize(
    ("name", "scopes", "country", "lifetime", "code"),
    [
        ("", ["scan"], None, None, "token_name"),
        ("x" * 81, ["scan"], None, None, "token_name"),
        ("a\nb", ["scan"], None, None, "token_name"),
        ("a", [], None, None, "token_scope"),
        ("a", ["root"], None, None, "token_scope"),
        ("a", ["scan"], "nl", None, "country"),
        ("a", ["scan"], None, 0, "token_lifetime"),
        ("a", ["scan"], None, 400 * DAY, "token_lifetime"),
    ],
)
def test_what_no_token_is_issued_for(
    tokens: Tokens, name: str, scopes: list[str], country: str | None, lifetime: int | None, code: str
) -> None:
    with pytest.raises(Malformed) as refused:
        tokens.issue(name, scopes, country, lifetime)
    assert refused.value.code == code
    assert not tokens.list()
