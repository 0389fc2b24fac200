"""The documentation as data: pages, headings, tables, code blocks, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


class Block(NamedTuple):
    """One fenced block."""

    language: str
    text: str


def pages() -> list[Path]:
    """Every Markdown page of the project."""
    return sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(text: str) -> list[Block]:
    return [Block(language, body) for language, body in _FENCE.findall(text)]


def prose(text: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text)


def links(text: str) -> list[str]:
    return _LINK.findall(prose(text))


def anchors(text: str) -> set[str]:
    """What `#…` may point to, as GitHub names headings."""
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for _, title in _HEADING.findall(prose(text))
    }


def section(text: str, title: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    headings = list(_HEADING.finditer(text))
    for i, found in enumerate(headings):
        if found[2] == title:
            level = len(found[1])
            after = [one.start() for one in headings[i + 1 :] if len(one[1]) <= level]
            return text[found.end() : after[0] if after else len(text)]
    raise AssertionError(f"no heading {title!r}")


def subsections(text: str) -> Iterator[tuple[str, str]]:
    """Title and text of each `###` in a section."""
    parts = re.split(r"^### (.+)$", text, flags=re.MULTILINE)
    yield from zip(parts[1::2], parts[2::2], strict=True)


def table_rows(text: str) -> list[list[str]]:
    """Cells of all table rows whose first cell is code."""
    return [
        [cell.strip().strip("`") for cell in line.strip().strip("|").split(" | ")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]
