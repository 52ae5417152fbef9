"""From what an authority's officer typed to a proposal: drafted, signed with keys of this home, written or relayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.cli.base.output import Out
from verifier.errors import Malformed
from verifier.instant import SECOND, read_instant

if TYPE_CHECKING:
    from api.cli.authority.proposal import Draft
    from ledger.home import Home
    from verifier.record.statement import Proposal


def finish(place: Home, drafts: Sequence[Draft], keys: Sequence[str] | None, path: Path | None, out: Out) -> None:
    """Sign with the keys that were named, then write the proposal or relay it."""
    from ledger.keys.store import KeyStore

    store = KeyStore(place.keys)
    for name in keys or ():
        drafts = [draft.signed(store.load_evm(name)) for draft in drafts]
    if path is None:
        relayed(place, drafts, out)
        return
    drafts[0].write(path)
    noun = "rules" if "version" in drafts[0].body else "participant"
    steps = [f"carnet {noun} sign FILE --key NAME   (each authority)", f"carnet {noun} relay FILE…"]
    out.answer(described(drafts[0], path), [*drafts[0].lines(), f"written to {path}", *steps])


def relayed(place: Home, drafts: Sequence[Draft], out: Out) -> None:
    """Relay proposals and say what came of it."""
    from api.cli.authority.relay import relay

    answer = relay(place, drafts, out)
    lines = [f"{one['proposal']} in block {one['block_number']}, {one['transaction']}" for one in answer["relayed"]]
    out.answer(answer, [*lines, f"{answer['mirrored']} mirrored into the log"])


def described(draft: Draft, path: Path) -> dict[str, Any]:
    """A proposal file as the command's answer."""
    return {"file": str(path), **draft.to_json(), "signers": draft.signers()}


def draft_of(place: Home, kind: Proposal, body: Mapping[str, Any], name: Mapping[str, str] | None = None) -> Draft:
    """A fresh proposal for this home's ledger, unsigned, valid for seven days. Raises Malformed for a bad field."""
    from api.cli.authority.proposal import Draft
    from ledger.services.record.append import now_ms
    from verifier.record.founding import log_id
    from verifier.record.statement import LIFETIME_LIMIT, STRUCTS, Domain, header

    config = place.config()
    whole = {**header(now_ms(), LIFETIME_LIMIT), **body}
    STRUCTS[kind].check(whole)
    return Draft(kind, whole, Domain(config.chain_id, config.registry, log_id(config.origin)), (), name)


def address_of(place: Home, who: str) -> str:
    """The address that was typed, or that of a key of this home. Raises Malformed, NotFound (`key_unknown`)."""
    if who.lower().startswith("0x"):
        from verifier.record.statement import check_hex

        check_hex("address", who.lower(), 20)
        return who.lower()
    from ledger.keys.store import KeyStore

    key = KeyStore(place.keys).describe(who)
    if key["type"] != "evm":
        raise Malformed(f"couldn't use key {who}: got an ed25519 key, expected evm", code="key_type")
    return str(key["address"])


def parse_prefix(text: str) -> str:
    """A GS1 company prefix. Raises Malformed (`prefix`)."""
    from verifier.record.participant import PREFIX_LENGTHS

    if not (text.isascii() and text.isdigit() and len(text) in PREFIX_LENGTHS):
        raise Malformed(
            f"couldn't read the company prefix: got {text!r}, expected 4 to 12 digits "
            "(a GS1-8 prefix with 00000 before it)",
            code="prefix",
            at="prefix",
        )
    return text


def parse_time(text: str | None) -> int:
    """Milliseconds of a time as people write it, or of the second that began last: the chain counts in seconds."""
    from ledger.services.record.append import now_ms

    if text is None:
        return now_ms() // SECOND * SECOND
    instant = read_instant(text)
    if instant < 0:
        raise Malformed(f"couldn't read the instant {text}: it lies before 1970", code="instant")
    return instant
