"""EIP-712 structs and the strict check of a JSON body against them.

eth-account ignores extra fields, fills in missing ones, pads short bytes and takes numbers as text. Each
of these would let two bodies share one digest, so a body is checked against the struct's own types here,
before anything is hashed.

JSON forms: uint8 and uint16 are numbers; uint64 a decimal string (it may pass 2^53-1); address and bytes32
are `0x` and lower-case hex of exact length; string is text without control characters; lists are lists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifier.errors import Malformed

ZERO32 = "0x" + "00" * 32
"""The absent bytes32: absent is the zero of the type."""

STRING_LIMIT = 2_048
"""Characters in one string. Own limit: an entry holds at most 65,535 bytes."""
LIST_LIMIT = 256
"""Elements in one list. Own limit; the retired keys in one entry are at most 64."""

HEADER = (("statementId", "bytes32"), ("issuedAt", "uint64"), ("expiresAt", "uint64"))
"""What every struct starts with."""

_HEX = {"bytes32": re.compile(r"0x[0-9a-f]{64}"), "address": re.compile(r"0x[0-9a-f]{40}")}
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,19}")
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Struct:
    """One EIP-712 struct: its PascalCase name and all its fields, header included, as (name, type)."""

    name: str
    fields: tuple[tuple[str, str], ...]

    @property
    def types(self) -> list[dict[str, str]]:
        """The fields in the form EIP-712 typed data takes."""
        return [{"name": name, "type": kind} for name, kind in self.fields]

    def check(self, body: Mapping[str, Any]) -> None:
        """Check the key set and each value's type, range and spelling.

        Raises Malformed (`body_keys`, `body_field`) naming the field.
        """
        expected = {name for name, _ in self.fields}
        if not isinstance(body, Mapping) or set(body) != expected:
            got = set(body) if isinstance(body, Mapping) else set()
            raise Malformed(
                f"couldn't read {self.name}: missing fields {sorted(expected - got)}, unknown fields "
                f"{sorted(map(str, got - expected))}",
                code="body_keys",
            )
        for name, kind in self.fields:
            _check_value(self.name, name, kind, body[name])

    def message(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The checked body with numbers as integers, as EIP-712 encoding wants it."""
        self.check(body)
        return {name: int(body[name]) if kind == "uint64" else body[name] for name, kind in self.fields}


def struct(name: str, *fields: str) -> Struct:
    """Declare a struct by its fields after the header, each written as in Solidity: `string gtin`."""
    own = tuple((field.split()[1], field.split()[0]) for field in fields)
    return Struct(name, HEADER + own)


def _check_value(struct_name: str, name: str, kind: str, value: Any) -> None:
    if kind.endswith("[]"):
        if not isinstance(value, list) or len(value) > LIST_LIMIT:
            _refuse(struct_name, name, f"a list of at most {LIST_LIMIT} elements", value)
        for element in value:
            _check_value(struct_name, name, kind[:-2], element)
    elif kind in _HEX:
        if not isinstance(value, str) or not _HEX[kind].fullmatch(value):
            _refuse(struct_name, name, f"{kind} as 0x and lower-case hex", value)
    elif kind == "uint64":
        if not isinstance(value, str) or not _DECIMAL.fullmatch(value) or int(value) >= 2**64:
            _refuse(struct_name, name, "uint64 as a decimal string", value)
    elif kind in ("uint8", "uint16"):
        if type(value) is not int or not 0 <= value < 2 ** int(kind[4:]):
            _refuse(struct_name, name, f"a number that fits {kind}", value)
    elif not isinstance(value, str) or len(value) > STRING_LIMIT or _CONTROL.search(value):
        _refuse(struct_name, name, f"text of at most {STRING_LIMIT} characters without control characters", value)


def _refuse(struct_name: str, name: str, expected: str, got: Any) -> None:
    shown = repr(got)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    raise Malformed(f"couldn't read {struct_name}.{name}: got {shown}, expected {expected}", code="body_field", at=name)
