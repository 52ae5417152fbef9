"""Opening a large log: from its saved fold, and from entry 0, against reading and hashing the fold's bytes.

Half of the entries register batches; the others seal scans, seal and confirm indexes, recall batches and take recalls
back. Nobody signed them, as nobody verifies below a signed head when a ledger opens; the roots of indexes are made up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from statistics import median
from typing import Any

from biip.checksums import gs1_standard_check_digit

from bench import Bench, Figure, benchmark, seconds
from bench.scene import PREFIX, Scene
from ledger.ports import LogHead, NewEntry
from ledger.services.record.checkpoint import Signer
from ledger.storage.database import open_database
from ledger.storage.log import LogStore
from ledger.storage.signed_head import SignedHeadFile
from ledger.wiring.writer import log_key
from verifier.record.entry import chain_head, decode_entry, encode_entry
from verifier.record.founding import log_id
from verifier.record.statement import Kind
from verifier.record.struct import ZERO32
from verifier.tree.merkle import Frontier

ENTRIES, LARGE = 100_000, 1_000_000
SECONDS_MOST, MEMORY_MOST = 5.0, 500.0
"""Seconds and MB (10^6 bytes) that the opening of 10^6 entries may take."""
_LOTS = 50  # batches of one product
_PART = 4_096  # entries stored in one transaction
_SIGNATURE = "0x" + "11" * 65
_LOOKUPS = 1_000


@benchmark("opening")
def opening(bench: Bench) -> list[Figure]:
    """Fill a log, then open it in fresh processes."""
    size = LARGE if bench.large else ENTRIES
    scene = Scene.found(bench.folder / "home")
    with scene.open(chain=True) as ledger:
        auditor = scene.auditor(ledger).address
    bench.say(f"writing {size:,} entries")
    Filling(scene, auditor).fill(size)
    bench.say("opening it from entry 0, once, as the writer that saves the fold")
    fresh = _opened(scene, write=True)
    bench.say(f"opening it from the fold, {bench.repeat} times")
    fold, floors, samples = scene.home.fold, [], []
    for _ in range(bench.repeat):
        floors.append(seconds(lambda: sha256(fold.read_bytes()).digest()))
        samples.append(_opened(scene, write=False))
    floor = median(floors)
    saved = {name: median(sample[name] for sample in samples) for name in samples[0]}
    return _figures(size, bench.large, fold.stat().st_size, floor, fresh, saved)


def _figures(
    size: int, large: bool, fold: int, floor: float, fresh: Mapping[str, float], saved: Mapping[str, float]
) -> list[Figure]:
    limits = (SECONDS_MOST, MEMORY_MOST) if large else (None, None)
    took = Figure("opening from the fold", saved["took"], "s", limit=limits[0])
    return [
        Figure("entries", size, ""),
        Figure("the saved fold", fold / 1e6, "MB"),
        Figure("floor: reading the fold and hashing it", floor, "s"),
        took,
        Figure("the same, against the floor", saved["took"], "s", saved["took"] / floor),
        Figure("its process, at most", saved["memory"] / 1e6, "MB", limit=limits[1]),
        Figure("opening from entry 0", fresh["took"] - fresh["saving"], "s", (fresh["took"] - fresh["saving"]) / floor),
        Figure("saving the fold from that", fresh["saving"], "s"),
        Figure("its process, at most", fresh["memory"] / 1e6, "MB"),
        Figure("a batch, from the fold: first look-up", saved["first"] * 1e6, "µs"),
        Figure("a batch, from the fold: again", saved["again"] * 1e6, "µs"),
        Figure("a batch, from entry 0: again", fresh["again"] * 1e6, "µs"),
    ]


_OPEN = """
import json, resource, sys, time
from pathlib import Path
from ledger.home import Home, Settings
from ledger.services.record.folding import Folds
from ledger.wiring.reader import open_ledger
saving, save = [0.0], Folds.save
def timed(*arguments):
    start = time.perf_counter()
    size = save(*arguments)
    saving[0] = time.perf_counter() - start
    return size
Folds.save = timed
folder, write, lots = Path(sys.argv[1]), sys.argv[2] == "write", json.load(sys.stdin)
start = time.perf_counter()
with open_ledger(Home(folder, Settings(home=folder)), write=write) as ledger:
    took = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    def look():
        start = time.perf_counter()
        for gtin, lot in lots:
            ledger.record.by_lot[gtin, lot].recall
        return (time.perf_counter() - start) / len(lots)
    told = {"took": took, "memory": memory, "saving": saving[0], "first": look(), "again": look()}
print(json.dumps(told))
"""


def _opened(scene: Scene, *, write: bool) -> dict[str, float]:
    """Open the home in a fresh process, and look batches up."""
    config = scene.home.config()
    engine = open_database(scene.home.database_url)
    registered = LogStore(engine, log_id(config.origin)).head().size // 2
    lots = [subject(at * 7_919 % (registered - 100)) for at in range(_LOOKUPS)]
    done = subprocess.run(
        [sys.executable, "-c", _OPEN, str(scene.home.path), "write" if write else "read"],
        input=json.dumps(lots), check=True, capture_output=True, text=True,
    )  # fmt: skip
    engine.dispose()
    told: dict[str, float] = json.loads(done.stdout)
    return told


def subject(number: int) -> tuple[str, str]:
    """Product and lot of batch `number`, counted from 0."""
    item = f"0{PREFIX}{number // _LOTS:05}"
    return item + str(gs1_standard_check_digit(item)), f"L{number % _LOTS}"


@dataclass
class Filling:
    """Entries as a writer would have made them."""

    scene: Scene
    auditor: str
    batches: list[bytes] = field(default_factory=list)
    statements: int = 0
    seals: int = 0
    size: int = 0
    recalled: bytes = b""
    sealed: dict[str, Any] = field(default_factory=dict)

    def fill(self, size: int) -> None:
        """Store entries until there are so many, and sign for all of them."""
        config = self.scene.home.config()
        engine = open_database(self.scene.home.database_url)
        log = LogStore(engine, log_id(config.origin))
        head = log.head()
        frontier, steps = Frontier.at(head.size, log.hashes()), self._steps()
        while head.size < size:
            part, chain = [], head.chain_head
            for _ in range(min(_PART, size - head.size)):
                self.size = frontier.size
                kind, body, actor, told = next(steps)
                signature = _SIGNATURE if actor is not None else None
                raw = encode_entry(kind, body, actor, signature, head.recorded_at_ms, chain)
                leaf = decode_entry(raw).leaf
                told(leaf)
                frontier.append(leaf)
                chain = chain_head(chain, leaf)
                part.append(NewEntry(raw, leaf))
            after = LogHead(frontier.size, frontier.root(), chain, head.recorded_at_ms)
            log.append(head, part, after)
            head = after
        Signer(log, SignedHeadFile(self.scene.home.signed_head), log_key(self.scene.home, config.origin)).sign(head)
        engine.dispose()

    def _steps(self) -> Iterator[tuple[Kind, dict[str, Any], str | None, Callable[[bytes], object]]]:
        """Twenty entries, again and again: kind, body, author, and who is told the leaf."""
        maker = self.scene.maker.address
        while True:
            for _ in range(10):
                yield Kind.BATCH_REGISTERED, self._registration(len(self.batches)), maker, self.batches.append
            for _ in range(6):
                body = {"seal": str(self.seals), "leaves": "16", "root": "0x" + "22" * 32}
                yield Kind.SCANS_SEALED, body, None, bytes
                self.seals += 1
            batch = "0x" + self.batches[-7].hex()
            recall = {"batch": batch, "reason": "seal may leak", "noticeUrl": "", "supersedes": ZERO32}
            yield Kind.BATCH_RECALLED, {**self._header(), **recall}, maker, self._note_recall
            undo = {"target": "0x" + self.recalled.hex(), "reason": "reported by mistake"}
            yield Kind.UNDONE, {**self._header(), **undo}, maker, bytes
            self.sealed = {"size": str(self.size), "gtins": "1", "root": "0x" + "33" * 32}
            yield Kind.INDEX_SEALED, self.sealed, None, bytes
            yield Kind.INDEX_CONFIRMED, {**self._header(), **self.sealed}, self.auditor, bytes

    def _note_recall(self, leaf: bytes) -> None:
        self.recalled = leaf

    def _header(self) -> dict[str, str]:
        self.statements += 1
        return {"statementId": "0x" + sha256(b"%d" % self.statements).hexdigest(), "issuedAt": "1", "expiresAt": "2"}

    def _registration(self, number: int) -> dict[str, Any]:
        gtin, lot = subject(number)
        key = sha256(f"{gtin}{lot}".encode()).hexdigest()
        return {
            **self._header(), "gtin": gtin, "lot": lot, "unitCount": "1000", "segmentRoot": "0x" + key,
            "saltCommitment": "0x" + key, "salt": ZERO32, "serialSource": 1, "serialSpaceBits": 99,
            "labelKey": "0x" + key, "labelCarriers": ["qr"], "markets": ["NL"], "expires": "2030-12-31",
        }  # fmt: skip
