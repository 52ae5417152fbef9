"""The wiring of a founding: a new ledger in an empty home. Opening one is `ledger.wiring.reader`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ledger.chain.local import open_chain
from ledger.home import Home, LedgerConfig, WitnessAddress
from ledger.keys.vault import FILE, Vault
from ledger.ports import Report
from ledger.services.record.append import Sequencer
from ledger.services.record.checkpoint import Signer
from ledger.services.record.founding import Approve, FoundingPlan, append_founding, set_up_contracts
from ledger.services.record.highest import ask
from ledger.storage.database import open_database
from ledger.storage.log import LogStore
from ledger.storage.migrate import upgrade
from ledger.storage.segment import SegmentStore
from ledger.storage.signed_head import SignedHeadFile
from ledger.wiring.reader import open_ledger
from ledger.wiring.writer import LOG_KEY, cosigners, log_key
from verifier.errors import Refused
from verifier.record.founding import NO_WITNESSES, Founding
from verifier.record.record import Record
from verifier.tree.merkle import Frontier
from verifier.tree.policy import Policy


def found_ledger(
    home: Home,
    plan: FoundingPlan,
    approve: Approve,
    base_url: str,
    report: Report,
    *,
    operator_key: str = "operator",
    witnesses: tuple[WitnessAddress, ...] = (),
) -> Founding:
    """Found a ledger in an empty home whose keys `log` and `operator_key` exist.

    1. contracts; 2. database and entry 0; 3. `ledger.json` with the pin; 4. the mirror and the first anchor.
    Raises Refused (`founded`), Unavailable, Malformed.
    """
    if home.founded:
        raise Refused(f"couldn't found a ledger in {home.path}: there is one already", code="founded")
    _check_unknown(plan, witnesses)
    home.create()
    if not (home.keys / FILE).exists():  # an attempt that the chain cut short has made it
        Vault.create(home.keys)
    with home.writer(), open_chain(home.path, home.chain_rpc, report=report) as evm:
        founding = set_up_contracts(evm, plan, approve, report)  # 1
        engine = open_database(home.database_url)
        upgrade(engine)
        log = LogStore(engine, founding.log_id)
        if log.head().size:
            raise Refused("couldn't found a ledger: the database holds a log of this origin already", code="founded")
        signer = Signer(log, SignedHeadFile(home.signed_head), log_key(home, plan.origin))
        record = Record(SegmentStore(home.segments).open)
        sequencer = Sequencer(log, record, Frontier(), signer)
        append_founding(sequencer, founding)  # 2
        sequencer.close()
        engine.dispose()
        # If we stop before this line, a home without ledger.json remains: found again in an empty folder.
        config = _config(home, record.founding, base_url, operator_key)
        home.save_config(replace(config, witnesses=witnesses))  # 3
    with open_ledger(home, write=True, chain=True) as ledger:
        try:
            ledger.anchor_now()  # 4
        except Refused as refusal:
            # The ledger stands: where authorities keep their keys elsewhere, the operator is named later.
            report(f"not anchored yet: {refusal}")
    report(f"entry 0 has the digest {record.founding.pin.hex()}: tell it to everybody who will verify")
    return record.founding


def _check_unknown(plan: FoundingPlan, addresses: Sequence[WitnessAddress]) -> None:
    """A key that has signed a log of this origin before would show two histories. Raises Refused (`founded`)."""
    policy = Policy.parse(plan.witness_policy) if plan.witness_policy != NO_WITNESSES else None
    asked = cosigners(policy, addresses)
    seen = ask((plan.log_key,), {c.name: c.witness for c in asked}, None, lambda: None)
    for cosigner in asked:
        cosigner.witness.close()
    for head in seen.heads:
        raise Refused(
            f"couldn't found a ledger: {head.holder} has cosigned {head.size} entries under this origin and key",
            code="founded",
        )


def _config(home: Home, founding: Founding, base_url: str, operator_key: str) -> LedgerConfig:
    settings = home.settings
    return LedgerConfig(
        origin=founding.origin,
        base_url=base_url,
        pin=founding.pin.hex(),
        chain_id=founding.chain_id,
        registry=founding.registry,
        anchor=founding.anchor,
        database=settings.database.get_secret_value() if settings.database else None,
        chain_rpc=settings.chain_rpc.get_secret_value() if settings.chain_rpc else None,
        log_key=LOG_KEY,
        operator_key=operator_key,
    )
