"""Signed notes: a text and signature lines under it (C2SP signed-note v1.0.0).

    <text, ending in a newline>
    <empty line>
    — <name> base64(keyid[4] ‖ signature)

Raw bytes travel with an opened note, so that what was signed can be shown to a third party.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass

from verifier.errors import Malformed, ProofInvalid
from verifier.tree.cosignature import cosign, verify_cosignature
from verifier.tree.note_key import KEY_ID_SIZE, check_name, decode_base64, verify_ed25519
from verifier.tree.note_key import KeyType as KeyType
from verifier.tree.note_key import SigningKey as SigningKey
from verifier.tree.note_key import VerifierKey as VerifierKey

MAX_NOTE_SIZE = 1_000_000  # bytes; ours, the specification asks for some limit
MAX_SIGNATURES = 100  # ours; the specification asks that at least 16 be accepted
_DASH = "— "  # U+2014 and a space
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: key name, 4-byte key id, and the bytes after it."""

    name: str
    key_id: bytes
    signature: bytes

    def format(self) -> str:
        """The line, without its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}"

    @classmethod
    def parse(cls, line: str) -> NoteSignature:
        """The counterpart of `format`.

        Raises:
            Malformed: no em dash, name or canonical base64 of at least five bytes.
        """
        parts = line.removeprefix(_DASH).split(" ")
        if not line.startswith(_DASH) or len(parts) != 2:
            raise Malformed(
                f"couldn't read a signature line: got {line[:60]!r}, expected — name base64", code="note_signature"
            )
        name, data = parts[0], decode_base64(parts[1], "a signature line")
        check_name(name)
        if len(data) <= KEY_ID_SIZE:
            raise Malformed(
                f"couldn't read a signature line: got {len(data)} bytes, expected a key id and a signature",
                code="note_signature",
            )
        return cls(name, data[:KEY_ID_SIZE], data[KEY_ID_SIZE:])


@dataclass(frozen=True, slots=True)
class Note:
    """A text (with its final newline) and its signature lines, none of them verified yet."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def format(self) -> bytes:
        """The note's bytes."""
        return (self.text + "\n" + "".join(line.format() + "\n" for line in self.signatures)).encode()

    @classmethod
    def parse(cls, raw: bytes) -> Note:
        """The counterpart of `format`: whatever parses formats to the same bytes.

        Raises:
            Malformed: not UTF-8, a control character, no blank line, no or a broken signature line, over
                1,000,000 bytes or over 100 signatures.
        """
        if len(raw) > MAX_NOTE_SIZE:
            raise _bad_note(f"{len(raw)} bytes", f"at most {MAX_NOTE_SIZE}")
        try:
            content = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _bad_note("bytes that are not UTF-8", "UTF-8") from error
        if _CONTROL.search(content):
            raise _bad_note("a control character", "none but newline")
        # The last blank line parts text from signatures: the text may hold blank lines of its own.
        text, separator, block = content.rpartition("\n\n")
        if not separator or not block.endswith("\n"):
            raise _bad_note("no blank line and signature lines", "both, each line ending in a newline")
        lines = block[:-1].split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise _bad_note(f"{len(lines)} signatures", f"at most {MAX_SIGNATURES}")
        return cls(text + "\n", tuple(NoteSignature.parse(line) for line in lines))


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """A signature that a known key really made. `time`: POSIX seconds, only where the type carries one."""

    key: VerifierKey
    signature: bytes
    time: int | None = None


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A note with at least one verified signature, and the bytes it was read from."""

    note: Note
    verified: tuple[VerifiedSignature, ...]
    raw: bytes


def sign_note(text: str, *keys: SigningKey) -> Note:
    """`text` (ending in a newline) with one signature of each type-0x01 key under it.

    Raises:
        Malformed: the text cannot stand in a note, no key or another key type.
    """
    if not text.endswith("\n") or _CONTROL.search(text):
        raise _bad_note("a text with a control character or without final newline", "neither")
    if not keys or any(key.type is not KeyType.ED25519 for key in keys):
        raise Malformed("couldn't sign a note: expected keys of type 0x01", code="note_key")
    message = text.encode()
    return Note(text, tuple(_line(key, key.sign_bytes(message)) for key in keys))


def cosign_note(note: Note, key: SigningKey, time: int) -> Note:
    """The same note with a cosignature (type 0x04, POSIX seconds) added at the end.

    Raises:
        Malformed: another key type, or the time out of range.
    """
    return Note(note.text, (*note.signatures, _line(key, cosign(note.text, key, time))))


def open_note(raw: bytes, keys: Iterable[VerifierKey]) -> OpenedNote:
    """Parse a note and verify every signature that one of `keys` is said to have made.

    Signatures of unknown keys are ignored, also when the name alone or the id alone is known. All lines of
    one key must verify; the first is returned.

    Raises:
        Malformed: not a note.
        ProofInvalid: a known key's signature is wrong and the whole note rejected (`signature_invalid`), or
            no known key signed (`signature_missing`).
    """
    note = Note.parse(raw)
    known = {(key.name, key.key_id): key for key in keys}
    verified: dict[VerifierKey, VerifiedSignature] = {}
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is not None:
            verified.setdefault(key, _verify(key, note.text, line.signature))
    if not verified:
        raise ProofInvalid(
            f"couldn't open a note: got {len(note.signatures)} signatures, none by a known key",
            code="signature_missing",
        )
    return OpenedNote(note, tuple(verified.values()), raw)


def _verify(key: VerifierKey, text: str, signature: bytes) -> VerifiedSignature:
    match key.type:
        case KeyType.ED25519:
            verify_ed25519(key.public, text.encode(), signature, f"the signature of {key.name}")
            return VerifiedSignature(key, signature)
        case KeyType.COSIGNATURE_V1:
            return VerifiedSignature(key, signature, verify_cosignature(key, text, signature))


def _line(key: SigningKey, signature: bytes) -> NoteSignature:
    return NoteSignature(key.name, key.verifier.key_id, signature)


def _bad_note(got: str, expected: str) -> Malformed:
    return Malformed(f"couldn't read a note: got {got}, expected {expected}", code="note")
