"""Use my serials: five pasted lines become a registered batch with five signed labels."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from api.demo.cast import SOLMIRE
from api.demo.maker import Run, make_gtin, make_run, register
from api.demo.witnesses import wait_for_quorum
from ledger.keys.store import KeyStore
from ledger.opened import Ledger
from ledger.services.record.append import Receipt
from ledger.services.units.label import LabelKind, render_run
from ledger.services.units.serial import SYMBOLS
from verifier.errors import Malformed
from verifier.reading.gs1 import parse_serial

MOST = 5
"""Serials taken at a time."""
ITEM = 9
"""The item number of the visitor's product under the maker's prefix."""


WITNESS_SECONDS = 3.0
"""How long a registration waits for its witnesses before its labels are shown."""


@dataclass(frozen=True, slots=True)
class OwnBatch:
    """A visitor's batch: the run, its receipt, and its labels for one listener."""

    run: Run
    receipt: Receipt

    def links(self, base_url: str) -> list[str]:
        """The signed links to print."""
        return [self.run.link(serial, base_url) for serial in self.run.serials]

    def svgs(self, base_url: str) -> list[str]:
        """The labels, each read back before it is shown."""
        return [svg.decode() for svg in render_run(self.links(base_url), LabelKind.SVG)]

    def pdf(self, base_url: str) -> bytes:
        """The labels on a sheet of A4."""
        from ledger.services.units.sheet import sheet  # its PDF library takes a second to load

        return sheet(self.links(base_url))


def parse_lines(text: str) -> list[str]:
    """The serials of a pasted text, one a line. Raises Malformed naming the line and what was expected."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not 1 <= len(lines) <= MOST:
        raise Malformed(f"couldn't use the serials: got {len(lines)}, expected 1 to {MOST}, one a line", code="serials")
    seen: dict[str, int] = {}
    for number, line in lines:
        try:
            serial = parse_serial(line)
        except Malformed as error:
            raise Malformed(f"line {number}: {error}", code=error.code, at=f"line {number}") from error
        if serial in seen:
            raise Malformed(
                f"line {number}: couldn't use {serial!r} twice, it stands in line {seen[serial]} already",
                code="serial_duplicate",
                at=f"line {number}",
            )
        seen[serial] = number
    return list(seen)


def register_own(ledger: Ledger, serials: list[str]) -> OwnBatch:
    """Register the serials as a batch of their own, as imported: their salt stays hidden. Raises Refused."""
    lot = "MY-" + "".join(secrets.choice(SYMBOLS) for _ in range(6))
    run = make_run(ledger, make_gtin(SOLMIRE.prefix or "", ITEM), lot, serials)
    maker = KeyStore(ledger.home.keys).load_evm(SOLMIRE.key)
    own = OwnBatch(run, register(ledger, maker, run, imported=True))
    wait_for_quorum(ledger, WITNESS_SECONDS)  # otherwise a label opened at once would say that it awaits witnesses
    return own
