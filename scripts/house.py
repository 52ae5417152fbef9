#!/usr/bin/env python3
"""Draw the house: its rooms from the ground up, how large each is, and which imports lead from room to room.

    python scripts/house.py [ROOT] [--json]

A room is a package, or a module that lies in none but the top one. Every import counts: at the top of a module, inside
a function, and under TYPE_CHECKING. `tests/test_house.py` holds the rooms to their order. Exits with 1 when rooms or
modules import each other in a circle.
"""

from __future__ import annotations

import ast
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

TOP = ("verifier", "ledger", "api")
HALLS = {*TOP, "ledger.services", "api.cli"}
"""Packages that only hold rooms: a module that lies right in one is a room by itself."""


def modules(root: Path, top: Iterable[str] = TOP) -> dict[str, Path]:
    """Module name to file, for everything below the named folders."""
    files = sorted(file for name in top for file in (root / name).rglob("*.py"))
    return {".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def room_of(module: str, packages: Iterable[str]) -> str:
    """The room that a module lies in: the nearest package below a hall, or the module itself."""
    parts = module.split(".")
    halls = [".".join(parts[:end]) for end in range(1, len(parts) + 1) if ".".join(parts[:end]) in HALLS]
    depth = len(halls[-1].split(".")) + 1 if halls else 1
    room = ".".join(parts[:depth])
    return room if room in packages else module


def imports(file: Path, known: Mapping[str, Path]) -> set[str]:
    """The modules of ours that a file imports anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (names & known.keys()) or {node.module}
    return found & known.keys()


class House:
    """A checkout's modules, rooms, and the arrows between them."""

    def __init__(self, root: Path) -> None:
        self.files = modules(root)
        packages = {name for name, file in self.files.items() if file.name == "__init__.py"}
        self.room = {name: room_of(name, packages) for name in self.files}
        self.imports = {name: imports(file, self.files) - {name} for name, file in self.files.items()}
        self.arrows: Counter[tuple[str, str]] = Counter()
        for name, imported in self.imports.items():
            self.arrows.update((self.room[name], self.room[other]) for other in imported)
        self.arrows = Counter({arrow: n for arrow, n in self.arrows.items() if arrow[0] != arrow[1]})

    def rooms(self) -> list[str]:
        """Rooms from the ground up: none imports one that stands after it. Raises CycleError."""
        graph: dict[str, set[str]] = {room: set() for room in self.room.values()}
        for room, other in self.arrows:
            graph[room].add(other)
        return list(TopologicalSorter(graph).static_order())

    def circle(self) -> list[str] | None:
        """Modules that import each other, or None."""
        try:
            TopologicalSorter(self.imports).prepare()
        except CycleError as error:
            return list(error.args[1])
        return None

    def within(self, top: str) -> int:
        """How many pairs of rooms below one folder have an arrow."""
        return sum(1 for room, other in self.arrows if room.split(".")[0] == other.split(".")[0] == top)

    def to_json(self) -> dict[str, object]:
        """Rooms from the ground up, each with its size and its arrows, and the arrows inside each top folder."""
        return {
            "rooms": [
                {
                    "room": room,
                    "files": len(mine := [self.files[name] for name, of in self.room.items() if of == room]),
                    "lines": sum(len(file.read_text().splitlines()) for file in mine),
                    "imports": {other: n for (of, other), n in sorted(self.arrows.items()) if of == room},
                }
                for room in self.rooms()
            ],
            "arrows": {top: self.within(top) for top in TOP},
        }


def main(arguments: list[str]) -> int:
    """Print the drawing; 1 when there is a circle."""
    plain = [argument for argument in arguments if argument != "--json"]
    house = House(Path(plain[0]) if plain else Path(__file__).parent.parent)
    if (circle := house.circle()) is not None:
        print("a circle of imports: " + " -> ".join(circle))
        return 1
    try:
        drawing = house.to_json()
    except CycleError as error:
        print("a circle of rooms: " + " -> ".join(error.args[1]))
        return 1
    if "--json" in arguments:
        print(json.dumps(drawing))
        return 0
    for row in drawing["rooms"]:  # type: ignore[attr-defined]
        down = ", ".join(f"{other} {n}" for other, n in row["imports"].items())
        print(f"{row['room']:28} {row['files']:3} files {row['lines']:5} lines  {'-> ' + down if down else ''}")
    for top, n in drawing["arrows"].items():  # type: ignore[attr-defined]
        print(f"{top}: {n} arrows between its rooms")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
