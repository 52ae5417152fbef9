"""When a token or session was last used.

A step that databases have run is never changed; what the code speaks now is in `ledger.storage.schema`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what is new."""
    op.add_column("token", sa.Column("used_ms", _INT64))
