"""carnet witness: cosign the checkpoints of others' logs, and keep what contradicts them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.base.links import is_loopback
from api.cli.base.options import HomeOption, JsonOption, open_home
from api.cli.base.out_file import json_file
from api.cli.base.output import ExitCode, Out, pairs, table

if TYPE_CHECKING:
    from ledger.wiring.witness import OpenWitness

app = typer.Typer(
    no_args_is_help=True,
    help="Run a witness, in a home of its own: it cosigns checkpoints that extend the last one it saw, and keeps "
    "those that contradict it.",
)

PinOption = Annotated[
    str | None,
    typer.Option(
        "--pin", help="The ledger's founding pin, told by another way: the keys must be in the entry 0 that it names."
    ),
]


@app.command()
def init(
    name: Annotated[
        str,
        typer.Option("--name", help="The witness's name, such as customs.example/witness. It can never be changed."),
    ],
    log: Annotated[
        list[str] | None,
        typer.Option("--log", help="A log to cosign, as for `carnet witness trust`; repeat for more."),
    ] = None,
    pin: PinOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make a witness: its key and its memory. Tell operators and verifiers the vkey that it prints."""
    from ledger.wiring.witness import create_witness, open_witness

    out, place = Out(json), open_home(home)
    found = _log_keys(log or (), pin, out)  # before anything is made: a wrong source leaves no half-made witness
    vkey = create_witness(place, name)
    with open_witness(place) as witness:
        trusted = _trust(witness, found)
    answer = {"home": str(place.path), "name": name, "vkey": vkey.format(), "trusted": trusted}
    out.answer(answer, [*pairs(answer), "", "Never restore witness.db from a backup: make a new witness instead."])


@app.command()
def trust(
    log: Annotated[
        list[str],
        typer.Argument(
            help="A log's vkey; a file with vkeys, a policy, entry 0, or what `carnet init --json` said; or its URL."
        ),
    ],
    pin: PinOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Trust a log's key, so that its checkpoints are cosigned. A running witness applies this at once."""
    from ledger.wiring.witness import open_witness

    out = Out(json)
    with open_witness(open_home(home)) as witness:
        trusted = _trust(witness, _log_keys(log, pin, out))
    out.answer({"trusted": trusted}, pairs({"trusted": trusted}) if trusted else "trusted before")


@app.command()
def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port; 0 takes a free one.", min=0, max=65_535)] = 8100,
    per_minute: Annotated[
        int, typer.Option("--per-minute", help="Requests a minute from one address, at most.", min=1)
    ] = 600,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Answer logs that ask for a cosignature, until stopped."""
    from api.cli.base.serving import listening, run, url_of
    from api.witness.app import create_app
    from ledger.wiring.witness import open_witness

    out = Out(json)
    with listening(host, port) as sock, open_witness(open_home(home)) as witness:
        url = url_of(host, sock)
        if not is_loopback(host):
            out.warn(f"{url} is plain http and open to your network; put a TLS proxy in front of it")
        signer = witness.sign()
        for vkey in witness.store.unusable():
            out.warn(f"{vkey} was trusted before and is no key by today's rule: nothing is cosigned for it")
        about = {"url": url, **signer.about(), "pid": os.getpid()}
        if not about["logs"]:
            out.warn("no log is trusted yet: `carnet witness trust` adds one")
        run(create_app(signer, f"{per_minute}/minute"), sock, lambda: out.answer(about, _served(about)), plain=True)
        out.note("stopped")


@app.command()
def show(home: HomeOption = None, json: JsonOption = False) -> None:
    """Show the witness's key and the last checkpoint of each log that it cosigned."""
    from ledger.services.outward.witness import evidence, list_logs
    from ledger.wiring.witness import open_witness

    place = open_home(home)
    with open_witness(place) as witness:
        logs, found = list_logs(witness.store), evidence(witness.store, witness.key)
    for log in logs:
        for kind in ("conflicts", "unproved"):
            log[kind] = sum(each["origin"] == log["origin"] for each in found[kind])
    answer = {"home": str(place.path), "name": witness.key.name, "vkey": witness.key.format(), "logs": logs}
    columns = ("origin", "size", "cosigned_at", "conflicts", "unproved")
    rows = [[log[column] for column in columns] for log in logs]
    Out(json).answer(answer, [*pairs({n: answer[n] for n in ("home", "name", "vkey")}), "", *table(rows, columns)])


@app.command()
def evidence(
    out_file: Annotated[
        Path | None,
        typer.Option("--out", callback=json_file, help="Write the list to a new file, with the signed notes."),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """List contradicting heads that one log signed. Exit code 1 if there are any."""
    import json as codec

    from ledger.keys.file import write_file
    from ledger.services.outward.witness import evidence as collect
    from ledger.wiring.witness import open_witness
    from verifier.errors import Refused

    with open_witness(open_home(home)) as witness:
        found = collect(witness.store, witness.key)
    if out_file is not None:
        try:
            write_file(out_file, codec.dumps(found, indent=2).encode() + b"\n", mode=0o644, replace=False)
        except FileExistsError as error:
            raise Refused(f"couldn't write {out_file}: it is there already", code="file_exists") from error
    Out(json).answer(found, _told(found, out_file))
    if found["conflicts"]:
        raise typer.Exit(ExitCode.NO)


def _log_keys(sources: Sequence[str], pin: str | None, out: Out) -> list[Any]:
    from api.cli.operator.log_keys import read_log_keys

    found = [read_log_keys(source, pin) for source in sources]
    if any(not each.proven for each in found) and any("://" in source for source in sources):
        out.warn("the server's own word for its keys: compare them with what the operator told you by another way")
    return [key for each in found for key in each.keys]


def _trust(witness: OpenWitness, keys: Sequence[Any]) -> list[str]:
    from ledger.services.outward.witness import trust as add

    return [key.format() for key in add(witness.store, witness.key, keys)]


def _served(about: Mapping[str, Any]) -> list[str]:
    logs = [f"{log['origin']}, last size {log['size'] or 0}" for log in about["logs"]]
    shown = {"witness": about["name"], "vkey": about["vkey"], "logs ask": f"{about['url']}/add-checkpoint"}
    return [*pairs({**shown, "cosigns": logs}), "Ctrl-C stops it."]


def _told(found: Mapping[str, Any], file: Path | None) -> list[str]:
    lines = [
        f"{each['origin']} signed {len(each['heads'])} roots for size {each['size']}: it showed two histories"
        for each in found["conflicts"]
    ]
    lines += [
        f"{each['origin']} signed size {each['size']}, which was not shown to extend what was cosigned; no proof alone"
        for each in found["unproved"]
    ]
    return [*(lines or ["nothing that contradicts what was cosigned"]), *([f"written to {file}"] if file else [])]
