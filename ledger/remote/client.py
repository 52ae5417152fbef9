"""The one way to open an HTTP client: whole deadlines, no redirects, and no misleading settings of the environment.

This machine is always reached directly: a proxy from the environment cannot see our loopback, and would get the token.
Other addresses, also private ones, follow HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY as usual. A proxy cannot read
https, but it can read plain http, so requests with a secret do not use a proxy for plain http.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx

from ledger.remote.deadline import bounded
from ledger.remote.urls import is_loopback, without_password
from verifier.errors import Malformed


def open_client(url: str, *, secret: bool = False, **options: Any) -> httpx.Client:
    """A client for addresses at or below `url`, and for no others. Close it when done.

    `secret`: whether requests bear a token or password. `options`: as httpx takes them, without redirects and proxies.
    Raises Malformed (`url`, `proxy`).
    """
    try:
        parts = urlsplit(url)
        direct = is_loopback(parts.hostname or "")
        if direct and parts.scheme == "https":
            options.setdefault("verify", httpx.create_ssl_context())  # SSL_CERT_FILE still counts
        client = httpx.Client(follow_redirects=False, trust_env=not direct, **options)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise Malformed(
            f"couldn't open a way to {without_password(url)}: expected http(s)://host, and in HTTP_PROXY, HTTPS_PROXY "
            "and ALL_PROXY, if set, an http or https proxy",
            code="proxy",
        ) from error
    if secret and parts.scheme == "http" and _by_proxy(client, url):
        client.close()
        raise Malformed(
            f"couldn't send a secret to {without_password(url)}: a proxy would read it on its way over plain http; use "
            "https, or put the host into NO_PROXY",
            code="proxy",
        )
    return bounded(client)


def _by_proxy(client: httpx.Client, url: str) -> bool:
    # httpx has no public way to ask; a test with a real proxy checks that this works.
    return client._transport_for_url(httpx.URL(url)) is not client._transport
