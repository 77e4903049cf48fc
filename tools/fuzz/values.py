"""Values that nobody expects, put into what was right; and the smallest input that still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, MutableSequence
from copy import deepcopy
from random import Random
from typing import Any

Path = tuple[Any, ...]  # of keys and indices

NUMBERS = (
    0, -1, 1, 2, 7, 0.5, 1.5, 1e-9, 1e300, -1e300, float("nan"), float("inf"), 2**31, 2**53,
    2**53 + 1, 2**63 - 1, 2**63, 10**21, 10**400, -(10**400),
)  # fmt: skip
TEXTS = (
    "", " ", "0", "-0", "1us", "1ms", "5s", "100h", "1000000h", "-5s", "1e9s", "9" * 400 + "s",
    "0/s", "5/s", "100/min", "1e308/s", "512Mi", "8Ei", "10000Pi", "1k", "0%", "99.999%", "101%",
    "null", "no", "all", "http", "redis", "compose", "v2", "always", "a" * 10_000, "../../x",
    "\ud83d\udd25", "\ud800", "\x1b[31m", "\u2028", "\x00", "$x^{$", "{0.__class__}", "${X}",
    "![x](http://x)", "=1+1", "<b>", "2024-02-30T00:00:00", "10/Oct/2000:13:55:36 -9999",
)  # fmt: skip
OTHERS = (
    None, True, False, [], {}, [[]], {"": None}, {"mean": "1s"}, {"exponential": "20ms"},
    {"lognormal": {"mean": "1s", "cv": 3}}, [1, "x"], [{}],
)  # fmt: skip


def odd(dice: Random) -> Any:
    """One value of any kind."""
    return deepcopy(dice.choice(dice.choice((NUMBERS, TEXTS, OTHERS))))


# ---- trees: what YAML and JSON hold ----
def places(tree: Any, path: Path = ()) -> Iterator[Path]:
    """The path of each value below the top, containers before what is in them."""
    if isinstance(tree, MutableMapping | MutableSequence):
        pairs = tree.items() if isinstance(tree, MutableMapping) else enumerate(tree)
        for key, value in pairs:
            yield (*path, key)
            yield from places(value, (*path, key))


def at(tree: Any, path: Path) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def changed(tree: Any, dice: Random) -> Any:
    """A copy with one to three changes: another value, one from elsewhere, one less, a typo."""
    tree = deepcopy(tree)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        paths = list(places(tree))
        if not paths:
            return tree
        *above, key = dice.choice(paths)
        parent = at(tree, tuple(above))
        act = dice.choice(("odd", "odd", "odd", "elsewhere", "less", "typo"))
        if act == "less":
            del parent[key]
        elif act == "typo" and isinstance(parent, MutableMapping):
            parent[dice.choice((f"{key}x", str(key)[:-1], *TEXTS[:3], "\x1b"))] = parent.pop(key)
        elif act == "elsewhere":
            parent[key] = deepcopy(at(tree, dice.choice(paths)))
        else:
            parent[key] = odd(dice)
    return tree


def smaller_trees(tree: Any) -> Iterator[Any]:
    """Each with one thing less: an entry, or half of a long text."""
    for path in sorted(places(tree), key=len):
        less = deepcopy(tree)
        parent, key = at(less, path[:-1]), path[-1]
        value = parent[key]
        del parent[key]
        yield less
        if isinstance(value, str) and len(value) > 1:
            for half in (value[: len(value) // 2], value[len(value) // 2 :]):
                shorter = deepcopy(tree)
                at(shorter, path[:-1])[key] = half
                yield shorter


# ---- bytes: what is no tree, or a broken one ----
def garbled(text: bytes, dice: Random) -> bytes:
    """One to four lines lost, doubled, cut or swapped, words replaced, bytes that are no text."""
    for _ in range(dice.randint(1, 4)):
        lines = text.split(b"\n")
        i = dice.randrange(len(lines))
        act = dice.randrange(7)
        if act == 0:
            del lines[i]
        elif act == 1:
            lines.insert(i, dice.choice(lines))
        elif act == 2:
            lines[i] = lines[i][: dice.randint(0, len(lines[i]))]
        elif act == 3:
            place = dice.randint(0, len(lines[i]))
            lines[i] = lines[i][:place] + bytes([dice.randrange(256)]) + lines[i][place:]
        elif act == 4:
            lines[i] = str(odd(dice)).encode("utf-8", "surrogatepass")
        else:  # one number or word of a line is another
            words = lines[i].replace(b",", b" , ").split(b" ")
            word = str(odd(dice)) if act == 5 else str(dice.choice(NUMBERS))
            words[dice.randrange(len(words))] = word.encode("utf-8", "surrogatepass")
            lines[i] = b" ".join(words).replace(b" , ", b",")
        text = b"\n".join(lines)
    return text


def smaller_bytes(text: bytes) -> Iterator[bytes]:
    """Each without a piece: halves, quarters, lines, then single bytes of what is short."""
    size = len(text) // 2
    while size:
        for start in range(0, len(text), size):
            yield text[:start] + text[start + size :]
        size = size // 2 if size > 8 or len(text) < 400 else 0


# ---- the smallest ----
def smallest(
    value: Any, smaller: Callable[[Any], Iterator[Any]], fails: Callable[[Any], bool], tries: int
) -> Any:
    """What is left when nothing can be taken away without `fails` ending, after so many tries."""
    again = True
    while again and tries > 0:
        again = False
        for less in smaller(value):
            tries -= 1
            if tries <= 0:
                break
            if fails(less):
                value, again = less, True
                break
    return value
