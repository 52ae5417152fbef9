"""EIP-712 structs: the strict check of a JSON body against them, and their hash.

Encoders of typed data ignore extra fields, fill in missing ones, pad short bytes and take numbers as text. Each of
these would let two bodies share one digest, so a body is checked against the struct's own types here, before anything
is hashed. Why the hash is ours as well: docs/adr/0005.

JSON forms: uint8, uint16 and uint32 are numbers; uint64 a decimal string (it may pass 2^53-1); address and bytes32
are `0x` and lower-case hex of exact length; string is text without control characters; lists are lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from eth_utils.crypto import keccak

from verifier.errors import Malformed
from verifier.foreign import check_text

ZERO32 = "0x" + "00" * 32
"""The absent bytes32: absent is the zero of the type."""

STRING_LIMIT = 2_048
"""Characters in one string. Own limit: an entry holds at most 65,535 bytes."""
LIST_LIMIT = 256
"""Elements in one list. Own limit; the retired keys in one entry are at most 64."""

HEADER = (("statementId", "bytes32"), ("issuedAt", "uint64"), ("expiresAt", "uint64"))
"""What every struct starts with."""

_BYTES32, _ADDRESS = re.compile(r"0x[0-9a-f]{64}"), re.compile(r"0x[0-9a-f]{40}")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,19}")
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")

_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "bytes32": (
        lambda value: isinstance(value, str) and _BYTES32.fullmatch(value) is not None,
        "bytes32 as 0x and lower-case hex",
    ),
    "address": (
        lambda value: isinstance(value, str) and _ADDRESS.fullmatch(value) is not None,
        "address as 0x and lower-case hex",
    ),
    "string": (
        lambda value: isinstance(value, str) and len(value) <= STRING_LIMIT and _CONTROL.search(value) is None,
        f"text of at most {STRING_LIMIT} characters without control characters",
    ),
    "uint64": (
        lambda value: isinstance(value, str) and _DECIMAL.fullmatch(value) is not None and int(value) < 2**64,
        "uint64 as a decimal string",
    ),
    "uint256": (lambda value: type(value) is int and 0 <= value < 2**256, "a number that fits uint256"),
    "uint32": (lambda value: type(value) is int and 0 <= value < 2**32, "a number that fits uint32"),
    "uint16": (lambda value: type(value) is int and 0 <= value < 2**16, "a number that fits uint16"),
    "uint8": (lambda value: type(value) is int and 0 <= value < 2**8, "a number that fits uint8"),
}
"""Type -> whether a JSON value is one of it, and what is expected in words."""


@dataclass(frozen=True, slots=True)
class Struct:
    """One EIP-712 struct: its PascalCase name and all its fields, header included, as (name, type)."""

    name: str
    fields: tuple[tuple[str, str], ...]
    names: frozenset[str] = field(init=False, repr=False, compare=False)
    type_hash: bytes = field(init=False, repr=False, compare=False)
    """EIP-712's typeHash, 32 bytes."""

    def __post_init__(self) -> None:
        unknown = {kind for _, kind in self.fields if kind.removesuffix("[]") not in _RULES}
        if unknown:
            raise ValueError(f"{self.name} has fields of types without a rule: {sorted(unknown)}")
        object.__setattr__(self, "names", frozenset(name for name, _ in self.fields))
        object.__setattr__(self, "type_hash", keccak(self.signature.encode()))

    @property
    def signature(self) -> str:
        """The type as EIP-712 writes it: `Undone(bytes32 statementId,…)`."""
        return f"{self.name}({','.join(f'{kind} {name}' for name, kind in self.fields)})"

    def check(self, body: Mapping[str, Any]) -> None:
        """Check the key set and each value's type, range and spelling.

        Raises Malformed (`body_keys`, `body_field`) naming the field.
        """
        if not isinstance(body, Mapping) or body.keys() != self.names:
            got = set(body) if isinstance(body, Mapping) else set()
            raise Malformed(
                f"couldn't read {self.name}: missing fields {sorted(self.names - got)}, unknown fields "
                f"{[name[:80] for name in sorted(map(str, got - self.names))[:20]]}",
                code="body_keys",
            )
        for name, kind in self.fields:
            value = body[name]
            if kind.endswith("[]"):
                if not isinstance(value, list) or len(value) > LIST_LIMIT:
                    self._refuse(name, f"a list of at most {LIST_LIMIT} elements", value)
                for element in value:
                    self._check(name, kind[:-2], element)
            else:
                self._check(name, kind, value)

    def check_words(self, body: Mapping[str, Any]) -> None:
        """Refuse texts with characters that cannot be seen: for what is signed or taken in now.

        No rule for reading a record: older ones may hold such texts, and what is unassigned changes with Unicode.
        Raises Malformed (`hidden_character`) naming the field.
        """
        for name, kind in self.fields:
            if kind.removesuffix("[]") == "string":
                for text in body[name] if kind.endswith("[]") else [body[name]]:
                    check_text(f"text of {self.name}.{name}", text, at=name)

    def hash(self, body: Mapping[str, Any]) -> bytes:
        """EIP-712's hashStruct of a body, 32 bytes. Raises Malformed as `check`."""
        self.check(body)
        return self.hash_checked(body)

    def hash_checked(self, body: Mapping[str, Any]) -> bytes:
        """As `hash`, of a body that `check` has passed. Of another one the hash may be that of several bodies."""
        return keccak(self.type_hash + b"".join([encode_value(kind, body[name]) for name, kind in self.fields]))

    def _check(self, name: str, kind: str, value: Any) -> None:
        is_one, expected = _RULES[kind]
        if not is_one(value):
            self._refuse(name, expected, value)

    def _refuse(self, name: str, expected: str, got: Any) -> NoReturn:
        shown = repr(got)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        raise Malformed(
            f"couldn't read {self.name}.{name}: got {shown}, expected {expected}", code="body_field", at=name
        )


def encode_value(kind: str, value: Any) -> bytes:
    """EIP-712's encodeData of one checked value, 32 bytes: numbers and addresses padded, texts and lists hashed."""
    if kind.endswith("[]"):
        return keccak(b"".join([encode_value(kind[:-2], element) for element in value]))
    if kind == "string":
        return keccak(value.encode())
    if kind in ("bytes32", "address"):
        return bytes.fromhex(value[2:]).rjust(32, b"\0")
    return int(value).to_bytes(32, "big")


def struct(name: str, *fields: str) -> Struct:
    """Declare a struct by its fields after the header, each written as in Solidity: `string gtin`."""
    own = tuple((field.split()[1], field.split()[0]) for field in fields)
    return Struct(name, HEADER + own)
