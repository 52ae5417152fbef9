"""What a witness decides: every status that the specification names, and that nothing else gets a cosignature."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verifier.log_example import COSIGNED_AT, NOTE, WITNESS, WITNESS_LINE
from tests.verifier.signed_log import SignedLog
from verifier.errors import Malformed
from verifier.tree.checkpoint import Checkpoint, open_checkpoint
from verifier.tree.merkle import EMPTY_ROOT
from verifier.tree.note import Note, NoteSignature, cosign_note, open_note, sign_note
from verifier.tree.note_key import KeyType, SigningKey, VerifierKey
from verifier.tree.witness import (
    NEVER,
    PLAIN,
    SIZE,
    Answer,
    Declined,
    Head,
    check_extends,
    cosigned,
    format_request,
    open_request,
    parse_request,
)

LOG = SignedLog()
FORKED = SignedLog(fork=40)
SPARE = SigningKey(LOG.origin, b"\x07" * 32)
"""A second key of the same log."""
WRONG = (SPARE.name, SPARE.verifier.key_id, bytes(64))
UNKNOWN = SignedLog("log.example/unknown")
LAST = Head(50, LOG.root(50))
LINE = base64.b64encode(bytes(32)).decode()


def ask(raw: bytes, last: Head = LAST, keys: tuple[VerifierKey, ...] = (LOG.key.verifier, SPARE.verifier)) -> Answer:
    """The whole decision, as the server makes it."""
    try:
        request = parse_request(raw)
        submission = open_request(request, [key for key in keys if key.name == request.origin])
        check_extends(submission, last)
    except Declined as declined:
        return declined.answer
    return cosigned(submission, WITNESS, COSIGNED_AT)[1]


def note(size: int, *lines: str, root: bytes | None = None, keys: tuple[SigningKey, ...] = (LOG.key,)) -> bytes:
    """A checkpoint signed whatever it says."""
    text = f"{LOG.origin}\n{size}\n{base64.b64encode(root or LOG.root(size)).decode()}\n"
    return sign_note(text + "".join(f"{line}\n" for line in lines), *keys).format()


def signed(text: str) -> bytes:
    return sign_note(text, LOG.key).format()


def bent(raw: bytes) -> bytes:
    """The note with a signature of the right key over something else."""
    other = Note.parse(LOG.note(60)).signatures
    return Note(Note.parse(raw).text, other).format()


PROOF = LOG.proof(50, 60)
GOOD = format_request(50, PROOF, LOG.note(60))

ANSWERS: dict[str, tuple[int, bytes, Head]] = {
    # 200
    "extends": (200, GOOD, LAST),
    "the first": (200, LOG.request(0, 60), NEVER),
    "the first, of nothing": (200, format_request(0, (), note(0, root=EMPTY_ROOT)), NEVER),
    "from nothing that was cosigned": (200, LOG.request(0, 60), Head(0, EMPTY_ROOT)),
    "the same again": (200, LOG.request(50, 50), LAST),
    "nothing again": (200, format_request(0, (), note(0, root=EMPTY_ROOT)), Head(0, EMPTY_ROOT)),
    "a second key of the log": (200, format_request(50, PROOF, note(60, keys=(SPARE,))), LAST),
    "signatures of strangers beside": (
        200,
        format_request(50, PROOF, cosign_note(Note.parse(LOG.note(60)), WITNESS, 5).format()),
        LAST,
    ),
    "extension lines": (200, format_request(50, PROOF, note(60, "extension")), LAST),
    "one leaf more": (200, LOG.request(50, 51), LAST),
    "from a power of two": (200, LOG.request(64, 127), Head(64, LOG.root(64))),
    # 400
    "nothing": (400, b"", LAST),
    "no empty line": (400, b"old 0\n", LAST),
    "no old line": (400, b"\n\n" + LOG.note(60), LAST),
    "another word": (400, GOOD.replace(b"old 50", b"new 50", 1), LAST),
    "two spaces": (400, GOOD.replace(b"old 50", b"old  50", 1), LAST),
    "no number": (400, GOOD.replace(b"old 50", b"old ", 1), LAST),
    "leading zero": (400, GOOD.replace(b"old 50", b"old 050", 1), LAST),
    "a sign": (400, GOOD.replace(b"old 50", b"old +50", 1), LAST),
    "negative": (400, GOOD.replace(b"old 50", b"old -1", 1), LAST),
    "beyond 2^63": (400, GOOD.replace(b"old 50", b"old 9223372036854775808", 1), LAST),
    "digits of another script": (400, GOOD.replace(b"old 50", "old \u0665\u0660".encode(), 1), LAST),
    "carriage returns": (400, GOOD.replace(b"\n", b"\r\n"), LAST),
    "64 proof lines": (400, f"old 50\n{(LINE + chr(10)) * 64}\n".encode() + LOG.note(60), LAST),
    "a short hash": (400, b"old 50\nAAAA\n\n" + LOG.note(60), LAST),
    "a long hash": (400, f"old 50\n{base64.b64encode(bytes(33)).decode()}\n\n".encode() + LOG.note(60), LAST),
    "no base64": (400, b"old 50\n!\n\n" + LOG.note(60), LAST),
    "base64 without padding": (400, f"old 50\n{LINE.rstrip('=')}\n\n".encode() + LOG.note(60), LAST),
    "no note": (400, b"old 50\n\n", LAST),
    "a note without signature": (400, b"old 50\n\n" + Note.parse(LOG.note(60)).text.encode() + b"\n", LAST),
    "a note without final newline": (400, GOOD[:-1], LAST),
    "no UTF-8": (400, GOOD.replace(b"log.example", b"log\xffexample"), LAST),
    "old above the checkpoint": (400, format_request(61, (), LOG.note(60)), LAST),
    "old above the checkpoint and cosigned": (400, format_request(50, (), LOG.note(49)), LAST),
    "a checkpoint of two lines": (400, format_request(50, (), signed(f"{LOG.origin}\n60\n")), LAST),
    "a size with leading zero": (400, format_request(50, (), signed(f"{LOG.origin}\n060\n{LINE}\n")), LAST),
    "a root of 3 bytes": (400, format_request(0, (), signed(f"{LOG.origin}\n60\nAAAA\n")), NEVER),
    "size 0 with a root of 3 bytes": (400, format_request(0, (), signed(f"{LOG.origin}\n0\nAAAA\n")), NEVER),
    # 403
    "another key of that name": (
        403,
        format_request(50, PROOF, note(60, keys=(SigningKey(LOG.origin, b"\x09" * 32),))),
        LAST,
    ),
    "a wrong signature": (403, format_request(50, PROOF, bent(LOG.note(61))), LAST),
    "a right one and a wrong one": (
        403,
        format_request(50, PROOF, LOG.note(60)) + f"{NoteSignature(*WRONG).format()}\n".encode(),
        LAST,
    ),
    "only a cosignature": (
        403,
        format_request(50, PROOF, cosign_note(Note(Note.parse(LOG.note(60)).text, ()), WITNESS, 5).format()),
        LAST,
    ),
    "signed by another log that is trusted": (
        403,
        format_request(
            50, PROOF, Note(Note.parse(LOG.note(60)).text, Note.parse(UNKNOWN.note(60)).signatures).format()
        ),
        LAST,
    ),
    # 404
    "a log that is not known": (404, UNKNOWN.request(0, 60), NEVER),
    "unknown, and the rest wrong too": (404, format_request(99, (), UNKNOWN.note(60)), NEVER),
    # 409
    "old below what was cosigned": (409, LOG.request(40, 60), LAST),
    "old above what was cosigned": (409, LOG.request(55, 60), LAST),
    "to be told the size": (409, format_request(0, (), LOG.note(60)), LAST),
    "back": (409, LOG.request(30, 40), LAST),
    "not the first": (409, LOG.request(50, 60), NEVER),
    "another root at the same size": (409, format_request(50, (), FORKED.note(50)), LAST),
    # 422
    "no proof": (422, format_request(50, (), LOG.note(60)), LAST),
    "a proof of something else": (422, format_request(50, LOG.proof(50, 61), LOG.note(60)), LAST),
    "a hash changed": (422, format_request(50, (bytes(32), *PROOF[1:]), LOG.note(60)), LAST),
    "a hash too many": (422, format_request(50, (*PROOF, bytes(32)), LOG.note(60)), LAST),
    "a hash too few": (422, format_request(50, PROOF[:-1], LOG.note(60)), LAST),
    "the proof turned around": (422, format_request(50, PROOF[::-1], LOG.note(60)), LAST),
    "another history": (422, FORKED.request(50, 60), LAST),
    "another history, proof of the first": (422, format_request(50, PROOF, FORKED.note(60)), LAST),
    "a proof from nothing": (422, format_request(0, PROOF, LOG.note(60)), NEVER),
    "a proof at the same size": (422, format_request(50, PROOF, LOG.note(50)), LAST),
    "size 0 that is not empty": (422, format_request(0, (), note(0, root=bytes(32))), NEVER),
}
"""Name -> status, request, and what was cosigned last."""


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(name: str) -> None:
    status, raw, last = ANSWERS[name]
    answer = ask(raw, last)
    assert answer.status == status, answer.body
    match status:
        case 200:
            submitted = parse_request(raw).note
            opened = open_note(submitted.format() + answer.body, [WITNESS.verifier])  # as a client may read it
            assert [(found.key, found.time) for found in opened.verified][-1][0] == WITNESS.verifier
            assert answer.body.startswith("— ".encode())
            assert answer.body.count(b"\n") == 1
        case 409:
            assert answer == Answer(409, f"{last.size}\n".encode(), SIZE)
        case _:
            assert answer.media_type == PLAIN
            assert answer.body.startswith(b"couldn't cosign the checkpoint: ")
            assert answer.body.count(b"\n") == 1


def test_every_status_of_the_specification_is_in_the_table() -> None:
    assert {status for status, _, _ in ANSWERS.values()} == {200, 400, 403, 404, 409, 422}


def test_the_worked_example() -> None:
    """The note of the other examples, submitted without its cosignature, gets exactly that line."""
    without = Note.parse(NOTE)
    key = VerifierKey.parse("ledger.example/goods+13cb6ca3+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4")
    raw = format_request(0, (), replace(without, signatures=without.signatures[:1]).format())
    assert raw.startswith(b"old 0\n\nledger.example/goods\n3\n")
    assert ask(raw, NEVER, (key,)) == Answer(200, f"{WITNESS_LINE}\n".encode())


def test_what_is_kept_bears_no_signature_of_strangers() -> None:
    stranger = NoteSignature("spam.example", b"spam", b"x" * 64)
    raw = Note.parse(LOG.note(60))
    request = parse_request(format_request(50, PROOF, Note(raw.text, (stranger, *raw.signatures, stranger)).format()))
    submission = open_request(request, [LOG.key.verifier])
    assert submission.note.format() == LOG.note(60)
    kept, _ = cosigned(submission, WITNESS, COSIGNED_AT)
    opened = open_checkpoint(kept.format(), LOG.key.verifier, [WITNESS.verifier])
    assert [found.time for found in opened.opened.verified] == [None, COSIGNED_AT]
    assert opened.checkpoint == Checkpoint(LOG.origin, 60, LOG.root(60))


HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=63)


@given(st.integers(0, 2**63 - 1), HASHES, st.integers(1, 128))
def test_requests_come_back(old: int, proof: list[bytes], size: int) -> None:
    request = parse_request(format_request(old, proof, LOG.note(size)))
    assert (request.old, list(request.proof), request.note.format()) == (old, proof, LOG.note(size))
    assert request.origin == LOG.origin


def test_more_than_a_request_holds_is_not_sent() -> None:
    with pytest.raises(Malformed):
        format_request(1, [bytes(32)] * 64, LOG.note(60))


# nothing else is cosigned


@given(st.binary(max_size=400))
def test_garbage_is_never_cosigned(raw: bytes) -> None:
    for last in (NEVER, LAST):
        assert ask(raw, last).status in (400, 403, 404)


@given(st.integers(0, 200), st.text(alphabet="old 0123456789AB=/+\n—é", max_size=120), st.integers(0, 40))
def test_a_spoiled_request_is_cosigned_only_if_it_still_says_the_same(at: int, text: str, length: int) -> None:
    at %= len(GOOD)
    raw = GOOD[:at] + text.encode() + GOOD[at + length :]
    if ask(raw).status == 200:
        request = parse_request(raw)
        assert (request.old, request.proof, request.note.text) == (50, PROOF, Note.parse(LOG.note(60)).text)


@given(st.integers(0, len(GOOD) * 8 - 1))
def test_every_bit_counts(bit: int) -> None:
    raw = bytearray(GOOD)
    raw[bit // 8] ^= 1 << bit % 8
    assert ask(bytes(raw)).status in (400, 403, 404, 409, 422)


@given(st.integers(0, 128), st.integers(0, 128), st.integers(0, 128), st.booleans(), st.booleans())
def test_exactly_the_extensions_are_cosigned(last: int, old: int, size: int, forked: bool, own_proof: bool) -> None:
    """Whatever is asked, in whatever order: granted if and only if it extends what was cosigned last."""
    log = FORKED if forked else LOG
    proof = log.proof(old, size) if own_proof and old <= size else LOG.proof(old, max(old, size))
    head = Head(last, LOG.root(last))
    answer = ask(format_request(old, proof, log.note(size)), head)
    same_history = not forked or last <= 40
    sound_proof = own_proof or not forked or log.proof(old, size) == LOG.proof(old, size)
    assert (answer.status == 200) == (old == last and last <= size and same_history and sound_proof)


def test_only_a_cosigners_key_cosigns() -> None:
    submission = open_request(parse_request(GOOD), [LOG.key.verifier])
    with pytest.raises(Malformed):
        cosigned(submission, SigningKey("w.example", bytes(32), KeyType.ED25519), COSIGNED_AT)
