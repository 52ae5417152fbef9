"""All tables of the ledger, one section a noun. Hashes are 32 raw bytes, times milliseconds since the epoch."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    DDL,
    REAL,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    event,
)
from sqlalchemy.sql.schema import SchemaItem
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives a table its row id as primary key only for the type named INTEGER; it holds 64 bits all the same.
Int64 = BigInteger().with_variant(Integer(), "sqlite")
Float64: TypeEngine[float] = Double().with_variant(REAL(), "sqlite")  # STRICT tables know no type named DOUBLE


def table(name: str, *items: SchemaItem, **options: Any) -> Table:
    """A table of the ledger; on SQLite STRICT, so that a text in a number column is an error there as well."""
    return Table(name, metadata, *items, sqlite_strict=True, **options)


def required(name: str, type_: Any, **options: Any) -> Column[Any]:
    """A column that is never NULL."""
    return Column(name, type_, nullable=False, **options)


def hash_column(name: str, **options: Any) -> Column[Any]:
    """A column of exactly 32 bytes."""
    return Column(
        name,
        LargeBinary,
        CheckConstraint(f"length({name}) = 32", name=f"{name}_size"),
        nullable=False,
        **options,
    )


def _store_plain(of: Table, column: str) -> None:
    """Keep a column's bytes out of line and uncompressed on PostgreSQL: hashes do not shrink, prefixes are read."""
    statement = DDL(f"ALTER TABLE {of.name} ALTER COLUMN {column} SET STORAGE EXTERNAL")  # type: ignore[no-untyped-call]
    event.listen(of, "after_create", statement.execute_if(dialect="postgresql"))


# --- log: the sequenced entries and the tree over them -------------------------------------------------------------

log_head = table(
    "log_head",
    hash_column("log_id", primary_key=True),
    required("size", Int64),
    hash_column("root"),
    hash_column("chain_head"),
    required("recorded_at_ms", Int64),
)
"""One row a log: the compare-and-swap row. Entries, tiles and this row move in one transaction."""

open_entry = table(
    "open_entry",
    Column("idx", Int64, primary_key=True, autoincrement=False),
    required("data", LargeBinary),
    hash_column("leaf"),
)
"""Entries of the bundle that is not full yet, as rows: rewriting a growing blob at each commit bloats a database."""

bundle = table("bundle", Column("n", Int64, primary_key=True, autoincrement=False), required("data", LargeBinary))
"""Full bundles of 256 entries in their published encoding. Written once."""

tile = table(
    "tile",
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("n", Int64, primary_key=True, autoincrement=False),
    required("width", Integer),
    required("hashes", LargeBinary),
    CheckConstraint("length(hashes) = width * 32", name="hashes_size"),
    CheckConstraint("width BETWEEN 1 AND 256", name="width"),
)
"""Tiles of the tree. Level 0 only when full (before that it is the leaves of open_entry); higher levels grow."""

statement = table(
    "statement",
    hash_column("digest", primary_key=True),
    hash_column("statement_id", unique=True),
    required("idx", Int64),
)
"""The entry of each signed statement: repeats are found, and a statementId cannot be used twice."""

checkpoint = table(
    "checkpoint",
    Column("size", Int64, primary_key=True, autoincrement=False),
    hash_column("root"),
    required("note", LargeBinary),
)
"""Signed checkpoints by size, as notes."""

cosignature = table(
    "cosignature",
    Column("size", Int64, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    required("time_s", Int64),
    required("line", Text),
)
"""Witnesses' cosignatures of our checkpoints: a signature line each, and the newest one of a witness for a size."""

for _of, _column in ((bundle, "data"), (tile, "hashes")):
    _store_plain(_of, _column)

# --- anchor: checkpoints on their way into the contract ------------------------------------------------------------

anchor = table(
    "anchor",
    Column("size", Int64, primary_key=True, autoincrement=False),
    hash_column("root"),
    required("previous_size", Int64),
    required("proof", LargeBinary),
    Column("raw", LargeBinary),
    Column("tx_hash", LargeBinary),
    Column("nonce", Int64),
    required("state", Text),
    Column("block_number", Int64),
    Column("block_hash", LargeBinary),
    required("updated_ms", Int64),
)
"""One row an anchored size: built, submitted, mined, final. `proof`: the consistency hashes one after another."""

# --- secret: what is kept encrypted beside the log -----------------------------------------------------------------

secret = table("secret", Column("name", Text, primary_key=True), required("sealed", LargeBinary))
"""Values encrypted with a server key, mainly batch salts. Never in the log, never in a message."""

# --- detail: what may have to be erased ----------------------------------------------------------------------------

detail = table("detail", Column("subject", Text, primary_key=True), required("json", Text))
"""Names and other personal or commercial details beside the log; the log holds only commitments to them."""

# --- scan: what officers read, and how often the public asked ------------------------------------------------------

scan = table(
    "scan",
    Column("id", Text, primary_key=True),
    Column("subject", LargeBinary),
    required("officer", Text),
    required("scanned_at_ms", Int64),
    required("recorded_at_ms", Int64),
    required("device", Text),
    required("context", Text),
    Column("country", Text),
    Column("unlocode", Text),
    Column("latitude", Float64),
    Column("longitude", Float64),
    required("code", Text),
    required("verdict", Text),
    Column("wrong_signature", Text),
    required("salt", LargeBinary),
    required("body", LargeBinary),
    required("response", Text),
    Column("seal", Int64),
    Index("ix_scan_subject", "subject"),
    Index("ix_scan_seal", "seal"),
)
"""Officers' scans. `subject`: the unit's key, a hash of the code when it is no registered unit, NULL when unread.
`seal`: the number of the seal that it was promised a place in; NULL for scans older than seals."""

seal = table(
    "seal",
    Column("number", Int64, primary_key=True, autoincrement=False),
    required("leaves", LargeBinary),
    CheckConstraint("length(leaves) % 32 = 0", name="leaves_size"),
)
"""The sorted leaves of every seal, padding included, one after another; written before the entry that seals them."""

lookup = table("lookup", hash_column("subject", primary_key=True), required("times", Int64), required("last_ms", Int64))
"""How often the public looked a registered unit up. Never changes a verdict."""

# --- token: hashes of what opens doors -----------------------------------------------------------------------------

token = table(
    "token",
    hash_column("digest", primary_key=True),
    required("secret", Text),
    required("name", Text),
    required("scopes", Text),
    Column("country", Text),
    required("created_ms", Int64),
    Column("expires_ms", Int64),
    Column("ended_ms", Int64),
    Column("used_ms", Int64),
)
"""API tokens, sign-in links and sessions (`secret` says which) by the SHA-256 of the secret, which is never kept."""
