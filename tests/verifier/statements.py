"""Strategies: bodies of every struct that anybody signs, and bodies that differ in one field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from verifier.record.statement import STRUCTS, Kind, Proposal

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
HEX32 = st.binary(min_size=32, max_size=32).map(lambda value: "0x" + value.hex())
TYPES: Mapping[str, st.SearchStrategy[Any]] = {
    "bytes32": HEX32,
    "address": st.binary(min_size=20, max_size=20).map(lambda value: "0x" + value.hex()),
    "uint64": st.integers(0, 2**64 - 1).map(str),
    "uint32": st.integers(0, 2**32 - 1),
    "uint16": st.integers(0, 2**16 - 1),
    "uint8": st.integers(0, 255),
    "string": TEXT,
    "string[]": st.lists(TEXT, max_size=4),
    "bytes32[]": st.lists(HEX32, max_size=4),
}
SIGNED = tuple(STRUCTS)
"""Every kind and proposal with a struct."""


def bodies(kind: Kind | Proposal) -> st.SearchStrategy[dict[str, Any]]:
    """Well-formed bodies of a kind, sensible or not."""
    return st.fixed_dictionaries({name: TYPES[type_] for name, type_ in STRUCTS[kind].fields})


@st.composite
def altered(draw: st.DrawFn, kind: Kind | Proposal) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """A body, the name of one field, and the body with another well-formed value in it."""
    body = draw(bodies(kind))
    name, type_ = draw(st.sampled_from(STRUCTS[kind].fields))
    value = draw(TYPES[type_].filter(lambda value: value != body[name]))
    return body, name, {**body, name: value}
