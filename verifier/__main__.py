"""carnet-verify: check a file that somebody handed you, offline, with nothing but the founding pin.

Built from this folder alone, so that a court can run it beside no other part of Carnet. Exit codes: 0 the file proves
what it is about, 1 it does not, 2 wrong use, 3 the file cannot be read, or goes by rules newer than this program.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from verifier.errors import CarnetError
from verifier.files import KINDS, Asked, bytes32_of, check_file, code_of
from verifier.foreign import json_line, shown

DESCRIPTION = (
    "Checks a proof file step by step and says in plain words what each step shows; the first that fails is named. "
    "Nothing in the file is believed but through the founding pin, and nobody is asked: no server, no network. Get the "
    "pin from somebody you trust, not from whoever gave you the file."
)


class _Parser(argparse.ArgumentParser):
    """Says wrong use as everything else is said, also where JSON was asked for."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        _fail("usage", message, as_json="--json" in sys.argv)
        sys.exit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check one file; returns the exit code."""
    given = _parser().parse_args(arguments)
    try:
        asked = Asked(
            pin=bytes32_of("founding", given.founding),
            code=code_of(given.code) if given.code is not None else None,
            salt=_salt(given.salt_file) if given.salt_file is not None else None,
            unwitnessed=given.unwitnessed,
        )
        checked = check_file(given.file.read_bytes(), asked)
    except CarnetError as error:
        _fail(error.code, str(error), as_json=given.json)
        return 2
    except OSError as error:
        _fail("io", f"couldn't read {error.filename}: {error.strerror}", as_json=given.json)
        return 3
    _say(json_line(checked.value) if given.json else "\n".join(map(shown, checked.lines)))
    return 3 if checked.paused else 0 if checked.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="carnet-verify", description=DESCRIPTION)
    parser.add_argument("file", type=Path, help="the file: a .tlog-proof, or evidence in JSON")
    parser.add_argument("--founding", required=True, metavar="PIN", help="the founding pin, 64 hex digits")
    parser.add_argument("--code", help="the code as it was read: the file must be about exactly that one")
    parser.add_argument(
        "--salt-file", type=Path, metavar="FILE", help="a file with the batch's salt, 64 hex digits, for who has it"
    )
    parser.add_argument(
        "--unwitnessed",
        action="store_true",
        help="be content with a head that too few witnesses have cosigned; it may be one of two histories",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--version", action="version", version=f"carnet-verify, reads {', '.join(KINDS)}")
    return parser


def _salt(file: Path) -> bytes:
    return bytes32_of("salt", file.read_bytes().decode(errors="replace"))


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # `carnet-verify … | head`: the reader has seen enough
        sys.stdout = io.StringIO()


def _fail(code: str, message: str, *, as_json: bool) -> None:
    if as_json:
        print(json_line({"error": {"code": code, "message": message}}))
    else:
        print(f"carnet-verify: {shown(message)} [{code}]", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
