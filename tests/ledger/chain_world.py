"""A registry of three countries on a real chain, and signatures made with eth_account alone."""

from __future__ import annotations

import hashlib
import os
import time
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from ledger.chain.evm import EvmChain
from verifier.record.founding import Authority

LOG_ID = hashlib.sha256(b"ledger.example/goods").digest()
DAY_MS = 86_400_000
HEADER = {"statementId": "bytes32", "issuedAt": "uint64", "expiresAt": "uint64"}
# Written out here once more: the tests must not lean on the verifier's own table.
STRUCTS = {
    "participant_admitted": "ParticipantAdmitted(address participant,uint8 role,string country,bytes32 nameHash)",
    "participant_suspended": "ParticipantSuspended(address participant,uint8 suspensionKind,uint64 effectiveAt)",
    "participant_reinstated": "ParticipantReinstated(address participant)",
    "prefix_granted": "PrefixGranted(address holder,string prefix)",
    "prefix_withdrawn": "PrefixWithdrawn(address holder,string prefix)",
    "rules_raised": "RulesRaised(uint32 version,bytes32 digest)",
    "operator_set": "OperatorSet(bytes32 logId,address operator)",
}


def new_key() -> LocalAccount:
    """A key with no funds."""
    return Account.create()


def address(key: LocalAccount) -> str:
    """0x and 40 lower hex."""
    return key.address.lower()


class World:
    """Three authorities (FR, DE, PT), an operator, and the two contracts on `chain`."""

    def __init__(self, chain: EvmChain) -> None:
        self.chain = chain
        self.keys = [new_key() for _ in range(3)]
        self.operator = new_key()

    def found(self) -> World:
        """Deploy both contracts and set the operator."""
        self.chain.deploy_registry(LOG_ID, self.authorities(), 1)
        self.chain.deploy_anchor()
        self.execute("operator_set", logId="0x" + LOG_ID.hex(), operator=address(self.operator))
        return self

    def authorities(self, *countries: str) -> list[Authority]:
        """As the registry's constructor takes them."""
        pairs = zip(self.keys, countries or ("FR", "DE", "PT"), strict=True)
        return [Authority(address(key), country, address(new_key())) for key, country in pairs]

    def body(self, **fields: Any) -> dict[str, Any]:
        """A body with a fresh header."""
        now = int(time.time() * 1000)
        return {
            "statementId": "0x" + os.urandom(32).hex(),
            "issuedAt": str(now),
            "expiresAt": str(now + DAY_MS),
            **fields,
        }

    def sign(self, kind: str, body: dict[str, Any], *signers: int) -> list[str]:
        """Signatures of the authorities with these numbers."""
        name, _, own = STRUCTS[kind].removesuffix(")").partition("(")
        fields = HEADER | {field.split()[1]: field.split()[0] for field in own.split(",")}
        message = {field: int(body[field]) if kind_ == "uint64" else body[field] for field, kind_ in fields.items()}
        domain = {"chainId": self.chain.chain_id, "verifyingContract": self.chain.registry, "salt": LOG_ID}
        types = {name: [{"name": field, "type": kind_} for field, kind_ in fields.items()]}
        signed = (self.keys[i].sign_typed_data(domain, types, message) for i in signers)
        return ["0x" + bytes(one.signature).hex() for one in signed]

    def execute(self, kind: str, *, signers: tuple[int, ...] = (0, 1), **fields: Any) -> dict[str, Any]:
        """Sign as FR and DE, relay; returns the body."""
        body = self.body(**fields)
        self.chain.execute(kind, body, self.sign(kind, body, *signers))
        return body

    def admit(self, role: int = 1) -> str:
        """Admit a new participant; returns its address."""
        account = address(new_key())
        self.execute("participant_admitted", participant=account, role=role, country="FR", nameHash="0x" + "ab" * 32)
        return account
