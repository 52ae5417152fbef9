"""A ledger behind a server, as a command reaches it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from api.cli.base.batch_name import split_batch
from api.cli.base.remote import Remote
from verifier.errors import Malformed, NotFound, Refused, Unavailable
from verifier.record.statement import Domain, Statement
from verifier.segment.view import Progress

if TYPE_CHECKING:
    from ledger.home import Home

_CHUNK = 1 << 20  # bytes of a segment sent at a time
_MOST_PAGES = 10_000  # of a list; own limit, against a server whose list has no end


class RemoteLedger:
    """A ledger behind a server. `home`: where its pin is remembered."""

    def __init__(self, remote: Remote, home: Home) -> None:
        self._remote, self._home = remote, home

    @property
    def domain(self) -> Domain:
        """What statements are signed over: entry 0 says it, which is believed because of the pin."""
        from api.cli.base.receiving import founding_of

        return founding_of(self._home, self._remote).domain

    @property
    def base_url(self) -> str:
        """Scheme and host of printed links: CARNET_BASE_URL, else what the server says, else the server itself."""
        return self._home.settings.base_url or str(self._remote.about().get("base_url") or self._remote.url)

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
        from verifier.record.statement import Kind

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
        return self.batch(str(matches[0]["id"]))

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
        seen: set[str] = set()
        after: str | None = ""
        while after is not None:
            answer = self._remote.get("/v1/batches", {**parameters, **({"after": after} if after else {})})
            found += answer["batches"]
            after = answer["next"]
            if after in seen or len(seen) == _MOST_PAGES:
                raise Unavailable("couldn't list batches: the server's list has no end", code="server")
            seen.add(str(after))
        return found


def _receipt(answer: dict[str, Any]) -> dict[str, Any]:
    """The receipt in a server's answer; the proof file that comes with it is fetched on its own."""
    return {name: answer[name] for name in ("entry", "leaf", "log_size", "recorded_at", "duplicate")}
