"""Proposals as files: what authorities sign, passed from hand to hand until enough countries have, then relayed.

A file carries the proposal, the log it is for and the signatures so far. Nothing in it is secret, except that the
salt of a name opens the commitment on the chain: keep it with those who may know the name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ledger.keys.file import write_file
from ledger.keys.store import EvmKey
from verifier.errors import Malformed, Refused
from verifier.record.statement import STRUCTS, Domain, Proposal, check_hex, digest, recover, sign

FORMAT = "carnet-proposal/1"
_KEYS = {"format", "proposal", "body", "domain", "signatures", "name"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposal on its way. `name`: a participant's name with the salt of its commitment (hex), for admissions."""

    proposal: Proposal
    body: Mapping[str, Any]
    domain: Domain
    signatures: tuple[str, ...] = ()
    name: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def digest(self) -> bytes:
        """What authorities sign, 32 bytes."""
        return digest(self.proposal, self.body, self.domain)

    def signers(self) -> list[str]:
        """The addresses whose signatures are here. Raises Malformed or Refused for an invalid signature."""
        return [recover(self.digest, signature) for signature in self.signatures]

    def signed(self, key: EvmKey) -> Draft:
        """With the signature of one more authority; its second signature changes nothing."""
        if key.address in self.signers():
            return self
        return replace(self, signatures=(*self.signatures, sign(self.proposal, self.body, self.domain, key.secret)))

    def joined(self, other: Draft) -> Draft:
        """With the signatures of another copy. Raises Refused (`other_proposal`) when it is about something else."""
        if other.digest != self.digest:
            raise Refused(
                "couldn't join the files: they hold different proposals; give those of one at a time",
                code="other_proposal",
            )
        known = set(self.signers())
        pairs = zip(other.signers(), other.signatures, strict=True)
        new = tuple(signature for signer, signature in pairs if signer not in known)
        return replace(self, signatures=self.signatures + new, name=self.name or other.name)

    def to_json(self) -> dict[str, Any]:
        """The JSON object of a file."""
        return {
            "format": FORMAT,
            "proposal": self.proposal.value,
            "body": dict(self.body),
            "domain": {
                "chain_id": self.domain.chain_id,
                "registry": self.domain.registry,
                "log_id": "0x" + self.domain.log_id.hex(),
            },
            "signatures": list(self.signatures),
            "name": dict(self.name) if self.name else None,
        }

    def write(self, path: Path) -> None:
        """Write the file, replacing an earlier copy."""
        write_file(path, json.dumps(self.to_json(), indent=2, ensure_ascii=False).encode() + b"\n")

    def lines(self) -> list[str]:
        """The proposal in words, for the person who is asked to sign it."""
        about = {name: value for name, value in self.body.items() if name != "statementId"}
        named = {"name": self.name["name"]} if self.name else {}
        return [f"{self.proposal.value}:", *(f"  {name}  {value}" for name, value in {**about, **named}.items())]


def read_draft(path: Path) -> Draft:
    """Read a proposal file. Raises Malformed (`proposal_file` and what its parts raise)."""
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise _bad_file(path, "it is no JSON") from error
    if not isinstance(value, dict) or set(value) != _KEYS or value["format"] != FORMAT:
        raise _bad_file(path, f"expected a {FORMAT} object of {sorted(_KEYS)}")
    try:
        proposal = Proposal(value["proposal"])
        where = value["domain"]
        check_hex("registry", where["registry"], 20)
        check_hex("log_id", where["log_id"], 32)
        domain = Domain(int(where["chain_id"]), where["registry"], bytes.fromhex(where["log_id"][2:]))
        name = value["name"]
        if name is not None:
            check_hex("salt", "0x" + name["salt"], 32)
            name = {"name": str(name["name"]), "salt": str(name["salt"])}
        signatures = tuple(str(signature) for signature in value["signatures"])
    except (ValueError, KeyError, TypeError) as error:
        raise _bad_file(path, f"{error}") from error
    STRUCTS[proposal].check(value["body"])
    return Draft(proposal, value["body"], domain, signatures, name)


def join(paths: Sequence[Path]) -> Draft:
    """One proposal from the copies that went to different authorities."""
    first, *rest = (read_draft(path) for path in paths)
    for other in rest:
        first = first.joined(other)
    return first


def _bad_file(path: Path, cause: str) -> Malformed:
    return Malformed(f"couldn't read the proposal {path}: {cause}", code="proposal_file")
