"""How a command reaches a ledger: the one in this home, or a server over HTTP. Both give the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from api.cli.known import check_pin
from api.cli.options import anchor, opened
from api.cli.output import Out
from api.cli.remote import Remote
from verifier.errors import Malformed, NotFound, Refused, Unavailable
from verifier.instant import format_instant
from verifier.segment import Progress
from verifier.statement import Domain, Statement

if TYPE_CHECKING:
    from ledger.home import Home
    from ledger.services.append import Receipt
    from ledger.wiring import Ledger

_CHUNK = 1 << 20  # bytes of a segment sent at a time


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


class LocalLedger:
    """The ledger in this home, opened by this command."""

    def __init__(self, ledger: Ledger, out: Out) -> None:
        self._ledger, self._out = ledger, out

    @property
    def domain(self) -> Domain:
        """What statements are signed over."""
        return self._ledger.founding.domain

    @property
    def base_url(self) -> str:
        """Scheme and host of printed links."""
        return self._ledger.home.base_url

    def put_segment(self, path: Path, root: bytes, n: int, progress: Progress) -> None:
        """Move a segment file into the store."""
        self._ledger.segments.put(root, path, n, move=True, progress=progress)

    def register(self, statement: Statement, salt: bytes) -> dict[str, Any]:
        """Register a batch and anchor it."""
        if self._ledger.mirror is not None:
            self._ledger.mirror.sync()  # a home without a server has nobody else to read the registry
        receipt = self._ledger.batches.register(statement, salt)
        anchor(self._ledger, self._out)
        return receipt_json(receipt)

    def change(self, statement: Statement) -> dict[str, Any]:
        """Send a recall, a retirement or an undo, and anchor it."""
        receipt = self._ledger.batches.change(statement)
        anchor(self._ledger, self._out)
        return receipt_json(receipt)

    def batch(self, batch: str) -> dict[str, Any]:
        """A batch, described."""
        service = self._ledger.batches
        if batch.startswith("0x"):
            return service.describe(service.find(batch))
        return service.describe(service.find_lot(*split_batch(batch)))

    def batches(self, gtin: str | None) -> list[dict[str, Any]]:
        """Batches, newest first."""
        record = self._ledger.record
        found = record.by_gtin.get(gtin, []) if gtin is not None else reversed(record.batches.values())
        return [self._ledger.batches.describe(batch) for batch in found]

    def entry_proof(self, index: int) -> bytes:
        """The proof file of an entry."""
        return self._ledger.proofs.for_entry(index)

    def salt(self, batch_id: str) -> bytes | None:
        """The batch's salt: whoever can open the home can open its vault."""
        return self._ledger.batches.salt(self._ledger.batches.find(batch_id))

    def retired_keys(self, batch_id: str, reason: str) -> list[bytes]:
        """The unit keys reported for a reason so far."""
        from verifier.batch import RetireReason

        batch = self._ledger.batches.find(batch_id)
        return list(self._ledger.record.retired_units(batch, RetireReason[reason.upper()]))


class RemoteLedger:
    """A ledger behind a server. `about` is what the server says it is, `home` where its pin is remembered."""

    def __init__(self, remote: Remote, home: Home) -> None:
        self._remote, self._home = remote, home
        self._about: dict[str, Any] = remote.get("/v1/ledger")
        check_pin(home, self._about)

    @property
    def domain(self) -> Domain:
        """What statements are signed over, as the server says."""
        from verifier.founding import log_id

        return Domain(int(self._about["chain_id"]), self._about["contracts"]["registry"], log_id(self._about["origin"]))

    @property
    def base_url(self) -> str:
        """Scheme and host of printed links: CARNET_BASE_URL, else what the server says, else the server itself."""
        return self._home.settings.base_url or str(self._about.get("base_url") or self._remote.url)

    def put_segment(self, path: Path, root: bytes, n: int, progress: Progress) -> None:
        """Send a segment file."""
        size = path.stat().st_size

        def chunks() -> Iterator[bytes]:
            sent = 0
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
                    sent += len(chunk)
                    progress(sent, size)

        self._remote.put(f"/v1/segments/0x{root.hex()}", chunks(), size, {"units": str(n)})

    def register(self, statement: Statement, salt: bytes) -> dict[str, Any]:
        """Register a batch."""
        answer = self._remote.post("/v1/batches", {"statement": statement.to_json(), "salt": "0x" + salt.hex()})
        return _receipt(answer)

    def change(self, statement: Statement) -> dict[str, Any]:
        """Send a recall, a retirement or an undo."""
        from verifier.statement import Kind

        body = statement.body
        match statement.kind:
            case Kind.UNDONE:
                path = "/v1/undo"
            case Kind.BATCH_RECALLED:
                path = f"/v1/batches/{body['batch']}/recall"
            case _:
                path = f"/v1/batches/{body['batch']}/retire"
        return _receipt(self._remote.post(path, {"statement": statement.to_json()}))

    def batch(self, batch: str) -> dict[str, Any]:
        """A batch, described."""
        if batch.startswith("0x"):
            found: dict[str, Any] = self._remote.get(f"/v1/batches/{quote(batch)}")
            return found
        gtin, lot = split_batch(batch)
        matches = self._batches({"gtin": gtin, "lot": lot})
        if not matches:
            raise NotFound(f"couldn't find GTIN {gtin} lot {lot}: it is not in this ledger", code="batch_unknown")
        return matches[0]

    def batches(self, gtin: str | None) -> list[dict[str, Any]]:
        """Batches, newest first."""
        if gtin is None:
            raise Malformed("couldn't list batches: a server lists those of one product; give --gtin", code="usage")
        return self._batches({"gtin": gtin})

    def entry_proof(self, index: int) -> bytes:
        """The proof file of an entry."""
        return self._remote.get_bytes(f"/v1/proofs/entries/{index}")

    def salt(self, batch_id: str) -> bytes | None:
        """The batch's salt, for a token with the scope `salt`."""
        try:
            text = str(self._remote.get(f"/v1/batches/{quote(batch_id)}/salt")["salt"])
        except Refused:
            return None  # no token, or one without the scope
        return bytes.fromhex(text[2:])

    def retired_keys(self, batch_id: str, reason: str) -> list[bytes] | None:
        """None while a server does not hand them out, unless there are none."""
        count = self.batch(batch_id)["retired"].get(reason)
        return None if count else []

    def _batches(self, parameters: dict[str, str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        answer: dict[str, Any] = {"next": ""}
        while answer["next"] is not None:
            after = {"after": answer["next"]} if answer["next"] else {}
            answer = self._remote.get("/v1/batches", {**parameters, **after})
            found += answer["batches"]
        return found


@contextmanager
def reach(home: Home, server: str | None, token: str | None, out: Out, *, write: bool = False) -> Iterator[Reach]:
    """The ledger that a command is about: a server if one is named, else the home's own.

    Raises NotFound (`not_founded`), Refused (`writer_busy`), Unavailable.
    """
    url = server or home.settings.server
    if url is not None:
        kept = home.settings.token
        with Remote(url, token or (kept.get_secret_value() if kept else None)) as remote:
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


def split_batch(text: str) -> tuple[str, str]:
    """GTIN/LOT as (GTIN-14, lot); the lot may hold further slashes. Raises Malformed."""
    from verifier.gs1 import parse_gtin, parse_lot

    gtin, slash, lot = text.partition("/")
    if not slash:
        raise Malformed(
            f"couldn't read the batch {text!r}: expected GTIN/LOT, or the batch's id as 0x…", code="batch_name"
        )
    return parse_gtin(gtin), parse_lot(lot)


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """A receipt as JSON."""
    return {
        "entry": receipt.index,
        "leaf": "0x" + receipt.leaf.hex(),
        "log_size": receipt.size,
        "recorded_at": format_instant(receipt.recorded_at),
        "duplicate": receipt.duplicate,
    }


def _receipt(answer: dict[str, Any]) -> dict[str, Any]:
    """The receipt in a server's answer; the proof file that comes with it is fetched on its own."""
    return {name: answer[name] for name in ("entry", "leaf", "log_size", "recorded_at", "duplicate")}
