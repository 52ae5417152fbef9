"""Registering a batch on the maker's side. Only the segment and a signed statement leave it; serials never do.

1. check what the batch says about itself; 2. keep serials, salt and label key; 3. build the segment; 4. sign and keep
the statement; 5. send the segment, then the statement; 6. keep the receipt and its proof. After an interruption the
same command continues where it stopped. The same file again returns the first receipt.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from api.cli.base.output import Out
from api.cli.base.reach import Reach
from api.cli.maker.batch_folder import BatchFolder, KeptBatch, fingerprint, siblings
from ledger.keys.file import write_file
from ledger.services.record.append import now_ms
from ledger.services.units.segment import SegmentBuilt, build
from ledger.services.units.serial import generate, space_bits
from verifier.errors import CarnetError, Malformed, NotFound, Refused
from verifier.record.batch import HIDDEN_BITS, SerialSource, check_registration, may_publish_salt
from verifier.record.statement import Kind, Statement, header, parse_statement, sign
from verifier.record.struct import ZERO32
from verifier.segment.view import salt_commitment

if TYPE_CHECKING:
    from ledger.keys.store import Ed25519Key, EvmKey


@dataclass(frozen=True, slots=True)
class Order:
    """A batch to register. `serials` is None when they are to be generated: `count` of `length` characters."""

    gtin: str
    lot: str
    key: EvmKey
    serials: Sequence[str] | None
    count: int
    length: int
    markets: tuple[str, ...]
    expires: str
    carriers: tuple[str, ...]
    allow_repeats: bool = False


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered batch as kept in its folder, and whether it was so before."""

    kept: KeptBatch
    again: bool


def earlier(folder: BatchFolder, order: Order) -> Registered | None:
    """The receipt of an earlier registration of the same batch, from this home alone; None if there is none.

    Raises Refused (`lot_registered`, `batch_unfinished`) when this lot was registered or begun otherwise.
    """
    kept = folder.kept()
    if kept is None:
        return None
    same = order.serials is not None and fingerprint(order.serials) == kept.serials
    if kept.receipt is not None:
        if other := _differences(kept, order, same):
            raise _taken(order, f"from this home, as entry {kept.receipt['entry']}, with {', '.join(other)}")
        return Registered(kept, again=True)
    if order.serials is not None and not same:
        raise Refused(
            f"couldn't register lot {order.lot}: a registration with other serials was begun and not finished; "
            f"repeat that one, or remove {folder.path} if nothing of it was printed",
            code="batch_unfinished",
        )
    return None


def register(folder: BatchFolder, order: Order, to: Reach, out: Out) -> Registered:
    """Register a batch, or continue an interrupted registration.

    Raises Malformed, Refused (`lot_registered`, and the ledger's own), Unavailable.
    """
    kept = folder.kept()
    if kept is None:
        kept = _begin(folder, order, to, out)
    else:
        out.note("going on with the registration that was begun")
    return Registered(_finish(folder, kept, order, to, out), again=False)


def _begin(folder: BatchFolder, order: Order, to: Reach, out: Out) -> KeptBatch:
    """Everything up to the signed statement; nothing has been sent then."""
    with suppress(NotFound):  # 1
        found = to.batch(f"{order.gtin}/{order.lot}")
        _check_withdrawn(found)
        raise _taken(order, f"as entry {found['entry']}")
    serials = order.serials if order.serials is not None else _generated(order, out)
    if not order.allow_repeats:
        _check_repeats(folder, order, serials)
    try:
        label = folder.begin(serials, label=bool(order.carriers))  # 2
        salt = secrets.token_bytes(32)
        built = _build(folder, order, serials, salt, out)  # 3
        body = _body(order, built.n, built.root, salt, label)
        statement = _signed(body, order.key, to)
        kept = KeptBatch(
            gtin=order.gtin,
            lot=order.lot,
            unit_count=built.n,
            segment_root=built.root.hex(),
            salt=salt.hex(),
            serials=fingerprint(serials),
            log_id=to.domain.log_id.hex(),
            base_url=to.base_url,
            label_carriers=order.carriers,
            statement=statement.to_json(),
        )
        folder.keep(kept)  # 4
    except BaseException:
        folder.discard()
        raise
    # If we stop here, the same command finds the statement and sends it; the ledger takes it once.
    return kept


def _finish(folder: BatchFolder, kept: KeptBatch, order: Order, to: Reach, out: Out) -> KeptBatch:
    """Send the segment and the statement; keep the receipt."""
    if kept.log_id != to.domain.log_id.hex():
        raise Refused(
            f"couldn't register lot {kept.lot}: it was signed for another ledger; remove {folder.path}",
            code="other_log",
        )
    statement, salt, root = parse_statement(kept.statement), bytes.fromhex(kept.salt), bytes.fromhex(kept.segment_root)
    if not folder.segment.exists():
        _build(folder, order, folder.serials(), salt, out)
    try:
        with out.progress("sending the segment") as progress:
            to.put_segment(folder.segment, root, kept.unit_count, progress)  # 5
        try:
            receipt = to.register(statement, salt)
        except Refused as error:
            if error.code != "expired":
                raise
            # It was never taken, or its receipt would have come back whatever its age.
            statement = _signed({**statement.body, **header(now_ms())}, order.key, to)
            kept = replace(kept, statement=statement.to_json())
            folder.keep(kept)
            receipt = to.register(statement, salt)
    except (Refused, Malformed):
        folder.discard()  # a clear no: nothing of this batch exists anywhere
        raise
    kept = replace(kept, receipt=receipt)
    folder.keep(kept)  # 6
    folder.segment.unlink(missing_ok=True)
    try:
        write_file(folder.proof, to.entry_proof(int(receipt["entry"])))
    except CarnetError as error:
        out.note(f"the proof is not here yet: {error}; `carnet batch show` fetches it")
    return kept


def check_standing(kept: KeptBatch, to: Reach) -> None:
    """Check that a batch registered before still counts. Raises Refused (`batch_withdrawn`), NotFound, Unavailable."""
    _check_withdrawn(to.batch(str(kept.batch_id)))


def check_order(order: Order) -> None:
    """Refuse what the ledger would refuse, before any work is done. Raises Malformed."""
    count = len(order.serials) if order.serials is not None else order.count
    check_registration({**_body(order, count, bytes(32), bytes(32), None), "labelCarriers": []})


def _check_withdrawn(found: Mapping[str, Any]) -> None:
    if found["withdrawn"]:
        raise Refused(
            f"couldn't register lot {found['lot']} of GTIN {found['gtin']}: this registration was withdrawn; "
            "use another lot",
            code="batch_withdrawn",
        )


def _differences(kept: KeptBatch, order: Order, same_serials: bool) -> list[str]:
    """How an earlier registration differs, in words."""
    body = kept.statement["body"]
    pairs = {
        "markets": (body["markets"], list(order.markets)),
        "expiry date": (body["expires"], order.expires),
        "label carriers": (list(kept.label_carriers), list(order.carriers)),
    }
    other = [] if same_serials else ["other serials"]
    return other + [
        f"other {name} ({_said(before)} then, {_said(now)} now)"
        for name, (before, now) in pairs.items()
        if before != now
    ]


def _said(value: str | Sequence[str]) -> str:
    return (value if isinstance(value, str) else " ".join(value)) or "none"


def _check_repeats(folder: BatchFolder, order: Order, serials: Sequence[str]) -> None:
    """A serial in two lots of one product is answered `lot_mismatch`. Raises Refused (`serials_repeated`)."""
    others = siblings(folder, order.gtin)
    if not others or (order.serials is None and space_bits(order.length) >= HIDDEN_BITS):  # made too rare to repeat
        return
    own = set(serials)
    for sibling in others:
        repeated = [serial for serial in sibling.serials() if serial in own]
        if repeated:
            raise Refused(
                f"couldn't register lot {order.lot}: {len(repeated)} of its {len(own)} serials are those of lot "
                f"{sibling.known().lot} of the same GTIN, the first one {repeated[0]}; every scan of them would "
                "answer Check further. --allow-repeats registers them all the same",
                code="serials_repeated",
            )


def _generated(order: Order, out: Out) -> list[str]:
    out.note(f"generating {order.count} serials of {order.length} characters")
    return generate(order.count, order.length)


def _build(folder: BatchFolder, order: Order, serials: Sequence[str], salt: bytes, out: Out) -> SegmentBuilt:
    folder.segment.unlink(missing_ok=True)  # of an interrupted run: it may be cut short
    with out.progress("building the segment") as progress:
        return build(order.gtin, order.lot, serials, salt, folder.segment, progress=progress)


def _body(order: Order, n: int, root: bytes, salt: bytes, label: Ed25519Key | None) -> dict[str, Any]:
    source = SerialSource.GENERATED if order.serials is None else SerialSource.IMPORTED
    bits = space_bits(order.length) if order.serials is None else 0
    publish = n > 0 and may_publish_salt(source, bits, n)
    return {
        **header(now_ms()),
        "gtin": order.gtin,
        "lot": order.lot,
        "unitCount": str(n),
        "segmentRoot": "0x" + root.hex(),
        "saltCommitment": "0x" + salt_commitment(salt).hex(),
        "salt": "0x" + salt.hex() if publish else ZERO32,
        "serialSource": int(source),
        "serialSpaceBits": bits,
        "labelKey": "0x" + label.public.hex() if label is not None else ZERO32,
        "labelCarriers": sorted(order.carriers),
        "markets": sorted(order.markets),
        "expires": order.expires,
    }


def _signed(body: Mapping[str, Any], key: EvmKey, to: Reach) -> Statement:
    signature = sign(Kind.BATCH_REGISTERED, body, to.domain, key.secret)
    return Statement(Kind.BATCH_REGISTERED, body, key.address, signature)


def _taken(order: Order, how: str) -> Refused:
    return Refused(
        f"couldn't register lot {order.lot} of GTIN {order.gtin}: it is registered already {how}",
        code="lot_registered",
    )
