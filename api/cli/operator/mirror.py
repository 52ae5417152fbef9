"""carnet mirror: keep a verified copy of somebody else's log, answer from it, and hold its operator to one history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.base.options import HomeOption, JsonOption, open_home, read_secret
from api.cli.base.output import ExitCode, Out, pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.home import Home
    from ledger.opened import Ledger
    from ledger.services.copies.mirroring import Alarm, Mirroring


def mirror(
    url: Annotated[str, typer.Argument(help="Address of a server, or of a published log.")],
    founding: Annotated[
        str | None,
        typer.Option("--founding", help="The founding pin you were told; needed the first time only."),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port; 0 takes a free one.", min=0, max=65_535)] = 8000,
    once: Annotated[bool, typer.Option("--once", help="Bring the copy up to date and stop, without serving.")] = False,
    interval: Annotated[float, typer.Option("--interval", help="Seconds between two looks.", min=0.1, max=3_600)] = 2.0,
    token: Annotated[
        str | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            callback=read_secret,
            help="File holding an API token of scope `salt` for that server, else CARNET_TOKEN. Without one the "
            "mirror cannot answer for batches with a hidden salt.",
        ),
    ] = None,
    confirm_index: Annotated[
        str | None,
        typer.Option(
            "--confirm-index", help="Sign each newly sealed index with this key of the home, and send it there."
        ),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Keep a verified copy of a log, and answer look-ups and proofs from it. Only the pin is trusted.

    Everything is checked before it is stored. A second history is refused: both signed heads are kept as a file, every
    answer says so, and the exit code is 1. No sign-in and no registration is offered.
    """
    from api.app import create_app
    from api.cli.base.connecting import token_of
    from api.cli.base.pin import parse_pin
    from api.cli.base.serving import listening, run, url_of
    from api.site.settings import ApiSettings
    from ledger.wiring.mirror import MirrorPlan, open_mirror

    out, place = Out(json), open_home(home)
    plan = MirrorPlan(url, parse_pin(founding), token_of(place, token), interval=interval)
    if once:
        with open_mirror(place, plan, _alarmed(place, out)) as (ledger, following):
            following.catch_up()
            _confirm(ledger, following, place, url, confirm_index, out)
            _answer(ledger, following, out, None)
            code = _code(following)
    else:
        with listening(host, port) as sock, open_mirror(place, plan, _alarmed(place, out)) as (ledger, following):
            here = url_of(host, sock)
            _confirm(ledger, following, place, url, confirm_index, out)
            following.start()
            app = create_app(ledger, settings=ApiSettings(base_url=here, public_only=True))
            run(app, sock, lambda: _answer(ledger, following, out, here))
            code = ExitCode.NO if following.alarm is not None else ExitCode.YES
    if code is not ExitCode.YES:
        raise typer.Exit(code)


def _alarmed(place: Home, out: Out) -> Callable[[Alarm], None]:
    from api.http.journal import journal

    def alarmed(alarm: Alarm) -> None:
        journal.critical("alarm", code=alarm.code, words=alarm.words, evidence=str(place.path / alarm.evidence))
        out.warn(f"ALARM: {alarm.words}; keep {place.path / alarm.evidence}")

    return alarmed


def _answer(ledger: Ledger, following: Mirroring, out: Out, here: str | None) -> None:
    state = following.describe()
    answer: dict[str, Any] = {
        "url": here,
        "origin": ledger.founding.origin,
        "pin": ledger.founding.pin.hex(),
        "size": ledger.record.size,
        **state,
    }
    shown = {
        "open": here,
        "mirror of": state["of"],
        "entries": ledger.record.size,
        "compared": state["checked_at"],
        "newest entry": state["newest_entry_at"],
        "waiting": state["waiting"],
        "paused": f"before entry {paused['entry']}: {paused['words']}" if (paused := state["paused"]) else None,
        "trouble": state["trouble"] if not state["paused"] else None,
        "ALARM": state["alarm"]["words"] if state["alarm"] else None,
        "cannot answer for": f"{state['unanswerable_batches']} batches whose salt is not here"
        if state["unanswerable_batches"]
        else None,
    }
    out.answer(answer, [*pairs(shown), *(["Ctrl-C stops it."] if here else [])])


def _code(following: Mirroring) -> ExitCode:
    """The exit code of one look: 1 for an alarm, 3 if the log could not be reached or checked, so nothing is known."""
    if following.alarm is not None:
        return ExitCode.NO
    return ExitCode.YES if following.trouble is None else ExitCode.UNREACHABLE


def _confirm(ledger: Ledger, following: Mirroring, place: Home, url: str, key: str | None, out: Out) -> None:
    """From now on confirm each newly sealed index that this copy gives."""
    if key is None:
        return
    from api.cli.operator.confirming import Confirming
    from ledger.keys.store import KeyStore

    confirming = Confirming(ledger.record, KeyStore(place.keys).load_evm(key), url, out)
    following.after = confirming.look
    confirming.look()
