"""The command line: `carnet NOUN VERB`, one module a noun.

`main` maps errors to exit codes in one place. Commands import what they need when they run, so that help is quick.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from typing import Annotated, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from api.cli.auditor import audit, verify
from api.cli.authority import founding, participant
from api.cli.base import serving
from api.cli.base.options import COMMON
from api.cli.base.output import ExitCode, Out, exit_code, report_error, report_failure, report_trace
from api.cli.maker import batch, label
from api.cli.officer import receipt, scan
from api.cli.operator import demo, doctor, index, key, mirror, server, token, witness
from verifier.errors import CarnetError


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        Out(json=False).answer({}, f"carnet {version('carnet')}")
        raise typer.Exit


app = typer.Typer(
    name="carnet",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A ledger of goods that strangers can check. A good code says nothing about the item it is printed on, since "
    "printed codes can be copied.",
)
app.command("init")(founding.init)
app.command("serve")(serving.serve)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.add_typer(key.app, name="key")
app.add_typer(participant.app, name="participant")
app.add_typer(batch.app, name="batch")
app.add_typer(label.app, name="label")
app.command("scan")(scan.scan)
app.add_typer(receipt.app, name="receipt")
app.command("verify")(verify.verify)
app.command("audit")(audit.audit)
app.command("mirror")(mirror.mirror)
app.add_typer(index.app, name="index")
app.add_typer(token.app, name="token")
app.add_typer(server.app, name="server")
app.add_typer(witness.app, name="witness")


@app.callback()
def carnet(
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """What is common to all commands: nothing but the version."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end the process: 0 yes, 1 the answer is no, 2 wrong use, 3 a part cannot be reached."""
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments: list[str]) -> int:
    """Run a command; returns its exit code. Errors are said here and nowhere else."""
    as_json = "--json" in arguments
    try:
        code = _command().main(arguments, prog_name="carnet", standalone_mode=False)
    except CarnetError as error:
        report_error(error, as_json=as_json)
        return exit_code(error)
    except TyperException as error:
        if error.format_message():  # empty when it was help that was shown
            report_failure("usage", _in_words(error, arguments), as_json=as_json)
        return ExitCode.WRONG_USE
    except (typer.Abort, KeyboardInterrupt):  # the latter while a command was ending
        return 130  # 128 + SIGINT, as shells count
    except OSError as error:
        report_failure("io", f"couldn't use {error.filename or 'a file'}: {error.strerror}", as_json=as_json)
        misnamed = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError | FileExistsError)
        return ExitCode.WRONG_USE if misnamed else ExitCode.UNREACHABLE
    except Exception as error:
        # Only its name: the message of a library's error may quote its input, which may be a secret.
        message = f"something is wrong in Carnet itself: {type(error).__name__}; CARNET_DEBUG=1 shows where"
        if os.environ.get("CARNET_DEBUG"):
            report_trace(traceback.format_exc())
        report_failure("fault", message, as_json=as_json)
        return ExitCode.FAULT
    return int(code or 0)


@cache
def _command() -> TyperGroup:
    """All commands with their options, read off the functions once a process."""
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)  # noqa: S101  (it has subcommands)
    return command


def _in_words(error: TyperException, arguments: list[str]) -> str:
    """What was wrong with the words of a command; of a common option before the command, where it belongs."""
    first = arguments[0].partition("=")[0] if arguments else ""
    if first in COMMON:
        return f"{first} goes after the command, as in: carnet batch list {first}"
    return error.format_message().replace("Value error, ", "")
