"""Bytes with a tag: conditional requests and gzip, for answers that callers may keep (RFC 9110 8.8.3, 13; 8.4.1)."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from threading import Lock

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.http.vary import given, joined
from api.http.weights import takes_gzip
from verifier.errors import Refused

LEAST = 1_024
"""Bytes from which packing pays. Smaller answers need the same packet either way."""
IMMUTABLE: Mapping[str, str] = {"Cache-Control": "public, max-age=31536000, immutable"}
"""For addresses whose content never changes."""
FRESH: Mapping[str, str] = {"Cache-Control": "no-cache"}
"""For addresses whose content is replaced: nobody may keep it without asking."""
KEPT = 32 * 2**20
"""Bytes of packed answers that are kept in memory."""

_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')  # RFC 9110 8.8.3


async def content(
    request: Request,
    data: bytes,
    kind: str,
    headers: Mapping[str, str],
    *,
    packs: bool = False,
) -> Response:
    """An answer with a tag made of its bytes, or 304 for a caller that has them. `packs`: gzip makes it smaller.

    A packed answer has other bytes and so another tag. Raises Refused (`precondition`).
    """
    base = hashlib.sha256(data).hexdigest()[:32]
    packed = packs and takes_gzip(given(request, "accept-encoding")) and len(data) >= LEAST
    tag = f'"{base}-gzip"' if packed else f'"{base}"'
    headers = {**headers, "ETag": tag}
    if is_kept(request, tag):
        return Response(status_code=304, headers=headers)
    if packed:
        data, headers["Content-Encoding"] = await run_in_threadpool(_PACKED.get, base, data), "gzip"
    # Not as media_type: Starlette would add a charset to types that specifications fix.
    return Response(data, 200, {**headers, "Content-Type": kind})


async def packed(request: Request, answer: Response) -> Response:
    """A whole answer, with gzip if the caller takes it. Never use it for a page with a secret: its length would tell.

    The packed bytes are not kept, since such answers change with the log.
    """
    body = bytes(answer.body)
    if takes_gzip(given(request, "accept-encoding")) and answer.status_code == 200 and len(body) >= LEAST:
        answer.body = await run_in_threadpool(_pack, body)
        answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Content-Length"] = str(len(answer.body))
    return answer


def is_kept(request: Request, tag: str) -> bool:
    """Whether the caller has the bytes of this tag. Raises Refused (`precondition`) if it requires others."""
    match = joined(request, "if-match")
    # RFC 9110 13.1.1: strong comparison; "*" stands for whatever there is
    if match and match != "*" and tag not in _strong(match):
        raise Refused("couldn't answer: what is here is not what If-Match names", code="precondition")
    none_match = joined(request, "if-none-match")
    return none_match == "*" or tag in (opaque for _, opaque in _TAG.findall(none_match))  # 13.1.2: weak comparison


def _strong(header: str) -> Iterable[str]:
    return (opaque for weak, opaque in _TAG.findall(header) if not weak)


def _pack(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)


class _Packed:
    """Packed answers by the hash of their content; the least recently used leave first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size, self._lock = 0, Lock()

    def get(self, base: str, data: bytes) -> bytes:
        """The bytes of this hash, packed."""
        with self._lock:
            if base in self._kept:
                self._kept.move_to_end(base)
                return self._kept[base]
        made = _pack(data)
        with self._lock:
            if base not in self._kept and len(made) <= KEPT // 4:
                self._kept[base] = made
                self._size += len(made)
            while self._size > KEPT:
                self._size -= len(self._kept.popitem(last=False)[1])
        return made


_PACKED = _Packed()
