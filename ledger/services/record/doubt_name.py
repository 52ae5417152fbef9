"""The names of doubts about values that are about to be signed, and what each is; `--accept` takes the names."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

KEPT_DIGITS = 15
"""Digits of a number that a spreadsheet keeps; zeros follow. IEEE 754 binary64 holds so many decimal digits exactly."""


class DoubtName(StrEnum):
    """What may have happened to a value before it came here. `ABOUT` says each in words."""

    LOST_ZEROS = "lost_zeros"
    ROUNDED = "rounded"
    GROUPED = "grouped"
    DECIMAL = "decimal"
    DATE = "date"
    NO_VALUE = "no_value"
    TRUTH_VALUE = "truth_value"
    FORMULA = "formula"
    TEXT_MARK = "text_mark"
    QUOTED = "quoted"
    ELEMENT = "element"
    LINK = "link"
    HEADING = "heading"
    GTIN = "gtin"
    TWO_CASES = "two_cases"
    ODD_LENGTH = "odd_length"
    EXPIRED = "expired"
    EXPIRY_UNSAID = "expiry_unsaid"
    NOTICE = "notice"


ABOUT: Mapping[DoubtName, str] = {
    DoubtName.LOST_ZEROS: "digits of different lengths: a spreadsheet takes leading zeros away",
    DoubtName.ROUNDED: f"numbers with nothing but zeros behind digit {KEPT_DIGITS}: a spreadsheet keeps no more digits",
    DoubtName.GROUPED: "a number with its thousands in groups",
    DoubtName.DECIMAL: "a number with a decimal point or comma",
    DoubtName.DATE: "a date or time: a spreadsheet makes one of serials such as JUN1, 6-1 or 12:30",
    DoubtName.NO_VALUE: "a word or sign that stands for no value",
    DoubtName.TRUTH_VALUE: "a truth value",
    DoubtName.FORMULA: "a formula of a spreadsheet",
    DoubtName.TEXT_MARK: "an apostrophe in front, a spreadsheet's mark for text",
    DoubtName.QUOTED: "quotation marks around the value",
    DoubtName.ELEMENT: "an application identifier within the value, as scanners show it",
    DoubtName.LINK: "a web address",
    DoubtName.HEADING: "a heading or a total between the rows",
    DoubtName.GTIN: "the number of a product, which every unit of it has",
    DoubtName.TWO_CASES: "the same letters in capitals and small ones: people and some scanners do not tell them apart",
    DoubtName.ODD_LENGTH: "another length than all the others",
    DoubtName.EXPIRED: "an expiry date that has passed: every unit will be answered with Check further",
    DoubtName.EXPIRY_UNSAID: "an expiry date in the file, while the registration will have none",
    DoubtName.NOTICE: "a notice of a recall that is no http or https address, so that nobody can open it",
}
"""What each doubt is, in words."""
