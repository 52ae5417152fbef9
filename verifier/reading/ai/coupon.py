"""Coupon codes: AI 8110 and AI 8112, digits whose fields tell their own lengths.

GS1 US, North American Coupon Application Guideline; GS1 General Specifications 3.9.21, 3.9.23.
"""

from __future__ import annotations

from verifier.reading.ai.dates import day

_OFFER = 6  # digits of an offer code, and what a length indicator of a company prefix or serial adds to


class _Wrong(Exception):
    """What is wrong, in words."""


class _Digits:
    """Takes one field after the other."""

    def __init__(self, text: str) -> None:
        if not (text.isascii() and text.isdigit()):
            raise _Wrong("a coupon holds digits only")
        self._rest = text

    def take(self, length: int, what: str) -> str:
        if len(self._rest) < length:
            raise _Wrong(f"it ends inside its {what}")
        taken, self._rest = self._rest[:length], self._rest[length:]
        return taken

    def one_of(self, allowed: str, what: str) -> str:
        if (digit := self.take(1, what)) not in allowed:
            raise _Wrong(f"its {what} is {digit}, expected one of {allowed}")
        return digit

    def counted(self, allowed: str, more: int, what: str) -> str:
        """A field after the digit that gives its length, minus `more`."""
        return self.take(int(self.one_of(allowed, f"length of the {what}")) + more, what)

    def begins(self, field: str) -> bool:
        """Whether the optional field of this number comes now; takes its number."""
        if not self._rest.startswith(field):
            return False
        self._rest = self._rest[1:]
        return True

    def end(self) -> None:
        if self._rest:
            raise _Wrong(f"got {self._rest!r} behind its last field")


def coupon_code(text: str) -> str | None:
    """What is wrong with a value of AI 8110, or None."""
    try:
        digits = _Digits(text)
        digits.counted("0123456", _OFFER, "company prefix")
        digits.take(_OFFER, "offer code")
        digits.counted("12345", 0, "save value")
        _requirement(digits)
        if digits.begins("1"):
            digits.one_of("0123", "rule for further purchases")
            _further_purchase(digits)
        if digits.begins("2"):
            _further_purchase(digits)
        _dates(digits)
        if digits.begins("5"):
            digits.counted("0123456789", _OFFER, "serial number")
        if digits.begins("6"):
            digits.counted("1234567", _OFFER, "retailer")
        if digits.begins("9"):
            digits.one_of("01256", "save value code")
            digits.one_of("012", "item of the save value")
            digits.take(1, "store flag")
            digits.one_of("01", "flag against multiplying")
        digits.end()
    except _Wrong as wrong:
        return str(wrong)
    return None


def coupon_offer(text: str) -> str | None:
    """What is wrong with a value of AI 8112, or None."""
    try:
        digits = _Digits(text)
        digits.one_of("01", "format")
        digits.counted("0123456", _OFFER, "funder")
        digits.take(_OFFER, "offer code")
        digits.counted("0123456789", _OFFER, "serial number")
        digits.end()
    except _Wrong as wrong:
        return str(wrong)
    return None


def _requirement(digits: _Digits) -> None:
    digits.counted("12345", 0, "purchase requirement")
    digits.one_of("012349", "purchase requirement code")
    digits.take(3, "family code")


def _further_purchase(digits: _Digits) -> None:
    _requirement(digits)
    if (length := digits.one_of("01234569", "length of the company prefix")) != "9":
        digits.take(int(length) + _OFFER, "company prefix")


def _dates(digits: _Digits) -> None:
    expiry = start = None
    if digits.begins("3"):
        expiry = digits.take(6, "expiry date")
    if digits.begins("4"):
        start = digits.take(6, "start date")
    for date in (expiry, start):
        if date is not None and (wrong := day(date)):
            raise _Wrong(wrong)
    if expiry is not None and start is not None and start > expiry:
        raise _Wrong("it expires before it starts")
