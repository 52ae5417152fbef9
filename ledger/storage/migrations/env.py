"""Runs the steps; Alembic loads this file.

The connection comes from `ledger.storage.migrate`, inside a write transaction of ours: all steps happen or none. On the
command line it comes from `-x database=URL`.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from ledger.storage.database import open_database, writing
from ledger.storage.schema import metadata


def run(connection: Connection) -> None:
    """Run what is missing in the transaction that `connection` is in."""
    # SQLite cannot alter most of a table; batch mode copies it into a new one instead.
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with writing(open_database(context.get_x_argument(as_dictionary=True)["database"])) as own:
        run(own)
