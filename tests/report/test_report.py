"""The incident report: complete in both forms, whatever the data holds, whole or not at all."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.night import BAD_URL, GOOD_URL, ID, NIGHT, NOTHING_FOUND
from tests.report.page import Page
from wacampaign import __version__
from wacampaign.core.campaign.number import CampaignNumber
from wacampaign.core.investigation.hypotheses import HYPOTHESES
from wacampaign.core.investigation.model import Group, Pace, Sample
from wacampaign.problems import Problem, Usage
from wacampaign.report import report_form, write_report
from wacampaign.report.html import _text

SECTIONS = (
    *("Summary", "Campaigns side by side", "Timeline", "Evidence", "Hypotheses", "Options"),
    *("Current counts", "Appendix"),
)


def written(path: Path, investigation=NIGHT) -> str:
    write_report(path, investigation)
    return path.read_text(encoding="utf-8")


@pytest.fixture(params=["report.md", "report.html"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / request.param


def test_the_report_says_everything_that_was_found(path: Path) -> None:
    text = written(path)
    words = Page.read(text).text if path.suffix == ".html" else re.sub(r"[\\`*]", "", text)

    titles = re.findall(r"^## (.+)$|<h2>(.+?)</h2>", text, re.MULTILINE)
    assert tuple("".join(one) for one in titles) == SECTIONS
    for one in NIGHT.beside:
        for value in (one.id, one.name, one.status, one.template, one.number, one.result):
            assert value in words
    for fact in NIGHT.facts:
        assert fact.text in words
    for moment in NIGHT.timeline:
        assert moment.text in words
    for group in NIGHT.groups:
        assert group.value in words
    for probe in NIGHT.probes:
        assert probe.title in words
    for hypothesis in NIGHT.hypotheses:
        assert hypothesis.id in words
        assert all(line in words for line in hypothesis.evidence)
    for option in NIGHT.options:
        assert option.title in words
        assert option.command in words
    for line in (*NIGHT.differences, *NIGHT.contradictions, *NIGHT.not_checked):
        assert line in words
    for said in (
        "2,093 rows with #135000 Generic user error, of 2,093 in the campaign",
        "between 2025-11-10 15:46:00 and 2025-11-10 15:47:00 UTC",
        "paused (#135000 after 20 of 20 messages); 2,093 failed",
        "2025-11-10 15:52:30 UTC",
        f"wacampaign {__version__}",
        "2 h 54 min without outcomes",
    ):
        assert said in words


def test_every_hypothesis_and_group_has_a_title_in_words(path: Path) -> None:
    text = written(path)
    for id_ in HYPOTHESES:
        assert f"<h3>{id_}</h3>" not in text
        assert f"### {id_}" not in text
    assert "By media host" in text


def test_phones_are_masked_again_and_media_stay_readable(path: Path) -> None:
    signed = f"{GOOD_URL}?oh=secretsignature&oe=1"
    sample = Sample("+447700900123", "t", {"to": 447700900123, "url": signed}, "EAAsecret12", None)
    night = replace(
        NIGHT,
        samples=(*NIGHT.samples, sample),
        not_checked=("+44 7700 900123 at https://wa.me/447700900123",),
    )
    text = written(path, night)
    assert "7700900123" not in text
    assert "7700 900123" not in text
    assert "secret12" not in text
    assert "secretsignature" not in text
    assert BAD_URL in text
    assert GOOD_URL in text


def test_an_empty_investigation_has_every_section(path: Path) -> None:
    text = written(path, NOTHING_FOUND)
    words = Page.read(text).text if path.suffix == ".html" else text
    for said in (*SECTIONS, "No outcomes are known.", "none of the possible causes stands out"):
        assert said in words
    assert "None was sent." in words
    assert "The payload was not compared with its template." in words


def test_the_campaigns_own_number_is_no_phone(path: Path) -> None:
    campaign = replace(NIGHT.campaign, number=CampaignNumber(phone_number_id="106540352242922"))
    text = written(path, replace(NIGHT, campaign=campaign, not_checked=("106540352242922 fell",)))
    assert "106540352242922 fell" in text


def test_a_long_list_of_media_is_cut_and_summed(path: Path) -> None:
    groups = tuple(Group("media", f"https://x.test/{n}.mp4", n, 1) for n in range(100))
    text = written(path, replace(NIGHT, groups=groups))
    assert "https://x.test/99.mp4" in text
    assert "https://x.test/5.mp4" not in text
    assert "80 more together: 3,160 failed, 80 sent." in text


def test_an_earlier_report_is_replaced(path: Path) -> None:
    path.write_text("earlier")
    assert "earlier" not in written(path)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_leaves_the_earlier_report_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    path.write_text("earlier")

    def full(_file: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Problem, match=re.escape(os.strerror(code))) as caught:
        write_report(path, NIGHT)
    assert str(path) in caught.value.message
    assert path.read_text() == "earlier"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="No such file or directory") as caught:
        write_report(tmp_path / "none" / "report.md", NIGHT)
    assert "--report" in caught.value.suggestion


def test_a_folder_in_the_place_of_the_report_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "report.md").mkdir()
    with pytest.raises(Problem, match="directory"):
        write_report(tmp_path / "report.md", NIGHT)
    assert list(tmp_path.iterdir()) == [tmp_path / "report.md"]


def test_a_name_that_no_file_can_have_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"cannot be written.*File name too long"):
        write_report(tmp_path / f"{'x' * 300}.md", NIGHT)


def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "report.md"
    os.mkfifo(pipe)
    with pytest.raises(Problem, match="no ordinary file"):
        write_report(pipe, NIGHT)
    assert pipe.is_fifo()


def test_through_a_link_the_file_is_replaced(tmp_path: Path) -> None:
    real = tmp_path / "real.md"
    real.write_text("earlier")
    link = tmp_path / "report.md"
    link.symlink_to(real)
    write_report(link, NIGHT)
    assert link.is_symlink()
    assert "Bajaj_market_2" in real.read_text()


@pytest.mark.parametrize("name", ["report", "report.pdf", "report.md.bak"])
def test_another_suffix_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(Usage) as caught:
        write_report(tmp_path / name, NIGHT)
    assert ".md" in caught.value.message
    assert ".html" in caught.value.message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.md", "markdown"), ("a.MARKDOWN", "markdown"), ("a.html", "html"), ("a.HTM", "html")],
)
def test_the_suffix_says_the_form(name: str, form: str) -> None:
    assert report_form(Path(name)) == form


def test_the_page_loads_nothing_and_stands_alone(tmp_path: Path) -> None:
    page = Page.read(written(tmp_path / "report.html"))
    assert not page.tags & {"script", "link", "img", "iframe", "video", "object", "form"}
    assert all(value.startswith("#") for value in page.values("href") + page.values("src"))
    assert "url(" not in page.style
    assert "@import" not in page.style
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {f"#{one}" for one in ids} >= set(page.values("href"))


def test_the_chart_says_what_it_shows(tmp_path: Path) -> None:
    page = Page.read(written(tmp_path / "report.html"))
    assert "2,074 sent, 2,093 failed, 1 in doubt" in page.text
    assert {"title", "desc"} <= page.tags
    assert ID in page.text


def test_a_year_of_outcomes_fits_the_chart(tmp_path: Path) -> None:
    pace = tuple(
        Pace(f"2025-{month:02}-{day:02}T{hour:02}:00:00Z", 60, 1, 1)
        for month in range(1, 13)
        for day in range(1, 29)
        for hour in range(24)
    )
    text = written(tmp_path / "report.html", replace(NIGHT, pace=pace))
    assert 20 <= text.count('class="sent" ') <= 120
    assert "8,064 sent, 8,064 failed" in text


# --- on a wide screen ---------------------------------------------------------------------------


def test_no_column_of_a_wide_screen_breaks_inside_words(tmp_path: Path) -> None:
    text = written(tmp_path / "report.html")
    timeline = text[text.index('id="timeline"') : text.index('id="evidence"')]
    table = timeline[timeline.index(">Kind</th>") :]
    assert re.findall(r'<th scope="row" class="(\w+)">2025', table) == ["short"] * 5
    assert re.findall(r'data-title="Kind" class="(\w+)"', table) == ["short"] * 5
    assert '<td data-title="State" class="short"' in text
    style = Page.read(text).style
    assert "word-break" not in style
    assert "anywhere" not in style
    assert ".short { white-space: nowrap; }" in style
    # Ids stand on one line where the screen is wide, and are broken between their groups elsewhere.
    assert re.search(r'data-title="Bajaj_market_1" class="line"><code>3d824b99-<wbr>a638-', text)


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        (
            "https://botspace-uploads.s3.eu-west-1.amazonaws.com/u/film.mp4",
            "https://|botspace-|uploads.|s3.|eu-|west-|1.|amazonaws.|com/|u/|film.|mp4",
        ),
        ("a" * 50, f"{'a' * 24}|{'a' * 24}|aa"),
        ("." * 30 + "a", f"{'.' * 30}|a"),
        ("short_name_of_23_letters", "short_name_of_23_letters"),
        ("<b>&amp;-" + "b" * 24, f"&lt;b&gt;&amp;|amp;-|{'b' * 24}"),
    ],
)
def test_long_words_are_broken_between_their_parts(word: str, parts: str) -> None:
    assert _text(word) == parts.replace("|", "<wbr>")
