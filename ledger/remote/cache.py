"""Files of a foreign log kept on this machine, so that an interrupted audit can continue.

Each is kept under its published path, preceded by the SHA-256 of its content, which is compared when it is read back.
So a flipped bit on the disk costs one more request and accuses nobody.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from verifier.errors import Unavailable

_DIGEST = 32  # bytes in front of each file
_NOTES = "heads"


class FileCache:
    """One log's folder. Safe for threads and processes: a file is seen whole or not at all."""

    def __init__(self, folder: Path, pin: bytes) -> None:
        """`pin`: SHA-256 of entry 0's bytes (32 bytes); each log has a folder of its own."""
        self.folder = folder / pin.hex()

    def read(self, path: str) -> bytes | None:
        """The content kept under a published path; None if it is missing or damaged."""
        target = self.folder / path
        try:
            data = target.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise _unavailable("read", target, error) from error
        digest, content = data[:_DIGEST], data[_DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            self.drop(path)
            return None
        return content

    def write(self, path: str, content: bytes) -> None:
        """Keep a file. It is not synced, since a lost one is fetched again. Raises Unavailable (`cache`)."""
        target = self.folder / path
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(hashlib.sha256(content).digest() + content)
            os.rename(temporary, target)
        except OSError as error:
            raise _unavailable("write", target, error) from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def drop(self, path: str) -> None:
        """Forget a file."""
        with suppress(OSError):
            (self.folder / path).unlink(missing_ok=True)

    def keep_head(self, size: int, note: bytes) -> None:
        """Keep a signed note for ever, since it may contradict another one some day."""
        self.write(f"{_NOTES}/{size}-{hashlib.sha256(note).hexdigest()[:16]}", note)

    def heads(self) -> Iterator[bytes]:
        """Every note that was kept."""
        with suppress(FileNotFoundError):
            for path in sorted((self.folder / _NOTES).iterdir()):
                note = self.read(f"{_NOTES}/{path.name}")
                if note is not None and not path.name.startswith("."):
                    yield note


def _unavailable(verb: str, path: Path, error: OSError) -> Unavailable:
    return Unavailable(f"couldn't {verb} {path}: {error.strerror}", code="cache")
