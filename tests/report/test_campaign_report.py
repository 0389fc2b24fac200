"""The report for a client: true, complete, the same in both forms, whatever the data holds."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.report.finished import BEGAN, COMPONENTS, FINISHED, NOTHING_SENT, named
from tests.report.page import Page
from tests.report.test_hostile_values import HOSTILE
from wacampaign.core.campaign.client_report import (
    Bin,
    ClientReport,
    Fates,
    SampleMessage,
    fates_of,
    reasons,
)
from wacampaign.core.template.preview import preview
from wacampaign.problems import Problem, Usage
from wacampaign.report import report_form, write_campaign_report
from wacampaign.report.campaign_content import campaign_content
from wacampaign.report.campaign_time import counts_of, early_bins, spans_of
from wacampaign.report.document import NO_BREAK
from wacampaign.report.html import html
from wacampaign.report.markdown import markdown
from wacampaign.report.shown import clean

COMMONMARK = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@pytest.fixture(autouse=True)
def in_kolkata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(params=["report.md", "report.html"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / request.param


def told(path: Path, report: ClientReport) -> str:
    """What the written file says, without markup and on one line."""
    write_campaign_report(path, report)
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        return " ".join(Page.read(text).text.replace(NO_BREAK, " ").split())
    return " ".join(re.sub(r"\\(?=[\W_])|\*\*|^> ?", "", text, flags=re.MULTILINE).split())


def test_one_entry_without_a_phone_is_told_as_one(path: Path) -> None:
    text = told(path, replace(FINISHED, campaign=replace(FINISHED.campaign, unusable=1)))
    assert "1 entry of the list had no usable phone number and is no recipient." in text


def test_it_tells_what_became_of_every_recipient(path: Path) -> None:
    text = told(path, FINISHED)
    for said in (
        "as of 2 Dec 2025, 14:30 · all times are IST (UTC+05:30)",
        "The campaign is finished. 10,310 of 10,807 messages went out from Bajaj Finance "
        "(+91***0123), 10 Nov 2025, 18:05 to 18:08.",
        "Every per cent is of the 10,807 recipients.",
        "Of 280 messages WhatsApp has told nothing",
        "58 entries of the list had no usable phone number",
        "WhatsApp told both arrival and failure of 2 messages",
        "Whether 3 messages went out is not known",
        "Later, until 1 Dec 2025, 18:05: 27 delivered, 381 read.",
        "Half of the delivered messages arrived within 2 s of being sent, 95 of 100 within 41 s.",
        "Compared with Bajaj_market_1: the last one before this",
        "your loan of 50,000 is *approved*.",
        "Reply STOP to opt out",
        "Apply now → https://example.com/apply",
        "Its text is not known here.",
        "charges 9,500 of them",
        "free: the person came by an ad or a link",
    ):
        assert said in text, said
    for figure in ("90.7 %", "37.9 %", "4,100 (37.9 %)", "700 (34.0 %)", "under 0.1 %", "100 %"):
        assert figure in text, figure


def test_reasons_are_in_plain_words_and_alike_ones_one_line(path: Path) -> None:
    many = reasons(((131026, 4), (135000, 1)), ((131026, 3), (130403, 2), (999_999, 1), (0, 5)))
    text = told(path, replace(FINISHED, campaign=replace(FINISHED.campaign, reasons=many)))
    assert many[0].count == 7
    for reason in many:
        assert text.count(reason.text) == 1
    assert "131026" not in text


def test_a_long_list_of_reasons_ends_with_their_sum(path: Path) -> None:
    many = reasons((900_000 + n, 20 - n) for n in range(16))
    text = told(path, replace(FINISHED, campaign=replace(FINISHED.campaign, reasons=many)))
    assert "Other reasons together" in text
    assert "(number 900015)" not in text


@pytest.mark.parametrize(
    ("status", "fates", "said"),
    [
        ("running", Fates(delivered=5, waiting=95), "is still running, so these figures will chan"),
        ("paused", Fates(delivered=5, waiting=95), "is paused, so these figures will change"),
        ("failed", Fates(delivered=5, waiting=95), "was stopped before its end"),
        ("failed", Fates(waiting=95), "has ended; nothing was sent"),
        ("scheduled", Fates(waiting=95), "is scheduled; nothing has been sent yet"),
        ("a new word", Fates(silent=95), "is still running"),
    ],
)
def test_a_campaign_that_is_not_finished_says_so(
    path: Path, status: str, fates: Fates, said: str
) -> None:
    campaign = replace(FINISHED.campaign, status=status, fates=fates, reasons=())
    text = told(path, replace(FINISHED, campaign=campaign, before=None))
    assert said in text
    assert ("Not sent: the campaign had ended" in text) is (status == "failed")
    assert "Beside" not in text
    assert "Why messages did not arrive" not in text


def test_a_campaign_without_rows_has_no_figures(path: Path) -> None:
    text = told(path, NOTHING_SENT)
    assert "This campaign has no recipients." in text
    assert "Nothing has been sent yet." in text
    assert "%" not in text


def test_what_nobody_told_is_not_called_none(path: Path) -> None:
    """Without statuses 0 delivered would be a lie."""
    campaign = replace(
        FINISHED.campaign, fates=Fates(silent=100), is_heard=False, replied=0, reasons=()
    )
    text = told(path, replace(FINISHED, campaign=campaign))
    assert "what was delivered and read is not known" in text
    assert text.count("not known") >= 5
    assert "3,000" not in text  # what templates would say was read
    heard = told(path, replace(FINISHED, campaign=replace(campaign, is_heard=True)))
    assert "0 (0 %)" in heard


def test_a_young_campaign_is_not_held_against_an_old_one(path: Path) -> None:
    assert "ahead by its age" not in told(path, FINISHED)
    young = replace(FINISHED, at="2025-11-10T15:38:02Z", before_is_named=True)
    text = told(path, young)
    assert "last message went out 3 h ago" in text
    assert "Beside another campaign" in text
    assert young.before is not None
    later = replace(young.before, last_sent_at="2025-11-10T15:37:00Z")
    assert "ahead by its age" not in told(path, replace(young, before=later))


def test_no_phone_and_no_token_is_in_it(path: Path) -> None:
    text = told(path, named("call +44 7700 900123 or EAAGsecretsecret12345"))
    assert "7700" not in text
    assert "secretsecret" not in text
    assert "+44***0123" in text


def test_an_upload_is_shown_without_its_id(path: Path) -> None:
    """An id says nothing to a client, and was masked as if it were somebody's phone."""
    upload = preview(COMPONENTS, None, {"var1": "700000000000001", "var2": "a", "var3": "b"})
    sample = SampleMessage("t", "en", upload)
    text = told(path, replace(FINISHED, messages=(sample,)))
    assert "media id" not in text
    assert "[video]" in text


def test_sent_is_counted_whatever_became_of_it(path: Path) -> None:
    text = told(path, FINISHED)
    assert "Sent: WhatsApp accepted the message, whatever became of it afterwards" in text
    assert "not arrived yet" not in text


def test_markdown_keeps_to_80_columns_where_it_can(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    write_campaign_report(path, FINISHED)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 80] == []


def test_the_page_needs_nothing_and_breaks_only_words_that_are_too_long(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_campaign_report(path, named("x" * 100))
    text = path.read_text(encoding="utf-8")
    page = Page.read(text)
    assert not page.tags & {"script", "img", "link", "iframe", "a href"}
    assert not [href for href in page.values("href") if not href.startswith("#")]
    assert "url(" not in page.style
    assert "@import" not in page.style
    assert "overflow-wrap: anywhere" not in page.style
    assert "@media print" in page.style
    body = text.partition("<body>")[2]
    pieces = re.findall(r"[^<>\s]+", body.replace("<wbr>", " "))
    assert max(len(one) for one in pieces if set(one) == {"x"}) <= 24
    assert "Delivered and read" in text


def test_ids_of_the_page_are_there_once(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_campaign_report(path, FINISHED)
    page = Page.read(path.read_text(encoding="utf-8"))
    ids = page.values("id")
    assert len(set(ids)) == len(ids)
    assert {href[1:] for href in page.values("href")} <= set(ids)


def test_a_colour_is_there_for_every_outcome(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_campaign_report(path, FINISHED)
    page = Page.read(path.read_text(encoding="utf-8"))
    for name in page.values("class"):
        if name.startswith("key "):
            assert f".{name.removeprefix('key ')} {{ fill" in page.style, name


def test_other_names_are_refused_with_this_commands_option(tmp_path: Path) -> None:
    with pytest.raises(Usage) as caught:
        report_form(tmp_path / "report.pdf", "--out")
    assert caught.value.suggestion == "--out FILE.md or --out FILE.html"
    with pytest.raises(Problem, match="No such file or directory") as missing:
        write_campaign_report(tmp_path / "none" / "report.md", FINISHED)
    assert "--out" in missing.value.suggestion
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_text_changes_nothing_around_it(value: str) -> None:
    plain, hostile = campaign_content(named("plain")), campaign_content(named(value))

    page, model = Page.read(html(hostile)), Page.read(html(plain))
    assert page.tags == model.tags
    assert clean(value) in page.text

    found = list(tokens(markdown(hostile, width=80)))
    assert not [one for one in found if one.type in ("html_block", "html_inline", "image")]
    assert not [one for one in found if one.type == "link_open"]
    if "\n" not in value:  # a message may have lines, and then its quotation has
        blocks = [one.type for one in COMMONMARK.parse(markdown(hostile, width=80))]
        assert blocks == [one.type for one in COMMONMARK.parse(markdown(plain, width=80))]


def tokens(text: str) -> Iterator[Token]:
    for token in COMMONMARK.parse(text):
        yield token
        yield from token.children or ()


@settings(max_examples=80, deadline=None)
@given(st.text(st.sampled_from("ab 1.-+#|`*_[]()<>&\\~$!:=/'\"") | st.characters(), max_size=200))
def test_lines_that_are_wrapped_read_as_one_paragraph(text: str) -> None:
    """Whatever word a line begins with, it is no list, heading, rule or quotation."""
    value = clean(text)
    document = campaign_content(named(value))
    summary = document.sections[0].blocks[0]
    found = COMMONMARK.parse(markdown(replace(document, sections=()), width=80))
    assert [one.type for one in found] == [
        *("heading_open", "inline", "heading_close"),
        *("paragraph_open", "inline", "paragraph_close"),
    ]
    alone = replace(document.sections[0], blocks=(summary,))
    found = COMMONMARK.parse(markdown(replace(document, sections=(alone,)), width=20))
    assert [one.type for one in found].count("paragraph_open") == 2
    assert len([one for one in found if one.type.endswith("_open")]) == 4


# --- figures ---------------------------------------------------------------------------------

COUNTS = st.integers(0, 2_000_000)


@given(*[COUNTS] * 9)
def test_the_fates_always_add_up(
    waiting: int, in_doubt: int, sent: int, failed: int, delivered: int, read: int,
    undelivered: int, held: int, left_out: int,
) -> None:  # fmt: skip
    """Also while statuses come in between two counts."""
    counts = {"waiting": waiting, "in_doubt": in_doubt, "sent": sent, "failed": failed}
    said = {"delivered": delivered, "read": read, "undelivered": undelivered, "held": held}
    fates = fates_of(counts, said, left_out)
    assert fates.sent == sent
    assert fates.recipients == waiting + in_doubt + sent + failed
    assert fates.refused + fates.left_out == failed
    assert min(getattr(fates, name) for name in Fates.__dataclass_fields__) >= 0
    assert fates.read <= fates.delivered


BINS = st.lists(
    st.tuples(st.integers(0, 31 * 24 * 60), *[st.integers(0, 500)] * 4),
    min_size=1,
    unique_by=lambda one: one[0],
).map(
    lambda found: [
        Bin((BEGAN + timedelta(minutes=at)).isoformat(), 60 if at < 360 else 600, *counts)
        for at, *counts in sorted(found)
    ]
)


@settings(max_examples=100, deadline=None)
@given(BINS, st.integers(1, 60))
def test_stretches_of_time_keep_every_sum_and_leave_no_gap(bins: list[Bin], most: int) -> None:
    spans = spans_of(bins, most)
    assert len(spans) <= most
    assert [sum(column) for column in zip(*(span.counts for span in spans), strict=True)] == [
        sum(column) for column in zip(*map(counts_of, bins), strict=True)
    ]
    width = spans[0].seconds
    assert {(b.begin - a.begin).total_seconds() for a, b in itertools.pairwise(spans)} <= {width}
    if width < 86_400:  # whole units of the clock on the wall, also where it is half an hour off
        assert (spans[0].begin.hour * 3600 + spans[0].begin.minute * 60) % width == 0
    early = early_bins(bins)
    assert bins[: len(early)] == list(early)
    assert sum(one.sent for one in early) == sum(one.sent for one in bins)
