"""What `mkdocs build` asks before it writes a page. Links that leave docs/ (to a scenario, a
notebook, the README) lead nowhere in the site, and are left as the words that they were. What
belongs to a list item is indented as mkdocs wants it, which is not as everybody else does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
ITEM = re.compile(r"[-*] |\d+\. |\|")
PARAGRAPH = re.compile(r"(?![-*] |\d+\. |\||#)\S")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#:]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page's text; mkdocs calls it by this name."""
    folder = (DOCS / page.file.src_uri).parent

    def within(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        inside = target.is_relative_to(DOCS) and target.is_file()
        return link[0] if inside else link[1]

    return "\n".join(indented(LINK.sub(within, markdown).split("\n")))


def indented(lines: Iterable[str]) -> Iterator[str]:
    """Four spaces a level where two are usual, code within an item as an indented block, and an
    empty line between a paragraph and the list or table that follows it."""
    fence, before, torn = "", "", False  # torn: a list by its block of code
    for line in lines:
        text = line.lstrip(" ")
        margin = line.removesuffix(text)
        if text.startswith("```"):
            fence = "" if fence else f"{margin}```"
            torn = torn or bool(margin)
            yield "" if margin else line
        elif fence:
            yield line if fence == "```" else f"{' ' * 4}{2 * margin}{text}"
        else:
            if ITEM.match(line) and (torn or PARAGRAPH.match(before)):
                yield ""
                torn = False
            yield 2 * margin + text
        before = line
