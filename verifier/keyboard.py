"""Keyboard layouts: what comes in when a scanner types US keys and the computer takes them for another layout.

A wedge scanner sends key positions, not characters. Each layout here maps what the computer saw back to what the
scanner meant. Letters and digits that both layouts share are not listed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout of the computer. `seen` maps characters back to the US ones; accents wait on `dead` keys."""

    name: str
    seen: Mapping[str, str]
    dead: Mapping[str, str]

    def undo(self, text: str) -> str:
        """Return the text as a US layout would have typed it."""
        return "".join(self._undo_character(character) for character in text)

    def marks(self, text: str) -> bool:
        """Whether the text holds a character besides letters and digits that this layout makes of another one.

        Letters alone tell nothing: Z is as likely a Z as it is a Y.
        """
        return any(
            (not character.isascii() or not character.isalnum()) and self._undo_character(character) != character
            for character in text
        )

    def _undo_character(self, character: str) -> str:
        if character in self.seen:
            return self.seen[character]
        # an accent key waits for the next letter and melts with it: Á was ´ and A
        letter, accent = unicodedata.normalize("NFD", character)[:1], unicodedata.normalize("NFD", character)[1:]
        return self.dead[accent] + self.seen.get(letter, letter) if accent in self.dead else character


_ACUTE, _GRAVE, _CIRCUMFLEX, _DIAERESIS = "\u0301", "\u0300", "\u0302", "\u0308"


def _layout(name: str, seen: str, meant: str, dead: Mapping[str, str] | None = None) -> Layout:
    return Layout(name, dict(zip(seen, meant, strict=True)), dead or {})


LAYOUTS: tuple[Layout, ...] = (
    _layout(
        "German",
        "zyZYß?´`ü+Ü*öÖäÄ#'-_\"§&/()=;:°^",
        "yzYZ-_=+[]{};:'\"\\|/?@#^&*()<>~`",
        {_ACUTE: "=", _GRAVE: "+", _CIRCUMFLEX: "`"},
    ),
    _layout(
        "French",
        "aqAQzwZW,?mM" + "&é\"'(-è_çà1234567890" + ")°ù%;.:/!§*µ$£",
        "qaQAwzWZmM;:" + "1234567890!@#$%^&*()" + "-_'\",<.>/?\\|]}",
        {_CIRCUMFLEX: "[", _DIAERESIS: "{"},
    ),
    _layout(
        "Spanish",
        "'?¡¿+*ñÑ-_\"&/()=;:",
        "-_=+]};:/?@^&*()<>",
        {_GRAVE: "[", _CIRCUMFLEX: "{", _ACUTE: "'", _DIAERESIS: '"'},
    ),
    _layout(
        "Italian",
        "'?ì^è+é*òçà°ù§-_\"&/()=;:",
        "-_=+[]{};:'\"\\|/?@^&*()<>",
    ),
)
"""The layouts that are tried, in this order."""
