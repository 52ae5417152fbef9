"""A server reached over HTTP: requests, and its problems as our errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from ledger.remote.client import open_client
from ledger.remote.deadline import Deadline
from ledger.remote.http import SLOWEST
from ledger.remote.urls import without_password
from verifier.errors import CarnetError, Malformed, NotFound, ProofInvalid, Refused, Unavailable
from verifier.foreign import shown

TIMEOUT = httpx.Timeout(30.0, read=600.0)
"""Seconds. A server checks a segment of ten million units before it answers, which takes it a while."""

READ_SECONDS, WRITE_SECONDS = 120.0, 630.0
"""For a whole answer, from the first byte sent to the last one read; besides what SLOWEST allows for what is sent."""

ANSWER_MAX = 64 * 2**20
"""Bytes of one answer; the largest of ours is a proof file of 16 MB."""

DETAIL_MAX, PLACE_MAX = 1_000, 200
"""Characters of a problem's detail and of its place that are shown; ours are shorter."""
_TOKEN = re.compile("[!-~]+")
_CODE = re.compile("[a-z][a-z0-9_]{0,63}")


class Remote:
    """One server. `token` is an API token, sent only to it. Close it when done (it is a context manager)."""

    def __init__(self, url: str, token: str | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise Malformed(
                f"couldn't use --server {without_password(url)}: expected http://… or https://…", code="server"
            )
        self._whole, self.url = url.rstrip("/"), without_password(url)
        self._whence: str | None = None  # what the token was given by; None without one
        self._client = self._opened({})
        if token:
            self.show(token)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def show(self, token: str | None, whence: str = "--token-file or CARNET_TOKEN") -> None:
        """Send this token, or none, with all later requests. `whence`: the option or variable it came from, for
        messages.

        Raises Malformed (`token`, `proxy`), which does not show it.
        """
        self._whence = whence if token else None
        if token is not None and not _TOKEN.fullmatch(token):
            raise Malformed(
                "couldn't use the API token: got a character that no token has, expected printable ASCII", code="token"
            )
        self._client.close()
        self._client = self._opened({"Authorization": f"Bearer {token}"} if token else {})

    def about(self) -> dict[str, Any]:
        """What the server says it is. Raises as `get`."""
        value = self.get("/v1/ledger")
        if not isinstance(value, dict):
            raise Unavailable(f"couldn't understand the server at {self.url}: expected a JSON object", code="server")
        return value

    def get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        """The JSON of a resource. Raises the error class that its problem stands for, Unavailable (`server`)."""
        return self._json(self._request("GET", path, params=parameters))

    def get_bytes(self, path: str, parameters: Mapping[str, str] | None = None) -> bytes:
        """The bytes of a resource. Raises as `get`."""
        return self._request("GET", path, params=parameters, headers={"Accept": "*/*"}).content

    def post(self, path: str, value: Mapping[str, Any]) -> Any:
        """Send a JSON object; returns the JSON of the answer. Raises as `get`."""
        return self._json(self._request("POST", path, json=dict(value)))

    def post_file(self, path: str, name: str, data: bytes, fields: Mapping[str, str]) -> Any:
        """Send a file as a form; returns the JSON of the answer. Raises as `get`."""
        return self._json(self._request("POST", path, files={name: (name, data)}, data=dict(fields)))

    def put(self, path: str, content: Iterator[bytes], length: int, parameters: Mapping[str, str]) -> Any:
        """Send bytes as they come. Raises as `get`."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(length)}
        return self._json(self._request("PUT", path, params=parameters, content=content, headers=headers))

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        length = int((arguments.get("headers") or {}).get("Content-Length", 0))
        whole = Deadline((READ_SECONDS if method == "GET" else WRITE_SECONDS) + length / SLOWEST)
        try:
            with whole.running():
                request = self._own(path, self._client.build_request(method, path, **arguments))
                response = self._client.send(request, stream=True)
                try:
                    content = self._taken(response)
                finally:
                    response.close()
                response = httpx.Response(response.status_code, headers=response.headers, content=content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            cause = str(error) or type(error).__name__
            raise Unavailable(f"couldn't reach the server at {self.url}: {cause}", code="server") from error
        if response.is_success:
            return response
        problem = _problem(response, self.url)
        raise self._unknown(problem) if problem.code == "unauthenticated" else problem

    def _unknown(self, problem: CarnetError) -> CarnetError:
        """The refusal of a caller that the server does not know, with what to do about it."""
        how = "by --token-file FILE or CARNET_TOKEN; `carnet token new NAME`, where the ledger is, makes one"
        if self._whence is None:
            words = f"couldn't do this at {self.url} without an API token: give one {how}"
        else:
            words = (
                f"couldn't use the API token of {self._whence}: {self.url} does not take it. It was revoked, has "
                f"expired, is cut, or is another server's. Give a good one {how}"
            )
        return type(problem)(words, code=problem.code)

    def _taken(self, response: httpx.Response) -> bytes:
        """The bytes of an answer as they came: not unpacked, and bounded by what a Carnet server may send."""
        if response.headers.get("content-encoding", "identity") != "identity":
            raise Unavailable(f"couldn't understand the server at {self.url}: its answer is packed", code="server")
        content = bytearray()
        for piece in response.iter_raw():
            content += piece
            if len(content) > ANSWER_MAX:
                longer = f"its answer is longer than {ANSWER_MAX} bytes"
                raise Unavailable(f"couldn't understand the server at {self.url}: {longer}", code="server")
        return bytes(content)

    def _opened(self, headers: dict[str, str]) -> httpx.Client:
        # A redirect could take a token, or a statement, to somebody else: none is followed.
        common = {"Accept": "application/json", "User-Agent": "carnet-cli", "Accept-Encoding": "identity", **headers}
        return open_client(self._whole, secret=bool(headers), base_url=self._whole, headers=common, timeout=TIMEOUT)

    def _own(self, path: str, request: httpx.Request) -> httpx.Request:
        """A request to this server only. An address that the server gave could name any other server."""
        if _origin(request.url) != _origin(self._client.base_url):
            raise Refused(
                f"couldn't follow {shown(path, PLACE_MAX)}: the server at {self.url} names another server's address, "
                "and nothing is asked or sent there",
                code="foreign_address",
            )
        return request

    def _json(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except (ValueError, RecursionError) as error:
            raise Unavailable(f"couldn't understand the server at {self.url}: no JSON came", code="server") from error


def _problem(response: httpx.Response, url: str) -> CarnetError:
    """The error that a problem+json stands for. RFC 9457. Its words are the server's: bounded, and shown harmless."""
    try:
        value = response.json()
    except (ValueError, RecursionError):
        value = {}
    value = value if isinstance(value, dict) else {}
    if response.is_redirect:
        to = shown(response.headers.get("location", "nowhere"), PLACE_MAX)
        return Unavailable(
            f"couldn't ask {url}: it sends on to {to}; if you trust that, name it with --server", code="redirect"
        )
    code = str(value.get("code"))
    code = code if _CODE.fullmatch(code) else f"http_{response.status_code}"
    detail = str(value.get("detail") or value.get("title") or f"{url} answered {response.status_code}")
    errors = value.get("errors")
    pointers = [one.get("pointer") for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    at = shown(str(pointers[0]), PLACE_MAX) if pointers else None
    return _class(response.status_code, code)(shown(detail, DETAIL_MAX), code=code, at=at)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port  # RFC 6454 4; httpx leaves default ports out


def _class(status: int, code: str) -> type[CarnetError]:
    if status == 404 and code != "http_404":
        return NotFound
    if code in ("proof_invalid", "segment_root", "segment_unsorted", "segment_duplicate"):
        return ProofInvalid
    if status in (400, 413, 415):
        return Malformed
    if status in (401, 403, 409, 422):
        return Refused
    return Unavailable  # 404 of something else than Carnet, 429, 5xx
