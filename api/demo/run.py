"""Running the demo: serve it until interrupted, or test it."""

from __future__ import annotations

from pathlib import Path

from api.demo.state import FILE

HOME = Path("demo-home")
"""The demo's home unless another one is named; below the folder where it is started."""


def run(
    port: int | None = None,
    check: bool = False,
    json: bool = False,
    home: Path | None = None,
    open_browser: bool = False,
) -> int:
    """Serve the demo until interrupted, or with `check` put it to the test; returns the exit code.

    Raises the errors of `api.demo.serving` for what cannot be started.
    """
    if check:
        from api.demo.check import run_check

        return run_check(json)
    place = (home or HOME).resolve()
    if not json:
        doing = "Opening the" if (place / FILE).exists() else "Starting a"
        print(f"{doing} ledger of three countries …", flush=True)
    from api.demo.serving import serve

    serve(place, port, as_json=json, open_browser=open_browser)
    return 0
