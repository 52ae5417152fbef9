"""Problems: every error leaves as RFC 9457 problem+json, or as a page for browsers, from one table.

`type` leads to a page that explains it. What a part that failed said about itself goes to the log and not to strangers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from api.http.journal import journal
from api.http.negotiate import wants_problem_page
from api.http.reference import uri_reference
from api.problem.kind import Problem
from api.problem.texts import CLASSES, CODES
from api.site.site import site
from verifier.errors import CarnetError, Malformed, Refused, Stopped, Unavailable

RETRY_SECONDS = 5
"""After how many seconds it is worth asking a part again that could not be read."""

_STATUS_CODES = {
    404: "route",
    405: "method",
    411: "length_required",
    413: "too_large",
    415: "media_type",
    501: "not_implemented",
}
_Handler = Callable[[Request, Exception], Response]


def kind_of(error: CarnetError) -> tuple[str, Problem]:
    """The listed code and problem of an error; a code that is not listed is shown as its class."""
    if error.code in CODES:
        return error.code, CODES[error.code]
    for cls in type(error).__mro__:
        if issubclass(cls, CarnetError) and cls in CLASSES:
            return cls.default_code, CLASSES[cls]
    return "internal", CODES["internal"]


def problem_response(
    request: Request,
    error: CarnetError,
    *,
    errors: list[dict[str, str]] | None = None,
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error as its response: problem+json, or a page with the same status for a browser."""
    _, problem = kind_of(error)
    headers = {**request.scope.get("rate_headers", {}), **(headers or {})}
    if isinstance(error, Unavailable | Stopped):
        journal.error("no answer", code=error.code, detail=str(error), request=request.scope.get("request_id"))
        headers["Retry-After"] = str(RETRY_SECONDS)
    own = members(error)
    own_errors = own.pop("errors")
    errors = own_errors if errors is None else errors
    body: dict[str, Any] = {
        **own,
        "instance": uri_reference(request.scope["raw_path"]),
        "request_id": request.scope.get("request_id"),
        **(extra or {}),
        **({"errors": errors} if errors else {}),
    }
    if wants_problem_page(request):
        page = site(request).pages.render("problem.html", request, problem=problem, body=body)
        return Response(page, problem.status, headers, "text/html; charset=utf-8")
    return Response(json.dumps(body), problem.status, headers, "application/problem+json")


def members(error: CarnetError, within: str = "") -> dict[str, Any]:
    """What an error says of itself: type, title, status, detail, code, and errors (None where it names no place).

    `within`: where in the body the error's place lies. What a part that failed said is not told.
    """
    code, problem = kind_of(error)
    failed = isinstance(error, Unavailable | Stopped)
    detail = problem.advice if failed else str(error)
    return {
        "type": f"/problems/{code}",
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "code": code if failed else error.code,
        "errors": [{"detail": detail, **_place(within + error.at)}] if error.at is not None else None,
    }


@contextmanager
def pointing_at(prefix: str, *own: str) -> Iterator[None]:
    """Make an error's place a JSON pointer: fields in `own` lie below `prefix`, all others below `prefix`/body."""
    try:
        yield
    except CarnetError as error:
        if error.at is not None and "/" not in error.at:
            error.at = f"{prefix}/{error.at}" if error.at in own else f"{prefix}/body/{error.at}"
        raise


def install_problems(app: FastAPI) -> None:
    """Map every error of the application."""
    for kind, handler in _handlers().items():
        app.add_exception_handler(kind, handler)
    app.add_exception_handler(Exception, _on_fault)


def respond_to(request: Request, error: Exception) -> tuple[Response, bool]:
    """The response to an error where the framework does not stand in between, and whether it is a fault of ours."""
    for kind, handler in _handlers().items():
        if isinstance(error, kind):
            return handler(request, error), False
    return _on_fault(request, error), True


def _place(at: str) -> dict[str, str]:
    """Where an error lies: `?name` is a query parameter, everything else a field of the body."""
    return {"parameter": at[1:]} if at.startswith("?") else {"pointer": f"#/{at}"}


def _handlers() -> dict[type[Exception], _Handler]:
    return {
        CarnetError: cast("_Handler", _on_carnet_error),
        RequestValidationError: cast("_Handler", _on_validation_error),
        HTTPException: cast("_Handler", _on_http_exception),
        ClientDisconnect: _on_gone,
    }


def _on_carnet_error(request: Request, error: CarnetError) -> Response:
    return problem_response(request, error, headers=getattr(error, "headers", None))


def _on_validation_error(request: Request, error: RequestValidationError) -> Response:
    errors = [_field_error(e) for e in error.errors()]
    names = ", ".join(e.get("pointer") or e.get("parameter", "") for e in errors[:5])
    return problem_response(request, Malformed(f"couldn't read the request: {names}"), errors=errors)


def _field_error(error: Mapping[str, Any]) -> dict[str, str]:
    where, *path = error["loc"]
    if where in ("query", "path", "header"):
        return {"detail": error["msg"], "parameter": str(path[0]) if path else str(where)}
    return {"detail": error["msg"], "pointer": "#/" + "/".join(_token(part) for part in path)}


def _token(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")  # RFC 6901 3


def _on_http_exception(request: Request, error: HTTPException) -> Response:
    words = {
        404: "couldn't answer: there is nothing at this address",
        405: f"couldn't answer: this address does not take {request.method}",
        501: f"couldn't answer: no address here takes {request.method}",
    }
    detail = words.get(error.status_code, str(error.detail))
    code = _STATUS_CODES.get(error.status_code)
    shown = Refused(detail, code=code) if code is not None else Malformed(detail)
    return problem_response(request, shown, headers=error.headers)


def _on_gone(_request: Request, _error: Exception) -> Response:
    """The sender has gone in the midst of its request: nothing is wrong here, and nobody reads this."""
    return Response(status_code=400)


def _on_fault(request: Request, error: Exception) -> Response:
    # The server prints the traceback; this line ties it to the request.
    journal.error("fault", error=type(error).__name__, request=request.scope.get("request_id"))
    return problem_response(request, CarnetError("couldn't answer: a fault of ours", code="internal"))
