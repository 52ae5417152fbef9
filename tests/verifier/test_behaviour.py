"""Behaviour: what sightings contradict, and what they never do."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.instant import HOUR, MINUTE
from verifier.verdict.behaviour import DISTANCE_FLOOR, LONGEST_JOURNEY, SPEED_LIMIT, Sighting, behaviour, distance_km
from verifier.verdict.reason import Tier

ROTTERDAM = (51.95, 4.14)
MOMBASA = (-4.04, 39.67)
SANTOS = (-23.95, -46.33)

coordinates = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
sightings = st.lists(
    st.builds(
        lambda at, place, country: Sighting(at, country, *(place or (None, None))),
        st.integers(0, 60 * HOUR),
        st.none() | coordinates | st.sampled_from([ROTTERDAM, MOMBASA, SANTOS, (51.95, 4.9), (52.4, 4.14)]),
        st.none() | st.sampled_from(["NL", "KE", "BR"]),
    ),
    max_size=8,
)


def at(hours: float, place: tuple[float, float] | None, country: str | None = None) -> Sighting:
    return Sighting(int(hours * HOUR), country, *(place or (None, None)))


def codes(*seen: Sighting) -> set[str]:
    return {reason.code for reason in behaviour(seen)}


def test_distances_are_those_of_a_globe() -> None:
    assert distance_km(at(0, (0, 0)), at(0, (0, 180))) == pytest.approx(20_015, abs=1)
    assert distance_km(at(0, ROTTERDAM), at(0, MOMBASA)) == pytest.approx(7_112, rel=0.02)
    assert distance_km(at(0, ROTTERDAM), at(0, None)) is None


def test_a_second_country_alone_is_no_more_than_information() -> None:
    reasons = behaviour([at(0, None, "NL"), at(1, None, "KE")])
    assert [(reason.code, reason.tier) for reason in reasons] == [("second_country", Tier.INFO)]


def test_a_leap_says_where_from_where_to_and_in_what_time() -> None:
    (reason,) = behaviour([at(0, ROTTERDAM), at(2, MOMBASA)])
    assert (reason.code, reason.tier, reason.evidence["count"]) == ("impossible_travel", Tier.INSPECT, 1)
    leap = reason.evidence["leaps"][0]
    assert leap["minutes"] == 120
    assert 7_000 < leap["distance_km"] < 7_300


def test_an_airliner_is_possible_and_so_is_a_coarse_position() -> None:
    assert codes(at(0, ROTTERDAM), at(8, MOMBASA)) == set()
    assert codes(at(0, ROTTERDAM), at(0, (51.95, 5.5))) == set()  # 93 km at once: two gates of one port
    assert codes(at(0, ROTTERDAM), at(0, (51.95, 5.7))) == {"impossible_travel"}  # 107 km at once
    assert codes(at(0, None), at(0, MOMBASA)) == set()


def test_sightings_on_the_way_do_not_hide_a_leap() -> None:
    """Three stops, each 60 km and a minute from the next: every step is below the floor, the whole is not."""
    stops = [Sighting(number * MINUTE, None, 50.0 + 0.54 * number, 4.0) for number in range(4)]
    for near in pairwise(stops):
        assert codes(*near) == set()
    assert codes(*stops) == {"impossible_travel"}


@given(seen=sightings)
def test_a_leap_is_found_exactly_where_two_sightings_contradict(seen: list[Sighting]) -> None:
    """Against the slow and obvious way: every pair."""
    expected = False
    for a, b in combinations(seen, 2):
        distance, hours = distance_km(a, b), abs(a.scanned_at - b.scanned_at) / HOUR
        if distance is not None and distance > DISTANCE_FLOOR and distance > SPEED_LIMIT * hours:
            expected = True
    assert ("impossible_travel" in codes(*seen)) == expected


@given(seen=sightings, more=sightings)
def test_more_sightings_never_take_a_contradiction_back(seen: list[Sighting], more: list[Sighting]) -> None:
    assert codes(*seen) <= codes(*seen, *more)


@given(seen=sightings, seed=st.randoms())
def test_the_order_in_which_sightings_came_in_says_nothing(seen: list[Sighting], seed: object) -> None:
    mixed = list(seen)
    seed.shuffle(mixed)  # type: ignore[attr-defined]
    assert codes(*seen) == codes(*mixed)


@given(seen=sightings)
def test_behaviour_never_stops_anything(seen: list[Sighting]) -> None:
    assert {reason.tier for reason in behaviour(seen)} <= {Tier.INFO, Tier.INSPECT}


def test_the_longest_journey_is_half_the_globe_at_the_limit() -> None:
    assert 20 * HOUR < LONGEST_JOURNEY < 20.1 * HOUR
    poles = (90.0, 0.0), (-90.0, 0.0)
    assert codes(at(0, poles[0]), Sighting(LONGEST_JOURNEY - MINUTE, None, *poles[1])) == {"impossible_travel"}
    assert codes(at(0, poles[0]), Sighting(LONGEST_JOURNEY + MINUTE, None, *poles[1])) == set()
