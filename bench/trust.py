"""Trust: how far witnesses and a mirror lag behind a registration, and how large the proofs of an answer are.

Two witnesses run as `carnet witness serve`, each a process of its own; a mirror follows over HTTP and checks each entry
before it counts. Nothing here has a floor: cadences decide, and they are settings.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from api.app import create_app
from api.cli.base.serving import listening
from api.site.settings import ApiSettings, Rate
from bench import Bench, Figure, benchmark
from bench.scene import GTIN, Registrations, Scene
from ledger.home import Home, Settings
from ledger.opened import Ledger
from ledger.services.outward.witness import trust
from ledger.services.record.append import now_ms
from ledger.wiring.mirror import MirrorPlan, open_mirror
from ledger.wiring.witness import create_witness, open_witness
from verifier.reading.gs1 import Carrier, Gtin, Lot, Serial, UnitCode
from verifier.record.statement import Kind, Statement, header, sign
from verifier.tree.note_key import VerifierKey

ROUNDS = 20
_LAGS = ("witness lag, quorum of two", "mirror lag, asking every 0.2 s")
_LOT, _SERIAL = "PROVED", "A1"


@benchmark("trust")
def measure(bench: Bench) -> list[Figure]:
    """One registration at a time; each is waited for until witnesses and mirror have it."""
    with ExitStack() as stack:
        witnesses = [_Witness.make(bench.folder, name, stack) for name in ("kenya", "brazil")]
        scene = Scene.found(bench.folder / "home", _policy(witnesses), lambda key: _trust(witnesses, key))
        ledger = stack.enter_context(scene.open(chain=True))
        url = stack.enter_context(_served(ledger))
        ledger.start()
        _until(lambda: ledger.published.checkpoint() is not None)
        plan = MirrorPlan(url, ledger.founding.pin, interval=0.2)
        home = bench.folder / "mirror"
        mirror, following = stack.enter_context(open_mirror(Home(home, Settings(home=home)), plan, lambda _: None))
        following.start()
        bench.say(f"{ROUNDS} registrations, each followed to its witnesses and to the mirror")
        lags = [_lag(ledger, mirror, *one) for one in Registrations(scene, ledger).make(ROUNDS)]
        return [*_lags(lags), *_proofs(scene, ledger)]


@dataclass(frozen=True, slots=True)
class _Witness:
    home: Home
    key: VerifierKey
    name: str
    port: int

    @classmethod
    def make(cls, folder: Path, name: str, stack: ExitStack) -> _Witness:
        """A witness that already serves; it learns later which log to cosign."""
        home = Home(folder / name, Settings(home=folder / name))
        key = create_witness(home, f"{name}.example/witness")
        command = [
            sys.executable,
            "-m",
            "api.cli",
            "witness",
            "serve",
            "--port",
            "0",
            "--json",
            "--home",
            str(home.path),
        ]
        process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        stack.callback(process.terminate)
        assert process.stdout is not None
        return cls(home, key, name, int(json.loads(process.stdout.readline())["url"].rsplit(":", 1)[1]))


def _policy(witnesses: list[_Witness]) -> str:
    lines = [f"witness {w.name} {w.key.format()} http://127.0.0.1:{w.port}" for w in witnesses]
    return "\n".join([*lines, f"group both all {' '.join(w.name for w in witnesses)}", "quorum both"]) + "\n"


def _trust(witnesses: list[_Witness], key: VerifierKey) -> None:
    for witness in witnesses:
        with open_witness(witness.home) as opened:
            trust(opened.store, opened.key, [key])


@contextmanager
def _served(ledger: Ledger) -> Iterator[str]:
    """The API in a thread, with limits that a mirror on a short interval does not meet."""
    app = create_app(ledger, settings=ApiSettings("http://127.0.0.1", rates=dict.fromkeys(Rate, "1000000/minute")))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
    with listening("127.0.0.1", 0) as sock:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def _lag(ledger: Ledger, mirror: Ledger, statement: Statement, salt: bytes) -> tuple[float, float]:
    """Seconds from the acknowledgement until a quorum has cosigned the entry, and until the mirror has checked it."""
    index = ledger.batches.register(statement, salt).index
    start = time.perf_counter()
    done: dict[str, float] = {}
    waits: dict[str, Callable[[], bool]] = {
        "witnessed": lambda: (seen := ledger.witnessed.current()) is not None and seen.size > index,
        "mirrored": lambda: mirror.record.size > index,
    }
    while len(done) < len(waits):
        for name, is_done in waits.items():
            if name not in done and is_done():
                done[name] = time.perf_counter() - start
        if time.perf_counter() - start > 60:
            raise TimeoutError(f"waited a minute for witnesses and mirror, only {sorted(done)} came")
        time.sleep(0.002)
    return done["witnessed"], done["mirrored"]


def _lags(lags: list[tuple[float, float]]) -> list[Figure]:
    figures = []
    for name, values in zip(_LAGS, zip(*lags, strict=True), strict=True):
        figures += [
            Figure(f"{name}: median", statistics.median(values), "s"),
            Figure(f"{name}: most", max(values), "s"),
        ]
    return figures


def _proofs(scene: Scene, ledger: Ledger) -> list[Figure]:
    """Sizes of proof files: plain, and with everything that was said up to a confirmed index and since."""
    root = scene.segment(ledger, _LOT, [_SERIAL], bytes(32))
    index = ledger.batches.register(
        scene.registration(ledger.founding.domain, _LOT, 1, root, bytes(32)), bytes(32)
    ).index
    _until(lambda: (seen := ledger.witnessed.current()) is not None and seen.size > index)
    code = UnitCode(Gtin(GTIN), Lot(_LOT), Serial(_SERIAL), None, Carrier.QR)
    plain = len(ledger.proofs.for_unit(code))
    auditor = scene.auditor(ledger)
    sealed = ledger.indexes.seal().index
    head = ledger.record.index_seals[sealed].head
    body = {**header(now_ms()), **head.body()}
    signature = sign(Kind.INDEX_CONFIRMED, body, ledger.founding.domain, auditor.secret)
    confirmed = ledger.indexes.confirm(Statement(Kind.INDEX_CONFIRMED, body, auditor.address, signature)).index
    _until(lambda: (seen := ledger.witnessed.current()) is not None and seen.size > confirmed)
    return [
        Figure("proof of a unit, with cosignatures", plain / 1024, "KiB"),
        Figure("the same, nothing left out", len(ledger.proofs.for_unit(code)) / 1024, "KiB"),
    ]


def _until(done: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError("waited a minute for witnesses")
        time.sleep(0.01)
