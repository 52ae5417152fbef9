"""The demo's world: a ledger of three countries with makers, batches, recalls, thefts and weeks of scans.

Everything happens as in a real ledger: authorities sign admissions that the registry contract counts, makers sign on
their own side, officers' scans are judged and kept. Only the times of the scans are set in the past.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from api.demo.cast import BATCHES, COUNTRIES, MEMBERS, ORIGIN, Batch, BatchPlan, Member
from api.demo.history import plant_history
from api.demo.maker import Run, make_gtin, make_run, recall, register, retirement, signature_of_another_key
from api.demo.state import DemoState, Label
from api.demo.witnesses import create, wait_for_quorum
from ledger.home import Home
from ledger.keys.store import EvmKey, KeyStore
from ledger.opened import Ledger
from ledger.ports import Report
from ledger.services.record.append import now_ms
from ledger.services.record.founding import FoundingPlan
from ledger.services.units.serial import generate
from ledger.wiring.founding import found_ledger
from ledger.wiring.writer import LOG_KEY
from verifier.reading.element_string import format_element_string
from verifier.record.batch import RetireReason
from verifier.record.founding import Authority
from verifier.record.participant import name_commitment
from verifier.record.statement import Domain, Proposal, header, sign

LABELS = 24
"""Fresh labels kept ready for the page."""


def found(home: Home, base_url: str, report: Report) -> None:
    """Found the demo's ledger in an empty home. Raises Refused (`founded`), Unavailable."""
    home.create()
    DemoState().save(home.path)  # if we stop from here on, the next start sees a demo that is not complete
    keys = KeyStore(home.keys)
    log_key = keys.create_ed25519(LOG_KEY).note_key(ORIGIN).verifier
    operator = keys.create_evm("operator")
    authorities = tuple(
        Authority(
            keys.create_evm(f"authority-{country.lower()}").address,
            country,
            keys.create_evm(f"authority-{country.lower()}-recovery").address,
        )
        for country in COUNTRIES
    )
    plan = FoundingPlan(ORIGIN, authorities, log_key, operator.address, create(home.path, log_key))
    found_ledger(home, plan, approver(keys, list(COUNTRIES)[:2]), base_url, report)


def plant(ledger: Ledger, report: Report) -> DemoState:
    """Admit the cast, register the batches, make statements about them, and plant some weeks of scans.

    1. participants; 2. batches; 3. recall, theft, sale; 4. scans, once witnesses have seen all this; 5. anchor.
    Registrations come first, so that no later statement names a leaf that a forger of an old entry would change.
    """
    keys = KeyStore(ledger.home.keys)
    for country in COUNTRIES:  # 1
        keep_authority_name(ledger, keys.load_evm(f"authority-{country.lower()}").address, country)
    accounts = {member.key: admit(ledger, keys, member) for member in MEMBERS}
    report(
        f"{len(COUNTRIES)} authorities admitted {len(MEMBERS)} participants, two of three countries agreeing each time"
    )
    runs: dict[Batch, Run] = {}
    for plan in BATCHES:  # 2
        runs[plan.batch] = _register(ledger, accounts[plan.maker.key], plan)
    report(f"{len(runs)} batches with {sum(len(run.serials) for run in runs.values()):,} units registered")
    _say(ledger, accounts, runs)  # 3
    state = DemoState(codes=_codes(runs), labels=_labels(runs[Batch.HERO]))
    ledger.publish()
    if wait_for_quorum(ledger):  # or the past scans would be judged as awaiting witnesses
        report("two countries' witnesses cosigned the log")
    scans = plant_history(ledger, state, runs)  # 4
    ledger.anchor_now()  # 5
    size = ledger.signed()
    report(f"{scans} scans of the last weeks planted; {size.size if size else 0} entries signed and anchored")
    return replace(state, complete=True)


def approver(
    keys: KeyStore, countries: Sequence[str]
) -> Callable[[Proposal, Mapping[str, Any], Domain], Sequence[str]]:
    """The signatures of the named countries' authorities over a proposal."""

    def approve(kind: Proposal, body: Mapping[str, Any], domain: Domain) -> Sequence[str]:
        return [sign(kind, body, domain, keys.load_evm(f"authority-{c.lower()}").secret) for c in countries]

    return approve


def decide(ledger: Ledger, keys: KeyStore, kind: Proposal, body: Mapping[str, Any]) -> None:
    """Have two of three countries sign a proposal, the contract execute it, and the log mirror it."""
    assert ledger.evm is not None  # noqa: S101  (the demo opens its chain)
    # Issued a little earlier, because a block's time is whole seconds and may lie behind ours.
    full = {**header(now_ms() - 2_000), **body}
    approve = approver(keys, list(COUNTRIES)[:2])
    ledger.evm.execute(kind, full, approve(kind, full, ledger.founding.domain))


def admit(ledger: Ledger, keys: KeyStore, member: Member) -> EvmKey:
    """Admit a member under a fresh key, with its company prefix."""
    key, salt = keys.create_evm(member.key), secrets.token_bytes(32)
    body = {
        "participant": key.address,
        "role": int(member.role),
        "country": member.country,
        "nameHash": "0x" + name_commitment(salt, member.name).hex(),
    }
    decide(ledger, keys, Proposal.PARTICIPANT_ADMITTED, body)
    if member.prefix is not None:
        decide(ledger, keys, Proposal.PREFIX_GRANTED, {"holder": key.address, "prefix": member.prefix})
    assert ledger.mirror is not None  # noqa: S101
    ledger.mirror.sync()
    ledger.participants.keep_name(key.address, member.name, salt)
    return key


def keep_authority_name(ledger: Ledger, address: str, country: str) -> None:
    """Authorities stand in entry 0 without a name; for people they get one beside the log."""
    ledger.participants.keep_name(address, f"Customs of {COUNTRIES[country]} (demo)", secrets.token_bytes(32))


def _register(ledger: Ledger, maker: EvmKey, plan: BatchPlan) -> Run:
    serials = [f"{plan.lot[1:]}-{n:05d}" for n in range(1, plan.units + 1)] if plan.imported else generate(plan.units)
    run = make_run(ledger, make_gtin(plan.maker.prefix or "", plan.item), plan.lot, serials)
    register(ledger, maker, run, imported=plan.imported, markets=plan.markets, expires=plan.expires())
    return run


def _say(ledger: Ledger, accounts: Mapping[str, EvmKey], runs: Mapping[Batch, Run]) -> None:
    solmire = accounts["solmire"]
    route = ledger.batches.find_lot(runs[Batch.ROUTE].gtin, runs[Batch.ROUTE].lot)
    recalled = ledger.batches.find_lot(runs[Batch.RECALLED].gtin, runs[Batch.RECALLED].lot)
    serials = runs[Batch.ROUTE].serials
    ledger.batches.change(recall(ledger, solmire, recalled, "preservative below its specification"))
    ledger.batches.change(retirement(ledger, solmire, route, RetireReason.STOLEN, serials[20:32]))
    ledger.batches.change(retirement(ledger, solmire, route, RetireReason.SOLD, serials[10:16]))


def _codes(runs: Mapping[Batch, Run]) -> dict[str, str]:
    """The text of every planted case; a path where it is a Digital Link."""
    hero, route, bearing, imported = (runs[b] for b in (Batch.HERO, Batch.ROUTE, Batch.BEARING, Batch.IMPORTED))
    gtin = hero.gtin
    wrong_digit = gtin[:-1] + str((int(gtin[-1]) + 3) % 10)
    glued = format_element_string(imported.gtin, None, imported.serials[416]) + "10" + imported.lot
    return {
        "clean": hero.link(hero.serials[-1]),
        "copied": route.link(route.serials[0]),
        "other-market": bearing.link(bearing.serials[0]),
        "sold": route.link(route.serials[10]),
        "expired": runs[Batch.EXPIRED].link(runs[Batch.EXPIRED].serials[0]),
        "recalled": runs[Batch.RECALLED].link(runs[Batch.RECALLED].serials[0]),
        "stolen": route.link(route.serials[20]),
        "forged-label": signature_of_another_key(hero, hero.serials[-2]),
        "invented": f"/01/{gtin}/10/{hero.lot}/21/{generate(1)[0]}",
        "foreign": "/01/05012345678900/10/L18/21/7H2K9QX",
        "website": "https://win-a-prize.example/solmire?id=4711",
        "check-digit": f"/01/{wrong_digit}/10/{hero.lot}/21/{hero.serials[-1]}",
        "separator": glued,
    }


def _labels(run: Run) -> tuple[Label, ...]:
    return tuple(Label(run.gtin, run.lot, serial, run.link(serial)) for serial in run.serials[:LABELS])
