"""A maker's files about a batch: serials, salt, label key, the signed statement and its receipt. For their owner only.

batch.json                what was registered, and the receipt once there is one
serials.txt               one serial a line, in the order they came
label.json                the label key, until `carnet label close`
codes.tsv                 serial, label signature: what was printed; reprints use it
retired-<reason>.txt      serials reported sold, destroyed or stolen so far
registration.tlog-proof   the proof that the registration stands in the log
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from ledger.home import Home
from ledger.keys.file import make_folder, sync_folder, write_file
from ledger.keys.store import Ed25519Key, KeyStore
from verifier.errors import Malformed, NotFound, Unavailable

FORMAT = "carnet-batch/1"
LABEL_KEY = "label"
_LONGEST_LINES = 64  # bytes that hold the last line whole: a serial has at most 20 characters


@dataclass(frozen=True, slots=True)
class KeptBatch:
    """`batch.json`. `salt` and `segment_root` are 64 hex; `serials` is SHA-256 over serials.txt, 64 hex.

    `statement` and `receipt` are JSON objects; without a receipt nobody knows yet whether the batch is registered.
    """

    gtin: str
    lot: str
    unit_count: int
    segment_root: str
    salt: str
    serials: str
    log_id: str
    base_url: str
    label_carriers: tuple[str, ...]
    statement: Mapping[str, Any]
    receipt: Mapping[str, Any] | None = None

    @property
    def batch_id(self) -> str | None:
        """The batch's id (0x and 64 hex), once it has one."""
        return str(self.receipt["leaf"]) if self.receipt else None

    def encode(self) -> bytes:
        """The bytes of `batch.json`."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2).encode() + b"\n"

    @classmethod
    def decode(cls, raw: bytes) -> KeptBatch:
        """The counterpart of `encode`. Raises Malformed (`batch_folder`)."""
        try:
            value = json.loads(raw)
        except ValueError as error:
            raise _bad_file(str(error)) from error
        if (
            not isinstance(value, dict)
            or value.pop("format", None) != FORMAT
            or set(value) != {f.name for f in fields(cls)}
        ):
            raise _bad_file(f"expected a {FORMAT} object")
        return cls(**{**value, "label_carriers": tuple(value["label_carriers"])})


class BatchFolder:
    """The folder of one batch. Nothing is made before `begin`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys = KeyStore(path)

    @classmethod
    def of(cls, home: Home, gtin: str, lot: str) -> BatchFolder:
        """The folder of a GTIN-14 and lot."""
        return cls(home.batch_folder(gtin, lot))

    @property
    def segment(self) -> Path:
        """Where the segment is built, before it is sent."""
        return self.path / "segment.seg"

    @property
    def proof(self) -> Path:
        """The proof that the registration stands in the log."""
        return self.path / "registration.tlog-proof"

    def kept(self) -> KeptBatch | None:
        """The registration made or begun here. Raises Malformed (`batch_folder`), Unavailable."""
        try:
            return KeptBatch.decode((self.path / "batch.json").read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"couldn't read {self.path}: {error.strerror}", code="home") from error

    def known(self) -> KeptBatch:
        """The registration made here. Raises NotFound (`batch_not_here`) for a batch that was made elsewhere."""
        kept = self.kept()
        if kept is None:
            raise NotFound(
                f"couldn't find the serials of this batch: {self.path} is not there; "
                "they lie in the home it was registered from",
                code="batch_not_here",
            )
        return kept

    def keep(self, kept: KeptBatch) -> None:
        """Write `batch.json`; durable when it returns."""
        write_file(self.path / "batch.json", kept.encode())

    def begin(self, serials: Sequence[str], *, label: bool) -> Ed25519Key | None:
        """Make the folder with the serials in it, and a label key if the batch has one.

        An earlier attempt is removed.
        """
        self.discard()
        make_folder(self.path)
        self._write_lines("serials.txt", serials)
        return self._keys.create_ed25519(LABEL_KEY) if label else None

    def discard(self) -> None:
        """Remove a folder whose batch was never registered."""
        if self.path.exists():
            shutil.rmtree(self.path)

    def serials(self) -> list[str]:
        """The batch's serials, in the order they came. Raises Unavailable."""
        return list(self._lines("serials.txt"))

    def ends(self) -> tuple[str, str]:
        """The first and the last serial, without reading all of them. Raises Unavailable."""
        try:
            with (self.path / "serials.txt").open("rb") as file:
                first = file.readline()
                file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_LINES))
                last = file.read().splitlines()[-1]
        except OSError as error:
            raise Unavailable(f"couldn't read {self.path / 'serials.txt'}: {error.strerror}", code="home") from error
        return first.decode("ascii").rstrip("\n"), last.decode("ascii")

    def label_key(self) -> Ed25519Key | None:
        """The label key, or None once it is closed, or when the batch never had one."""
        return self._keys.load_ed25519(LABEL_KEY) if LABEL_KEY in self._keys else None

    def close_label(self) -> None:
        """Destroy the label key for ever."""
        if LABEL_KEY in self._keys:
            self._keys.destroy(LABEL_KEY)

    def codes(self) -> dict[str, str] | None:
        """Serial to printed signature, or None before any label was made."""
        if not (self.path / "codes.tsv").exists():
            return None
        pairs = (line.partition("\t") for line in self._lines("codes.tsv"))
        return {serial: signature for serial, _, signature in pairs}

    def keep_codes(self, codes: Iterable[tuple[str, str]]) -> None:
        """Keep the printed codes: (serial, signature). Durable when it returns."""
        self._write_lines("codes.tsv", (f"{serial}\t{signature}" for serial, signature in codes))

    def retired(self, reason: str) -> list[str]:
        """Serials reported for a reason so far, by this home."""
        name = f"retired-{reason}.txt"
        return list(self._lines(name)) if (self.path / name).exists() else []

    def keep_retired(self, reason: str, serials: Sequence[str]) -> None:
        """Keep the serials reported for a reason."""
        self._write_lines(f"retired-{reason}.txt", serials)

    def _lines(self, name: str) -> Iterator[str]:
        try:
            with (self.path / name).open(encoding="ascii") as file:
                for line in file:
                    yield line.removesuffix("\n")
        except OSError as error:
            raise Unavailable(f"couldn't read {self.path / name}: {error.strerror}", code="home") from error

    def _write_lines(self, name: str, lines: Iterable[str]) -> None:
        """Write the lines in blocks, since a batch of ten million serials is 210 MB of text."""
        temporary, remaining = self.path / f".{name}.new", iter(lines)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii", newline="\n") as file:
            while block := list(islice(remaining, 65_536)):
                file.write("\n".join(block) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # If we stop before this line, restart finds the old file, or none.
        os.rename(temporary, self.path / name)
        sync_folder(self.path)


def folders(home: Home) -> list[BatchFolder]:
    """Every batch of this home, by name."""
    if not home.batches.exists():
        return []
    return [BatchFolder(path) for path in sorted(home.batches.iterdir()) if (path / "batch.json").exists()]


def siblings(folder: BatchFolder, gtin: str) -> list[BatchFolder]:
    """The other lots of a GTIN-14 in the home that a folder is in, by name."""
    paths = sorted(folder.path.parent.glob(f"{gtin}-*"))
    return [BatchFolder(path) for path in paths if path != folder.path and (path / "batch.json").exists()]


def fingerprint(serials: Iterable[str]) -> str:
    """SHA-256 over the serials in their order, one a line: tells whether a file was registered before. 64 hex."""
    state, remaining = sha256(), iter(serials)
    while block := list(islice(remaining, 65_536)):
        state.update(("\n".join(block) + "\n").encode("ascii"))
    return state.hexdigest()


def _bad_file(cause: str) -> Malformed:
    return Malformed(f"couldn't read batch.json: {cause}", code="batch_folder")
