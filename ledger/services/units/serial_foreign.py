"""Files of other kinds that people send instead of serials: recognised by their first bytes, with advice for each."""

from __future__ import annotations

import re

from verifier.errors import Malformed

LOOKED_AT = 4_096
"""Bytes from the beginning that tell what a file is."""

_SAVE_AS = "save the sheet as CSV and send that"
_TAKE_OUT = "take the serials out of it into a text file, one a line"
# an archive of any kind comes after those that are one themselves
_BEGINNINGS: tuple[tuple[bytes, bytes, str, str], ...] = (
    (b"PK\x03\x04", b"xl/", "a spreadsheet (XLSX)", _SAVE_AS),
    (b"PK\x03\x04", b"opendocument.spreadsheet", "a spreadsheet (ODS)", _SAVE_AS),
    (b"PK\x03\x04", b"[Content_Types].xml", "a spreadsheet or another office document", _SAVE_AS),
    (b"PK\x03\x04", b"word/", "a document (DOCX)", _TAKE_OUT),
    (b"PK\x03\x04", b"", "a spreadsheet or another ZIP archive", "save the sheet as CSV, or unpack it, and send that"),
    (b"\xd0\xcf\x11\xe0", b"", "a spreadsheet (XLS) or another old office document", _SAVE_AS),
    (b"%PDF", b"", "a PDF", f"ask for the list that it was made from, or {_TAKE_OUT}"),
    (b"{\\rtf", b"", "a document (RTF)", _TAKE_OUT),
    (b"\x89PNG", b"", "an image (PNG)", "send the serials as text"),
    (b"\xff\xd8\xff", b"", "an image (JPEG)", "send the serials as text"),
    (b"GIF8", b"", "an image (GIF)", "send the serials as text"),
    (b"RIFF", b"WEBP", "an image (WebP)", "send the serials as text"),
    (b"II*\x00", b"", "an image (TIFF)", "send the serials as text"),
    (b"MM\x00*", b"", "an image (TIFF)", "send the serials as text"),
    (b"\x1f\x8b", b"", "compressed (GZIP)", "unpack it and send what is inside"),
    (b"BZh", b"1AY&SY", "compressed (BZIP2)", "unpack it and send what is inside"),
    (b"\xfd7zXZ", b"", "compressed (XZ)", "unpack it and send what is inside"),
    (b"7z\xbc\xaf\x27\x1c", b"", "a 7z archive", "unpack it and send what is inside"),
    (b"Rar!\x1a\x07", b"", "a RAR archive", "unpack it and send what is inside"),
    (b"SQLite format 3", b"", "a database", "export the column of serials as CSV"),
    (b"carnet/segment", b"", "a segment of Carnet", "send the serials that it was built from"),
)
_MOST_ZEROS = 8  # one byte in so many: text without a mark in UTF-16 has one in two, a stray one is a bad row
_EPCIS = re.compile(r"epcis", re.IGNORECASE)
_JSON = re.compile(r'\s*(?:\{\s*(?:"|\}|\Z)|\[\s*(?:[\[{"]|\d+\s*,|\]|\Z))')
# a lone < may begin a serial: only what is a tag, a declaration or a comment is markup
_MARKUP = re.compile(r"\s*<(?:\?xml\b|!DOCTYPE\b|!--|[A-Za-z][\w.:-]*(?:\s[^<>]*)?>)", re.IGNORECASE)
_HTML = re.compile(r"<(?:!DOCTYPE\s+html|html|table|body)\b", re.IGNORECASE)
_EPCIS_ADVICE = (
    "take the serials out of its epcList, one a line: the part behind the last dot of urn:epc:id:sgtin:…, or behind "
    "/21/ of a link"
)


def refuse_foreign(start: bytes) -> None:
    """Refuse a file whose first bytes show that it is no text table. Raises Malformed (`not_csv`)."""
    for magic, inside, kind, advice in _BEGINNINGS:
        if start.startswith(magic) and (inside in start if inside != b"WEBP" else start[8:12] == inside):
            raise _refusal(kind, advice)
    wide = start.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = start.decode("utf-16" if wide else "utf-8-sig", errors="replace")
    if _JSON.match(text):
        raise (
            _refusal("an EPCIS document (JSON)", _EPCIS_ADVICE) if _EPCIS.search(text) else _refusal("JSON", _TAKE_OUT)
        )
    if _MARKUP.match(text):
        if _EPCIS.search(text):
            raise _refusal("an EPCIS document (XML)", _EPCIS_ADVICE)
        if _HTML.search(text):
            raise _refusal("a web page, or a spreadsheet saved as one", _SAVE_AS)
        raise _refusal("XML", _TAKE_OUT)
    if not wide and start.count(0) * _MOST_ZEROS > len(start):
        raise _refusal("no text that is known here: it is full of zero bytes", "send the serials as text in UTF-8")


def _refusal(kind: str, advice: str) -> Malformed:
    return Malformed(
        f"couldn't read the serials: this is {kind}; expected text with one serial a row, alone or as a column of a "
        f"table: {advice}",
        code="not_csv",
    )
