"""Files that commands write. If a file's suffix does not fit its format, nothing is written."""

from __future__ import annotations

from pathlib import Path

from verifier.errors import Malformed

KNOWN = frozenset(
    (
        ".pdf", ".svg", ".png", ".csv", ".tsv", ".txt", ".json", ".xml", ".html", ".zip", ".xlsx", ".ods", ".jpg",
        ".jpeg", ".gif", ".webp", ".tif", ".tiff", ".tlog-proof",
    )
)  # fmt: skip
"""Ends of names that say what a file holds. Others, such as that of `labels.v2`, say nothing."""


def check_suffix(option: str, path: Path, expected: str) -> None:
    """Refuse a name that promises another format than `expected` (such as `.json`). Raises Malformed (`suffix`)."""
    suffix = path.suffix.lower()
    if suffix in KNOWN and suffix != expected:
        cause = f"its name ends in {path.suffix}, and what is written is {expected[1:]}"
        raise _wrong(option, path, f"{cause}; expected a name that ends in {expected}", "suffix")
    if path.is_dir():
        raise Malformed(
            f"couldn't use {option} {path}: it is a folder, expected a file", code="file", at=option.strip("-")
        )


def json_file(path: Path | None) -> Path | None:
    """The option `--out` of commands that write JSON. Raises Malformed (`suffix`, `file`)."""
    if path is not None:
        check_suffix("--out", path, ".json")
    return path


def proof_file(path: Path | None) -> Path | None:
    """The option `--proof`: a file, or a folder for a file named by its unit. Raises Malformed (`suffix`)."""
    if path is not None and not path.is_dir():
        check_suffix("--proof", path, ".tlog-proof")
    return path


def check_folder(option: str, path: Path, files: str) -> None:
    """Refuse a name that is a file's, where a folder of `files` is written. Raises Malformed (`suffix`, `file`)."""
    if path.suffix.lower() in KNOWN:
        cause = f"{files} do not go into one file that ends in {path.suffix}; expected a folder"
        raise _wrong(option, path, cause, "suffix")
    if path.exists() and not path.is_dir():
        raise Malformed(
            f"couldn't use {option} {path}: it is a file, expected a folder", code="file", at=option.strip("-")
        )


def _wrong(option: str, path: Path, cause: str, code: str) -> Malformed:
    return Malformed(f"couldn't use {option} {path}: {cause}", code=code, at=option.strip("-"))
