"""Some weeks of officers' scans and public look-ups, so that units have a realistic history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from api.answer.makers import Makers
from api.asking.asking import ask
from api.asking.asking import keep_scan as keep
from api.demo.cast import MOMBASA, ROTTERDAM, SANTOS, Batch, Place
from api.demo.maker import Run
from api.demo.state import DemoState
from api.question.scanning import officer_told
from api.question.told import Symbol, Told, understand
from ledger.opened import Ledger
from ledger.services.record.append import now_ms
from ledger.services.scans.scan import ScanInput
from ledger.services.scans.token import Officer
from verifier.instant import DAY, HOUR, MINUTE
from verifier.reading.gs1 import Carrier
from verifier.verdict.facts import Context, HowRead, Unit

BASE = "https://carnet.example"
"""Host of links in planted scans; hosts do not count in reading."""


@dataclass(frozen=True, slots=True)
class PastScan:
    """A scan that an officer made some time ago (milliseconds before now)."""

    path: str
    place: Place
    ago: int
    context: Context


def plant_history(ledger: Ledger, state: DemoState, runs: Mapping[Batch, Run]) -> int:
    """Keep the past scans and look-ups; returns how many scans."""
    scans = [*_journeys(runs), *_special(state)]
    for number, scan in enumerate(sorted(scans, key=lambda scan: -scan.ago)):
        keep_scan(ledger, scan, f"demo-{number:04d}")
    for slug, times in (("clean", 3), ("expired", 2), ("recalled", 5)):
        _look_up(ledger, state.text(slug, BASE), times)
    ledger.scans.flush()
    return len(scans)


def keep_scan(ledger: Ledger, past: PastScan, scan_id: str) -> None:
    """Judge a past scan as it would have been judged then, and keep it with its answer."""
    text = BASE + past.path
    scan = ScanInput(
        id=scan_id,
        code=text,
        scanned_at=now_ms() - past.ago,
        device=f"handheld-{past.place.unlocode[2:].lower()}-2",
        context=past.context,
        country=past.place.country,
        unlocode=past.place.unlocode,
        latitude=past.place.latitude,
        longitude=past.place.longitude,
    )
    past_told = officer_told(scan, Symbol(text, Carrier.QR), HowRead.DECODER)
    told = replace(past_told, keeper_time=scan.scanned_at)  # as it was judged then
    officer = Officer(f"officer {past.place.unlocode}", past.place.unlocode[:2])
    keep(ledger, Makers(ledger.participants), scan, told, understand(told), officer)


def _journeys(runs: Mapping[Batch, Run]) -> Iterator[PastScan]:
    """Cartons on their way: out of Rotterdam, three weeks at sea, into Mombasa or Santos."""
    route = runs[Batch.ROUTE]
    for n, serial in enumerate(route.serials[40:58]):
        path, sailed = route.link(serial), (34 - n // 3) * DAY + (n * 37 % 300) * MINUTE
        yield PastScan(path, ROTTERDAM, sailed, Context.EXPORT)
        yield PastScan(path, MOMBASA if n % 3 else SANTOS, sailed - 21 * DAY, Context.IMPORT)
    bearing = runs[Batch.BEARING]
    for n, serial in enumerate(bearing.serials[40:52]):
        yield PastScan(bearing.link(serial), SANTOS, (26 - n) * DAY + n * 23 * MINUTE, Context.WHOLESALE)


def _special(state: DemoState) -> Iterator[PastScan]:
    copied = state.codes["copied"]
    yield PastScan(copied, ROTTERDAM, 9 * DAY + 5 * HOUR, Context.EXPORT)
    yield PastScan(copied, SANTOS, 9 * DAY + 2 * HOUR, Context.IMPORT)
    yield PastScan(state.codes["clean"], ROTTERDAM, 30 * DAY, Context.EXPORT)
    yield PastScan(state.codes["clean"], MOMBASA, 8 * DAY, Context.IMPORT)
    yield PastScan(state.codes["sold"], ROTTERDAM, 31 * DAY, Context.EXPORT)
    yield PastScan(state.codes["recalled"], MOMBASA, 4 * DAY, Context.WHOLESALE)


def _look_up(ledger: Ledger, text: str, times: int) -> None:
    answer = ask(ledger, understand(Told((Symbol(text, Carrier.QR),))))
    if answer.facts.unit is Unit.PRESENT and answer.subject is not None:
        for _ in range(times):
            ledger.scans.count_lookup(answer.subject)
