"""Canonical JSON: what is decoded is exactly what the RFC 8785 library writes, by whatever way it is recognised."""

from __future__ import annotations

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from verifier import canonical
from verifier.errors import Malformed

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ASCII = st.text(st.characters(codec="ascii"))
LARGEST = 2**53 - 1


def values(text: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    leaves = st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | text
    return st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(text, inner))


@given(values(TEXT) | values(ASCII))
def test_what_the_library_writes_is_read_back(value: object) -> None:
    raw = canonical.encode(value)
    assert raw == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert canonical.decode(raw) == value


SPACING = st.sampled_from([(",", ":"), (", ", ":"), (",", ": ")])


@given(values(TEXT) | values(ASCII), st.booleans(), st.booleans(), SPACING)
def test_any_other_spelling_is_refused(value: object, escaped: bool, ordered: bool, spacing: tuple[str, str]) -> None:
    raw = json.dumps(value, ensure_ascii=escaped, sort_keys=ordered, separators=spacing).encode()
    if raw == rfc8785.dumps(value):  # type: ignore[arg-type]
        assert canonical.decode(raw) == value
    else:
        with pytest.raises(Malformed) as refused:
            canonical.decode(raw)
        assert refused.value.code == "not_canonical"


def test_at_any_depth_it_is_read_or_refused() -> None:
    """The encoder goes one frame deeper than the decoder, and the library's deeper still."""
    refused = 0
    for depth in range(100, 1_100):
        raw = b"[" * depth + b"]" * depth
        try:
            canonical.decode(raw)
        except Malformed:
            refused += 1
    assert 0 < refused < 1_000


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"a":1,"a":1}', "not_json"),
        (b'{"a":1.0}', "not_json"),
        (b"[1e3]", "not_json"),
        (b"[NaN]", "not_json"),
        (b"\xff", "not_json"),
        (b"\xef\xbb\xbf[]", "not_json"),
        ("[]".encode("utf-16"), "not_json"),
        (b'"\\ud800"', "not_canonical"),
        (b"9007199254740991", None),
        (b"9007199254740992", "not_canonical"),
        (b"-9007199254740992", "not_canonical"),
        (b"[" + b"9" * 5_000 + b"]", "not_json"),
        (b"-0", "not_canonical"),
        (b" 1", "not_canonical"),
        (b"1\n", "not_canonical"),
        (b'{"b":1,"a":1}', "not_canonical"),
        (b'"\\u0041"', "not_canonical"),
        (b'"\\/"', "not_canonical"),
        (b'"\\u001F"', "not_canonical"),
        (b'"\\u001f\\b\\t\\n\\f\\r\\"\\\\\x7f"', None),
        ('{"\U0001f600":1,"\ufb01":2}'.encode(), None),  # UTF-16 puts the surrogates of the first before the second
        ('{"\ufb01":2,"\U0001f600":1}'.encode(), "not_canonical"),
    ],
)
def test_each_rule(raw: bytes, code: str | None) -> None:
    if code is None:
        assert rfc8785.dumps(canonical.decode(raw)) == raw
        return
    with pytest.raises(Malformed) as refused:
        canonical.decode(raw)
    assert refused.value.code == code
