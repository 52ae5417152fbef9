"""Signatures: one body, one digest, one log; nothing in between."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.sim import actor, secret
from tests.verifier.statements import SIGNED, altered, bodies
from verifier.errors import CarnetError, Malformed, Refused
from verifier.instant import DAY, MINUTE
from verifier.record.statement import (
    HALF_ORDER,
    STRUCTS,
    Domain,
    Kind,
    Proposal,
    Statement,
    check_lifetime,
    digest,
    header,
    parse_statement,
    recover,
    sign,
    verify,
)
from verifier.record.struct import HEADER, Struct

DOMAIN = Domain(31337, "0x" + "11" * 20, secret("log id"))
MAKER, RIVAL = actor("maker"), actor("rival")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KINDS = [kind for kind in SIGNED if isinstance(kind, Kind)]


def signed(kind: Kind, body: dict[str, Any]) -> Statement:
    return Statement(kind, body, MAKER.address, sign(kind, body, DOMAIN, MAKER.secret))


@pytest.mark.parametrize("kind", SIGNED)
@given(data=st.data())
def test_a_statement_altered_in_any_one_field_is_refused(kind: Kind | Proposal, data: st.DataObject) -> None:
    body, name, other = data.draw(altered(kind))
    signature = sign(kind, body, DOMAIN, MAKER.secret)
    assert recover(digest(kind, body, DOMAIN), signature) == MAKER.address
    assert digest(kind, other, DOMAIN) != digest(kind, body, DOMAIN), name
    if isinstance(kind, Kind):
        with pytest.raises(Refused) as refusal:
            verify(Statement(kind, other, MAKER.address, signature), DOMAIN)
        assert refusal.value.code in ("signature_wrong", "signature_form")


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_signature_holds_for_one_log_one_chain_one_contract_and_one_signer(kind: Kind, data: st.DataObject) -> None:
    statement = signed(kind, data.draw(bodies(kind)))
    assert verify(statement, DOMAIN) == digest(kind, statement.body, DOMAIN)
    elsewhere = [
        replace(DOMAIN, chain_id=1),
        replace(DOMAIN, registry="0x" + "22" * 20),
        replace(DOMAIN, log_id=secret("another log")),
    ]
    for domain in elsewhere:
        with pytest.raises(Refused, match="another log, chain or contract"):
            verify(statement, domain)
    with pytest.raises(Refused) as refusal:
        verify(replace(statement, actor=RIVAL.address), DOMAIN)
    assert refusal.value.code == "signature_wrong"


@given(body=bodies(Kind.UNDONE))
def test_the_twin_with_high_s_and_other_v_are_refused(body: dict[str, Any]) -> None:
    statement = signed(Kind.UNDONE, body)
    raw = bytes.fromhex(statement.signature[2:])
    s = int.from_bytes(raw[32:64], "big")
    assert s <= HALF_ORDER
    twin = raw[:32] + (ORDER - s).to_bytes(32, "big") + bytes([55 - raw[64]])
    # eth-account itself takes the twin for the same signer: the check is ours
    message = digest(Kind.UNDONE, body, DOMAIN)
    assert Account._recover_hash(message, signature=twin).lower() == MAKER.address
    with pytest.raises(Refused) as refusal:
        verify(replace(statement, signature="0x" + twin.hex()), DOMAIN)
    assert refusal.value.code == "signature_high_s"
    for v in (0, 1, 26, 29, raw[64] ^ 0x80):
        with pytest.raises(Refused) as refusal:
            verify(replace(statement, signature="0x" + (raw[:64] + bytes([v])).hex()), DOMAIN)
        assert refusal.value.code == "signature_form"


@given(signature=st.binary(min_size=65, max_size=65), v=st.sampled_from([27, 28]))
def test_no_bytes_make_recovery_fail_in_another_way(signature: bytes, v: int) -> None:
    try:
        found = recover(secret("digest"), "0x" + (signature[:64] + bytes([v])).hex())
    except CarnetError as error:
        found = error.code
    assert found in ("signature_form", "signature_high_s") or (found.startswith("0x") and found != MAKER.address)


@pytest.mark.parametrize("r", [0, ORDER, ORDER + 1, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1])
def test_numbers_outside_the_group_are_no_signature(r: int, s: int) -> None:
    with pytest.raises(Refused) as refusal:
        recover(secret("digest"), "0x" + (r.to_bytes(32, "big") + s.to_bytes(32, "big") + b"\x1b").hex())
    assert refusal.value.code == "signature_form"


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_statements_travel_as_json_and_come_back(kind: Kind, data: st.DataObject) -> None:
    statement = signed(kind, data.draw(bodies(kind)))
    assert parse_statement(json.loads(json.dumps(statement.to_json()))) == statement


@pytest.mark.parametrize("kind", SIGNED)
@given(data=st.data())
def test_digests_are_those_of_eip_712(kind: Kind | Proposal, data: st.DataObject) -> None:
    """Against eth-account's own path from typed data to a signature, which never sees our digest."""
    body = data.draw(bodies(kind))
    shape = STRUCTS[kind]
    domain_types = [("chainId", "uint256"), ("verifyingContract", "address"), ("salt", "bytes32")]
    typed = {
        "types": {
            "EIP712Domain": [{"name": name, "type": type_} for name, type_ in domain_types],
            shape.name: [{"name": name, "type": type_} for name, type_ in shape.fields],
        },
        "primaryType": shape.name,
        "domain": {"chainId": 31337, "verifyingContract": DOMAIN.registry, "salt": DOMAIN.log_id},
        "message": {
            name: bytes.fromhex(body[name][2:])
            if type_ == "bytes32"
            else [bytes.fromhex(value[2:]) for value in body[name]]
            if type_ == "bytes32[]"
            else int(body[name])
            if type_ == "uint64"
            else body[name]
            for name, type_ in shape.fields
        },
    }
    signature = sign(kind, body, DOMAIN, MAKER.secret)
    assert Account.recover_message(encode_typed_data(full_message=typed), signature=signature).lower() == MAKER.address


WRONG: list[tuple[str, Any]] = [
    ("bytes32", "0x" + "AB" * 32),
    ("bytes32", "ab" * 32),
    ("bytes32", "0x" + "ab" * 31),
    ("bytes32", "0x" + "ab" * 33),
    ("bytes32", b"\xab" * 32),
    ("bytes32", "0x" + "ab" * 31 + "a\n"),
    ("bytes32", None),
    ("address", "0x" + "ab" * 32),
    ("uint64", 5),
    ("uint64", "05"),
    ("uint64", "-1"),
    ("uint64", "٥"),
    ("uint64", "1.0"),
    ("uint64", "5\n"),
    ("uint64", str(2**64)),
    ("uint8", 256),
    ("uint8", -1),
    ("uint8", True),
    ("uint8", "1"),
    ("uint8", 1.0),
    ("uint16", 65536),
    ("uint32", 2**32),
    ("uint32", "2"),
    ("uint32", True),
    ("string", 7),
    ("string", "a\nb"),
    ("string", "\x00"),
    ("string", "\ud800"),
    ("string", "x" * 2049),
    ("string[]", "NL"),
    ("string[]", ["NL", 5]),
    ("string[]", [""] * 257),
    ("bytes32[]", ["0x00"]),
]


@pytest.mark.parametrize(("type_", "value"), WRONG)
def test_values_that_libraries_would_bend_are_refused(type_: str, value: Any) -> None:
    found = [(kind, name) for kind in SIGNED for name, t in STRUCTS[kind].fields if t == type_]
    kind, name = found[-1]
    zeros = {"string": "", "string[]": [], "bytes32[]": [], "uint8": 0, "uint16": 0, "uint32": 0, "uint64": "0"}
    body = {n: zeros.get(t, "0x" + "00" * (20 if t == "address" else 32)) for n, t in STRUCTS[kind].fields}
    digest(kind, body, DOMAIN)
    with pytest.raises(Malformed) as refusal:
        digest(kind, {**body, name: value}, DOMAIN)
    assert (refusal.value.code, refusal.value.at) == ("body_field", name)


@pytest.mark.parametrize("kind", SIGNED)
@given(data=st.data())
def test_a_field_too_many_or_too_few_is_refused(kind: Kind | Proposal, data: st.DataObject) -> None:
    body = data.draw(bodies(kind))
    name = data.draw(st.sampled_from(sorted(body)))
    short = {key: value for key, value in body.items() if key != name}
    for other in (short, {**body, "note": ""}, {**short, name.upper(): body[name]}, [body], None):
        with pytest.raises(Malformed) as refusal:
            digest(kind, other, DOMAIN)  # type: ignore[arg-type]
        assert refusal.value.code == "body_keys"


@given(data=st.data(), extra=st.sampled_from(["kind", "body", "actor", "signature"]))
def test_a_statement_without_one_of_its_parts_is_refused(data: st.DataObject, extra: str) -> None:
    value = signed(Kind.UNDONE, data.draw(bodies(Kind.UNDONE))).to_json()
    for wrong in (
        {k: v for k, v in value.items() if k != extra},
        {**value, "note": 1},
        {**value, extra: None},
        [value],
    ):
        with pytest.raises(Malformed):
            parse_statement(wrong)
    for kind in ("founded", "participant_mirrored", "participant_admitted", "Undone", 5):
        with pytest.raises(Malformed):
            parse_statement({**value, "kind": kind})


@given(issued=st.integers(0, 2**53), lifetime=st.integers(-DAY, 9 * DAY), late=st.integers(-DAY, 9 * DAY))
def test_a_statement_is_taken_only_in_its_lifetime(issued: int, lifetime: int, late: int) -> None:
    assume(issued + lifetime >= 0)
    body = {**header(issued), "issuedAt": str(issued), "expiresAt": str(issued + lifetime)}
    if not 0 < lifetime <= 7 * DAY:
        expected = "lifetime"
    elif late > lifetime:
        expected = "expired"
    elif late < -5 * MINUTE:
        expected = "not_yet_valid"
    else:
        check_lifetime(body, issued + late)
        return
    with pytest.raises(Refused) as refusal:
        check_lifetime(body, issued + late)
    assert refusal.value.code == expected


def test_the_page_lists_every_struct_as_it_is() -> None:
    page = (Path(__file__).parents[2] / "docs/spec/statement.md").read_text()
    for kind in SIGNED:
        shape = STRUCTS[kind]
        fields = ", ".join(f"{type_} {name}" for name, type_ in shape.fields[len(HEADER) :])
        assert f"| `{kind.value}` | `{shape.name}` | `{fields}` |" in page


@pytest.mark.parametrize(
    "domain",
    [
        Domain(31337, "0xab", bytes(32)),
        Domain(31337, "0x" + "AB" * 20, bytes(32)),
        Domain(31337, "ab" * 20, bytes(32)),
        Domain(31337, "0x" + "ab" * 32, bytes(32)),
        Domain(31337, "0x" + "ab" * 20, bytes(31)),
        Domain(-1, "0x" + "ab" * 20, bytes(32)),
        Domain(2**256, "0x" + "ab" * 20, bytes(32)),
        Domain("31337", "0x" + "ab" * 20, bytes(32)),  # type: ignore[arg-type]
    ],
)
def test_a_domain_has_one_spelling(domain: Domain) -> None:
    with pytest.raises(Malformed) as refused:
        sign(Kind.UNDONE, {**header(1), "target": "0x" + "00" * 32, "reason": ""}, domain, MAKER.secret)
    assert refused.value.code == "body_field"


def test_a_struct_of_other_types_is_refused_when_it_is_declared() -> None:
    with pytest.raises(ValueError, match="int8"):
        Struct("Odd", (("a", "string"), ("b", "int8[]")))
