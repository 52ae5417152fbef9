"""Helper processes that check statements, so that the event loop and the writer stay free.

A helper is a fresh interpreter that talks over pipes, as in `ledger.services.units.segment_worker`: a fork would copy
whatever locks the server's threads hold. It holds no key and no secret, reads no file of the ledger, and ends with us.
Bodies that wait go over together, so that many small requests cost few turns.
"""

from __future__ import annotations

import marshal
import os
import signal
import struct
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, Final

from ledger.services.record.lines import Line, Plain, TooMany, check_lines, error_of, line_of, plain_error
from verifier.errors import CarnetError, Stopped, Unavailable
from verifier.record.statement import Domain

MOST_HELPERS: Final = 4
"""Processes at most; each has about 30 MiB. A machine with fewer cores has fewer."""
_TOGETHER: Final = 32
"""Bodies of one turn at most, so that others find work too."""
_TURN_BYTES: Final = 256 * 1024
_LENGTH: Final = struct.Struct(">I")
_ROOT: Final = Path(__file__).resolve().parents[3]

Checked = list[Line | CarnetError]


@dataclass(slots=True)
class _Asked:
    body: bytes
    most: int
    future: Future[Checked]


class Checkers:
    """Helpers for one log. They are started when the first body comes; any thread may ask."""

    def __init__(self, domain: Domain, count: int | None = None) -> None:
        self._domain, self._count = domain, count or min(MOST_HELPERS, _cores())
        self._queue: SimpleQueue[_Asked | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._helpers: set[_Helper] = set()
        self._closed = False

    def check(self, body: bytes, most: int) -> Future[Checked]:
        """Check the lines of a request, as `check_lines`.

        The future gives them in their order, each checked or refused, or raises Malformed, TooMany, Unavailable
        (`check_worker`: two helpers ended early over it), Stopped (`closed`).
        """
        future: Future[Checked] = Future()
        future.set_running_or_notify_cancel()  # whoever stops waiting takes no answer away from others
        with self._lock:
            if self._closed:
                future.set_exception(Stopped("couldn't check statements: the ledger is closed", code="closed"))
                return future
            self._queue.put(_Asked(body, most, future))
            if not self._threads:
                self._threads = [
                    threading.Thread(target=self._run, name=f"check-{n}", daemon=True) for n in range(self._count)
                ]
                for thread in self._threads:
                    thread.start()
        return future

    def pids(self) -> list[int]:
        """The helpers that run now."""
        return [helper.pid for helper in tuple(self._helpers)]

    def close(self) -> None:
        """Finish what waits, and end the helpers."""
        with self._lock:
            self._closed = True
            for _ in self._threads:
                self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        own: list[_Helper] = []  # this thread's, once it has one
        while (asked := self._next()) is not None:
            try:
                answers = self._ask(own, asked)
            except Exception as error:  # what is wrong with helpers must not end the thread
                words = f"couldn't check the statements: two helper processes ended early ({error})"
                for one in asked:
                    one.future.set_exception(Unavailable(words, code="check_worker"))
                continue
            for one, answer in zip(asked, answers, strict=True):
                _settle(one.future, answer)
        self._end(own)

    def _ask(self, own: list[_Helper], asked: list[_Asked], *, again: bool = True) -> list[Plain]:
        """Ask the thread's helper, or a fresh one where that has died."""
        try:
            if not own:
                own.append(_Helper(self._domain))
                self._helpers.update(own)
            return own[0].ask([(one.body, one.most) for one in asked])
        except Exception:
            self._end(own)
            if not again:
                raise
        return self._ask(own, asked, again=False)

    def _end(self, own: list[_Helper]) -> None:
        while own:
            helper = own.pop()
            self._helpers.discard(helper)
            helper.close()

    def _next(self) -> list[_Asked] | None:
        """What goes over next: the body that has waited longest, and small ones behind it. None at the end."""
        first = self._queue.get()
        if first is None:
            return None
        asked, size = [first], len(first.body)
        while len(asked) < _TOGETHER and size < _TURN_BYTES:
            try:
                more = self._queue.get_nowait()
            except Empty:
                break
            if more is None:
                self._queue.put(None)
                break
            asked.append(more)
            size += len(more.body)
        return asked


def _settle(future: Future[Checked], answer: Plain) -> None:
    match answer:
        case ("lines", lines):
            future.set_result([line_of(one) for one in lines])
        case ("many", lines):
            future.set_exception(TooMany(lines))
        case (_, error):
            future.set_exception(error_of(error))


class _Helper:
    """One process; for one thread. Raises OSError, EOFError, ValueError when it has died."""

    def __init__(self, domain: Domain) -> None:
        paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        assert self._process.stdin is not None  # noqa: S101 - opened as pipes above
        assert self._process.stdout is not None  # noqa: S101
        self._sink, self._source = self._process.stdin, self._process.stdout
        _write(self._sink, (domain.chain_id, domain.registry, domain.log_id))

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, bodies: list[tuple[bytes, int]]) -> list[Plain]:
        """The answer to each body."""
        _write(self._sink, bodies)
        answers: list[Plain] = _read(self._source)
        return answers

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._process.communicate()  # closes both pipes and reaps the process


def main() -> None:
    """Answer on standard output until standard input ends, which it does when the parent dies too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    try:
        domain = Domain(*_read(source))
        while True:
            _write(sink, [_answer(body, most, domain) for body, most in _read(source)])
    except (EOFError, BrokenPipeError):
        return


def _answer(body: bytes, most: int, domain: Domain) -> Plain:
    try:
        return "lines", check_lines(body, most, domain)
    except TooMany as error:
        return "many", error.lines
    except CarnetError as error:
        return "error", plain_error(error)


def _write(sink: IO[bytes], value: Any) -> None:
    raw = marshal.dumps(value)
    sink.write(_LENGTH.pack(len(raw)))
    sink.write(raw)
    sink.flush()


def _read(source: IO[bytes]) -> Any:
    head = source.read(_LENGTH.size)
    if len(head) != _LENGTH.size:
        raise EOFError("its pipe ended")
    raw = source.read(_LENGTH.unpack(head)[0])
    return marshal.loads(raw)  # noqa: S302 - both ends of the pipe are this file, under one interpreter


def _cores() -> int:
    """The cores this process may use: in a container fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):  # Linux only
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    main()
