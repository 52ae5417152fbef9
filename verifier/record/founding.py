"""The founding of a ledger: entry 0, the one value a verifier pins out of band.

It fixes origin, chain, contracts, authorities, log keys and witness policy. The pin is SHA-256 over entry 0's
bytes (not its leaf); everything else follows from the log.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from verifier.errors import Malformed, ProofInvalid
from verifier.record.entry import Entry, decode_entry
from verifier.record.rules import FIRST, KNOWN, Rules
from verifier.record.statement import Domain, Kind, check_hex
from verifier.tree.note import KeyType, VerifierKey
from verifier.tree.policy import Policy

SPEC = "carnet/1"
"""The version of these formats; written into entry 0."""
NO_WITNESSES = "none"
"""The witness policy of a log that nobody cosigns."""
COUNTRIES_MIN = 2
"""No ledger exists with the authorities of fewer countries; production starts with three."""

_COUNTRY = re.compile(r"[A-Z]{2}")
_KEYS = {"spec", "origin", "chain_id", "registry", "anchor", "authorities", "log_keys", "witness_policy"}


@dataclass(frozen=True, slots=True)
class Authority:
    """One founding authority: EVM account, ISO 3166-1 alpha-2 country, recovery key's address."""

    account: str
    country: str
    recovery: str


@dataclass(frozen=True, slots=True)
class Founding:
    """Entry 0, parsed. `witness_policy` is `none` or a policy's text; `pin` is SHA-256 of the entry's bytes.

    `rules`: the version of the rules that the ledger starts with.
    """

    origin: str
    chain_id: int
    registry: str
    anchor: str
    authorities: tuple[Authority, ...]
    log_keys: tuple[VerifierKey, ...]
    witness_policy: str
    pin: bytes
    rules: int = FIRST

    @property
    def log_id(self) -> bytes:
        """SHA-256 of the origin: the log's name on the chain and in every signature."""
        return log_id(self.origin)

    @property
    def domain(self) -> Domain:
        """What statements for this log are signed over."""
        return Domain(self.chain_id, self.registry, self.log_id)

    @property
    def policy(self) -> Policy | None:
        """Which witnesses must have cosigned a checkpoint; None where the founding asks for none."""
        return None if self.witness_policy == NO_WITNESSES else _parse_policy(self.witness_policy)

    def body(self) -> dict[str, Any]:
        """The body of the `founded` entry."""
        rules = {"rules": self.rules} if self.rules != FIRST else {}
        return {
            **rules,
            "spec": SPEC,
            "origin": self.origin,
            "chain_id": self.chain_id,
            "registry": self.registry,
            "anchor": self.anchor,
            "authorities": [
                {"account": a.account, "country": a.country, "recovery": a.recovery} for a in self.authorities
            ],
            "log_keys": [key.format() for key in self.log_keys],
            "witness_policy": self.witness_policy,
        }


def log_id(origin: str) -> bytes:
    """SHA-256 of a log's origin, 32 bytes."""
    return hashlib.sha256(origin.encode()).digest()


def parse_founding(entry: Entry, known: Rules = KNOWN) -> Founding:
    """Read entry 0. Raises Malformed (`founding`), RulesUnknown for a version that is not among the known."""
    body = entry.body
    rules = _rules(body, known) if entry.kind is Kind.FOUNDED else FIRST
    if entry.kind is not Kind.FOUNDED or set(body) - {"rules"} != _KEYS or body["spec"] != SPEC:
        raise Malformed(f"couldn't read the founding: expected a {SPEC} entry of {sorted(_KEYS)}", code="founding")
    if type(body["chain_id"]) is not int or body["chain_id"] < 1:
        raise Malformed("couldn't read the founding: chain_id is no positive number", code="founding")
    check_hex("registry", body["registry"], 20)
    check_hex("anchor", body["anchor"], 20)
    founding = Founding(
        origin=_text(body, "origin"),
        chain_id=body["chain_id"],
        registry=body["registry"],
        anchor=body["anchor"],
        authorities=tuple(_authority(value) for value in _list(body, "authorities")),
        log_keys=tuple(VerifierKey.parse(_plain(key)) for key in _list(body, "log_keys")),
        witness_policy=_plain(body["witness_policy"]),
        pin=hashlib.sha256(entry.raw).digest(),
        rules=rules,
    )
    _check(founding)
    return founding


def open_founding(raw: bytes, pin: bytes, known: Rules = KNOWN) -> Founding:
    """Entry 0 of a log, believed because of the pin (SHA-256 of its bytes, 32 bytes, told out of band).

    Raises ProofInvalid (`pin`), Malformed, RulesUnknown.
    """
    got = hashlib.sha256(raw).digest()
    if got != pin:
        raise ProofInvalid(
            f"couldn't trust the founding: got SHA-256 {got.hex()}, expected {pin.hex()}, as you were told", code="pin"
        )
    return parse_founding(decode_entry(raw), known)


def _rules(body: Mapping[str, Any], known: Rules) -> int:
    """The version that entry 0 names, looked at first: what a newer version has beside it is not known here."""
    if "rules" not in body:
        return FIRST
    rules = body["rules"]
    if type(rules) is not int or rules <= FIRST:
        raise Malformed(
            f"couldn't read the founding: got rules {rules!r}, expected a number above {FIRST}, or none for {FIRST}",
            code="founding",
            at="rules",
        )
    known.check_known(rules)
    return rules


def _check(founding: Founding) -> None:
    accounts = [a.account for a in founding.authorities] + [a.recovery for a in founding.authorities]
    if len(set(accounts)) != len(accounts):
        raise Malformed("couldn't read the founding: an authority's key stands twice", code="founding")
    if len({a.country for a in founding.authorities}) < COUNTRIES_MIN:
        raise Malformed(f"couldn't read the founding: fewer than {COUNTRIES_MIN} countries", code="founding")
    # A key of the cosignature type would let a witness's signature pass for the log's own.
    if any(key.name != founding.origin or key.type is not KeyType.ED25519 for key in founding.log_keys):
        raise Malformed("couldn't read the founding: every log key is Ed25519, named by the origin", code="founding")
    if founding.policy is not None:
        check_policy(founding.policy, founding.log_keys)


def check_policy(policy: Policy, log_keys: tuple[VerifierKey, ...]) -> None:
    """Check that a policy can stand in entry 0: about this log only, somebody must cosign, and not the log itself.

    Raises:
        Malformed: it cannot (`founding`).
    """
    if policy.quorum is None:
        raise Malformed(
            f"couldn't read the founding: got a witness policy without quorum, expected {NO_WITNESSES!r} for that",
            code="founding",
        )
    if not {log.key for log in policy.logs} <= set(log_keys):
        raise Malformed("couldn't read the founding: its witness policy names another log's key", code="founding")
    # One key must not sign for two: then the operator would be its own witness.
    if {key.public for key in log_keys} & {key.public for key in policy.witnesses.values()}:
        raise Malformed("couldn't read the founding: a log key is also a witness's", code="founding")


@lru_cache(maxsize=16)
def _parse_policy(text: str) -> Policy:
    """Remembered: a verifier asks for the same policy with each checkpoint."""
    return Policy.parse(text)


def _authority(value: Any) -> Authority:
    if not isinstance(value, Mapping) or set(value) != {"account", "country", "recovery"}:
        raise Malformed("couldn't read the founding: an authority is account, country, recovery", code="founding")
    check_hex("authority", value["account"], 20)
    check_hex("recovery", value["recovery"], 20)
    if not _COUNTRY.fullmatch(_plain(value["country"])):
        raise Malformed(f"couldn't read the founding: {value['country']!r} is no country code", code="founding")
    return Authority(value["account"], value["country"], value["recovery"])


def _text(body: Mapping[str, Any], key: str) -> str:
    text = _plain(body[key])
    if not 1 <= len(text) <= 255:
        raise Malformed(f"couldn't read the founding: {key} must have 1 to 255 characters", code="founding", at=key)
    return text


def _plain(value: Any) -> str:
    if not isinstance(value, str):
        raise Malformed(f"couldn't read the founding: {value!r} is no text", code="founding")
    return value


def _list(body: Mapping[str, Any], key: str) -> list[Any]:
    if not isinstance(body[key], list) or not 1 <= len(body[key]) <= 64:
        raise Malformed(f"couldn't read the founding: {key} must be a list of 1 to 64", code="founding", at=key)
    return list(body[key])
