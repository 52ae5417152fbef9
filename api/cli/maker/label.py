"""carnet label: print what was registered, and close the key that signed it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from api.cli.base.options import HomeOption, JsonOption, ServerOption, one_of, used_home
from api.cli.base.out_file import check_folder, check_suffix
from api.cli.base.output import Out, pairs
from api.cli.maker.label_print import Prints, SymbolName, codes_of, prints_of
from verifier.errors import Malformed, NotFound, Refused, Unavailable

if TYPE_CHECKING:
    from api.cli.maker.batch_folder import BatchFolder, KeptBatch
    from ledger.home import Home

app = typer.Typer(no_args_is_help=True, help="Labels: make them as SVG, PNG, PDF or CSV; close the key that signs.")

FEW = 20
"""Up to this many, labels are made one by one with the mask that scans best; larger print runs use the fast encoder."""

LabelBatch = Annotated[str, typer.Argument(help="GTIN/LOT of a batch registered from this home.", metavar="BATCH")]


class Format(StrEnum):
    """What labels become: a file each, sheets to print, or rows for the printing line."""

    SVG = "svg"
    PNG = "png"
    PDF = "pdf"
    CSV = "csv"


@app.command()
def make(
    batch: LabelBatch,
    out_path: Annotated[
        Path, typer.Option("--out", help="A file, or a folder for several labels as svg or png.", show_default=False)
    ],
    format_: Annotated[
        Format | None,
        typer.Option(
            "--format", metavar="FORMAT", help=f"What to make: {one_of(Format)}. Default: by the suffix of --out."
        ),
    ] = None,
    symbol: Annotated[
        SymbolName | None,
        typer.Option(
            "--symbol",
            metavar="SYMBOL",
            help=f"What to print: {one_of(SymbolName)}. Default: what the registration declared, else qr.",
        ),
    ] = None,
    serial: Annotated[
        list[str] | None, typer.Option("--serial", help="Only this unit; repeat for more. Default: all units.")
    ] = None,
    first: Annotated[int | None, typer.Option("--first", help="Only the first N units.", min=1)] = None,
    sheet: Annotated[str, typer.Option("--sheet", help="Label paper for pdf: a4-24, a4-40 or letter-30.")] = "a4-24",
    start: Annotated[int, typer.Option("--start", help="Labels already used on the first sheet.", min=0)] = 0,
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url",
            help="Scheme and host of the links, if not the ledger's. Plain http, or an address that only this machine "
            "knows, must be named here.",
        ),
    ] = None,
    server: ServerOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make labels. Every code is read back before it is released. Reprints use the codes of the first time.

    The ledger is asked first whether the batch still stands. Labels of a withdrawn batch are refused.
    """
    out, place = Out(json), used_home(home, ledger=False, own=True)
    folder = _folder(place, batch)
    kept = _registered(folder)
    chosen = _chosen(folder.serials(), serial, first)
    format_ = _format(format_, out_path, len(chosen))
    _check_standing(place, server, kept, out)
    prints = prints_of(place, folder, kept, chosen, symbol, base_url, out)
    match format_:
        case Format.CSV:
            files = _write_csv(out_path, kept, prints)
        case Format.PDF:
            files = _write_pdf(out_path, prints, sheet, start, out)
        case Format.SVG | Format.PNG:
            files = _write_images(out_path, prints, format_, out)
    answer = {
        "batch": kept.batch_id,
        "gtin": kept.gtin,
        "lot": kept.lot,
        "format": format_.value,
        "symbol": prints.symbol.value,
        "labels": len(prints.texts),
        "signed": bool(prints.borne),
        "base_url": prints.base_url,
        "files": [str(path) for path in files],
    }
    shown = {**answer, "files": str(out_path)}
    out.answer(answer, pairs(shown))


@app.command()
def close(batch: LabelBatch, home: HomeOption = None, json: JsonOption = False) -> None:
    """Destroy a batch's label key for ever. All codes are generated first, so labels can still be reprinted."""
    out = Out(json)
    folder = _folder(used_home(home, ledger=False, own=True), batch)
    kept = _registered(folder)
    if folder.label_key() is None:
        raise Refused("couldn't close the label key: this batch has none, or it was closed before", code="label_closed")
    codes = codes_of(folder, kept, out)
    folder.close_label()
    answer = {"batch": kept.batch_id, "gtin": kept.gtin, "lot": kept.lot, "closed": True, "codes": len(codes)}
    out.answer(answer, f"closed: nobody can sign another label of {kept.gtin} lot {kept.lot}; {len(codes)} codes kept")


def _folder(home: Home, batch: str) -> BatchFolder:
    from api.cli.base.batch_name import split_batch
    from api.cli.maker.batch_folder import BatchFolder, folders

    if not batch.startswith("0x"):
        return BatchFolder.of(home, *split_batch(batch))
    for folder in folders(home):
        if folder.known().batch_id == batch:
            return folder
    raise NotFound(f"couldn't find batch {batch}: it was not registered from this home", code="batch_not_here")


def _registered(folder: BatchFolder) -> KeptBatch:
    kept = folder.known()
    if kept.receipt is None:
        raise Refused(
            "couldn't make labels: the registration was begun and has no receipt; repeat `carnet batch register`",
            code="batch_unfinished",
        )
    return kept


def _format(asked: Format | None, path: Path, labels: int) -> Format:
    """What to make: as asked, else as the name says. Raises Malformed (`suffix`, `file`) where the two disagree."""
    suffix = path.suffix.lower()
    if asked is None:
        if suffix.removeprefix(".") not in set(Format):
            raise Malformed(
                f"couldn't tell what to make of --out {path}: expected --format, or a name that ends in "
                f"{', '.join('.' + one.value for one in Format)}",
                code="suffix",
                at="out",
            )
        asked = Format(suffix.removeprefix("."))
    single = asked in (Format.PDF, Format.CSV) or (labels == 1 and suffix == f".{asked}")
    if single and suffix != f".{asked}":
        raise Malformed(
            f"couldn't use --out {path}: --format {asked} writes one file; expected a name that ends in .{asked}",
            code="suffix",
            at="out",
        )
    if single:
        check_suffix("--out", path, f".{asked}")
    elif labels == 1:
        check_folder("--out", path, f"{asked} labels")
    else:
        check_folder("--out", path, f"{labels} {asked} labels")
    return asked


def _check_standing(place: Home, server: str | None, kept: KeptBatch, out: Out) -> None:
    """Refuse labels of a withdrawn batch and warn of a recalled one. Raises Refused (`batch_withdrawn`)."""
    from api.cli.base.reach import reach

    try:
        with reach(place, server, None, out) as ledger:
            found = ledger.batch(str(kept.batch_id))
    except (NotFound, Unavailable) as error:  # printing goes on where the ledger is out of reach
        out.warn(f"nobody was asked whether the batch still stands: {error}")
        return
    if found["withdrawn"]:
        raise Refused(
            f"couldn't make labels: the registration of {kept.gtin} lot {kept.lot} was withdrawn; every scan of them "
            "would answer Stop",
            code="batch_withdrawn",
        )
    if found["recall"] is not None:
        out.warn(f"this batch is recalled ({found['recall']['reason']}): every scan of these labels answers Stop")


def _chosen(serials: Sequence[str], named: Sequence[str] | None, first: int | None) -> list[str]:
    if named:
        known = set(serials)
        for serial in named:
            if serial not in known:
                raise NotFound(f"couldn't make a label: serial {serial} is not of this batch", code="unit_unknown")
        serials = named
    return list(serials[:first])


def _write_csv(path: Path, kept: KeptBatch, prints: Prints) -> list[Path]:
    """One row for each label. Element strings are written in brackets, since text files lose separators."""
    from ledger.services.units.symbol import bracketed

    linked = prints.base_url is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("gtin", "lot", "serial", "link" if linked else "element_string", "signature"))
        for serial, text in zip(prints.serials, prints.texts, strict=True):
            shown = text if linked else bracketed(text)
            writer.writerow((kept.gtin, kept.lot, serial, shown, prints.borne.get(serial, "")))
    return [path]


def _write_pdf(path: Path, prints: Prints, paper: str, start: int, out: Out) -> list[Path]:
    from ledger.services.units.sheet import SHEETS, sheet

    if paper not in SHEETS:
        raise Malformed(f"couldn't use --sheet {paper}: expected {', '.join(SHEETS)}", code="sheet")
    with out.progress("laying out labels") as progress:
        data = sheet(
            prints.texts,
            SHEETS[paper],
            symbol=prints.symbol,
            start=start,
            progress=lambda done: progress(done, len(prints.texts)),
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return [path]


def _write_images(path: Path, prints: Prints, format_: Format, out: Out) -> list[Path]:
    from ledger.services.units.label import LabelKind, render, render_run

    kind, texts, symbol = LabelKind(format_.value), prints.texts, prints.symbol
    if len(texts) == 1 and path.suffix.lower() == f".{format_}":
        data = render(texts[0], kind, symbol=symbol)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return [path]
    path.mkdir(parents=True, exist_ok=True)
    few = len(texts) <= FEW
    made = (render(text, kind, symbol=symbol) for text in texts) if few else render_run(texts, kind, symbol=symbol)
    files = []
    with out.progress("making labels") as progress:
        for number, (serial, data) in enumerate(zip(prints.serials, made, strict=True), start=1):
            # numbered as well: on some disks two serials that differ in case would be one file
            files.append(path / f"{number:07d}-{quote(serial, safe='')}.{format_}")
            files[-1].write_bytes(data)
            progress(number, len(texts))
    return files
