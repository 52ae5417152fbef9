"""Statements: what a participant signs, as EIP-712 typed data bound to one log.

The domain carries chain id, registry contract and logId, so a signature made for one log is worthless on
another log, chain or contract. Identity is the struct digest: the same digest is the same statement.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from eth_keys.datatypes import PrivateKey, Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from verifier.errors import Malformed, Refused
from verifier.instant import DAY, MINUTE
from verifier.record.struct import Struct, struct

LIFETIME_LIMIT = 7 * DAY
"""A statement is valid for at most this long after `issuedAt`, in milliseconds."""
CLOCK_SKEW = 5 * MINUTE
"""How far `issuedAt` may lie ahead of the ledger's clock, in milliseconds."""
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half the order of secp256k1: s above it is the malleable twin (EIP-2)."""
_HEX = re.compile("0x[0-9a-f]*")


class Kind(StrEnum):
    """The kinds of entry. Those in UNSIGNED are derived, by rules that anybody can check, and carry no signature."""

    FOUNDED = "founded"
    PARTICIPANT_MIRRORED = "participant_mirrored"
    BATCH_REGISTERED = "batch_registered"
    BATCH_RECALLED = "batch_recalled"
    UNITS_RETIRED = "units_retired"
    UNDONE = "undone"
    SCANS_SEALED = "scans_sealed"
    INDEX_SEALED = "index_sealed"
    INDEX_CONFIRMED = "index_confirmed"


class Proposal(StrEnum):
    """What authorities decide by k of n; executed by the registry contract, then mirrored into the log."""

    PARTICIPANT_ADMITTED = "participant_admitted"
    PARTICIPANT_SUSPENDED = "participant_suspended"
    PARTICIPANT_REINSTATED = "participant_reinstated"
    PREFIX_GRANTED = "prefix_granted"
    PREFIX_WITHDRAWN = "prefix_withdrawn"
    OPERATOR_SET = "operator_set"
    RULES_RAISED = "rules_raised"


STRUCTS: Mapping[Kind | Proposal, Struct] = {
    Kind.BATCH_REGISTERED: struct(
        "BatchRegistered",
        "string gtin",
        "string lot",
        "uint64 unitCount",
        "bytes32 segmentRoot",
        "bytes32 saltCommitment",
        "bytes32 salt",
        "uint8 serialSource",
        "uint16 serialSpaceBits",
        "bytes32 labelKey",
        "string[] labelCarriers",
        "string[] markets",
        "string expires",
    ),
    Kind.BATCH_RECALLED: struct(
        "BatchRecalled", "bytes32 batch", "string reason", "string noticeUrl", "bytes32 supersedes"
    ),
    Kind.UNITS_RETIRED: struct(
        "UnitsRetired",
        "bytes32 batch",
        "uint8 reason",
        "bytes32[] keys",
        "uint64 unitCount",
        "bytes32 segmentRoot",
        "bytes32 supersedes",
    ),
    Kind.UNDONE: struct("Undone", "bytes32 target", "string reason"),
    Kind.INDEX_CONFIRMED: struct("IndexConfirmed", "uint64 size", "uint64 gtins", "bytes32 root"),
    Proposal.PARTICIPANT_ADMITTED: struct(
        "ParticipantAdmitted", "address participant", "uint8 role", "string country", "bytes32 nameHash"
    ),
    Proposal.PARTICIPANT_SUSPENDED: struct(
        "ParticipantSuspended", "address participant", "uint8 suspensionKind", "uint64 effectiveAt"
    ),
    Proposal.PARTICIPANT_REINSTATED: struct("ParticipantReinstated", "address participant"),
    Proposal.PREFIX_GRANTED: struct("PrefixGranted", "address holder", "string prefix"),
    Proposal.PREFIX_WITHDRAWN: struct("PrefixWithdrawn", "address holder", "string prefix"),
    Proposal.OPERATOR_SET: struct("OperatorSet", "bytes32 logId", "address operator"),
    Proposal.RULES_RAISED: struct("RulesRaised", "uint32 version", "bytes32 digest"),
}
"""Every struct that anybody signs. `docs/spec/statement.md` lists them for other implementations."""

_DOMAIN = Struct("EIP712Domain", (("chainId", "uint256"), ("verifyingContract", "address"), ("salt", "bytes32")))


@dataclass(frozen=True, slots=True)
class Domain:
    """What a signature is bound to: chain id, registry (0x, 40 lower hex), logId (32 bytes)."""

    chain_id: int
    registry: str
    log_id: bytes


@dataclass(frozen=True, slots=True)
class Statement:
    """A signed statement as it travels. `actor` is 0x and 40 lower hex, `signature` 0x and 130 lower hex."""

    kind: Kind
    body: Mapping[str, Any]
    actor: str
    signature: str

    def to_json(self) -> dict[str, Any]:
        """The JSON object that routes and files carry."""
        return {
            "kind": self.kind.value,
            "body": dict(self.body),
            "actor": self.actor,
            "signature": self.signature,
        }


def parse_statement(value: Any) -> Statement:
    """Read a statement from its JSON object; the body is checked against its struct.

    Raises Malformed.
    """
    if not isinstance(value, Mapping) or set(value) != {"kind", "body", "actor", "signature"}:
        raise Malformed("couldn't read a statement: expected an object of kind, body, actor, signature")
    try:
        kind = Kind(value["kind"])
        shape = STRUCTS[kind]
    except (ValueError, KeyError) as error:
        got = repr(value["kind"][:80]) if isinstance(value["kind"], str) else type(value["kind"]).__name__
        raise Malformed(f"couldn't read a statement: {got} is no kind that is signed", at="kind") from error
    shape.check(value["body"])
    check_hex("actor", value["actor"], 20)
    check_hex("signature", value["signature"], 65)
    return Statement(kind, dict(value["body"]), value["actor"], value["signature"])


def digest(kind: Kind | Proposal, body: Mapping[str, Any], domain: Domain) -> bytes:
    """The EIP-712 digest, 32 bytes: the statement's identity. Raises Malformed if the body is not its struct."""
    return _digest(STRUCTS[kind].hash(body), domain)


def _digest(struct_hash: bytes, domain: Domain) -> bytes:
    return keccak(b"\x19\x01" + _separator(domain) + struct_hash)


def sign(kind: Kind | Proposal, body: Mapping[str, Any], domain: Domain, private_key: bytes) -> str:
    """Sign a body; returns the signature as 0x and 130 lower hex (r, s, v with v 27 or 28, low s)."""
    raw = PrivateKey(private_key).sign_msg_hash(digest(kind, body, domain)).to_bytes()
    return "0x" + (raw[:64] + bytes([raw[64] + 27])).hex()


def recover(statement_digest: bytes, signature: str) -> str:
    """The address (0x, lower hex) that made `signature` over an EIP-712 digest.

    Raises Malformed for another length, Refused (`signature_form`, `signature_high_s`) for the encodings that
    eth-account would let through.
    """
    check_hex("signature", signature, 65)
    raw = bytes.fromhex(signature[2:])
    if raw[64] not in (27, 28):
        raise Refused(f"couldn't accept signature: got v {raw[64]}, expected 27 or 28", code="signature_form")
    if int.from_bytes(raw[32:64], "big") > HALF_ORDER:
        raise Refused("couldn't accept signature: s is in the upper half (malleable twin)", code="signature_high_s")
    try:
        public = Signature(raw[:64] + bytes([raw[64] - 27])).recover_public_key_from_msg_hash(statement_digest)
    except (BadSignature, ValidationError) as error:
        raise Refused(f"couldn't accept signature: {error}", code="signature_form") from error
    return public.to_address()


def verify(statement: Statement, domain: Domain) -> bytes:
    """Check that `actor` signed this body for this log; returns the digest.

    Raises Refused (`signature_wrong` and the codes of `recover`).
    """
    return _signed(statement, digest(statement.kind, statement.body, domain))


def parse_and_verify(value: Any, domain: Domain) -> tuple[Statement, bytes]:
    """`parse_statement` and `verify` in one, which checks the body against its struct once. Raises as they do."""
    statement = parse_statement(value)
    return statement, _signed(statement, _digest(STRUCTS[statement.kind].hash_checked(statement.body), domain))


def _signed(statement: Statement, identity: bytes) -> bytes:
    signer = recover(identity, statement.signature)
    if signer != statement.actor:
        raise Refused(
            f"couldn't accept {statement.kind}: signed by {signer}, not by its actor {statement.actor}; it was altered,"
            " or signed for another log, chain or contract",
            code="signature_wrong",
        )
    return identity


def header(now: int, lifetime: int = DAY) -> dict[str, str]:
    """A fresh header: random statementId, `issuedAt` now, `expiresAt` after `lifetime` (milliseconds)."""
    return {
        "statementId": "0x" + secrets.token_hex(32),
        "issuedAt": str(now),
        "expiresAt": str(now + lifetime),
    }


def check_lifetime(body: Mapping[str, Any], recorded_at: int) -> None:
    """Check that a statement may be recorded at this instant (milliseconds).

    Raises Refused (`lifetime`, `expired`, `not_yet_valid`).
    """
    issued, expires = int(body["issuedAt"]), int(body["expiresAt"])
    if not issued < expires <= issued + LIFETIME_LIMIT:
        raise Refused("couldn't accept statement: expiresAt must lie within 7 days after issuedAt", code="lifetime")
    if recorded_at > expires:
        raise Refused("couldn't accept statement: it has expired; sign it anew", code="expired")
    if issued > recorded_at + CLOCK_SKEW:
        raise Refused(
            "couldn't accept statement: issuedAt lies more than 5 minutes in the future; check the clock",
            code="not_yet_valid",
        )


def check_hex(name: str, value: Any, size: int) -> None:
    """Check `0x` and lower-case hex of exactly `size` bytes. Raises Malformed (`hex`)."""
    if not isinstance(value, str) or len(value) != 2 + 2 * size or not _HEX.fullmatch(value):
        raise Malformed(f"couldn't read {name}: expected 0x and {2 * size} lower-case hex digits", code="hex", at=name)


@lru_cache(maxsize=16)
def _separator(domain: Domain) -> bytes:
    log_id = "0x" + domain.log_id.hex()
    return _DOMAIN.hash({"chainId": domain.chain_id, "verifyingContract": domain.registry, "salt": log_id})
