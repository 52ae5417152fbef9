"""Trust policies: which witnesses must have cosigned a checkpoint before it counts (C2SP tlog-policy, untagged).

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> <k|any|all> <member>…
    quorum <name|none>

Names have a meaning inside one policy only. A group or the quorum names only lines above it, so a policy has no cycles.
Each name is a member of at most one group, so no witness counts twice.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from verifier.errors import Malformed
from verifier.tree.note_key import KeyType, VerifierKey

MAX_POLICY_SIZE = 16_384  # bytes; ours: it stands in entry 0. 32 logs, 32 witnesses and 32 groups fit
NO_QUORUM = "none"
"""The predefined name for "no cosignature is required". Nothing else may have this name."""

_SPACE = re.compile(r"[ \t]+")  # never str.split(): other octets are part of a name
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")  # half a surrogate pair is no octet at all
_THRESHOLD = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """A log that the policy is for. `key`: type 0x01, named by the log's origin."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyWitness:
    """A witness: `name` in this policy, `key` of type 0x04, `url`: its submission prefix, where given."""

    name: str
    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Has witnessed what at least `threshold` (1 … members) of its members have witnessed."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy. `groups` stand in the order in which they were defined; `quorum` None asks for nothing."""

    logs: tuple[PolicyLog, ...]
    named: tuple[PolicyWitness, ...]
    groups: tuple[Group, ...]
    quorum: str | None

    @property
    def witnesses(self) -> dict[str, VerifierKey]:
        """Each witness's key by its name in this policy."""
        return {witness.name: witness.key for witness in self.named}

    def satisfied(self, names: Collection[str]) -> bool:
        """Whether cosignatures of these witnesses make a quorum. Unknown names count for nothing."""
        return self.quorum is None or self.quorum_time(dict.fromkeys(names, 0)) is not None

    def quorum_time(self, times: Mapping[str, int]) -> int | None:
        """The largest t such that the cosignatures made at t or later satisfy the quorum.

        Args:
            times: for each witness that cosigned, when: POSIX seconds, or any other unit.

        Returns:
            None if all of them together do not satisfy it, and where there is no quorum to satisfy.
        """
        reached = {witness.name: times[witness.name] for witness in self.named if witness.name in times}
        for group in self.groups:  # members are always defined before: one pass, however deep
            held = sorted((reached[member] for member in group.members if member in reached), reverse=True)
            if len(held) >= group.threshold:
                reached[group.name] = held[group.threshold - 1]
        return None if self.quorum is None else reached.get(self.quorum)

    def format(self) -> str:
        """The policy's text in its shortest form, without comments."""
        lines = [_line("log", log.key.format(), log.url) for log in self.logs]
        lines += [_line("witness", w.name, w.key.format(), w.url) for w in self.named]
        lines += [_line("group", g.name, _threshold(g), *g.members) for g in self.groups]
        return "\n".join([*lines, f"quorum {self.quorum or NO_QUORUM}"]) + "\n"

    @classmethod
    def parse(cls, text: str) -> Policy:
        """The counterpart of `format`: what is formatted parses to the same policy.

        Raises:
            Malformed: anything that the format does not allow (`policy`, `at` names the line), a text over
                16 KiB, or without a newline at its end.
        """
        size = len(text.encode(errors="surrogatepass"))
        if size > MAX_POLICY_SIZE:
            raise Malformed(
                f"couldn't read a policy: got {size} bytes, expected at most {MAX_POLICY_SIZE}", code="policy"
            )
        reader = _Reader()
        for line in _lines(text):
            reader.take(line)
        return reader.policy()


class _Line:
    """One line that is not empty or a comment: its number from 1 and its items."""

    def __init__(self, number: int, items: list[str]) -> None:
        self.number = number
        self.items = items

    def bad(self, got: str, expected: str) -> Malformed:
        return Malformed(
            f"couldn't read a policy: line {self.number}: got {got}, expected {expected}",
            code="policy",
            at=f"line {self.number}",
        )

    def shaped(self, shape: str, least: int, most: int) -> list[str]:
        """The items after the keyword, if their number is right."""
        if not least <= len(self.items) - 1 <= most:
            raise self.bad(f"{len(self.items)} items", shape)
        return self.items[1:]


class _Reader:
    """Takes line after line and refuses the first that does not fit what came before."""

    def __init__(self) -> None:
        self._logs: list[PolicyLog] = []
        self._witnesses: list[PolicyWitness] = []
        self._groups: list[Group] = []
        self._quorum: str | None = None
        self._has_quorum = False
        self._defined: set[str] = set()
        self._members: set[str] = set()

    def take(self, line: _Line) -> None:
        match line.items[0]:
            case "log":
                self._take_log(line)
            case "witness":
                self._take_witness(line)
            case "group":
                self._take_group(line)
            case "quorum":
                self._take_quorum(line)
            case other:
                raise line.bad(repr(other[:60]), "log, witness, group or quorum")

    def policy(self) -> Policy:
        if not self._has_quorum:
            raise Malformed("couldn't read a policy: got no quorum line, expected exactly one", code="policy")
        return Policy(tuple(self._logs), tuple(self._witnesses), tuple(self._groups), self._quorum)

    def _take_log(self, line: _Line) -> None:
        vkey, *url = line.shaped("log <vkey> [<url>]", 1, 2)
        key = _key(line, vkey, KeyType.ED25519, [log.key for log in self._logs])
        self._logs.append(PolicyLog(key, *url))

    def _take_witness(self, line: _Line) -> None:
        name, vkey, *url = line.shaped("witness <name> <vkey> [<url>]", 2, 3)
        self._define(line, name)
        key = _key(line, vkey, KeyType.COSIGNATURE_V1, [witness.key for witness in self._witnesses])
        self._witnesses.append(PolicyWitness(name, key, *url))

    def _take_group(self, line: _Line) -> None:
        name, word, *members = line.shaped("group <name> <k|any|all> <member>…", 3, MAX_POLICY_SIZE)
        for member in members:
            if member not in self._defined:
                raise line.bad(f"member {member[:60]!r}", "a name defined on a line above")
            if member in self._members:
                raise line.bad(f"member {member[:60]!r} once more", "each name in one group, once")
            self._members.add(member)
        self._define(line, name)
        number = int(word) if _THRESHOLD.fullmatch(word) else {"any": 1, "all": len(members)}.get(word, 0)
        if not 1 <= number <= len(members):
            raise line.bad(f"threshold {word[:60]!r}", f"any, all or 1 to {len(members)}")
        self._groups.append(Group(name, number, tuple(members)))

    def _take_quorum(self, line: _Line) -> None:
        (name,) = line.shaped("quorum <name|none>", 1, 1)
        if self._has_quorum:
            raise line.bad("a second quorum line", "exactly one")
        if name != NO_QUORUM and name not in self._defined:
            raise line.bad(f"quorum {name[:60]!r}", "none, or a name defined on a line above")
        self._has_quorum, self._quorum = True, None if name == NO_QUORUM else name

    def _define(self, line: _Line, name: str) -> None:
        if name == NO_QUORUM:
            raise line.bad(f"the name {NO_QUORUM!r}", "another one: it is predefined")
        if name in self._defined:
            raise line.bad(f"{name[:60]!r} a second time", "a name of its own")
        self._defined.add(name)


def _lines(text: str) -> Iterator[_Line]:
    if not text.endswith("\n"):
        raise Malformed("couldn't read a policy: got no newline at its end, expected one", code="policy")
    for number, line in enumerate(text[:-1].split("\n"), start=1):
        if _CONTROL.search(line):
            raise _Line(number, []).bad("a control character", "none but tab and newline")
        items = [item for item in _SPACE.split(line) if item]
        if items and not items[0].startswith("#"):
            yield _Line(number, items)


def _key(line: _Line, text: str, type_: KeyType, others: list[VerifierKey]) -> VerifierKey:
    try:
        key = VerifierKey.parse(text)
    except Malformed as error:
        raise line.bad(f"a key that cannot be used ({error})", "a vkey") from error
    if key.type is not type_:
        raise line.bad(f"a key of type {key.type:#04x}", f"type {type_:#04x}")
    for other in others:
        if other.public == key.public:
            raise line.bad("a public key that stands above", "each key once, whatever its name")
        if (other.name, other.key_id) == (key.name, key.key_id):
            # 32 bits can be ground; a note could not tell whose signature it bears.
            raise line.bad("the name and key id of another key", "a pair of its own")
    return key


def _threshold(group: Group) -> str:
    if group.threshold == len(group.members):
        return "all"
    return "any" if group.threshold == 1 else str(group.threshold)


def _line(*items: str | None) -> str:
    return " ".join(item for item in items if item is not None)
