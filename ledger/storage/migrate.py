"""The schema of a database, and how it is brought to ours.

The writer migrates when it opens; a reader never changes a database, so it refuses one that is not at its own version.
Alembic is loaded only when there is something to do: opening a database that is current costs one read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from ledger.storage.database import unavailable, writing
from verifier.errors import Refused

HEAD: Final = "0003"
"""The newest step in `migrations/versions`."""
FOLDER: Final = Path(__file__).with_name("migrations")
_VERSION_TABLE = "alembic_version"  # Alembic's own; one row
_LOCK = 0x6361726E6574  # PostgreSQL advisory lock: "carnet"


def upgrade(engine: Engine) -> None:
    """Bring the database to our schema, all steps in one transaction. For the writer.

    Raises:
        Refused: the schema is newer than this program (`schema_newer`), or there are tables of ours that no step made
            (`schema_unknown`). Nothing was changed.
        Unavailable: the database cannot be reached or written. Nothing was changed.
        Stopped: the commit failed, so it is not known whether the steps were made. Open it again.
    """
    version = schema_version(engine)
    if version == HEAD:
        return
    _check_ours(engine, version)
    _run(engine)


def require_current(engine: Engine) -> None:
    """Refuse a database that is not at our schema. For readers.

    Raises:
        Refused: the schema is older (`schema_older`), newer (`schema_newer`) or not ours (`schema_unknown`).
        Unavailable: the database cannot be reached.
    """
    version = schema_version(engine)
    if version == HEAD:
        return
    _check_ours(engine, version)
    raise Refused(
        f"couldn't open the database for reading: got schema {version or 'none'}, expected {HEAD}; "
        "open the ledger for writing once (`carnet serve`) and it is brought up to date",
        code="schema_older",
    )


def schema_version(engine: Engine) -> str | None:
    """The step the database is at, or None before the first. Raises Unavailable."""
    try:
        with engine.connect() as connection:
            return _read_version(connection)
    except SQLAlchemyError as error:
        raise unavailable(error) from error


def _read_version(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, _VERSION_TABLE):
        return None
    version = connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar()  # noqa: S608 - a constant
    return str(version) if version is not None else None


def _check_ours(engine: Engine, version: str | None) -> None:
    if version is None:
        with engine.connect() as connection:
            if connection.dialect.has_table(connection, "log_head"):
                raise Refused(
                    "couldn't open the database: it holds a ledger's tables without a schema version, which Carnet "
                    "never leaves behind; restore it from a backup",
                    code="schema_unknown",
                )
    elif not any(FOLDER.glob(f"versions/{version}_*.py")):
        raise Refused(
            f"couldn't open the database: got schema {version}, expected at most {HEAD}; it was written by a newer "
            "Carnet",
            code="schema_newer",
        )


def _run(engine: Engine) -> None:
    from alembic import command  # 0.3 s to load
    from alembic.config import Config

    config = Config(FOLDER / "alembic.ini")
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            # Two writers may open at once; the second finds the work done. SQLite's write lock is held already.
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config.attributes["connection"] = connection
        # If we stop before `writing` commits, restart finds the old schema and begins again.
        command.upgrade(config, "head")
