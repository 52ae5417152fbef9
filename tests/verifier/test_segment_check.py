"""The full check: every file that is not the one for its keys, count and root is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from segment_model import NaiveSegment, naive_key, serials_of

from verifier.errors import ProofInvalid
from verifier.segment.view import Layout, SegmentHeader, SegmentView, check_segment, decode_header, encode_header

LARGE = NaiveSegment(sorted(naive_key(f"{number}") for number in range(70_001)))  # more than one block of keys


def refused(file: bytes, n: int, root: bytes) -> str:
    with pytest.raises(ProofInvalid) as caught:
        check_segment(file, n, root)
    return caught.value.code


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 32, 33, 1000])
def test_a_true_file_passes(n):
    segment = NaiveSegment.of(serials_of(n))
    file = segment.file()
    assert len(file) == Layout(n).size <= 40 * n + 4096
    for buffer in (file, memoryview(file)):
        check_segment(buffer, n, segment.root)


def test_a_large_file_passes_and_reports_its_progress():
    seen: list[tuple[int, int]] = []
    check_segment(LARGE.file(), LARGE.n, LARGE.root, lambda done, total: seen.append((done, total)))
    assert seen == [(65_536, 70_001), (70_001, 70_001)]
    assert len(LARGE.file()) <= 36 * LARGE.n + 4096


@pytest.mark.parametrize("n", [0, -1, 2**32 + 1])
def test_a_count_that_no_segment_has_is_refused(n):
    segment = NaiveSegment.of(serials_of(17))
    code = "segment_count" if n else "segment_empty"
    assert refused(segment.file(), n, segment.root) == code
    with pytest.raises(ProofInvalid) as caught:
        SegmentView(segment.file(), n=n, root=segment.root)
    assert caught.value.code == code


def test_an_empty_segment_is_refused_even_if_its_file_says_so():
    header = bytearray(encode_header(SegmentHeader(1, bytes(32))))
    header[24:32] = bytes(8)
    with pytest.raises(ProofInvalid) as caught:
        decode_header(bytes(header))
    assert caught.value.code == "segment_empty"


def test_unsorted_keys_are_refused_anywhere():
    for at in (0, 14, 15, 16, 99):
        keys = list(NaiveSegment.of(serials_of(101)).keys)
        keys[at], keys[at + 1] = keys[at + 1], keys[at]
        segment = NaiveSegment(keys)
        assert refused(segment.file(), segment.n, segment.root) == "segment_unsorted"
    for at in (65_534, 65_535, 65_536):  # at the seam of two blocks
        keys = list(LARGE.keys)
        keys[at], keys[at + 1] = keys[at + 1], keys[at]
        segment = NaiveSegment(keys)
        assert refused(segment.file(), segment.n, segment.root) == "segment_unsorted"


def test_duplicate_keys_are_refused_anywhere():
    for at in (0, 15, 99):
        keys = list(NaiveSegment.of(serials_of(100)).keys)
        segment = NaiveSegment([*keys[: at + 1], *keys[at:]])
        assert refused(segment.file(), segment.n, segment.root) == "segment_duplicate"
    keys = LARGE.keys[:65_536]
    segment = NaiveSegment([*keys, keys[-1]])
    assert refused(segment.file(), segment.n, segment.root) == "segment_duplicate"


@pytest.mark.parametrize("n", [1, 15, 16, 18, 33])
def test_another_count_than_signed_is_refused(n):
    segment = NaiveSegment.of(serials_of(17))
    assert refused(segment.file(), n, segment.root) == "segment_count"
    # the same file with a header that says what was signed
    lying = encode_header(SegmentHeader(n, segment.root)) + segment.file()[128:]
    assert refused(lying, n, segment.root) == "segment_count"


def test_a_file_cut_short_or_made_longer_is_refused():
    segment = NaiveSegment.of(serials_of(40))
    file = segment.file()
    for wrong in (file[:-1], file[:-32], file + b"\0", file + bytes(32)):
        assert refused(wrong, segment.n, segment.root) == "segment_count"
    for wrong in (b"", file[:127]):
        assert refused(wrong, segment.n, segment.root) == "segment_header"


def test_another_root_than_signed_is_refused():
    segment, other = NaiveSegment.of(serials_of(17)), NaiveSegment.of(serials_of(18)[1:])
    assert refused(segment.file(), 17, other.root) == "segment_root"
    # the header of one, the keys and levels of the other
    lying = other.header() + segment.file()[128:]
    assert refused(lying, 17, other.root) == "segment_root"
    for file, root in ((segment.file(), other.root), (lying, segment.root)):
        with pytest.raises(ProofInvalid):
            SegmentView(file, n=17, root=root)


@given(at=st.integers(0, 10**9), bit=st.integers(0, 7), n=st.sampled_from([1, 16, 17, 100, 529]))
@settings(max_examples=150, deadline=None)
def test_any_flipped_bit_is_found(at, bit, n):
    segment = NaiveSegment.of(serials_of(n))
    file = bytearray(segment.file())
    file[at % len(file)] ^= 1 << bit
    assert refused(bytes(file), n, segment.root).startswith("segment_")


def test_every_stored_hash_is_compared():
    segment = NaiveSegment.of(serials_of(529))  # 34 leaves, levels of 34, 17, 8, 4, 2 and 1 hashes
    intact = segment.file()
    hashes = range(128 + 32 * segment.n, len(intact), 32)
    assert len(hashes) == 34 + 17 + 8 + 4 + 2 + 1
    for at in hashes:
        file = bytearray(intact)
        file[at + at // 32 % 32] ^= 1
        assert refused(bytes(file), segment.n, segment.root) == "segment_root"


def test_every_byte_of_the_header_counts():
    segment = NaiveSegment.of(serials_of(17))
    for at in range(128):
        file = bytearray(segment.file())
        file[at] ^= 0x80
        assert refused(bytes(file), 17, segment.root).startswith("segment_")
        with pytest.raises(ProofInvalid):
            SegmentView(bytes(file), n=17, root=segment.root)


@given(n=st.integers(1, 2**32), root=st.binary(min_size=32, max_size=32))
def test_headers_survive_and_say_how_long_the_file_is(n, root):
    header = SegmentHeader(n, root)
    encoded = encode_header(header)
    assert len(encoded) == 128
    assert decode_header(encoded) == header
    assert Layout(n).size <= 36 * n + 188
