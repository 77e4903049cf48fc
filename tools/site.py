"""What `mkdocs build` asks before it writes a page: links that leave docs/ (to a scenario, a
notebook, the README) lead nowhere in the site, and are left as the words that they were."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#:]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page's text; mkdocs calls it by this name."""
    folder = (DOCS / page.file.src_uri).parent

    def within(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        inside = target.is_relative_to(DOCS) and target.is_file()
        return link[0] if inside else link[1]

    return LINK.sub(within, markdown)
