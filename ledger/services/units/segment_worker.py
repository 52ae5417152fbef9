"""Helper processes that derive unit keys, so that a large batch uses every core.

A helper is a fresh interpreter that talks over pipes. A fork would copy whatever locks the server's
threads hold at that instant, and a spawned process would import the caller's main module again.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Final

from verifier.errors import Malformed, Unavailable
from verifier.segment.key import KEY_SIZE, UnitKeys

_ALONE: Final = 100_000  # serials below which starting helpers costs more than it saves
_FRAME: Final = struct.Struct(">II")  # to the helper: serials, bytes; back: 0 and bytes, or 1 and bytes of an error
_SEPARATOR: Final = "\x1d"  # no serial can hold it; one that does is found by the count
_ROOT: Final = Path(__file__).resolve().parents[3]
_Derive = Callable[[Iterable[Sequence[str]]], Iterator[bytes]]


@contextmanager
def deriving(salt: bytes, gtin: str, lot: str, n: int, processes: int | None) -> Iterator[_Derive]:
    """Give a function from chunks of serials to their keys, in the same order."""
    count = processes or _cores()
    if count == 1 or n < _ALONE:
        unit_keys = UnitKeys(salt, gtin, lot)
        yield lambda chunks: map(unit_keys.derive, chunks)
        return
    with ExitStack() as stack:
        workers: SimpleQueue[KeyWorker] = SimpleQueue()
        threads = stack.enter_context(ThreadPoolExecutor(count))
        for _ in range(count):
            worker = KeyWorker(salt, gtin, lot)
            stack.callback(worker.close)  # before the threads are joined: it frees one that waits for an answer
            workers.put(worker)

        def derive_one(chunk: Sequence[str]) -> bytes:
            worker = workers.get()
            try:
                return worker.derive(chunk)
            finally:
                workers.put(worker)

        def derive(chunks: Iterable[Sequence[str]]) -> Iterator[bytes]:
            pending: deque[Future[bytes]] = deque()
            for chunk in chunks:
                pending.append(threads.submit(derive_one, chunk))
                if len(pending) > 2 * count:  # a bounded window: memory must not grow with the batch
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

        yield derive


def _cores() -> int:
    """The cores this process may use: in a container fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):  # Linux only
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class KeyWorker:
    """One helper process for one batch. Use it from one thread at a time, and close it.

    The salt goes through the pipe: an argument or the environment would show in the process list.
    """

    def __init__(self, salt: bytes, gtin: str, lot: str) -> None:
        UnitKeys(salt, gtin, lot)  # refuse bad values here, where the error reaches the caller
        paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        self._send(0, salt + gtin.encode("ascii") + lot.encode("ascii"))

    def derive(self, serials: Sequence[str]) -> bytes:
        """Return the keys of `serials`, 32 bytes each, in order.

        Raises Malformed for a serial that cannot be one, Unavailable if the helper died.
        """
        self._send(len(serials), _SEPARATOR.join(serials).encode("utf-8", "surrogatepass"))
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - opened as a pipe above
        frame = _read_frame(stdout)
        if frame is None:
            raise self._died()
        failed, payload = frame
        if failed:
            raise Malformed(payload.decode("utf-8", "surrogatepass"), code="serial")
        if len(payload) != len(serials) * KEY_SIZE:
            raise self._died()
        return payload

    def close(self) -> None:
        """End the helper, whatever it is doing."""
        self._process.kill()
        self._process.communicate()  # closes both pipes and reaps the process

    def _send(self, count: int, payload: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - opened as a pipe above
        try:
            stdin.write(_FRAME.pack(count, len(payload)))
            stdin.write(payload)
            stdin.flush()
        except OSError as error:
            raise self._died() from error

    def _died(self) -> Unavailable:
        return Unavailable(
            f"couldn't derive the unit keys: a helper process ended early, exit code {self._process.poll()}",
            code="key_worker",
        )


def main() -> None:
    """Answer frames on standard input until it ends, which it does when the parent dies too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    first = _read_frame(source)
    if first is None:
        return
    batch = first[1]
    unit_keys = UnitKeys(batch[:32], batch[32:46].decode("ascii"), batch[46:].decode("ascii"))
    while (frame := _read_frame(source)) is not None:
        count, payload = frame
        failed, answer = _answer(unit_keys, count, payload)
        sink.write(_FRAME.pack(failed, len(answer)))
        sink.write(answer)
        sink.flush()


def _answer(unit_keys: UnitKeys, count: int, payload: bytes) -> tuple[int, bytes]:
    serials = payload.decode("utf-8", "surrogatepass").split(_SEPARATOR)
    if len(serials) != count:
        return 1, b"couldn't derive the key: a serial holds the group separator 0x1D, expected none"
    try:
        return 0, unit_keys.derive(serials)
    except Malformed as error:
        return 1, str(error).encode("utf-8", "surrogatepass")


def _read_frame(source: IO[bytes]) -> tuple[int, bytes] | None:
    """Return (number, payload), or None at the end or in the middle of a frame cut short."""
    head = source.read(_FRAME.size)
    if len(head) != _FRAME.size:
        return None
    number, length = _FRAME.unpack(head)
    payload = source.read(length)
    return (number, payload) if len(payload) == length else None


if __name__ == "__main__":
    main()
