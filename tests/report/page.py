"""Reads a page strictly: what is opened has to be closed, in order."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = frozenset(("meta", "br", "hr", "img", "link", "input", "wbr"))


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails on anything unbalanced."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.style = ""
        #: What is in each `code`.
        self.codes: list[str] = []
        #: How many elements there are.
        self.elements = 0
        self._open: list[str] = []

    @classmethod
    def read(cls, text: str) -> Page:
        page = cls()
        page.feed(text)
        page.close()
        assert not page._open, f"not closed: {page._open}"
        return page

    def values(self, attribute: str) -> list[str]:
        return [value for name, value in self.attributes if name == attribute]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "code":
            self.codes.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "wbr":  # a place to break a long word: neither text nor structure
            return
        self.tags.add(tag)
        self.elements += 1
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            self.style += data
            return
        self.text += data
        if "code" in self._open:
            self.codes[-1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")
