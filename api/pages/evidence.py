"""Evidence in words, for the officer's page. The JSON has the same evidence as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from api.answer.words import day, grouped, moment


def in_words(evidence: Mapping[str, Any]) -> list[str]:
    """One line for each thing that a reason rests on."""
    lines = [line for key, value in evidence.items() if value not in (None, "", []) for line in _lines(key, value)]
    return list(dict.fromkeys(lines))


def _lines(key: str, value: Any) -> Iterator[str]:
    match key, value:
        case "leaps", list():
            yield from (_leap(leap) for leap in value)
        case "count", _:
            return  # as many as are listed, up to the newest five
        case _, Mapping() if "scanned_at" in value or "day" in value:
            yield f"{key}: {_sighting(value)}"
        case "at" | "since", str():
            yield f"{key} {moment(value)}"
        case "expires", str():
            yield f"expired on {day(value)}"
        case _, list():
            yield f"{_label(key)}: {', '.join(map(str, value))}"
        case _:
            yield f"{_label(key)}: {str(value).replace('_', ' ') if key not in ('batch', 'notice') else value}"


def _leap(leap: Mapping[str, Any]) -> str:
    return (
        f"{_sighting(leap['from'])}, then {_sighting(leap['to'])}: "
        f"{grouped(leap['distance_km'])} km in {_span(leap['minutes'])}"
    )


def _sighting(value: Mapping[str, Any]) -> str:
    where = value.get("place") or value.get("country") or "an unknown place"
    when = moment(value["scanned_at"]) if "scanned_at" in value else day(value["day"])
    return f"{where} on {when}"


def _span(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02d} min" if hours else f"{rest} min"


def _label(key: str) -> str:
    return {"gs1_office": "GS1 office", "here": "scanned in", "declared": "declared for", "why": "cause"}.get(
        key, key.replace("_", " ")
    )
