"""GS1 Digital Links: codes written as web addresses, and the paths of them that a server receives.

GS1 Digital Link: URI Syntax 1.2 (cited as DL). Values are escaped in the path and compared unescaped. The address is
read as text; nothing here or behind it opens one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from urllib.parse import quote, unquote_to_bytes

from verifier.errors import Malformed
from verifier.reading.ai.rule import RULES
from verifier.reading.element_string import check_element, check_pairs
from verifier.reading.gs1 import Carrier, CodeForm, Gtin, UnitCode, parse_gtin, parse_lot, parse_serial

SIGNATURE_KEY = "s"
"""The query key of the label signature. It holds a non-digit, as DL 4.9.1 asks of extensions."""

# DL 4.4: all lower or all capital, nothing between; user names in front of a host only serve to mislead
_ADDRESS = re.compile(r"(?:https?|HTTPS?)://(?P<host>[^/?#@\\\s]+)(?P<path>/[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?")
_BASE = re.compile(r"https?://[^/?#@\\\s]+(?:/[^/?#\\\s]+)*")
_NOT_IN_LINKS = re.compile(r"[^!-~]")  # RFC 3986 2; the rest of ASCII is read where it should be escaped
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# something that was meant as a GTIN, so that /2024/01/15 stays a date in somebody's web address
_GTIN_ATTEMPT = re.compile(r"(?=(?:\D*\d){7})[0-9A-Za-z]{7,18}|(?=(?:\D*\d){12}).{12,40}")
_QUALIFIED = re.compile(r"/01/[^/]{3,}/(?:10|21|22|235)(?:/|$)")
_KEY = "01"


def format_digital_link(
    base_url: str, gtin: str, lot: str | None, serial: str | None, signature: str | None = None
) -> str:
    """Write the link of a unit, `{base_url}/01/{gtin}/10/{lot}/21/{serial}?s={signature}`.

    `base_url` is a scheme and a host, perhaps with a stem; `gtin` has 14 digits; lot, serial and signature are
    unescaped. Raises Malformed (`base_url`, `dot_segment`, and what the parsers of the values raise).
    """
    link = f"{_checked_base(base_url)}/01/{_path_gtin(gtin)}"
    if lot is not None:
        link += f"/10/{_escape('lot', parse_lot(lot))}"
    if serial is not None:
        link += f"/21/{_escape('serial', parse_serial(serial))}"
    return link if signature is None else f"{link}?{SIGNATURE_KEY}={quote(signature, safe='')}"


def parse_digital_link(text: str, carrier: Carrier = Carrier.TEXT) -> UnitCode:
    """Read the Digital Link of a GTIN with any host and stem.

    Raises Malformed (`scheme`, `digital_link`, `percent`, `attribute`, `duplicate_key`, `element`, `excluded_pair`, and
    what the parsers of GTIN, lot and serial raise).
    """
    return _of_gtin(read_digital_link(text, carrier))


def read_digital_link(text: str, carrier: Carrier = Carrier.TEXT) -> UnitCode | None:
    """The same for any key: None is a well-formed link of something else, such as a pallet (00) or a place (414)."""
    address = _ADDRESS.fullmatch(text)
    if _NOT_IN_LINKS.search(text):
        raise Malformed(
            f"couldn't read the link {_shown(text)}: it holds a blank, a control character or more than ASCII",
            code="charset",
        )
    if not address:
        raise Malformed(
            f"couldn't read the link {_shown(text)}: expected http or https in all small or all capital letters, "
            "a host and a path",
            code="scheme",
        )
    return _parse(address["path"], address["query"] or "", carrier)


def parse_digital_link_path(
    raw_path: bytes | str, query: bytes | str = "", carrier: Carrier = Carrier.TEXT
) -> UnitCode:
    """Read the path and query of a Digital Link as they came over the wire, still escaped, with or without a stem.

    An escaped slash belongs to a value, so a path that a server has already unescaped will not do. Raises as
    `parse_digital_link` does, save `scheme`.
    """
    return _of_gtin(_parse(_text(raw_path), _text(query), carrier))


def _of_gtin(code: UnitCode | None) -> UnitCode:
    if code is None:
        raise Malformed("couldn't read the link: its key is another one than /01/ with a GTIN", code="digital_link")
    return code


def _parse(path: str, query: str, carrier: Carrier) -> UnitCode | None:
    """1. the key and its pairs; 2. their values; 3. the query; 4. what they ask of each other. None: another key."""
    segments = path.split("/")
    if segments[-1] == "" and len(segments) > 2:
        segments.pop()  # a resolver should tolerate one slash at the end (GS1 Conformant Resolver 1.0)
    start = _find_key(segments)  # 1
    if start is None:
        raise Malformed(
            "couldn't read the link: its path has no /01/ with a GTIN and pairs of qualifiers behind it",
            code="digital_link",
        )
    key = segments[start]
    values = _qualifiers(key, segments[start + 2 :])  # 2
    value = _unescape("gtin" if key == _KEY else key, segments[start + 1])
    if key != _KEY:
        check_element(key, value)
    gtin = _path_gtin(value) if key == _KEY else None
    signature, attributes = _parse_query(query, key, values)  # 3
    check_pairs({key: value} | values | attributes)  # 4
    if gtin is None:
        return None
    extra = values | attributes
    lot, serial = extra.pop("10", None), extra.pop("21", None)
    return UnitCode(
        gtin=gtin,
        lot=None if lot is None else parse_lot(lot),
        serial=None if serial is None else parse_serial(serial),
        signature=signature,
        carrier=carrier,
        form=CodeForm.DIGITAL_LINK,
        extra=extra,
    )


def is_digital_link(text: str) -> bool:
    """Whether a text is a web address meant as the link of a GTIN, well formed or not."""
    path = re.split(r"[?#]", text, maxsplit=1)[0]
    if not re.match(r"https?:", path, re.IGNORECASE):
        return False
    if _QUALIFIED.search(path):
        return True
    segments = path.split("/")
    return any(key == _KEY and _GTIN_ATTEMPT.fullmatch(_ESCAPE.sub("0", value)) for key, value in pairwise(segments))


def shows_another_key(text: str) -> bool:
    """Whether a text is a web address with the sound value of another key than a GTIN, whatever else is wrong in it."""
    address = _ADDRESS.fullmatch(text)
    segments = address["path"].removesuffix("/").split("/") if address else ()
    start = _find_key(segments)
    if start is None or segments[start] == _KEY:
        return False
    try:
        check_element(segments[start], unescape(segments[start + 1]))
    except Malformed:
        return False
    return True


def unescape(text: str) -> str:
    """Undo percent escapes, strictly: a plus stays a plus. Raises Malformed (`percent`, `charset`)."""
    if "%" not in text and text.isascii():
        return text
    if _BROKEN_ESCAPE.search(text):
        raise Malformed(f"couldn't read {_shown(text)}: a % without two hex digits behind it", code="percent")
    try:
        return unquote_to_bytes(text).decode("ascii")
    except UnicodeDecodeError as error:
        raise Malformed(f"couldn't read {_shown(text)}: it holds more than ASCII", code="charset") from error


def _find_key(segments: Sequence[str]) -> int | None:
    """Where the rightmost key stands that keeps pairs of AI and value to the end (DL 4.7: stems may look alike)."""
    for i in range(len(segments) - 2, -1, -2):
        if (rule := RULES.get(segments[i])) is None:
            return None
        if rule.qualifiers is not None:
            return i
    return None


def _qualifiers(key: str, segments: Sequence[str]) -> dict[str, str]:
    """The values behind a key. DL 4.8: one of its sequences in its order, each AI at most once."""
    ais = list(segments[::2])
    sequences = RULES[key].qualifiers or ()
    if ais and not any(ais == [ai for ai in sequence if ai in ais] for sequence in sequences):
        expected = " or ".join(", ".join(sequence) for sequence in sequences) or "none"
        raise Malformed(
            f"couldn't read the link: got qualifiers {', '.join(map(_shown, ais))} behind {key}, "
            f"expected {expected} in this order",
            code="digital_link",
        )
    values = {ai: _unescape(ai, value) for ai, value in zip(ais, segments[1::2], strict=True)}
    for ai, value in values.items():
        check_element(ai, value)
    return values


def _parse_query(query: str, root: str, values: Mapping[str, str]) -> tuple[str | None, dict[str, str]]:
    """Return the label signature and the AIs; other keys are extensions that are none of ours."""
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        key, equals, value = part.partition("=")
        if key != SIGNATURE_KEY and not (equals and key.isascii() and key.isdigit()):
            continue
        if key in found:
            raise Malformed(f"couldn't read the link: its query holds {_shown(key)} twice", code="duplicate_key")
        # in a query, a plus is a space (HTML forms); neither is in base32, and CSET 82 has no space
        found[key] = unescape(value.replace("+", " "))
        if key != SIGNATURE_KEY:
            _check_attribute(key, found[key], root, values)
    return found.pop(SIGNATURE_KEY, None), found


def _check_attribute(key: str, value: str, root: str, values: Mapping[str, str]) -> None:
    """DL 4.9: a key of digits only is an AI that may stand in a query and has no place in this path."""
    rule = RULES.get(key)
    fits = any(key in sequence and values.keys() <= set(sequence) for sequence in RULES[root].qualifiers or ())
    if rule is not None and (not rule.query or key == root or key in values or fits):
        raise Malformed(f"couldn't read the link: AI {key} belongs in its path, not in its query", code="attribute")
    check_element(key, value)


def _path_gtin(text: str) -> Gtin:
    if len(text) != 14 and text.isascii() and text.isdigit():  # DL 4.5.1: shorter GTINs are padded by who writes
        raise Malformed(
            f"couldn't read the GTIN: got {len(text)} digits behind /01/, expected 14", code="gtin_length", at="gtin"
        )
    return parse_gtin(text)


def _escape(name: str, value: str) -> str:
    if value in (".", ".."):  # browsers drop such path segments, escaped or not (WHATWG URL 4.1)
        raise Malformed(f"couldn't write the {name} {value!r} as a link: browsers drop it", code="dot_segment", at=name)
    return quote(value, safe="")


def _unescape(key: str, segment: str) -> str:
    try:
        return unescape(segment)
    except Malformed as error:
        error.at = {"10": "lot", "21": "serial"}.get(key, key)
        raise


@lru_cache(maxsize=16)
def _checked_base(base_url: str) -> str:
    base = base_url.removesuffix("/")
    if not _BASE.fullmatch(base):
        raise Malformed(
            f"couldn't use the base URL {_shown(base_url)}: expected http(s)://host, perhaps with a path",
            code="base_url",
        )
    return base


def _text(raw: bytes | str) -> str:
    return raw.decode("latin-1") if isinstance(raw, bytes) else raw


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
