"""The content of a batch's labels: the symbol, its text for each unit, and the signatures, which are kept for
reprints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from api.cli.base.links import check_label_base
from api.cli.base.output import Out
from verifier.errors import Refused

if TYPE_CHECKING:
    from api.cli.maker.batch_folder import BatchFolder, KeptBatch
    from ledger.home import Home
    from ledger.services.units.symbol import Symbol


class SymbolName(StrEnum):
    """What is printed: a QR code, or a DataMatrix."""

    QR = "qr"
    DATAMATRIX = "datamatrix"


@dataclass(frozen=True, slots=True)
class Prints:
    """What goes on paper: the symbol, a text for each serial, and the signatures that the texts bear.

    `base_url` is None where the texts are element strings and lead nowhere.
    """

    symbol: Symbol
    serials: Sequence[str]
    texts: Sequence[str]
    borne: Mapping[str, str]
    base_url: str | None


def prints_of(
    home: Home,
    folder: BatchFolder,
    kept: KeptBatch,
    serials: Sequence[str],
    asked: SymbolName | None,
    base_url: str | None,
    out: Out,
) -> Prints:
    """The texts to print: links, or element strings for a DataMatrix that bears no signature.

    A declared carrier bears the signature, which only a link has a place for; so a DataMatrix that was declared holds
    the link, and one that was not is a GS1 DataMatrix. Raises Malformed (`base_url`), Refused (`label_closed`).
    """
    from ledger.services.units.symbol import Symbol, element_string

    symbol = _symbol(kept, asked, out)
    borne = symbol.value in kept.label_carriers
    if symbol is Symbol.DATAMATRIX and not borne:
        texts = [element_string(kept.gtin, kept.lot, serial) for serial in serials]
        return Prints(symbol, serials, texts, {}, None)
    base = base_url or home.settings.base_url
    check_label_base(base or kept.base_url, base is not None, out)
    codes = codes_of(folder, kept, out) if borne else {}
    links = list(_links(base or kept.base_url, kept, serials, codes))
    return Prints(symbol, serials, links, codes, base or kept.base_url)


def _symbol(kept: KeptBatch, asked: SymbolName | None, out: Out) -> Symbol:
    """The symbol that was asked for, else a declared one."""
    from ledger.services.units.symbol import Symbol

    declared = kept.label_carriers
    if asked is None:
        if len(declared) > 1:
            out.note(f"declared are {' and '.join(declared)}: these are qr; --symbol datamatrix makes the others")
        return Symbol.DATAMATRIX if declared == (Symbol.DATAMATRIX.value,) else Symbol.QR
    if declared and asked.value not in declared:
        out.warn(f"these labels bear no signature: the registration declared {' and '.join(declared)} for it")
    return Symbol(asked.value)


def codes_of(folder: BatchFolder, kept: KeptBatch, out: Out) -> dict[str, str]:
    """The printed signatures of all units: kept ones, else made now and kept before anything is printed."""
    codes = folder.codes()
    if codes is not None or not kept.label_carriers:
        return codes or {}
    key = folder.label_key()
    if key is None:
        raise Refused("couldn't sign labels: the label key is not here any more", code="label_closed")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from verifier.reading.label import sign_label

    private, log_id, serials = Ed25519PrivateKey.from_private_bytes(key.seed), kept.log_id, folder.serials()

    def signed() -> Iterator[tuple[str, str]]:
        with out.progress("signing labels") as progress:
            for done, serial in enumerate(serials, start=1):
                yield serial, sign_label(private, bytes.fromhex(log_id), kept.gtin, kept.lot, serial)
                if done % 1_000 == 0:
                    progress(done, len(serials))

    folder.keep_codes(signed())
    return folder.codes() or {}


def _links(base_url: str, kept: KeptBatch, serials: Sequence[str], codes: Mapping[str, str]) -> Iterator[str]:
    from verifier.reading.digital_link import format_digital_link

    for serial in serials:
        yield format_digital_link(base_url, kept.gtin, kept.lot, serial, codes.get(serial))
