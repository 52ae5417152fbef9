"""Problems with codes: what each one means."""

from __future__ import annotations

from collections.abc import Mapping

from api.problem.kind import Problem

READING: Mapping[str, Problem] = {
    "gtin_length": Problem(
        400, "Not a GTIN", "A GTIN has 14 digits. If yours lost a leading zero, add it; Carnet does not."
    ),
    "check_digit": Problem(
        400, "Wrong check digit", "The last digit does not fit the others: the number was mistyped or misread."
    ),
    "serial_length": Problem(400, "Serial too long or empty", "1 to 20 characters of GS1 character set 82."),
    "lot_length": Problem(400, "Lot too long or empty", "1 to 20 characters of GS1 character set 82."),
    "charset": Problem(400, "A character that GS1 codes cannot hold", "Letters, digits and the punctuation of set 82."),
    "digital_link": Problem(400, "Not a GS1 Digital Link", "/01/, 14 digits, then /22/, /10/ and /21/ in this order."),
    "scheme": Problem(400, "Not a web address", "A GS1 Digital Link begins with https:// or http:// and a host."),
    "percent": Problem(400, "A % that escapes nothing", "Two hex digits follow every %; a percent sign itself is %25."),
    "dot_segment": Problem(400, "A lot or serial that no link can hold", "Browsers drop . and .. from addresses."),
    "duplicate_key": Problem(400, "The link says one thing twice", "A link's query may hold each key only once."),
    "attribute": Problem(400, "In the wrong part of the link", "Lot, variant and serial stand in the path of a link."),
    "base_url": Problem(
        400, "Not the beginning of a link", "Give https:// and a host, with or without a path, and nothing else."
    ),
    "element": Problem(
        400,
        "A field that GS1's rules refuse",
        "Each application identifier has its length, its characters and at times a check digit, a date or a range.",
    ),
    "element_string": Problem(
        400,
        "Not a GS1 element string",
        "Write application identifiers, each followed by its value, with (01) or 01 first.",
    ),
    "duplicate_ai": Problem(400, "The code says one thing twice", "One application identifier has two values."),
    "excluded_pair": Problem(
        400, "Two fields that exclude each other", "GS1 lists the application identifiers that never stand together."
    ),
    "fragment": Problem(
        400, "Part of a code, or two codes", "Part of the code is missing, or two readings came in as one."
    ),
    "hidden_character": Problem(
        400,
        "An invisible character",
        "Control characters, direction marks and other invisible characters are not allowed.",
    ),
    "empty": Problem(400, "Nothing was read", "There is a symbology identifier, but no data after it."),
    "no_serial": Problem(400, "The code names no item", "It carries no serial, so there is no unit to prove."),
    "label_text": Problem(400, "Not the fields that a label signs", "A label's signature covers GTIN, lot and serial."),
}
"""code -> problem."""
