"""docs/cli.md, written from the commands themselves: `python -m api.cli.reference > docs/cli.md`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

from api.cli import app
from api.cli.base.options import COMMON
from ledger.services.record.doubt_name import ABOUT
from ledger.services.units.serial_columns import ACCEPTED

INTRODUCTION = """\
# The command line

`carnet NOUN VERB`. This page is generated from the commands (`python -m api.cli.reference`), and a test keeps
it so.

A ledger lives in one folder, its home: `--home`, else `CARNET_HOME`, else `~/.carnet`. One process writes a home. While
`carnet serve` runs, other commands that write say so and name its address: give it with `--server`, or as
`CARNET_SERVER`.

## Exit codes

| Code | Meaning |
|---|---|
| 0 | Yes: done, the check holds, the verdict is `registered`. |
| 1 | The answer is no: refused, no such batch or participant, a check failed, another verdict than `registered`. |
| 2 | Wrong use: a value has the wrong form; a key, token, file or home does not exist. Nothing was changed. |
| 3 | A part cannot be reached: database, chain, server, disk. This says nothing about any item. |
| 70 | A fault in Carnet itself. `CARNET_DEBUG=1` shows where. |

## Output

The answer goes to standard output, everything else to standard error. With `--json` the answer is one JSON object and
nothing else. An error is one line, `carnet: <message> [code]`, or with `--json` the object
`{"error": {"code", "message", "at"?, ...}}`. Progress is shown only on a terminal.

## Settings

| Variable | Meaning |
|---|---|
| `CARNET_HOME` | The ledger's folder. |
| `CARNET_DATABASE` | Database URL with its password. Overrides the one given to `carnet init`, kept without password. |
| `CARNET_CHAIN_RPC` | RPC URL of the chain. Overrides the one given to `carnet init`. |
| `CARNET_BASE_URL` | Scheme and host of printed links. Overrides the one given to `carnet init`. |
| `CARNET_SERVER` | Use this server instead of the home's own ledger. |
| `CARNET_TOKEN` | API token for that server. |
| `CARNET_SEAL_SECONDS` | How often a running server seals officers' scans, in seconds: 0.1 to 86,400, by default 60. |
| `CARNET_PUBLISH_SECONDS` | How often it publishes, and asks witnesses, in seconds: 0.1 to 3,600, by default 1. |
| `CARNET_KEY_PASSPHRASE` | Encrypts new keys and opens encrypted ones. With `_FILE`: a file that holds it. |
| `CARNET_DEBUG` | If set, a fault in Carnet shows its traceback. |
"""


def render() -> str:
    """The whole page."""
    root = typer.main.get_command(app)
    common = _common(root)
    lines = ["## Options that mean the same everywhere", "", *_table(common), "", "## Commands", ""]
    for path, command in _walk("carnet", root):
        lines += _section(path, command)
    return INTRODUCTION + _serial_files() + "\n" + "\n".join(lines).rstrip() + "\n"


def _serial_files() -> str:
    """Which headings a file of serials may have."""
    accepted = ", ".join(f"`{name}`" for name in (*ACCEPTED, "(21)"))
    doubts = "\n".join(f"| `{name}` | {about} |" for name, about in ABOUT.items())
    return f"""
## Files of serials

`--serials FILE` reads text in UTF-8, UTF-16 or Windows-1252, one unit a row: a lone column, or a table separated by
tab, semicolon or comma.

In a table, the column of serials has one of these headings: {accepted}. Capitals, spaces, accents and punctuation do
not count. Any other table is refused with the headings found; `--column` names the column by its heading or its
position from 1.

A lone column needs no heading. If its first row has no digit and every other has one, it may be a heading of another
name: that is refused too, until `--column` or `--no-header` says which it is.

Columns for GTIN, lot and expiry date, if there are any, must agree with the batch. From a file with several batches,
`--only-batch` takes only the rows of the named batch. A first line such as `sep=;` names the separator and is skipped.

`="000123"` is read as `000123`, and a GTIN such as `952 12340 00013` as its digits; both are noted. A number that a
spreadsheet has rounded (`9,52123E+12`), an error value (`#REF!`) and a control character make a bad row.

### Questions before anything is signed

Most of these are legal serials, and they stay for ever. On a terminal they are shown and asked about once; elsewhere
the command exits with code 2 and has written nothing. `--accept NAME` accepts one kind of doubt, `--yes` accepts all;
`--json` lists the rows.

| Name | What it is |
|---|---|
{doubts}
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its full name."""
    return ((path, command) for path, command in _walk("carnet", typer.main.get_command(app)) if not _is_group(command))


def _is_group(command: Any) -> bool:
    return hasattr(command, "commands")


def _walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    for name, child in command.commands.items():
        yield f"{path} {name}", child
        if _is_group(child):
            yield from _walk(f"{path} {name}", child)


def _common(root: Any) -> list[Any]:
    """One example of each common option."""
    found: dict[str, Any] = {}
    for _, command in _walk("carnet", root):
        for parameter in command.params:
            if parameter.opts[0] in COMMON:
                found.setdefault(parameter.opts[0], parameter)
    return [found[name] for name in COMMON]


def _section(path: str, command: Any) -> list[str]:
    if _is_group(command):
        return [f"### {path}", "", command.help, ""]
    own = [p for p in command.params if p.opts[0] not in COMMON and "--help" not in p.opts]
    shared = [f"`{p.opts[0]}`" for p in command.params if p.opts[0] in COMMON]
    level = "####" if len(path.split()) > 2 else "###"
    lines = [f"{level} {path}", "", _text(command.help), ""]
    lines += ["```", _usage(path, own), "```", ""]
    if own:
        lines += [*_table(own), ""]
    return [*lines, f"Also: {', '.join(shared)}.", ""] if shared else lines


def _usage(path: str, parameters: list[Any]) -> str:
    words = [path]
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            name = parameter.metavar or parameter.name.upper()
            name += "…" if parameter.nargs == -1 else ""
            words.append(name if parameter.required else f"[{name}]")
        elif parameter.required:
            words.append(f"{parameter.opts[0]} {parameter.name.upper()}")
    return " ".join([*words, "[OPTIONS]"])


def _table(parameters: list[Any]) -> list[str]:
    rows = ["| Option | Meaning | Default |", "|---|---|---|"]
    for parameter in parameters:
        is_argument = parameter.param_type_name == "argument"
        name = (parameter.metavar or parameter.name.upper()) if is_argument else parameter.opts[0]
        rows.append(f"| `{name}` | {_text(parameter.help or '')} | {_default(parameter)} |")
    return rows


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required:
        return "required"
    if value in (None, False, "") or callable(value):
        return ""
    return f"`{getattr(value, 'value', value)}`"


def _text(text: str) -> str:
    return " ".join(text.split("\f")[0].split()).replace("|", "\\|")


if __name__ == "__main__":
    print(render(), end="")
