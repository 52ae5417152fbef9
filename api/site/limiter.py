"""Rate limits: a moving window for each class of requests and each address, token or session."""

from __future__ import annotations

import math
from collections.abc import Mapping

from limits import RateLimitItem, RateLimitItemPerDay, parse
from limits.strategies import FixedWindowRateLimiter

from api.site.rate_store import RateStore
from api.site.settings import ApiSettings, Rate


class Limiter:
    """Counts in this process's memory: one process writes a ledger and serves it."""

    def __init__(self, settings: ApiSettings) -> None:
        self._store = storage = RateStore()
        self._budgets = FixedWindowRateLimiter(storage)
        items: Mapping[Rate, RateLimitItem] = {rate: parse(settings.rate(rate)) for rate in Rate}
        self._windows = {rate: (item.amount, item.get_expiry()) for rate, item in items.items()}
        self._policies = {
            rate: f'"{rate.value}";q={most};w={seconds}' for rate, (most, seconds) in self._windows.items()
        }
        self._address_budget = RateLimitItemPerDay(settings.upload_mib_address)
        self._whole_budget = RateLimitItemPerDay(settings.upload_mib_all)

    def most(self, rate: Rate) -> int:
        """How many requests of a class pass in a window."""
        return self._windows[rate][0]

    def remaining(self, rate: Rate, key: str) -> int:
        """How many more requests of a class pass now."""
        most, seconds = self._windows[rate]
        return most - self._store.get_moving_window(f"{rate.value}/{key}", most, seconds)[1]

    def hit(self, rate: Rate, key: str, cost: int = 1) -> tuple[bool, dict[str, str]]:
        """Count `cost` requests, or none; whether they may pass, and the headers that say where their caller stands.

        Headers as draft-ietf-httpapi-ratelimit-headers writes them, Retry-After as RFC 9110 10.2.3.
        """
        most, seconds = self._windows[rate]
        passes, reset, held = self._store.count(f"{rate.value}/{key}", most, seconds, cost)
        wait = max(1, math.ceil(reset))
        headers = {
            "RateLimit-Policy": self._policies[rate],
            "RateLimit": f'"{rate.value}";r={most - held};t={wait}',
        }
        if not passes:
            headers["Retry-After"] = str(wait)
        return passes, headers

    def take_upload(self, address: str, mib: int) -> bool:
        """Take MiB out of today's budget of an address and of everybody; False, and nothing taken, if it is used up."""
        budgets = self._uploads(address)
        if not all(self._budgets.test(budget, "upload", key, cost=mib) for budget, key in budgets):
            return False  # asked first: `hit` takes out of a budget also when it says no
        return all(self._budgets.hit(budget, "upload", key, cost=mib) for budget, key in budgets)

    def give_back_upload(self, address: str, mib: int) -> None:
        """Put MiB back that were taken and of which nothing is kept."""
        for budget, key in self._uploads(address):
            self._store.decr(budget.key_for("upload", key), mib)

    def _uploads(self, address: str) -> tuple[tuple[RateLimitItem, str], tuple[RateLimitItem, str]]:
        return ((self._address_budget, address), (self._whole_budget, "all"))
