"""A mirror that confirms: each newly sealed index that its own copy gives is signed and sent to the log's server."""

from __future__ import annotations

from api.cli.base.output import Out
from api.cli.base.remote import Remote
from api.cli.operator.index import recomputed, signed_confirmation
from ledger.keys.store import EvmKey
from ledger.remote.http import log_url
from ledger.remote.log import server_of
from verifier.errors import CarnetError, Refused
from verifier.record.record import Record


class Confirming:
    """One auditor's or customs administration's key, at work on one mirror."""

    def __init__(self, record: Record, signer: EvmKey, url: str, out: Out) -> None:
        self._record, self._signer, self._out = record, signer, out
        self._server = server_of(log_url(url))
        self._sent = 0

    def look(self) -> None:
        """Confirm the newest sealed index, once. What goes wrong is said, and tried again at the next look."""
        sealed = self._record.sealed_index
        if sealed is None or sealed.head.size <= self._sent or self._signer.address in sealed.confirmed:
            return
        try:
            head = recomputed(self._record, sealed.head)
            statement = signed_confirmation(self._record, head, self._signer)
            with Remote(self._server) as remote:
                receipt = remote.post("/v1/index/confirmations", {"statement": statement.to_json()})
        except Refused as error:
            self._sent = sealed.head.size  # it will not be taken at another time either
            self._out.warn(f"{error} [{error.code}]")
        except CarnetError as error:
            self._out.warn(f"{error}; the index at size {sealed.head.size} is confirmed at the next look")
        else:
            self._sent = sealed.head.size
            self._out.note(f"confirmed the index at size {head.size} in entry {receipt['entry']}")
