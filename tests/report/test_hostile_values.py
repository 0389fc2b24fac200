"""Values from data stay what they are: text in their own place, in both forms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.report.night import named
from tests.report.page import Page
from wacampaign.report.content import report_content
from wacampaign.report.document import Document, Items, Paragraph, Piece, Section, Table
from wacampaign.report.html import html
from wacampaign.report.markdown import markdown
from wacampaign.report.shown import Shown, clean

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a | b || c \\| d",
    "`` ` ``` code",
    "line\n# heading\n\n- list\r\n| a | b |",
    "[link](javascript:alert(1)) ![x](http://x.test/a.png) <http://x.test>",
    "**bold** _it_ ~~gone~~ $x$ &amp; &#60; \\",
    "1. one",
    "<div onclick=alert(1) ",
    "- - -",
    "\x00\x1b[31m\u202egpj.exe \ud800",
    "---\n===",
    "```",
)
COMMONMARK = MarkdownIt("commonmark").enable(["table", "strikethrough"])
#: Text with a good part of what means something in Markdown or HTML.
TEXTS = st.text(st.sampled_from("ab 1.-+#|`*_[]()<>&\\~$!:=\n/'\"") | st.characters(), max_size=30)


def tokens(text: str) -> Iterator[Token]:
    for token in COMMONMARK.parse(text):
        yield token
        yield from token.children or ()


def said(inline: Token) -> str:
    return "".join(one.content for one in inline.children or ())


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_name_changes_nothing_around_it(value: str) -> None:
    plain, hostile = report_content(named("plain")), report_content(named(value))

    page, model = Page.read(html(hostile)), Page.read(html(plain))
    assert page.tags == model.tags
    assert clean(value) in page.text

    found = list(tokens(markdown(hostile)))
    assert not [one for one in found if one.type in ("html_block", "html_inline", "image")]
    assert not [one for one in found if one.type == "link_open"]
    blocks = [one.type for one in COMMONMARK.parse(markdown(hostile))]
    assert blocks == [one.type for one in COMMONMARK.parse(markdown(plain))]
    markdown(hostile).encode()
    html(hostile).encode()


def document(value: str, *, code: bool, strong: bool) -> Document:
    piece = Piece(value, code, strong)
    table = Table((Piece("head"), piece), ((piece, piece), (Piece("last"), Piece("row"))))
    section = Section("s", "s", (Paragraph((piece,)), Items(((piece,),)), table))
    return Document("title", (Piece("x"),), (section,))


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.booleans(), st.booleans())
@example("a\\|b", True, False)
@example("`", True, True)
@example("\\", False, True)
@example("1) a", False, False)
def test_markdown_reads_back_as_what_was_put_in(text: str, code: bool, strong: bool) -> None:
    value = clean(text)
    found = COMMONMARK.parse(markdown(document(value, code=code, strong=strong)))
    inline = [said(one) for one in found if one.type == "inline"]
    # Title, subtitle, section; then paragraph (gone when empty), item, head, rows.
    places = ["title", "x", "s", *([value] if value else [])]
    places += [*([value] if value else []), "head", value, value, value, "last", "row"]
    assert inline == places


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.booleans())
def test_html_reads_back_as_what_was_put_in(text: str, code: bool) -> None:
    value = clean(text)
    page = Page.read(html(document(value, code=code, strong=False)))
    model = Page.read(html(document("plain" if value else "", code=code, strong=False)))
    assert page.elements == model.elements
    assert page.text == model.text.replace("plain", value)
    if code and value:
        assert page.codes == [value] * 5


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_what_is_shown_is_one_line_that_utf_8_can_hold(text: str) -> None:
    line = Shown().text(text)
    line.encode()
    assert line.splitlines() in ([line], [])
    assert Shown().text(line) == line
