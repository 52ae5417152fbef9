"""Anchors and their states in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, bindparam, delete, insert, select

from ledger.services.outward.anchoring import Anchor, AnchorState
from ledger.services.record.append import now_ms
from ledger.storage.database import Query, writing
from ledger.storage.schema import anchor

_SETTLED = (AnchorState.FINAL, AnchorState.REVERTED)


class AnchorTable:
    """One row a size; a state is durable when `put` returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._final: int | None = None
        newest = select(anchor).order_by(anchor.c.size.desc()).limit(1)
        self._by_size = Query(engine, select(anchor).where(anchor.c.size == bindparam("size")))
        self._newest = Query(engine, newest)
        self._newest_in = Query(engine, newest.where(anchor.c.state == bindparam("state")))
        under_way = [anchor.c.state != state.value for state in _SETTLED]
        self._open = Query(engine, select(anchor).where(*under_way).order_by(anchor.c.size))

    def get(self, size: int) -> Anchor | None:
        """The anchor for a size."""
        row = self._by_size.first(size=size)
        return _anchor(row) if row is not None else None

    def put(self, new: Anchor) -> None:
        """Keep, replacing an earlier state of the same size."""
        with writing(self._engine) as connection:
            connection.execute(delete(anchor).where(anchor.c.size == new.size))
            connection.execute(insert(anchor).values(_row(new)))
        self._final = None  # also a final one may be taken back by the chain

    def newest(self, state: AnchorState | None = None) -> Anchor | None:
        """The anchor with the largest size, in one state if given."""
        row = self._newest_in.first(state=state.value) if state is not None else self._newest.first()
        return _anchor(row) if row is not None else None

    def final_size(self) -> int | None:
        """The size of the newest final anchor known to this process. It costs no read, since every answer names it."""
        if self._final is None:
            row = self._newest_in.first(state=AnchorState.FINAL.value)
            self._final = int(row[0]) if row is not None else 0
        return self._final or None

    def open(self) -> Sequence[Anchor]:
        """Anchors still under way, smallest size first."""
        return [_anchor(row) for row in self._open.all()]


def _row(new: Anchor) -> dict[str, Any]:
    return {
        "size": new.size,
        "root": new.root,
        "previous_size": new.previous_size,
        "proof": b"".join(new.proof),
        "raw": new.raw,
        "tx_hash": bytes.fromhex(new.tx_hash[2:]),
        "nonce": new.nonce,
        "state": new.state.value,
        "block_number": new.block_number,
        "block_hash": bytes.fromhex(new.block_hash[2:]) if new.block_hash else None,
        "updated_ms": new.built_at or now_ms(),
    }


def _anchor(row: tuple[Any, ...]) -> Anchor:
    values = dict(zip(anchor.c.keys(), row, strict=True))
    proof = bytes(values["proof"])
    return Anchor(
        size=values["size"],
        root=values["root"],
        previous_size=values["previous_size"],
        proof=tuple(proof[start : start + 32] for start in range(0, len(proof), 32)),
        raw=values["raw"],
        tx_hash="0x" + values["tx_hash"].hex(),
        nonce=values["nonce"],
        state=AnchorState(values["state"]),
        block_number=values["block_number"],
        block_hash="0x" + values["block_hash"].hex() if values["block_hash"] else None,
        built_at=values["updated_ms"],
    )
