"""Who may call what: one declared table. A route that is not in it cannot be made.

Callers: everybody; makers, who need no account because every statement they send is signed (what the signature
allows is decided by `verifier.record.rights`); officers and operators, by a session or an API token with a scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.site.settings import MIB, Rate
from ledger.services.scans.token import Scope


@dataclass(frozen=True, slots=True)
class Rule:
    """What one route asks of its caller.

    `needs`: the scope without which there is no entry. `more`: a scope that gets a fuller answer on an open route.
    `signed`: the body carries a maker's signature. `page`: made for browsers, so who is not signed in is sent to do so.
    `shared`: pages of other sites may read it too, since it shows nothing of who is signed in.
    `body`: the largest request body in bytes; `takes`: its media types, any if there are none.
    """

    rate: Rate
    needs: Scope | None = None
    more: Scope | None = None
    signed: bool = False
    page: bool = False
    shared: bool = False
    body: int = 0
    takes: tuple[str, ...] = ("application/json",)

    @property
    def public(self) -> bool:
        """Whether everybody may call it."""
        return self.needs is None


STATEMENT_BODY = 128 * 1024
"""Bytes of a signed statement in JSON: an entry holds 65,535, escapes may double it."""
STATEMENTS_BODY = 4 * MIB
"""Bytes of up to 1,000 statements in JSON: a registration takes 1.3 KiB, a report of 64 units 5 KiB."""
SCAN_BODY = 16 * 1024
"""Bytes of one scan in JSON or a form: the longest QR code holds 4,296 characters."""
PHOTO_BODY = 12 * MIB
"""Bytes of a photograph with its form; a phone's JPEG of 50 megapixels has about 10 MiB."""
FORM_BODY = 4 * 1024
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")

_PAGE = Rule(Rate.PAGE, page=True)
_SHARED_PAGE = Rule(Rate.PAGE, page=True, shared=True)
_RECORD = Rule(Rate.RECORD, shared=True)
_LOG = Rule(Rate.LOG, shared=True)
_STATUS = Rule(Rate.STATUS)
_OFFICER_PAGE = Rule(Rate.OFFICER, needs=Scope.SCAN, page=True)
_STATEMENT = Rule(Rate.SUBMIT, signed=True, body=STATEMENT_BODY)

TABLE: Mapping[tuple[str, str], Rule] = {
    # printed codes and look-ups
    ("GET", "/01/{rest:path}"): Rule(Rate.LOOKUP, page=True, shared=True),
    ("GET", "/{stem:path}/01/{rest:path}"): Rule(Rate.LOOKUP, page=True, shared=True),
    ("GET", "/v1/verify"): Rule(Rate.LOOKUP, shared=True),
    # pages for everybody
    ("GET", "/"): Rule(Rate.LOOKUP, page=True),
    ("GET", "/participants"): _PAGE,
    ("GET", "/batches/{batch_id}"): _PAGE,
    ("GET", "/ledger"): _PAGE,
    ("GET", "/docs"): _PAGE,
    ("GET", "/openapi.json"): _SHARED_PAGE,
    ("GET", "/problems"): _PAGE,
    ("GET", "/problems/{code}"): _SHARED_PAGE,
    ("GET", "/web/{name}"): _PAGE,
    ("GET", "/favicon.ico"): _PAGE,
    # what is on record
    ("GET", "/v1/ledger"): _RECORD,
    ("GET", "/v1/participants"): _RECORD,
    ("GET", "/v1/participants/{address}"): _RECORD,
    ("GET", "/v1/batches"): _RECORD,
    ("GET", "/v1/batches/{batch_id}"): _RECORD,
    ("GET", "/v1/index"): _RECORD,
    ("GET", "/v1/proofs/entries/{index}"): _RECORD,
    ("GET", "/v1/proofs/units"): Rule(Rate.LOOKUP, more=Scope.PROOF, shared=True),
    ("GET", "/v1/proofs/lots"): Rule(Rate.OFFICER, needs=Scope.PROOF),
    # the published log, for mirrors and strangers' tools
    ("GET", "/log/"): _LOG,
    ("GET", "/log/checkpoint"): _LOG,
    ("GET", "/log/tile/{rest:path}"): _LOG,
    ("GET", "/log/segment/{root}"): _LOG,
    ("GET", "/log/seal/{number}"): _LOG,
    # makers and whoever else signs
    ("HEAD", "/v1/segments/{root}"): Rule(Rate.RECORD),
    ("PUT", "/v1/segments/{root}"): Rule(Rate.UPLOAD, body=2 * 1024 * MIB, takes=()),
    ("POST", "/v1/statements"): Rule(Rate.LINES, signed=True, body=STATEMENTS_BODY),
    ("POST", "/v1/batches"): _STATEMENT,
    ("POST", "/v1/batches/{batch_id}/recall"): _STATEMENT,
    ("POST", "/v1/batches/{batch_id}/retire"): _STATEMENT,
    ("POST", "/v1/undo"): _STATEMENT,
    ("POST", "/v1/index/confirmations"): _STATEMENT,
    # officers
    ("POST", "/v1/scans"): Rule(Rate.OFFICER, needs=Scope.SCAN, body=SCAN_BODY),
    ("POST", "/v1/scans/photo"): Rule(Rate.OFFICER, needs=Scope.SCAN, body=PHOTO_BODY, takes=FORMS),
    ("GET", "/v1/scans/{scan_id}/receipt"): Rule(Rate.OFFICER, needs=Scope.SCAN),
    ("GET", "/v1/batches/{batch_id}/salt"): Rule(Rate.OFFICER, needs=Scope.SALT),
    ("GET", "/officer"): _OFFICER_PAGE,
    ("POST", "/officer"): Rule(Rate.OFFICER, needs=Scope.SCAN, page=True, body=PHOTO_BODY, takes=FORMS),
    ("POST", "/officer/sign-out"): Rule(Rate.SIGN_IN, page=True, body=FORM_BODY, takes=FORMS),
    ("GET", "/officer/sign-in"): Rule(Rate.SIGN_IN, page=True),
    ("POST", "/officer/sign-in"): Rule(Rate.SIGN_IN, page=True, body=FORM_BODY, takes=FORMS),
    # operators
    ("GET", "/v1/tokens"): Rule(Rate.OFFICER, needs=Scope.ADMIN),
    ("POST", "/v1/tokens"): Rule(Rate.OFFICER, needs=Scope.ADMIN, body=FORM_BODY),
    ("DELETE", "/v1/tokens/{token_id}"): Rule(Rate.OFFICER, needs=Scope.ADMIN),
    ("GET", "/v1/sessions"): Rule(Rate.OFFICER, needs=Scope.ADMIN),
    ("DELETE", "/v1/sessions/{session_id}"): Rule(Rate.OFFICER, needs=Scope.ADMIN),
    ("GET", "/metrics"): Rule(Rate.OFFICER, needs=Scope.METRICS),
    ("GET", "/healthz"): _STATUS,
    ("GET", "/readyz"): _STATUS,
}
"""(method, path) -> rule. `docs/spec/api.md` shows it; tests walk it as every kind of caller."""

OPEN_NETWORK: frozenset[tuple[str, str]] = frozenset(
    key
    for key, rule in TABLE.items()
    if rule.public and not rule.signed and key[0] == "GET" and "officer" not in key[1]
)
"""What a listener with `public_only` offers: reading, and nothing that signs in."""
