"""The API's own refusals: about callers and their rate, not about the content of a request."""

from __future__ import annotations

from collections.abc import Mapping

from verifier.errors import Refused


class Denied(Refused):
    """The caller may not do this: not signed in, not with this token, or too often. `headers` go with the answer."""

    def __init__(self, message: str, *, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, code=code)
        self.headers = dict(headers or {})
