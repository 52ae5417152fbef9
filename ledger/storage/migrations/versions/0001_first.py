"""The first schema: log, anchors, secrets, details, scans, tokens.

Written out in full and never changed again: databases exist that were made by it. What columns mean stands in
`ledger/storage/schema.py`.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FLOAT64: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    """Create every table."""
    _log()
    _beside_the_log()
    _scans()
    _tokens()


def _log() -> None:
    _table("log_head", _hash("log_head", "log_id", primary_key=True), _int("size"), _hash("log_head", "root"),
           _hash("log_head", "chain_head"), _int("recorded_at_ms"))  # fmt: skip
    _table("open_entry", _number("idx"), _bytes("data"), _hash("open_entry", "leaf"))
    _table("bundle", _number("n"), _bytes("data"))
    _table(
        "tile",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        _number("n"),
        sa.Column("width", sa.Integer, nullable=False),
        _bytes("hashes"),
        sa.CheckConstraint("length(hashes) = width * 32", name=op.f("ck_tile_hashes_size")),
        sa.CheckConstraint("width BETWEEN 1 AND 256", name=op.f("ck_tile_width")),
    )
    _table(
        "statement",
        _hash("statement", "digest", primary_key=True),
        _hash("statement", "statement_id"),
        _int("idx"),
        sa.UniqueConstraint("statement_id", name=op.f("uq_statement_statement_id")),
    )
    _table("checkpoint", _number("size"), _hash("checkpoint", "root"), _bytes("note"))
    if op.get_context().dialect.name == "postgresql":
        # Hashes do not shrink, and prefixes of them are read: out of line and uncompressed.
        op.execute("ALTER TABLE bundle ALTER COLUMN data SET STORAGE EXTERNAL")
        op.execute("ALTER TABLE tile ALTER COLUMN hashes SET STORAGE EXTERNAL")


def _beside_the_log() -> None:
    _table(
        "anchor",
        _number("size"),
        _hash("anchor", "root"),
        _int("previous_size"),
        _bytes("proof"),
        _bytes("raw", nullable=True),
        _bytes("tx_hash", nullable=True),
        _int("nonce", nullable=True),
        _text("state"),
        _int("block_number", nullable=True),
        _bytes("block_hash", nullable=True),
        _int("updated_ms"),
    )
    _table("secret", _text("name", primary_key=True), _bytes("sealed"))
    _table("detail", _text("subject", primary_key=True), _text("json"))


def _scans() -> None:
    _table(
        "scan",
        _text("id", primary_key=True),
        _bytes("subject", nullable=True),
        _text("officer"),
        _int("scanned_at_ms"),
        _int("recorded_at_ms"),
        _text("device"),
        _text("context"),
        _text("country", nullable=True),
        _text("unlocode", nullable=True),
        sa.Column("latitude", _FLOAT64),
        sa.Column("longitude", _FLOAT64),
        _text("code"),
        _text("verdict"),
        _text("wrong_signature", nullable=True),
        _bytes("salt"),
        _bytes("body"),
        _text("response"),
    )
    op.create_index("ix_scan_subject", "scan", ["subject"])
    _table("lookup", _hash("lookup", "subject", primary_key=True), _int("times"), _int("last_ms"))


def _tokens() -> None:
    _table(
        "token",
        _hash("token", "digest", primary_key=True),
        _text("secret"),
        _text("name"),
        _text("scopes"),
        _text("country", nullable=True),
        _int("created_ms"),
        _int("expires_ms", nullable=True),
        _int("ended_ms", nullable=True),
    )


def _table(name: str, *items: sa.schema.SchemaItem) -> None:
    op.create_table(name, *items, sqlite_strict=True)


def _column(name: str, type_: Any, *items: Any, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, *items, nullable=nullable, **options)


def _hash(table: str, name: str, **options: Any) -> sa.Column[Any]:
    size = sa.CheckConstraint(f"length({name}) = 32", name=op.f(f"ck_{table}_{name}_size"))
    return _column(name, sa.LargeBinary, size, **options)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, _INT64, primary_key=True, autoincrement=False)


def _int(name: str, **options: Any) -> sa.Column[Any]:
    return _column(name, _INT64, **options)


def _bytes(name: str, **options: Any) -> sa.Column[Any]:
    return _column(name, sa.LargeBinary, **options)


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return _column(name, sa.Text, **options)
