"""Cosignatures of checkpoints, and seals of scans.

A step that databases have run is never changed; what the code speaks now is in `ledger.storage.schema`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what is new."""
    op.create_table(
        "cosignature",
        sa.Column("size", _INT64, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("time_s", _INT64, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "seal",
        sa.Column("number", _INT64, primary_key=True, autoincrement=False),
        sa.Column("leaves", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("length(leaves) % 32 = 0", name=op.f("ck_seal_leaves_size")),
        sqlite_strict=True,
    )
    op.add_column("scan", sa.Column("seal", _INT64))
    op.create_index("ix_scan_seal", "scan", ["seal"])
