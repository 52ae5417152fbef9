"""A stranger: a process with only files, the founding pin, and the verifier. It knows no server, no home and no key.

Reads questions as JSON from standard input, `[{"file": …, "pin": …, "code": … or null}]`, and answers each with the
verifier's report.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from verifier.evidence.evidence import check_evidence
from verifier.reading.reading import ReadCode, read


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """The report on one file."""
    reading = read(question["code"]) if question["code"] is not None else None
    report = check_evidence(
        Path(question["file"]).read_bytes(),
        pin=bytes.fromhex(question["pin"]),
        code=reading.code if isinstance(reading, ReadCode) else None,
    )
    return report.to_json()


if __name__ == "__main__":
    print(json.dumps([answer(question) for question in json.load(sys.stdin)]))
