"""What an operator can set about the API. Everything has a default that is safe on a public address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MIB = 2**20


class Rate(StrEnum):
    """Classes of requests that are counted apart, so that looking up codes cannot starve registrations."""

    LOOKUP = "lookup"
    PAGE = "page"
    RECORD = "record"
    LOG = "log"
    SUBMIT = "submit"
    LINES = "lines"
    UPLOAD = "upload"
    SIGN_IN = "sign_in"
    STATUS = "status"
    OFFICER = "officer"


RATES: Mapping[Rate, str] = {
    Rate.LOOKUP: "120/minute",
    Rate.PAGE: "240/minute",
    Rate.RECORD: "120/minute",
    Rate.LOG: "6000/minute",
    Rate.SUBMIT: "60/minute",
    Rate.LINES: "3000/minute",
    Rate.UPLOAD: "60/minute",
    Rate.SIGN_IN: "20/minute",
    Rate.STATUS: "240/minute",
    Rate.OFFICER: "600/minute",
}
"""Requests in a moving window, for one address (an IPv6 /64), for OFFICER one token or session.

Own limits: a port's officers and a mobile network's customers share addresses, guessing serials needs 2^64 requests.
"""


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Settings of one listener.

    `base_url`: scheme and host of printed links; https there makes cookies secure. `public_only` leaves out everything
    that needs an account, for a listener on an open network. Upload limits are in MiB for a day: segments nobody refers
    to are swept after one, so they bound what strangers can make us keep. An upload may keep us waiting for
    `upload_seconds`, and a second more for each `upload_rate` bytes that came; `upload_grace` takes the place of the
    former while somebody waits for a place, which nobody does longer than `upload_wait` seconds. Decoding a photograph
    may take 320 MiB of memory, so few are decoded at once.
    """

    base_url: str
    public_only: bool = False
    rates: Mapping[Rate, str] = field(default_factory=dict)
    upload_mib_address: int = 2_048
    upload_mib_all: int = 16_384
    uploads_at_once: int = 4
    upload_seconds: float = 30.0
    upload_rate: int = 64 * 1024
    upload_grace: float = 3.0
    upload_wait: float = 15.0
    photos_at_once: int = 2

    @property
    def secure(self) -> bool:
        """Whether browsers reach this listener over https."""
        return self.base_url.startswith("https://")

    def rate(self, rate: Rate) -> str:
        """The limit of a class, as `limits` writes it: `120/minute`."""
        return self.rates.get(rate, RATES[rate])
