"""What the demo remembers between starts: its planted codes and which labels have been used. One JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ledger.keys.file import write_file
from verifier.errors import Malformed, NotFound

FILE = "demo.json"
"""In a home: says that it is a demo's, and what was planted."""
FORMAT = "carnet-demo/1"


@dataclass(frozen=True, slots=True)
class Label:
    """A unit's printed code: GTIN-14, lot, serial, and the path of its signed Digital Link."""

    gtin: str
    lot: str
    serial: str
    path: str

    def link(self, base_url: str) -> str:
        """The link that is printed, for a listener's scheme and host."""
        return base_url.rstrip("/") + self.path


@dataclass(frozen=True, slots=True)
class DemoState:
    """The file's content. `codes`: text by case, a path for Digital Links; `labels`: fresh labels for the page.

    `copied` says whether the label on the page, `labels[at]`, has been copied; `complete` whether planting finished.
    """

    codes: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[Label, ...] = ()
    at: int = 0
    copied: bool = False
    complete: bool = False

    @property
    def label(self) -> Label:
        """The label on the page."""
        return self.labels[self.at % len(self.labels)]

    def next_label(self) -> DemoState:
        """With a fresh label on the page."""
        return replace(self, at=self.at + 1, copied=False)

    def text(self, slug: str, base_url: str) -> str:
        """The code of a case as a device would send it."""
        code = self.codes[slug]
        return base_url.rstrip("/") + code if code.startswith("/") else code

    def save(self, folder: Path) -> None:
        """Write the file; durable when it returns."""
        raw = json.dumps({"format": FORMAT, **asdict(self)}, indent=2).encode() + b"\n"
        write_file(folder / FILE, raw)


def load_state(folder: Path) -> DemoState:
    """Read the file. Raises NotFound (`no_demo`), Malformed (`demo_state`)."""
    try:
        value: dict[str, Any] = json.loads((folder / FILE).read_bytes())
        if value.pop("format") != FORMAT:
            raise Malformed(f"couldn't read {folder / FILE}: another version wrote it", code="demo_state")
        labels = tuple(Label(**label) for label in value.pop("labels"))
        return DemoState(labels=labels, **value)
    except FileNotFoundError as error:
        raise NotFound(f"couldn't find a demo in {folder}", code="no_demo") from error
    except (ValueError, TypeError, KeyError) as error:
        raise Malformed(f"couldn't read {folder / FILE}: {error}", code="demo_state") from error
