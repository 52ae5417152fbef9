"""Large files, whole or a range of them (RFC 9110 14)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from api.http.content import is_kept
from api.http.vary import joined
from verifier.errors import Refused

_RANGE = re.compile(r"bytes=(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})|-(?P<suffix>[0-9]{1,18}))")


class RangeRefused(Refused):
    """A range that lies beyond the file's end; `headers` say how long it is."""

    def __init__(self, size: int) -> None:
        super().__init__(f"couldn't answer: the range lies beyond the file's {size} bytes", code="range")
        self.headers = {"Content-Range": f"bytes */{size}"}


def file(request: Request, path: Path, tag: str, kind: str, headers: Mapping[str, str]) -> Response:
    """A file whose bytes are named by `tag` (without quotes), whole or one range of it.

    An invalid Range, or one of another unit, is ignored (RFC 9110 14.2). Raises Refused (`precondition`, `range`),
    OSError if there is no such file.
    """
    headers = {**headers, "ETag": f'"{tag}"'}
    if is_kept(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    stat = path.stat()
    ranged = _ranged(request, headers["ETag"], stat.st_size)
    return _File(path, media_type=kind, headers=headers, stat_result=stat).of(ranged)


def _ranged(request: Request, tag: str, size: int) -> bool:
    """Whether the request asks for one range of exactly these bytes. Raises RangeRefused."""
    if request.method != "GET":
        return False  # RFC 9110 14.2: a range is ignored if the answer has no body
    found = _RANGE.fullmatch(joined(request, "range").lower())
    if found is None or joined(request, "if-range") not in ("", tag):  # RFC 9110 13.1.5: strong, or the whole
        return False
    first, last, suffix = found["first"], found["last"], found["suffix"]
    if first and last and int(last) < int(first):
        return False  # 14.1.1: invalid
    if size <= int(first or 0) or (suffix is not None and not int(suffix)):
        raise RangeRefused(size)
    return True


class _File(FileResponse):
    """A file with our tag. It has no Last-Modified: the time on this disk is not when the content changed."""

    _ranged = False

    def of(self, ranged: bool) -> _File:
        """Itself; `ranged`: whether the request's range counts."""
        self._ranged = ranged
        return self

    def set_stat_headers(self, stat_result: os.stat_result) -> None:
        """Its length alone."""
        self.headers.setdefault("content-length", str(stat_result.st_size))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Conditions were checked before."""
        unseen = (b"if-range",) if self._ranged else (b"range", b"if-range")
        fields = [(name, value) for name, value in scope["headers"] if name not in unseen]
        await super().__call__({**scope, "headers": fields}, receive, send)
