"""Characters that no text for people has: what is said of them, and how writers show them.

A control character can move a terminal's cursor or end a line of a file, half of a surrogate pair
cannot be written at all, and a change of direction shows a line as what it is not.
"""

from __future__ import annotations

import unicodedata

_PLAIN = "\n\t"
_LINES = "\x1c\x1d\x1e\x85\u2028\u2029"  # where `str.splitlines` ends a line
_DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def is_strange(character: str) -> bool:
    """Is it a control character (a line end or a tab is none), half a pair, or an override?"""
    if " " <= character <= "~" or character in _PLAIN:
        return False
    odd = unicodedata.category(character) in ("Cc", "Cs")
    return odd or character in _LINES or character in _DIRECTIONS


def strange(text: str) -> str:
    """The first strange character as messages name it (`U+001B`); nothing if there is none."""
    return next((f"U+{ord(character):04X}" for character in text if is_strange(character)), "")


def printable(text: str) -> str:
    """The text with each strange character as Python writes it (`\\x1b`)."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode() if is_strange(character) else character
        for character in text
    )


def joined(text: str) -> str:
    """Halves of surrogate pairs as the characters they make: JSON writes an emoji as two."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
