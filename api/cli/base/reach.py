"""How a command reaches a ledger: the one in this home, or a server over HTTP. Both give the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from api.cli.base.connecting import connected, token_of
from api.cli.base.options import opened
from api.cli.base.output import Out
from api.cli.base.reach_local import LocalLedger
from api.cli.base.reach_remote import RemoteLedger
from verifier.errors import Unavailable
from verifier.record.statement import Domain, Statement
from verifier.segment.view import Progress

if TYPE_CHECKING:
    from ledger.home import Home
    from ledger.opened import Ledger


class Reach(Protocol):
    """A ledger within reach. Every method raises Unavailable when it cannot answer."""

    @property
    def domain(self) -> Domain:
        """What statements are signed over."""
        ...

    @property
    def base_url(self) -> str:
        """Scheme and host of printed links."""
        ...

    def put_segment(self, path: Path, root: bytes, n: int, progress: Progress) -> None:
        """Bring a segment file to the ledger; the file may be gone afterwards. Raises ProofInvalid, Refused."""
        ...

    def register(self, statement: Statement, salt: bytes) -> dict[str, Any]:
        """Register a batch whose segment is there; returns the receipt. Raises Malformed, Refused."""
        ...

    def change(self, statement: Statement) -> dict[str, Any]:
        """Send a recall, a retirement or an undo; returns the receipt. Raises Malformed, Refused."""
        ...

    def batch(self, batch: str) -> dict[str, Any]:
        """A batch by id (0x…) or as GTIN/LOT, described. Raises NotFound (`batch_unknown`), Malformed."""
        ...

    def batches(self, gtin: str | None) -> list[dict[str, Any]]:
        """Batches, of one product if given, newest first."""
        ...

    def entry_proof(self, index: int) -> bytes:
        """The proof file of an entry."""
        ...

    def salt(self, batch_id: str) -> bytes | None:
        """The batch's salt, where the caller may have it."""
        ...

    def retired_keys(self, batch_id: str, reason: str) -> list[bytes] | None:
        """The unit keys reported for a reason so far; None where that cannot be told."""
        ...


@contextmanager
def reach(home: Home, server: str | None, token: str | None, out: Out, *, write: bool = False) -> Iterator[Reach]:
    """The ledger that a command is about: a server if one is named, else the home's own.

    Raises NotFound (`not_founded`), Refused (`writer_busy`), Unavailable.
    """
    url = server or home.settings.server
    if url is not None:
        with connected(home, url, token_of(home, token)) as remote:
            yield RemoteLedger(remote, home)
        return
    with _opened(home, out, write=write) as ledger:
        yield LocalLedger(ledger, out)


@contextmanager
def _opened(home: Home, out: Out, *, write: bool) -> Iterator[Ledger]:
    """With the chain if it is there: a ledger accepts while its chain is down, and anchors later."""
    if write and not _chain_answers(home):
        out.warn("the chain cannot be reached: what is accepted now is anchored later")
        with opened(home, out, write=True) as ledger:
            yield ledger
        return
    with opened(home, out, write=write, chain=write) as ledger:
        yield ledger


def _chain_answers(home: Home) -> bool:
    from ledger.chain.local import open_chain

    try:
        if home.chain_rpc is not None:
            with open_chain(home.path, home.chain_rpc):
                return True
        from ledger.chain.node import find_node

        find_node()
    except Unavailable:
        return False
    return True
