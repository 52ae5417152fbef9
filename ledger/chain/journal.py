"""The journal of a development chain: every raw transaction with its block, so that a new node can replay it.

JSON lines, only ever appended to. The first names chain id, genesis time and genesis hash. A transaction has two
lines: one written before it is sent (`raw`, `timestamp`), one after (`block`, `hash`, or `dropped` when the
node did not take it). Only the last transaction can lack its second line.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import ProofInvalid, Stopped

VERSION = 1


@dataclass(frozen=True, slots=True)
class Genesis:
    """What a node is started with, and the hash that block 0 then has (0x, 64 lower hex)."""

    chain_id: int
    initial_date: str
    block_hash: str


@dataclass(slots=True)
class JournalEntry:
    """One transaction: raw bytes, block time in seconds, and its block once it is in one."""

    number: int
    raw: bytes
    timestamp: int
    block_number: int | None = None
    block_hash: str | None = None
    dropped: str | None = None

    @property
    def pending(self) -> bool:
        """Whether its outcome is not known yet."""
        return self.block_hash is None and self.dropped is None


class Journal:
    """The journal at `path`. Every method needs `locked` around it.

    Several processes may hold one: each reads what the others appended when it takes the lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.genesis: Genesis | None = None
        self.entries: list[JournalEntry] = []
        self.tip: JournalEntry | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock against other threads and processes, with the newest state read.

        Raises ProofInvalid (`journal_damaged`) when a line cannot be read.
        """
        # A lock file of its own, opened anew each time: flock then holds between threads too.
        with self._path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._catch_up()
            yield

    def begin(self, genesis: Genesis) -> None:
        """Write the first line."""
        self._append(
            {
                "journal": VERSION,
                "chain_id": genesis.chain_id,
                "initial_date": genesis.initial_date,
                "genesis": genesis.block_hash,
            }
        )

    def intend(self, raw: bytes, timestamp: int) -> JournalEntry:
        """Write down a transaction that is about to be sent.

        If we stop after this, the next start finds it without a block and sends it last.
        """
        if self.pending is not None:
            raise Stopped("couldn't journal a transaction: the last one has no outcome yet", code="journal_pending")
        self._append({"n": len(self.entries) + 1, "raw": "0x" + raw.hex(), "timestamp": timestamp})
        return self.entries[-1]

    def mined(self, entry: JournalEntry, block_number: int, block_hash: str) -> None:
        """Write down the block of a transaction, whether it succeeded or reverted there."""
        self._append({"n": entry.number, "block": block_number, "hash": block_hash})

    def drop(self, entry: JournalEntry, reason: str) -> None:
        """Write down that the node did not take it."""
        self._append({"n": entry.number, "dropped": reason})

    @property
    def pending(self) -> JournalEntry | None:
        """The transaction that was written down and has no outcome, if there is one."""
        return self.entries[-1] if self.entries and self.entries[-1].pending else None

    def _append(self, line: dict[str, Any]) -> None:
        text = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        with self._path.open("ab") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        self._offset += len(text)
        self._take(line)

    def _catch_up(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("r+b") as file:
            file.seek(self._offset)
            added = file.read()
            whole = added[: added.rfind(b"\n") + 1]
            if len(whole) < len(added):
                # Cut off while it was written, so its transaction was not sent.
                file.truncate(self._offset + len(whole))
        for line in whole.splitlines():
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise ProofInvalid(
                    f"couldn't read the chain journal {self._path}: line {line[:60]!r} is damaged",
                    code="journal_damaged",
                ) from error
        self._offset += len(whole)

    def _take(self, line: dict[str, Any]) -> None:
        if "journal" in line:
            if line["journal"] != VERSION:
                raise ValueError(line["journal"])
            self.genesis = Genesis(line["chain_id"], line["initial_date"], line["genesis"])
        elif "raw" in line:
            if line["n"] != len(self.entries) + 1:
                raise ValueError(line["n"])
            self.entries.append(JournalEntry(line["n"], bytes.fromhex(line["raw"][2:]), line["timestamp"]))
        else:
            entry = self.entries[line["n"] - 1]
            if "dropped" in line:
                entry.dropped = line["dropped"]
            else:
                entry.block_number, entry.block_hash = line["block"], line["hash"]
                self.tip = entry
