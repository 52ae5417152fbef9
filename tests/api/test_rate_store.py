"""The store behind the rate limits: counts as a plain list would, forgets, and starts no threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import parse
from limits.strategies import MovingWindowRateLimiter

from api.site import rate_store
from api.site.rate_store import RateStore


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    made = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rate_store, "time", made)
        yield made


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30), st.integers(1, 3)), max_size=60))
def test_a_window_counts_as_a_plain_list_would(clock: Clock, hits: list[tuple[str, float, int]]) -> None:
    store, plain = RateStore(), dict[str, list[float]]()
    for key, pause, amount in hits:
        clock.now += pause
        inside = [at for at in plain.get(key, []) if at > clock.now - 60]
        passes = len(inside) + amount <= 5
        plain[key] = inside + [clock.now] * amount * passes
        assert store.acquire_entry(key, 5, 60, amount) is passes
        start, count = store.get_moving_window(key, 5, 60)
        assert count == len(plain[key])
        assert start == (plain[key][0] if plain[key] else clock.now)


def test_addresses_that_came_once_are_forgotten(clock: Clock) -> None:
    store = RateStore()
    for address in range(5_000):
        clock.now += 0.1
        store.acquire_entry(str(address), 10, 60)
    assert len(store) <= 60 / 0.1 + 2


def test_counters_end(clock: Clock) -> None:
    store = RateStore()
    assert store.incr("a", 100, 7) == 7
    clock.now += 99
    assert store.incr("a", 100) == 8
    clock.now += 1
    assert store.get("a") == 0
    assert store.incr("a", 100) == 1
    store.clear("a")
    assert store.get("a") == 0


def test_no_threads_are_started() -> None:
    before = threading.active_count()
    limiter = MovingWindowRateLimiter(RateStore())
    started = time.perf_counter()
    for address in range(3_000):
        limiter.hit(parse("10/minute"), "lookup", str(address))
    assert threading.active_count() <= before
    assert time.perf_counter() - started < 5
