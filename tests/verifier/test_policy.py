"""Trust policies: the format line by line, what makes a quorum and since when, and what entry 0 takes of it."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim import ORIGIN, Sim, secret
from tests.verifier.log_example import LOG_VKEY, WITNESS_VKEY
from verifier.errors import Malformed
from verifier.record.entry import CHAIN_START, Entry
from verifier.record.founding import Founding, parse_founding
from verifier.record.statement import Kind
from verifier.tree.note_key import KeyType, SigningKey
from verifier.tree.policy import MAX_POLICY_SIZE, Group, Policy, PolicyLog, PolicyWitness


def vkey(number: int, name: str = "w.example", type_: KeyType = KeyType.COSIGNATURE_V1) -> str:
    return SigningKey(f"{name}/{number}", number.to_bytes(32, "big"), type_).verifier.format()


TWO_LEVELS = f"""# two organisations
log {LOG_VKEY}

\twitness X1  {vkey(1)}
witness X2 {vkey(2)} https://x2.example/
witness X3 {vkey(3)}\t
group X-witnesses 2 X1 X2 X3

witness Y1 {vkey(4)}
witness Y2 {vkey(5)}
group Y-witnesses any Y1 Y2
  # both of them
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
"""The example of the specification."""


def test_the_example_of_the_specification() -> None:
    policy = Policy.parse(TWO_LEVELS)
    assert list(policy.witnesses) == ["X1", "X2", "X3", "Y1", "Y2"]
    assert policy.witnesses["X2"].format() == vkey(2)
    assert policy.named[1].url == "https://x2.example/"
    assert policy.groups[0] == Group("X-witnesses", 2, ("X1", "X2", "X3"))
    assert policy.satisfied({"X1", "X3", "Y2"})
    assert not policy.satisfied({"X1", "Y1", "Y2"})
    assert not policy.satisfied({"X1", "X2", "X3"})
    assert not policy.satisfied({"X1", "X-and-Y", "X-witnesses", "Y-witnesses"})  # a group's name is no witness
    assert policy.quorum_time({"X1": 10, "X2": 30, "X3": 20, "Y1": 5, "Y2": 25}) == 20
    assert policy.quorum_time({"X1": 10, "X2": 30, "Y1": 5}) == 5
    assert policy.quorum_time({"X1": 10, "X2": 30}) is None


def test_no_quorum_is_satisfied_by_nothing_and_has_no_time() -> None:
    policy = Policy.parse("quorum none\n")
    assert policy.satisfied(())
    assert policy.quorum_time({}) is None
    assert policy.format() == "quorum none\n"


def test_names_are_octets() -> None:
    """A Kelvin sign is no K, and a no-break space parts nothing."""
    policy = Policy.parse(f"witness K {vkey(1)}\nwitness \u212a {vkey(2)}\nwitness a\u00a0b {vkey(3)}\nquorum \u212a\n")
    assert not policy.satisfied({"K"})
    assert policy.satisfied({"\u212a"})
    assert list(policy.witnesses)[2] == "a\u00a0b"


def test_a_policy_of_32_logs_witnesses_and_groups_fits() -> None:
    logs = [f"log {vkey(100 + n, 'log.example', KeyType.ED25519)} https://log{n}.example/prefix/" for n in range(32)]
    witnesses = [f"witness w{n} {vkey(1 + n)} https://w{n}.example/prefix/" for n in range(32)]
    groups = ["group g0 any w0", *(f"group g{n} 1 g{n - 1} w{n}" for n in range(1, 32))]
    policy = Policy.parse("\n".join([*logs, *witnesses, *groups, "quorum g31"]) + "\n")
    assert policy.satisfied({"w0"})
    assert Policy.parse(policy.format()) == policy


def test_groups_nested_as_deep_as_the_limit_allows() -> None:
    lines = [f"witness a {vkey(1)}", "group 0 1 a", *(f"group {n} 1 {n - 1}" for n in range(1, 1021))]
    text = "\n".join([*lines, "quorum 1020"]) + "\n"
    assert len(text) > MAX_POLICY_SIZE - 1200
    assert Policy.parse(text).satisfied({"a"})


W1, W2 = f"witness a {vkey(1)}", f"witness b {vkey(2)}"


@pytest.mark.parametrize(
    ("lines", "at", "expected"),
    [
        (["quorom none"], 1, "log, witness, group or quorum"),
        (["", "# fine", "Quorum none"], 3, "log, witness, group or quorum"),
        ([W1, "quorum"], 2, "quorum <name|none>"),
        ([W1, "quorum a b"], 2, "quorum <name|none>"),
        ([W1, "quorum b"], 2, "defined on a line above"),
        (["quorum a", W1], 1, "defined on a line above"),
        ([W1, "quorum a", "quorum a"], 3, "exactly one"),
        (["quorum none", "quorum none"], 2, "exactly one"),
        ([W1, f"witness a {vkey(2)}"], 2, "a name of its own"),
        ([W1, f"witness b {vkey(1)}"], 2, "each key once"),
        ([W1, "witness b " + vkey(1, "other.example")], 2, "each key once"),
        (["witness none " + vkey(1)], 1, "predefined"),
        (["witness a"], 1, "witness <name> <vkey>"),
        ([W1 + " https://a.example b"], 1, "witness <name> <vkey>"),
        (["witness a " + vkey(1, type_=KeyType.ED25519)], 1, "type 0x04"),
        (["witness a " + vkey(1)[:-4]], 1, "a vkey"),
        ([f"log {WITNESS_VKEY}"], 1, "type 0x01"),
        ([f"log {LOG_VKEY}", f"log {LOG_VKEY}"], 2, "each key once"),
        (["log"], 1, "log <vkey>"),
        ([W1, "group g 1"], 2, "group <name>"),
        ([W1, "group g all"], 2, "group <name>"),
        ([W1, W2, "group g 0 a b"], 3, "1 to 2"),
        ([W1, W2, "group g 3 a b"], 3, "1 to 2"),
        ([W1, W2, "group g 01 a b"], 3, "1 to 2"),
        ([W1, W2, "group g +1 a b"], 3, "1 to 2"),
        ([W1, W2, "group g \u0661 a b"], 3, "1 to 2"),
        ([W1, W2, "group g most a b"], 3, "1 to 2"),
        ([W1, "group g any a a"], 2, "each name in one group"),
        ([W1, "group g any a", "group h any a"], 3, "each name in one group"),
        ([W1, "group g any a g"], 2, "defined on a line above"),
        ([W1, "group g any h", "group h any a"], 2, "defined on a line above"),
        ([W1, "group g any none"], 2, "defined on a line above"),
        ([W1, "group a any a"], 2, "a name of its own"),
        ([W1, "group none any a"], 2, "predefined"),
        ([W1 + "\r", "quorum a"], 1, "tab and newline"),
        (["quorum none\x00"], 1, "tab and newline"),
        (["# \x7f", "quorum none"], 1, "tab and newline"),
        (["# \ud800", "quorum none"], 1, "tab and newline"),
    ],
)
def test_what_the_format_does_not_allow_is_refused_by_its_line(lines: list[str], at: int, expected: str) -> None:
    if not any(line.startswith("quorum") for line in lines):
        lines = [*lines, "quorum none"]
    with pytest.raises(Malformed, match=f"line {at}: .*{expected}") as caught:
        Policy.parse("\n".join(lines) + "\n")
    assert (caught.value.code, caught.value.at) == ("policy", f"line {at}")


@pytest.mark.parametrize("text", ["", "\n", W1 + "\n", "quorum none", "quorum none\n#" + "x" * MAX_POLICY_SIZE + "\n"])
def test_what_has_no_line_to_blame_is_refused_too(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        Policy.parse(text)
    assert caught.value.code == "policy"


# any policy


KEYS = [SigningKey(f"w.example/{n}", (n + 1).to_bytes(32, "big"), KeyType.COSIGNATURE_V1).verifier for n in range(6)]
LOGS = [SigningKey(f"log.example/{n}", (n + 1).to_bytes(32, "big")).verifier for n in range(2)]
URL = st.none() | st.just("https://w.example/prefix/")


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Well-formed policies of up to six witnesses in up to four groups."""
    witnesses = tuple(PolicyWitness(f"w{n}", key, draw(URL)) for n, key in enumerate(KEYS[: draw(st.integers(1, 6))]))
    free = [witness.name for witness in witnesses]
    groups: list[Group] = []
    for n in range(draw(st.integers(0, 4))):
        members = tuple(draw(st.lists(st.sampled_from(free), min_size=1, unique=True)))
        groups.append(Group(f"g{n}", draw(st.integers(1, len(members))), members))
        free = [*(name for name in free if name not in members), f"g{n}"]
    quorum = draw(st.sampled_from([w.name for w in witnesses] + [g.name for g in groups]))
    logs = tuple(PolicyLog(key, draw(URL)) for key in LOGS[: draw(st.integers(0, 2))])
    return Policy(logs, witnesses, tuple(groups), draw(st.none() | st.just(quorum)))


TIMES = st.dictionaries(st.sampled_from([f"w{n}" for n in range(6)] + ["g0", "stranger"]), st.integers(1, 9))


def by_definition(policy: Policy, name: str, have: set[str]) -> bool:
    """The rule of the specification, word for word."""
    for group in policy.groups:
        if group.name == name:
            return sum(by_definition(policy, member, have) for member in group.members) >= group.threshold
    return name in have


@given(policies())
def test_round_trip(policy: Policy) -> None:
    assert Policy.parse(policy.format()) == policy


@given(policies(), TIMES)
def test_satisfied_is_the_rule_of_the_specification(policy: Policy, times: dict[str, int]) -> None:
    have = set(times) & set(policy.witnesses)
    assert policy.satisfied(times) == (policy.quorum is None or by_definition(policy, policy.quorum, have))


@given(policies(), TIMES, st.sampled_from([f"w{n}" for n in range(6)]), st.integers(1, 9))
def test_a_further_cosignature_never_takes_anything_away(
    policy: Policy, times: dict[str, int], name: str, time: int
) -> None:
    more = {**times, name: max(time, times.get(name, 0))}
    assert policy.satisfied(more) or not policy.satisfied(times)
    before, after = policy.quorum_time(times), policy.quorum_time(more)
    assert before is None or (after is not None and after >= before)


@given(policies(), TIMES)
def test_the_quorum_time_is_the_largest_that_satisfies(policy: Policy, times: dict[str, int]) -> None:
    fits = [
        t
        for t in range(11)
        if policy.quorum is not None and policy.satisfied({name for name, time in times.items() if time >= t})
    ]
    # Every real t is as good as the next time that occurs, so trying whole numbers tries all.
    assert policy.quorum_time(times) == (max(fits) if fits else None)


@given(policies().filter(lambda policy: policy.quorum is not None))
def test_a_quorum_needs_somebody(policy: Policy) -> None:
    assert not policy.satisfied(())
    assert policy.satisfied(policy.witnesses)
    sizes = [n for n in range(1, 7) if any(policy.satisfied(some) for some in combinations(policy.witnesses, n))]
    assert sizes


@given(st.text("logwitnesgrupqrm nay12\t#\n+", max_size=80))
def test_nothing_but_a_policy_or_a_clear_refusal(text: str) -> None:
    try:
        policy = Policy.parse(text + "\nquorum none\n")
    except Malformed:
        return
    assert policy.quorum is None
    assert Policy.parse(policy.format()) == policy


# in entry 0


def founded(text: Any) -> Founding:
    body = {**Sim.found().founding.body(), "witness_policy": text}
    return parse_founding(Entry(Kind.FOUNDED, body, None, None, 5, CHAIN_START, b""))


LOG_KEY = SigningKey(ORIGIN, secret("log"))


def test_a_founding_keeps_its_policy_word_for_word() -> None:
    text = f"# Utrecht\nlog {LOG_KEY.verifier.format()}\n{W1}\n{W2}\ngroup g any a b\nquorum g\n"
    body = {**Sim.found().founding.body(), "witness_policy": text}
    founding = founded(text)
    assert founding.body() == body
    assert founding.policy == Policy.parse(text)
    assert Sim.found().founding.policy is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("quorum none\n", "founding"),
        (f"{W1}\nquorum none\n", "founding"),
        (f"log {LOG_VKEY}\n{W1}\nquorum a\n", "founding"),
        (f"log {SigningKey(ORIGIN, secret('other')).verifier.format()}\n{W1}\nquorum a\n", "founding"),
        (
            f"witness a {SigningKey('w', secret('log'), KeyType.COSIGNATURE_V1).verifier.format()}\nquorum a\n",
            "founding",
        ),
        (f"{W1}\nquorum a", "policy"),
        (f"{W1}\n#{'x' * MAX_POLICY_SIZE}\nquorum a\n", "policy"),
        ("none\n", "policy"),
        ([], "founding"),
    ],
    ids=["none", "only-none", "foreign-log", "unknown-log-key", "log-as-witness", "newline", "long", "word", "list"],
)
def test_a_policy_that_protects_nobody_is_refused_at_the_founding(text: Any, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        founded(text)
    assert caught.value.code == code
