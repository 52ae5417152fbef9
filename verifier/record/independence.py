"""Who stands for an index, and whether that is somebody else than the operator: by country and admission, not by key.

Another key proves nothing: an operator can make as many as it likes. A confirmation counts when k of n countries have
admitted its signer, when nobody has ever named that address the log's operator, when it comes from another country
than any address of the operator was admitted from, and when no suspension of the signer had taken effect by then.
Where the log names no country of the operator, two countries are independent of each other; one alone is shown as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from verifier.record.participant import Role, Standing
from verifier.record.sealed_index import SealedIndex


@dataclass(frozen=True, slots=True)
class Confirmer:
    """Somebody who confirmed an index in entry `entry`; `why` says what keeps it from counting, None if nothing."""

    address: str
    role: Role
    country: str
    entry: int
    why: str | None

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "by": self.address,
            "entry": self.entry,
            "role": self.role.name.lower(),
            "country": self.country,
            "counts": self.why is None,
            "why_not": self.why,
        }


@dataclass(frozen=True, slots=True)
class Independence:
    """Who confirmed an index, in the order of the log. `operator_countries`: as far as the log names any."""

    confirmers: tuple[Confirmer, ...]
    operator_countries: tuple[str, ...]

    @property
    def counting(self) -> tuple[Confirmer, ...]:
        """Those that count."""
        return tuple(one for one in self.confirmers if one.why is None)

    @property
    def countries(self) -> tuple[str, ...]:
        """The countries that stand for the index."""
        return tuple(sorted({one.country for one in self.counting}))

    @property
    def shown(self) -> bool:
        """Whether the log shows that somebody of another country than the operator's stands for the index."""
        return len(self.countries) >= (1 if self.operator_countries else 2)

    @property
    def words(self) -> str:
        """Who stands for the index, for people."""
        return ", ".join(f"{one.address} ({one.role.name.lower()}, {one.country})" for one in self.counting)


def operator_countries(standing: Standing) -> frozenset[str]:
    """The countries from which any address that ever was the operator was admitted; empty where the log names none."""
    return frozenset(standing.participants[a].country for a in standing.operators if a in standing.participants)


def independence(standing: Standing, sealed: SealedIndex) -> Independence:
    """Who confirmed an index, judged by what the log says by now: a suspension may have been dated back since."""
    own = operator_countries(standing)
    found = []
    for address, entry in sealed.confirmed.items():
        member = standing.participants[address]
        why = None
        if address in standing.operators:
            why = "it is, or was, the operator of this log"
        elif member.country in own:
            why = f"the operator was admitted from {member.country} as well"
        elif member.suspended_at(sealed.confirmed_at[address]) is not None:
            why = "its suspension had taken effect by then"
        found.append(Confirmer(address, member.role, member.country, entry, why))
    return Independence(tuple(found), tuple(sorted(own)))
