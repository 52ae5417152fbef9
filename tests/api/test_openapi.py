"""The description of the API is valid by public validators, complete, and true."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.description.openapi import operations, rule_of
from ledger.chain.node import find_node

pytestmark = pytest.mark.node

HOUSE = Path(__file__).parent.parent.parent
SCRIPT = """
import { Validator } from "@seriousme/openapi-schema-validator";
let text = "";
for await (const piece of process.stdin) text += piece;
console.log(JSON.stringify(await new Validator().validate(JSON.parse(text))));
"""


@pytest.fixture(scope="module")
def described(http: httpx.Client) -> dict[str, Any]:
    """What the server says of itself."""
    answer = http.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return dict(answer.json())


def test_the_specification_s_own_rules_hold(described: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(described).iter_errors()) == []


def test_a_second_validator_agrees(described: dict[str, Any]) -> None:
    run = subprocess.run(
        [find_node(), "--input-type=module", "-e", SCRIPT],
        input=json.dumps(described),
        capture_output=True,
        text=True,
        cwd=HOUSE,
        timeout=120,
        check=True,
    )
    assert json.loads(run.stdout) == {"valid": True}


def test_every_example_is_one(described: dict[str, Any]) -> None:
    seen = 0
    for schema, example in examples(described):
        OAS31Validator({**schema, "components": described["components"]}).validate(example)
        seen += 1
    assert seen > 100


def examples(part: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Every schema with an example of it: of a body, of a parameter, or in the schema itself."""
    if isinstance(part, dict):
        schema = part.get("schema")
        if isinstance(schema, dict):
            yield from ((schema, one["value"]) for one in _named(part))
            if "example" in part:
                yield schema, part["example"]
        own = part.get("examples")
        if isinstance(own, list):
            yield from (({k: v for k, v in part.items() if k != "examples"}, one) for one in own)
        for value in part.values():
            yield from examples(value)
    elif isinstance(part, list):
        for value in part:
            yield from examples(value)


def _named(part: dict[str, Any]) -> list[dict[str, Any]]:
    named = part.get("examples")
    return list(named.values()) if isinstance(named, dict) else []


def test_every_part_of_a_path_is_a_parameter(described: dict[str, Any]) -> None:
    for method, path, operation in operations(described):
        declared = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
        assert declared == set(re.findall(r"\{(\w+)\}", path)), (method, path)


def test_who_may_is_said_as_the_table_says(described: dict[str, Any]) -> None:
    assert set(described["components"]["securitySchemes"]) == {"token", "session"}
    for method, path, operation in operations(described):
        rule, scopes = rule_of(method, path), {s for one in operation["security"] for s in one.get("token", ())}
        assert scopes == {scope.value for scope in (rule.needs, rule.more) if scope is not None}, (method, path)
        assert (operation["security"] == []) == (rule.needs is None and rule.more is None)
        assert ({} in operation["security"]) == (rule.more is not None)


def test_every_problem_is_declared(described: dict[str, Any]) -> None:
    for method, path, operation in operations(described):
        rule, responses = rule_of(method, path), operation["responses"]
        expected = {"429", "500", "503", "default"}
        expected |= {"401", "403"} if rule.needs is not None else set()
        expected |= {"413", "415", "400"} if rule.body else set()
        assert expected <= set(responses), (method, path)
        for status, response in responses.items():
            if status[0] in "45" and method != "HEAD" and (method, path, status) != ("GET", "/readyz", "503"):
                faces = {"application/problem+json"} | ({"text/html"} if rule.page else set())
                assert set(response["content"]) == faces, (method, path, status)


def test_it_says_where_it_serves(described: dict[str, Any]) -> None:
    assert [server["url"] for server in described["servers"]] == ["/", "http://127.0.0.1"]


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/v1/undo", "text/plain", 415),
        ("/v1/undo", "application/xml; charset=utf-8", 415),
        ("/v1/undo", "application/JSON; charset=utf-8", 400),
        ("/v1/undo", "application/vnd.carnet+json", 400),
        ("/officer/sign-in", "application/json", 415),
        ("/officer/sign-in", "application/x-www-form-urlencoded", 403),
    ],
)
def test_a_body_of_another_kind_is_415(http: httpx.Client, path: str, kind: str, status: int) -> None:
    headers = {"Content-Type": kind, "Origin": str(http.base_url).rstrip("/"), "Accept": "application/json"}
    answer = http.post(path, content=b"{}", headers=headers)
    assert answer.status_code == status
    if status == 415:
        assert answer.json()["code"] == "media_type"
        assert "/" in answer.headers["accept"]


def test_a_packed_body_is_415(http: httpx.Client) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = http.post("/v1/undo", content=b"\x1f\x8b", headers=headers)
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
