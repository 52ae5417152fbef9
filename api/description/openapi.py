"""The OpenAPI description, completed: what the guard asks and answers stands in no route's signature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.answer.schema import ProblemOut
from api.description.examples import EXAMPLE_ANSWER, EXAMPLE_CODE, PROBLEM, PROBLEM_OUT, problems
from api.description.statements import EXAMPLE_ANSWERED
from api.guard.access import TABLE, Rule
from api.guard.guard import SESSION_COOKIE
from ledger.services.scans.token import OFFICER_SCOPES

Json = dict[str, Any]

TAGS = {
    "look up": "Codes, as anybody may ask about them.",
    "record": "What the log says about batches, participants and itself.",
    "proofs": "Files that anybody can check without this server.",
    "published log": "The whole log as files, for mirrors and for tools that are not ours.",
    "makers": "Signed statements. The signature in the body is the only authorisation.",
    "officers": "With a session or an API token.",
    "operators": "Running the server.",
}
"""The sections of the description, in their order."""

_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "An API token; each route names the scope it needs."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": "A browser that signed in by a link; what it posts bears the Origin of this site.",
    },
}
_REST = {
    "name": "rest",
    "in": "path",
    "required": True,
    "description": "Everything behind; its slashes are sent as they are.",
    "schema": {"type": "string"},
}
_RESTS = {"/01/{rest}": EXAMPLE_CODE.partition("/01/")[2], "/log/tile/{rest}": "0/000.p/1"}
_EXAMPLES = {"AnswerOut": EXAMPLE_ANSWER, "StatementsOut": EXAMPLE_ANSWERED}
_TAGGED = ("/log/", "/openapi.json")  # what has an ETag lies below


def completed(described: Json, base_url: str) -> Json:
    """FastAPI's description with servers, security, every parameter of a path and every problem; changed in place."""
    described["servers"] = [{"url": "/", "description": "The server that this description comes from."}]
    if base_url.rstrip("/"):
        described["servers"].append({"url": base_url.rstrip("/"), "description": "Where printed links lead."})
    described["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    described["info"]["license"] = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    parts = described["components"]
    parts["securitySchemes"] = _SCHEMES
    problem = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
    parts["schemas"] |= {**problem.pop("$defs"), "ProblemOut": problem}
    for framework_s in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(framework_s, None)
    for method, path, operation in operations(described):
        _complete(method, path, operation)
    return described


def operations(described: Json) -> Iterator[tuple[str, str, Json]]:
    """Method, path and description of every operation."""
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def rule_of(method: str, path: str) -> Rule:
    """The rule of an operation. OpenAPI leaves converters out of a path; the table has them."""
    return TABLE[method, path.replace("{rest}", "{rest:path}")]


def _complete(method: str, path: str, operation: Json) -> None:
    rule = rule_of(method, path)
    given = operation.setdefault("parameters", [])
    if "{rest}" in path:
        declared = [one for one in given if one["name"] != "rest"]
        operation["parameters"] = [{**_REST, "example": _RESTS[path]}, *declared]
    elif not given:
        del operation["parameters"]
    operation["security"] = _security(rule)
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    for status, response in _of_the_guard(method, path, rule, "{" in path or bool(given)).items():
        if method == "HEAD":  # which has no body, not even a problem's
            response = {"description": response["description"]}
        responses.setdefault(str(status), response)
    for model, example in _EXAMPLES.items():  # put in here: the framework would leave out what is null
        if str(responses.get("200", {}).get("content")).endswith(f"/{model}'}}}}}}"):
            responses["200"]["content"]["application/json"]["example"] = example
    if rule.page:  # two faces each, problems too
        for response in responses.values():
            response.get("content", {})["text/html"] = {"schema": {"type": "string"}}
    operation["responses"] = dict(sorted(responses.items()))


def _security(rule: Rule) -> list[Json]:
    scope = rule.needs or rule.more
    if scope is None:
        return []
    shown: list[Json] = [{"token": [scope.value]}]
    if scope in OFFICER_SCOPES:
        shown.append({"session": []})
    return shown if rule.needs is not None else [{}, *shown]


def _of_the_guard(method: str, path: str, rule: Rule, reads_input: bool) -> dict[int | str, Json]:
    """What every operation of such a rule may answer besides its own."""
    codes = ["rate_limited", "internal", "unavailable"]
    if reads_input or rule.body:
        codes.append("malformed")
    if rule.needs is not None:
        codes += ["unauthenticated", "scope_missing"]
    if rule.body:
        codes += ["too_large", "media_type"]
    if rule.page:
        codes.append("not_acceptable")
    found = problems(*codes)
    if method == "GET" and path.startswith(_TAGGED):
        found |= {304: {"description": "The caller has these bytes."}, **problems("precondition")}
    other = {"description": "Any other problem.", "content": {PROBLEM: {"schema": PROBLEM_OUT}}}
    return {**found, "default": other}
