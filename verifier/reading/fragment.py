"""Fragments: texts that are a piece of one of our codes, or more than one, and so no foreign code.

A scanner that types loses characters at either end, and a person copies a part. Such a text was not read well, whoever
sent it: it says nothing about the item. Only what shows no piece of a code, no application identifiers and no host that
the caller knows is another thing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from verifier.errors import Malformed
from verifier.reading.code_text import Foreign, parse_code
from verifier.reading.gs1 import CodeForm, parse_gtin
from verifier.reading.recoded import packed, plain, recoded
from verifier.reading.symbology import split_symbology

CANONICAL_HOST = "id.gs1.org"
"""The host of GS1's own links (DL 4.12), known to everybody."""

_SHORTEST_CUT = 4  # characters of a host that are enough to know it by; own limit
_MOST_FORMS = 12  # texts that one text may have been before it was written in other forms, one in another; own limit
_SIGNATURE = 40  # letters of a label signature that are enough to know one by; it has 103 (docs/spec/label.md)

_LINK = re.compile(r"https?:/?/?(?P<host>[^/?#\s]*)", re.IGNORECASE)
CUT_SCHEME = re.compile(r"(?:ttps?|tps?|ps?|s)?:?//(?=[^/\s]+/)", re.IGNORECASE)
"""What is left of `https://` when its first characters are gone."""
_LABEL_SIGNATURE = re.compile(rf"(?:^|[?&])s?=[A-X2-9]{{8,}}|^[A-X2-9]{{{_SIGNATURE},}}$", re.IGNORECASE)
_PATH = re.compile(r"(?:^|/)(?:01/\d{8}|(?:10|21|22|235)/[^/?#\s])")
_DATE = re.compile(r"\d{1,4}/\d{1,2}/\d{1,4}|\d+/\d+")
_KEY_IN_BRACKETS = re.compile(r"\(\s*01\s*\)\s*\d{8}|^(?:0?1\)|\))\d{14}\(|^\d?\)[^\s()]+\((?:10|17|21)\)\S")
_FIELDS_IN_BRACKETS = re.compile(r"\((?:01|10|21)\)[^\s()]+\((?:01|10|21)\)\S|^\d{8,14}\((?:10|21)\)\S|^0?\(1\)\d{14}")
_STEM_WITH_KEY = re.compile(r"/01/(\d{14})(?=/)")
_STARTS = ("https://", "urn:epc:id:sgtin:", "urn:epc:tag:sgtin-")
_SHORTEST_START = {"h": 4, "u": 7}  # characters of these that are enough to know one by; own limit
_KEY = re.compile(r"(?<!\d)01[ /]?(\d{14})(?=$|\D|1[01357]|2[12])")
_SGTIN = re.compile(r"(?:^|:)(?:s?gtin(?:-\d+)?:)?\d{6,12}\.\d{1,7}\.|sgtin", re.IGNORECASE)

_AGAIN = "scan or type it again, whole"


def find_fragment(text: str, hosts: Collection[str] = ()) -> str | None:
    """What of a code a text is a piece of, as one sentence, or None when it shows none.

    The text was read and is no code. `hosts` are those that the caller knows, such as the ledger's own; with a port
    where they have one.
    """
    return _find(text, {CANONICAL_HOST, *(host.lower() for host in hosts)}, set())


def _find(text: str, known: Collection[str], seen: set[str]) -> str | None:
    """The same. `seen`: the texts that were looked at already, for one text may be many others in turn."""
    seen.add(text)
    if (link := _LINK.match(text)) is not None:
        return _of_link(text, link["host"].lower(), known)
    if any(start.startswith(text.lower()) and len(text) >= _SHORTEST_START[start[0]] for start in _STARTS):
        return f"couldn't read the code: this is the beginning of one, the rest is missing; {_AGAIN}"
    if cut_scheme(text):
        return f"couldn't read the code: the beginning of its address is missing; {_AGAIN}"
    if _LABEL_SIGNATURE.search(text):
        return f"couldn't read the code: this is the end of a label's link, its beginning is missing; {_AGAIN}"
    if " " not in text and _PATH.search(text) and not _DATE.fullmatch(text):
        return f"couldn't read the code: this is a part of a link, its beginning is missing; {_AGAIN}"
    shown = plain(text)
    if any(_shows_elements(each) or _FIELDS_IN_BRACKETS.search(each) for each in _inside(text)):
        return f"couldn't read the code: something else stands beside its product number; {_AGAIN}"
    if _SGTIN.search(shown):
        return f"couldn't read the code: this is a part of an SGTIN; {_AGAIN}"
    if any(_shows(shown.lower(), host) for host in known):
        return f"couldn't read the code: this is a part of a link; {_AGAIN}"
    for _, written, how in recoded(split_symbology(text)[1]):
        if written in seen or len(seen) >= _MOST_FORMS:
            continue
        if _meant_as_code(written) or _find(written, known, seen):
            return f"couldn't read the code: something is wrong in it or missing. {how}"
    return None


def _meant_as_code(text: str) -> bool:
    """Whether a text is a code or was meant as one. Digits alone would be too easily."""
    try:
        return not isinstance(parse_code(text), Foreign)
    except Malformed:
        return not text.isdigit()


def find_covered(text: str) -> str | None:
    """What a well-formed text hides that says of itself that it names no product, as one sentence; None if nothing.

    It may be a link that names a product in its stem and then something else, or a symbol that announces another
    application and holds a product's code all the same. Whoever prints such a thing must not choose how it is judged.
    """
    if _LINK.match(text) is not None:
        if any(_is_gtin(found[1]) for found in _STEM_WITH_KEY.finditer(urlsplit(text).path)):
            return "couldn't read the code: it names a product and, behind it, another thing; which one is meant?"
        return None
    try:
        code = parse_code(split_symbology(text)[1])
    except Malformed:
        return None
    if isinstance(code, Foreign) or code.form is CodeForm.GTIN:
        return None
    return "couldn't read the code: its symbol announces another application, and it holds a product code"


def _inside(text: str) -> Iterator[str]:
    """A text as a reader would write it, and what is packed into it."""
    yield plain(text)
    yield from packed(text)


def _shows_elements(text: str) -> bool:
    return _KEY_IN_BRACKETS.search(text) is not None or any(_is_gtin(match[1]) for match in _KEY.finditer(text))


def cut_scheme(text: str) -> bool:
    """Whether a text is an address whose first characters are missing."""
    return CUT_SCHEME.match(text) is not None


def _of_link(text: str, host: str, known: Collection[str]) -> str | None:
    if host in known:
        return f"couldn't read the code: this is an address of {host} without a product code; was it cut? {_AGAIN}"
    if not host or any(_cut_at_its_end(text.lower(), one) for one in known):
        return f"couldn't read the code: the end of its address is missing; {_AGAIN}"
    if _LABEL_SIGNATURE.search(text):
        return f"couldn't read the code: a part of the link is missing before its signature; {_AGAIN}"
    address = re.compile(rf"[/\\]{{2}}(?:{'|'.join(map(re.escape, known))})(?![\w.-])", re.IGNORECASE)
    if any(_shows_elements(each) or "urn:epc:id:sgtin:" in each or address.search(each) for each in _inside(text)):
        return f"couldn't read the code: another address stands around it; {_AGAIN}, or open what is inside"
    return None


def _cut_at_its_end(text: str, host: str) -> bool:
    scheme, _, rest = text.partition("://")
    return scheme in ("http", "https") and len(rest) >= _SHORTEST_CUT and host.startswith(rest)


def _shows(text: str, host: str) -> bool:
    """Whether a host stands in a text, whole, or cut at its front and with a path behind it."""
    if re.search(rf"(?<![\w.-]){re.escape(host)}(?![\w.-])", text):
        return True
    first, slash, _ = text.partition("/")
    return bool(slash) and len(first) >= _SHORTEST_CUT and host.endswith(first)


def _is_gtin(digits: str) -> bool:
    try:
        parse_gtin(digits)
    except Malformed:
        return False
    return True
