"""Proof files over HTTP, checked with nothing but the pin."""

from __future__ import annotations

import httpx
import pytest
from served import Stage

from verifier.evidence.evidence import check_evidence
from verifier.reading.reading import ReadCode, read

pytestmark = pytest.mark.node


def code_of(link: str) -> ReadCode:
    reading = read(link)
    assert isinstance(reading, ReadCode)
    return reading


def test_a_unit_s_proof_checks_offline(stage: Stage, http: httpx.Client) -> None:
    link = stage.link(stage.batch, stage.batch.serials[0])
    response = http.get("/v1/proofs/units", params={"code": link})
    assert response.status_code == 200, response.text
    assert response.headers["content-disposition"].endswith('.tlog-proof"')
    report = check_evidence(response.content, pin=stage.ledger.founding.pin, code=code_of(link).code)
    assert report.ok
    other = stage.link(stage.batch, stage.batch.serials[1])
    assert not check_evidence(response.content, pin=stage.ledger.founding.pin, code=code_of(other).code).ok
    assert not check_evidence(response.content, pin=bytes(32)).ok


def test_proofs_for_anybody_are_packed_and_those_for_a_few_are_not(stage: Stage, http: httpx.Client) -> None:
    query = {"code": stage.link(stage.batch, stage.batch.serials[0])}
    packed = [http.get("/v1/proofs/units", params=query), http.get("/v1/proofs/entries/1")]
    assert [response.headers.get("content-encoding") for response in packed] == ["gzip", "gzip"]
    assert all(int(response.headers["content-length"]) < len(response.content) for response in packed)
    assert all("accept-encoding" in response.headers["vary"].lower() for response in packed)
    plain = http.get("/v1/proofs/units", params=query, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert check_evidence(plain.content, pin=stage.ledger.founding.pin).ok
    assert "content-encoding" not in http.get("/v1/proofs/units", params=query, headers=stage.token("proof")).headers


def test_absence_is_proved_to_officers_and_to_nobody_else(stage: Stage, http: httpx.Client) -> None:
    absent = {"code": f"(01){stage.batch.gtin}(10){stage.recalled.lot}(21)NOSUCHUNIT"}
    nolot = {"code": f"(01){stage.batch.gtin}(10)NOLOT(21)NOSUCHUNIT"}
    bodies = set()
    for query in (absent, nolot):
        response = http.get("/v1/proofs/units", params=query)
        assert (response.status_code, response.json()["code"]) == (404, "unit_unknown")
        bodies.add(response.json()["detail"])
    assert len(bodies) == 1
    assert http.get("/v1/proofs/units", params=absent, headers=stage.token("scan")).status_code == 404
    proved = http.get("/v1/proofs/units", params=absent, headers=stage.token("proof"))
    assert proved.status_code == 200, proved.text
    report = check_evidence(proved.content, pin=stage.ledger.founding.pin, salt=stage.recalled.salt)
    assert report.ok


def test_every_entry_has_a_proof(stage: Stage, http: httpx.Client) -> None:
    size = http.get("/v1/ledger").json()["entries"]
    for index in range(min(size, 10)):
        proof = http.get(f"/v1/proofs/entries/{index}")
        assert check_evidence(proof.content, pin=stage.ledger.founding.pin).ok, index
    beyond = http.get("/v1/proofs/entries/1000000")
    assert (beyond.status_code, beyond.json()["code"]) == (404, "entry_missing")
    assert http.get("/v1/proofs/entries/-1").status_code == 400


def test_a_code_without_a_serial_names_nothing_to_prove(stage: Stage, http: httpx.Client) -> None:
    for code in (stage.batch.gtin, "HELLO"):
        response = http.get("/v1/proofs/units", params={"code": code})
        assert (response.status_code, response.json()["code"]) == (400, "no_serial")


def test_the_ledger_says_what_to_compare(stage: Stage, http: httpx.Client) -> None:
    ledger = http.get("/v1/ledger").json()
    assert ledger["founding_pin"] == stage.ledger.founding.pin.hex()
    assert "somebody other than this server" in ledger["compare_out_of_band"]
    assert ledger["checkpoint"].startswith(stage.ledger.founding.origin)
    assert ledger["anchored"]["state"] == "final"


def test_participants_are_listed_with_their_prefixes(stage: Stage, http: httpx.Client) -> None:
    members = http.get("/v1/participants").json()["participants"]
    aurora = next(member for member in members if member["name"] == "Aurora")
    assert (aurora["role"], aurora["prefixes"]) == ("manufacturer", ["9521234"])
    assert http.get(f"/v1/participants/{aurora['address']}").json() == aurora
    assert http.get("/v1/participants/0x00").status_code == 404
