"""The work of a maker's own computer: make the segment, sign the statement, sign the labels. The server sees no key."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from biip.checksums import gs1_standard_check_digit
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.cli.maker.batch_folder import BatchFolder, KeptBatch, fingerprint
from ledger.keys.store import EvmKey
from ledger.opened import Ledger
from ledger.services.record.append import Receipt, now_ms
from ledger.services.units.segment import build
from ledger.services.units.serial import space_bits
from verifier.errors import Refused
from verifier.instant import format_instant
from verifier.reading.digital_link import format_digital_link
from verifier.reading.label import sign_label
from verifier.record.batch import Batch, RetireReason, SerialSource, may_publish_salt
from verifier.record.statement import Kind, Statement, header, sign
from verifier.record.struct import ZERO32
from verifier.segment.view import blind, salt_commitment, unit_key


@dataclass(frozen=True, slots=True)
class Run:
    """One production run as its maker knows it. `salt` and `label_seed`: 32 bytes each."""

    gtin: str
    lot: str
    serials: tuple[str, ...]
    salt: bytes = field(repr=False)
    label_seed: bytes = field(repr=False)
    log_id: bytes

    def link(self, serial: str, base_url: str = "") -> str:
        """The signed Digital Link of a unit; without `base_url` only its path."""
        signature = sign_label(self.label_seed, self.log_id, self.gtin, self.lot, serial)
        link = format_digital_link(base_url or "https://x", self.gtin, self.lot, serial, signature)
        return link if base_url else link.removeprefix("https://x")


def make_gtin(prefix: str, item: int) -> str:
    """The GTIN-14 of an item number under a company prefix."""
    digits = "0" + prefix + str(item).zfill(12 - len(prefix))
    return digits + str(gs1_standard_check_digit(digits))


def make_run(ledger: Ledger, gtin: str, lot: str, serials: Sequence[str]) -> Run:
    """Fresh secrets for a run; its serials and label key are kept where `carnet label` finds them."""
    key = BatchFolder.of(ledger.home, gtin, lot).begin(serials, label=True)
    assert key is not None  # noqa: S101  (asked for)
    return Run(gtin, lot, tuple(serials), secrets.token_bytes(32), key.seed, ledger.founding.log_id)


def registration(
    ledger: Ledger,
    maker: EvmKey,
    run: Run,
    *,
    imported: bool = False,
    markets: Sequence[str] = (),
    expires: str = "",
) -> Statement:
    """Store the run's segment and sign its registration.

    The salt is published only when the serials were generated here and cannot be guessed. Raises Malformed.
    """
    with ledger.segments.scratch() as scratch:
        built = build(run.gtin, run.lot, run.serials, run.salt, scratch)
        ledger.segments.put(built.root, scratch, n=built.n)
    source = SerialSource.IMPORTED if imported else SerialSource.GENERATED
    bits = 0 if imported else space_bits()
    body = {
        **header(now_ms()),
        "gtin": run.gtin,
        "lot": run.lot,
        "unitCount": str(built.n),
        "segmentRoot": "0x" + built.root.hex(),
        "saltCommitment": "0x" + salt_commitment(run.salt).hex(),
        "salt": "0x" + run.salt.hex() if may_publish_salt(source, bits, built.n) else ZERO32,
        "serialSource": int(source),
        "serialSpaceBits": bits,
        "labelKey": "0x" + _public(run.label_seed).hex(),
        "labelCarriers": ["qr"],
        "markets": sorted(markets),
        "expires": expires,
    }
    return signed(ledger, maker, Kind.BATCH_REGISTERED, body)


def register(ledger: Ledger, maker: EvmKey, run: Run, **options: Any) -> Receipt:
    """Sign and register a run; blocks until its entry is under a signed checkpoint. Raises as `Batches.register`."""
    folder, statement = BatchFolder.of(ledger.home, run.gtin, run.lot), registration(ledger, maker, run, **options)
    try:
        receipt = ledger.batches.register(statement, run.salt)
    except Refused:
        folder.discard()
        raise
    folder.keep(_kept(ledger, run, statement, receipt))
    return receipt


def recall(ledger: Ledger, actor: EvmKey, batch: Batch, reason: str) -> Statement:
    """A signed recall, not sent yet."""
    body = {
        "batch": "0x" + batch.id.hex(),
        "reason": reason,
        "noticeUrl": "",
        "supersedes": ledger.batches.heads(batch)["recall"],
    }
    return signed(ledger, actor, Kind.BATCH_RECALLED, body)


def retirement(
    ledger: Ledger,
    actor: EvmKey,
    batch: Batch,
    reason: RetireReason,
    serials: Sequence[str],
    *,
    head: bytes = bytes(32),
    at: int | None = None,
) -> Statement:
    """A signed report that up to 64 units were sold, destroyed or stolen, not sent yet.

    `head`: the leaf it supersedes, zeros for the first report; `at`: when it is signed (ms), now unless given.
    """
    salt = ledger.batches.salt(batch) or b""
    keys = [unit_key(blind(salt, batch.gtin, batch.lot, serial), serial) for serial in serials]
    body = {
        **header(at or now_ms()),
        "batch": "0x" + batch.id.hex(),
        "reason": int(reason),
        "keys": ["0x" + key.hex() for key in sorted(keys)],
        "unitCount": str(len(serials)),
        "segmentRoot": ZERO32,
        "supersedes": "0x" + head.hex(),
    }
    return signed(ledger, actor, Kind.UNITS_RETIRED, body)


def signed(ledger: Ledger, actor: EvmKey, kind: Kind, body: Mapping[str, Any]) -> Statement:
    """Sign a body with the actor's key; a header is added if the body has none."""
    full = {**header(now_ms()), **body}
    return Statement(kind, full, actor.address, sign(kind, full, ledger.founding.domain, actor.secret))


def _kept(ledger: Ledger, run: Run, statement: Statement, receipt: Receipt) -> KeptBatch:
    return KeptBatch(
        gtin=run.gtin,
        lot=run.lot,
        unit_count=len(run.serials),
        segment_root=statement.body["segmentRoot"][2:],
        salt=run.salt.hex(),
        serials=fingerprint(run.serials),
        log_id=run.log_id.hex(),
        base_url=ledger.home.base_url,
        label_carriers=("qr",),
        statement=statement.to_json(),
        receipt={
            "entry": receipt.index,
            "leaf": "0x" + receipt.leaf.hex(),
            "log_size": receipt.size,
            "recorded_at": format_instant(receipt.recorded_at),
            "duplicate": receipt.duplicate,
        },
    )


def _public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def signature_of_another_key(run: Run, serial: str) -> str:
    """The path of a label somebody printed for a registered serial, signed with a key of their own."""
    stranger = Run(run.gtin, run.lot, (serial,), bytes(32), secrets.token_bytes(32), run.log_id)
    return stranger.link(serial)
