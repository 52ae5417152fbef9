"""The proposals between JSON bodies and the registry contract, and executed ones read from its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eth_abi.abi import decode as abi_decode
from eth_abi.exceptions import DecodingError

from ledger.chain.abi import decode_event, encode_call, signatures
from verifier.errors import Malformed, ProofInvalid
from verifier.record.participant import Mirrored
from verifier.record.statement import STRUCTS, Proposal, check_hex

REGISTRY = "ParticipantRegistry"
EXECUTED = "ProposalExecuted"

_FUNCTIONS = {
    Proposal.PARTICIPANT_ADMITTED: "admitParticipant",
    Proposal.PARTICIPANT_SUSPENDED: "suspendParticipant",
    Proposal.PARTICIPANT_REINSTATED: "reinstateParticipant",
    Proposal.PREFIX_GRANTED: "grantPrefix",
    Proposal.PREFIX_WITHDRAWN: "withdrawPrefix",
    Proposal.OPERATOR_SET: "setOperator",
    Proposal.RULES_RAISED: "raiseRules",
}
_KINDS = dict(enumerate(_FUNCTIONS, start=1))
"""The contract's numbers, which follow the same order."""


def encode_proposal(kind: Proposal, body: Mapping[str, Any], votes: Sequence[str]) -> bytes:
    """Call data that executes a proposal.

    Raises Malformed if the body is not its struct or a vote is not 0x and 130 lower hex.
    """
    shape = STRUCTS[kind]
    shape.check(body)
    for vote in votes:
        check_hex("signature", vote, 65)
    values = tuple(_to_abi(field_type, body[name]) for name, field_type in shape.fields)
    return encode_call(REGISTRY, _FUNCTIONS[kind], values, [bytes.fromhex(vote[2:]) for vote in votes])


def decode_executed(log: Mapping[str, Any], block_time: int) -> Mirrored:
    """An executed proposal from a `ProposalExecuted` log of JSON-RPC; `block_time` in milliseconds.

    Raises ProofInvalid (`proposal_event`) when it is not what the contract writes.
    """
    try:
        event = decode_event(REGISTRY, EXECUTED, log["topics"], log["data"])
        kind = _KINDS[event["kind"]]
        shape = STRUCTS[kind]
        (struct_type, _) = signatures(REGISTRY, "function")[_FUNCTIONS[kind]].inputs
        (values,) = abi_decode([struct_type], event["proposal"])
        fields = zip(shape.fields, values, strict=True)
        body = {name: _from_abi(field_type, value) for (name, field_type), value in fields}
        shape.check(body)
    except (DecodingError, KeyError, ValueError, Malformed) as error:
        raise ProofInvalid(
            f"couldn't read the proposal in transaction {log.get('transactionHash')}: {error}", code="proposal_event"
        ) from error
    return Mirrored(
        proposal=kind,
        body=body,
        signatures=tuple("0x" + vote.hex() for vote in event["signatures"]),
        sequence=event["sequence"],
        block_number=int(log["blockNumber"], 16),
        block_hash=log["blockHash"],
        block_time=block_time,
        transaction=log["transactionHash"],
        log_index=int(log["logIndex"], 16),
    )


def _to_abi(field_type: str, value: Any) -> Any:
    match field_type:
        case "bytes32":
            return bytes.fromhex(value[2:])
        case "uint64":
            return int(value)
        case _:
            return value


def _from_abi(field_type: str, value: Any) -> Any:
    match field_type:
        case "bytes32":
            return "0x" + value.hex()
        case "address":
            return str(value).lower()
        case "uint64":
            return str(value)
        case _:
            return value
