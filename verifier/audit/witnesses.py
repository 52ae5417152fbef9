"""The witnesses of an audit: every cosignature, the quorum of entry 0, and the log's clock compared with theirs.

A witness says when it saw a head. So entries below that head were recorded before, and entries above it after. An
operator that dates an entry back contradicts the witnesses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from verifier.audit.report import Findings
from verifier.instant import MINUTE, SECOND, format_instant
from verifier.record.founding import Founding
from verifier.record.head import Head
from verifier.tree.note import Note

CLOCK_SLACK = 5 * MINUTE
"""Milliseconds that the log's clock may be away from the witnesses' (docs/spec/audit.md)."""


class WitnessAudit:
    """Compares opened heads with the policy of entry 0. Without one there is nothing to compare."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def compare(
        self, founding: Founding, heads: Iterable[Head], recorded: Mapping[int, int], size: int, *, shown: bool
    ) -> None:
        """1. every line; 2. the quorum; 3. the clock.

        `recorded`: index -> `recorded_at` (ms), at least of the entries on both sides of every head. `shown`: whether
        anything of this log was published, so that witnesses could have seen it.
        """
        if founding.policy is None:
            self._findings.notes.append("this log has no witnesses: nobody vouches that others were shown the same")
            return
        witnessed: dict[int, int] = {}
        for head in heads:
            self._check_lines(head, founding)  # 1
            time = head.quorum_time(founding)
            if time is not None:
                at = head.checkpoint.size
                witnessed[at] = max(time, witnessed.get(at, 0))
        if not witnessed and not shown:  # 2
            self._findings.notes.append("nobody was shown this log yet, so no witness has cosigned it")
        elif not witnessed:
            words = "couldn't find a checkpoint with the cosignatures that the policy in entry 0 asks for"
            self._findings.add("checkpoints", "quorum_missing", words)
        elif max(witnessed) < size:
            self._findings.notes.append(f"entries {max(witnessed)} to {size - 1} await their witnesses")
        for at, time in sorted(witnessed.items()):  # 3
            self._check_clock(at, time * SECOND, recorded)

    def _check_lines(self, head: Head, founding: Founding) -> None:
        at = head.checkpoint.size
        for line in head.cosigned:
            self._findings.count("cosignatures")
            if line.error is not None:
                self._findings.add(f"cosignature of {line.name} at {at}", "cosignature_invalid", str(line.error))
        # A tool must ignore signatures of strangers. A line with half of a witness's identity is not a stranger's.
        keys = founding.policy.witnesses.values() if founding.policy is not None else ()
        known = {(key.name, key.key_id) for key in (*keys, *founding.log_keys)}
        for stray in Note.parse(head.raw).signatures:
            pair = stray.name, stray.key_id
            if pair not in known and any(pair[0] == name or pair[1] == key_id for name, key_id in known):
                self._findings.add(
                    f"cosignature of {stray.name} at {at}",
                    "cosignature_unknown",
                    f"couldn't tell who signed: name {stray.name} and key id {stray.key_id.hex()} do not go together",
                )

    def _check_clock(self, at: int, time: int, recorded: Mapping[int, int]) -> None:
        """Entry `at` − 1 was seen at `time` (ms), entry `at` was not; the clock of the log only goes forward."""
        inside, beyond = recorded.get(at - 1), recorded.get(at)
        if inside is not None and inside > time + CLOCK_SLACK:
            words = f"couldn't believe recorded_at {format_instant(inside)}: witnesses saw it at {format_instant(time)}"
            self._findings.add(f"entry {at - 1}", "postdated", words)
        if beyond is not None and beyond < time - CLOCK_SLACK:
            words = (
                f"couldn't believe recorded_at {format_instant(beyond)}: "
                f"witnesses saw the log without it at {format_instant(time)}"
            )
            self._findings.add(f"entry {at}", "backdated", words)
