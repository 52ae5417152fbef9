"""`python -m bench [name …] [--large] [--repeat N] [--folder DIR] [--json FILE]`"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench import Bench, Figure, benchmarks
from bench.machine import describe


def main() -> int:
    """Run, print, and return 1 if a promise is not kept."""
    known = benchmarks()
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Carnet against its floors.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"which to run: {', '.join(known)} (default: all)")
    parser.add_argument("--large", action="store_true", help="the largest sizes too; takes minutes")
    parser.add_argument("--repeat", type=int, default=5, help="rounds; medians are printed (default: 5)")
    parser.add_argument("--folder", type=Path, default=Path(), help="a folder on the disk to measure (default: here)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"no benchmark is called {unknown[0]!r}, expected {', '.join(known)}")
    if options.repeat < 1:
        parser.error("--repeat must be 1 or more")

    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-") as folder:
        machine = describe(Path(folder))
        for name, value in machine.items():
            print(f"{name:>14}  {value}")
        results = {}
        for name in options.names or known:
            print(f"\n{name}", flush=True)
            own = Path(folder) / name
            own.mkdir()
            bench = Bench(own, options.repeat, options.large, lambda text: print(f"  … {text}", flush=True))
            results[name] = known[name](bench)
            for figure in results[name]:
                print(_line(figure))
    if options.json:
        figures = {name: [_record(figure) for figure in found] for name, found in results.items()}
        options.json.write_text(json.dumps({"machine": machine, "benchmarks": figures}, indent=2) + "\n")
    return int(any(figure.kept is False for found in results.values() for figure in found))


def _line(figure: Figure) -> str:
    line = f"  {figure.name:<44} {figure.value:>12,.3f} {figure.unit:<8}"
    if figure.ratio is not None:
        line += f" {figure.ratio:6.2f} × floor"
    if figure.limit is not None:
        bound = "at least" if figure.at_least else "at most"
        line += f"  ({bound} {figure.limit:g}: {'kept' if figure.kept else 'NOT KEPT'})"
    return line.rstrip()


def _record(figure: Figure) -> dict[str, object]:
    return {
        "name": figure.name,
        "value": figure.value,
        "unit": figure.unit,
        "ratio": figure.ratio,
        "limit": figure.limit,
        "at_least": figure.at_least,
        "kept": figure.kept,
    }


if __name__ == "__main__":
    sys.exit(main())
