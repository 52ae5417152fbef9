"""What the registry decided, read from its own event: the struct that was signed, by its ABI encoding alone.

The event also names the digest that was signed, so a struct that was read wrongly, or made up, shows by itself.
"""

from __future__ import annotations

from typing import Any

from verifier.chain.event import Block, Executed
from verifier.errors import Malformed, ProofInvalid
from verifier.record.participant import Mirrored
from verifier.record.statement import STRUCTS, Domain, digest

_WORD = 32


def decided(event: Executed, block: Block, domain: Domain) -> Mirrored:
    """A decision as a log would mirror it; `block` is the event's own.

    Raises ProofInvalid (`chain_event`) if the encoding is no struct of its kind, or another one than was signed.
    """
    body, where = decided_body(event, domain), event.where
    return Mirrored(
        event.proposal, body, event.signatures, event.sequence, where.block_number, where.block_hash, block.time,
        where.transaction, where.log_index,
    )  # fmt: skip


def decided_body(event: Executed, domain: Domain) -> dict[str, Any]:
    """The struct that was signed, as JSON. Raises as `decided`."""
    fields = STRUCTS[event.proposal].fields
    data = event.encoded
    try:
        if any(kind == "string" for _, kind in fields):  # a dynamic struct stands behind its offset
            data = data[_number(data, 0) :]
        body = {name: _value(kind, data, _WORD * at) for at, (name, kind) in enumerate(fields)}
        signed = digest(event.proposal, body, domain)
    except (Malformed, UnicodeDecodeError) as error:
        raise _bad(event, str(error)) from error
    if signed != event.digest:
        raise _bad(event, "another struct than the one that was signed")
    return body


def _value(kind: str, data: bytes, at: int) -> Any:
    word = _word(data, at)
    match kind:
        case "string":
            start = _number(data, at)
            length = _number(data, start)
            return _slice(data, start + _WORD, length).decode()
        case "address":
            return "0x" + word[12:].hex()
        case "bytes32":
            return "0x" + word.hex()
        case "uint64":
            return str(int.from_bytes(word))
        case _:
            return int.from_bytes(word)


def _number(data: bytes, at: int) -> int:
    """An offset or a length; none can pass the data itself."""
    return min(int.from_bytes(_word(data, at)), len(data) + 1)


def _word(data: bytes, at: int) -> bytes:
    return _slice(data, at, _WORD)


def _slice(data: bytes, at: int, length: int) -> bytes:
    found = data[at : at + length]
    if len(found) != length:
        raise Malformed("its data is cut short", code="chain_event")
    return found


def _bad(event: Executed, why: str) -> ProofInvalid:
    return ProofInvalid(f"couldn't read decision {event.sequence} from its event: {why}", code="chain_event")
