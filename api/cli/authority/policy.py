"""The witness policy of a new ledger: read from a file, and where its witnesses are asked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.base.output import Out
from verifier.errors import Malformed

if TYPE_CHECKING:
    from ledger.home import WitnessAddress


def read_policy(path: Path) -> str:
    """A policy's text from a file, as it will be written into entry 0. Raises Malformed (`policy`)."""
    from verifier.tree.policy import Policy

    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        # The format allows other octets; entry 0 is JSON and does not.
        raise Malformed(f"couldn't read a policy: {path} is no UTF-8", code="policy") from error
    Policy.parse(text)
    return text


def witness_addresses(text: str, given: Iterable[str], out: Out) -> tuple[WitnessAddress, ...]:
    """The address of each witness of a policy: the given NAME=URL, or else the URL in its line.

    Warns of those that nobody can ask. Raises Malformed (`witness`, `url`).
    """
    from ledger.home import WitnessAddress
    from ledger.remote.urls import check_http_url
    from verifier.record.founding import NO_WITNESSES
    from verifier.tree.policy import Policy

    named = {} if text == NO_WITNESSES else {each.name: each.url for each in Policy.parse(text).named}
    for item in given:
        name, separator, url = item.rpartition("=")
        if not separator or name not in named:
            raise Malformed(
                f"couldn't read --witness {item!r}: expected NAME=URL with a witness of the policy "
                f"({', '.join(named) or 'it has none'})",
                code="witness",
                at="witness",
            )
        named[name] = url
    for name, address in named.items():
        if address is None:
            out.warn(f"no address of the witness {name}: nobody asks it until ledger.json has one")
        else:
            check_http_url(address)
    return tuple(WitnessAddress(name, address) for name, address in named.items() if address is not None)
