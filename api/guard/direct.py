"""The short way to the busiest routes: the same guard and endpoint, without the framework's routing and middlewares.

Routing, five middlewares and an exit stack take a tenth of a look-up's time, and these routes need none of them: they
have no body that the framework reads, no parameter in their path and no dependency. Errors become the same problems.
When requests are traced, the framework's way is taken, since the instrumentation is there.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.guard.guard import Guarded
from api.problem.problem import respond_to

DIRECT = ("/v1/verify", "/v1/statements")
"""Addresses of routes that are served directly, by their own methods."""


class Direct:
    """One route without parameters in its path."""

    def __init__(self, app: ASGIApp, route: Guarded) -> None:
        self._app, self._route, self._handler = app, route, route.get_route_handler()
        self.answers = route.answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope["app"], scope["route"], scope["path_params"] = self._app, self._route, {}
        request = Request(scope, receive)
        try:
            response = await self._handler(request)
        except Exception as error:
            response, fault = respond_to(request, error)
            if fault:
                await response(scope, receive, send)
                raise  # the server prints the traceback
        await response(scope, receive, send)
