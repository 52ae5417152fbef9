"""Retiring units on the maker's side. The new set includes all units reported before, so it is put together here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from api.cli.base.output import Out
from api.cli.base.reach import Reach
from api.cli.maker.batch_folder import BatchFolder
from ledger.keys.store import KeyStore
from ledger.services.record.append import now_ms
from ledger.services.units.segment import build_from_keys
from verifier.errors import Refused
from verifier.reading.gs1 import parse_serial
from verifier.record.batch import KEYS_IN_ENTRY, RetireReason
from verifier.record.statement import STRUCTS, Kind, Statement, header, sign
from verifier.record.struct import ZERO32
from verifier.segment.view import KEY_SIZE, UnitKeys

if TYPE_CHECKING:
    from ledger.home import Home

_SHOWN = 20  # strange serials that a message names


def retire(
    home: Home,
    ledger: Reach,
    batch: str,
    reason: str,
    serials: Sequence[str],
    key: str,
    out: Out,
    doubtful: Callable[[], None],
) -> dict[str, Any]:
    """Report units sold, destroyed or stolen; returns the command's answer.

    `doubtful` settles doubts about the serials. It is called if the batch's own serials are not here to compare with.

    Raises Malformed, Refused (`salt_missing`, `retired_unknown`, and the ledger's own), Unavailable.
    """
    found = ledger.batch(batch)
    folder = BatchFolder.of(home, found["gtin"], found["lot"])
    if folder.kept() is None:
        doubtful()
    _check_known(folder, serials)
    salt = _salt(folder, ledger, found["id"])
    keys = set(_keys(found, salt, serials))
    # Serials stand in the order they were reported. An undo takes the newest report away, so what is in force now
    # is always the first so many of them.
    count = found["retired"].get(reason, 0)
    reported = folder.retired(reason)[:count]
    before = ledger.retired_keys(found["id"], reason)
    if before is None:
        before = _keys(found, salt, reported)
        if len(before) != count:
            raise Refused(
                f"couldn't retire units: the ledger knows {count} {reason} ones and this home {len(before)}; "
                "report from the home that reported those",
                code="retired_unknown",
            )
    fresh, keys = keys - set(before), keys | set(before)
    if not fresh:
        standing = (found.get("in_force") or {}).get(reason)
        where = f", in entry {standing['entry']}" if standing else ""
        raise Refused(f"couldn't retire units: all of them are {reason} already{where}", code="retired_already")
    signer = KeyStore(home.keys).load_evm(key)
    root = _send_segment(home, ledger, keys, out) if len(keys) > KEYS_IN_ENTRY else None
    body = {
        **header(now_ms()),
        "batch": found["id"],
        "reason": int(RetireReason[reason.upper()]),
        "keys": [] if root else ["0x" + one.hex() for one in sorted(keys)],
        "unitCount": str(len(keys)),
        "segmentRoot": "0x" + root.hex() if root else ZERO32,
        "supersedes": found["heads"][reason],
    }
    STRUCTS[Kind.UNITS_RETIRED].check(body)
    signature = sign(Kind.UNITS_RETIRED, body, ledger.domain, signer.secret)
    receipt = ledger.change(Statement(Kind.UNITS_RETIRED, body, signer.address, signature))
    if folder.kept() is not None and len(reported) == count:
        folder.keep_retired(reason, list(dict.fromkeys([*reported, *serials])))
    return {
        "batch": found["id"],
        "reason": reason,
        "added": len(fresh),
        "total": len(keys),
        "entry": receipt["entry"],
        "receipt": receipt,
    }


def _check_known(folder: BatchFolder, serials: Sequence[str]) -> None:
    """If the batch's serials are here, name unknown ones before anything is signed."""
    if folder.kept() is None:
        return
    known = set(folder.serials())
    strange = [serial for serial in dict.fromkeys(serials) if serial not in known]
    if strange:
        named = ", ".join(strange[:_SHOWN]) + (f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else "")
        raise Refused(f"couldn't retire units: not of this batch: {named}", code="unit_unknown")


def _salt(folder: BatchFolder, ledger: Reach, batch_id: str) -> bytes:
    kept = folder.kept()
    salt = bytes.fromhex(kept.salt) if kept is not None else ledger.salt(batch_id)
    if salt is None:
        raise Refused(
            "couldn't name the units: the batch's salt is not published, and its folder is not in this home",
            code="salt_missing",
        )
    return salt


def _keys(found: dict[str, Any], salt: bytes, serials: Sequence[str]) -> list[bytes]:
    derived = UnitKeys(salt, found["gtin"], found["lot"]).derive([parse_serial(serial) for serial in serials])
    return [derived[at : at + KEY_SIZE] for at in range(0, len(derived), KEY_SIZE)]


def _send_segment(home: Home, ledger: Reach, keys: set[bytes], out: Out) -> bytes:
    """Build the set of units as a segment and bring it to the ledger; returns its root."""
    home.create()
    path = home.batches / f".retired-{now_ms()}.seg"
    try:
        built = build_from_keys(keys, len(keys), path)
        with out.progress("sending the units") as progress:
            ledger.put_segment(path, built.root, built.n, progress)
    finally:
        path.unlink(missing_ok=True)
    return built.root
