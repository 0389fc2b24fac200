"""A contact list as a spreadsheet, an exporter or an accident leaves it."""

from __future__ import annotations

import csv
import io
import os
import resource
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.intake.in_order import survey
from wacampaign.core.cells import cell
from wacampaign.core.template.unmeant import unmeant
from wacampaign.core.template.values import faults_of_value
from wacampaign.intake.contacts import Contact, Fault, FileChanged, Survey, contacts
from wacampaign.intake.list_file import UnfitFile
from wacampaign.problems import NotWritable, Refused, Usage


def phone(number: int) -> str:
    return str(919000000000 + number)


A, B, C, D = (phone(n) for n in range(1, 5))


@pytest.fixture
def make(tmp_path: Path):
    def write(content: str | bytes, name: str = "list.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def both(path: Path, **options: object) -> tuple[Survey, list[Contact]]:
    surveyed = survey(path, **options)
    streamed = list(contacts(surveyed))
    assert len(streamed) == surveyed.accepted
    return surveyed, streamed


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def rejected(surveyed: Survey) -> list[list[str]]:
    assert surveyed.rejected_file
    with surveyed.rejected_file.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))[1:]


def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (path := tmp_path / "list.csv").write_text("phone,name\n447700900123,Asha\nnone,Ben\n")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # no file may grow, as when full
    try:
        with pytest.raises(NotWritable, match=r"list\.rejected\.csv, which cannot be") as told:
            survey(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert told.value.suggestion.startswith("make room there")
    assert list(tmp_path.iterdir()) == [path]


def test_header_and_variables(make) -> None:
    surveyed, got = both(make(f"phone,name,city\n{A},Asha,Pune\n{B}, Ravi ,Goa\n"))
    assert got == [Contact(2, A, ("Asha", "Pune")), Contact(3, B, ("Ravi", "Goa"))]
    row = surveyed.reading.of(0)
    assert row.payload(got[0].variables) == {"var1": "Asha", "var2": "Pune"}
    assert surveyed.layout.header == ("phone", "name", "city")
    assert (surveyed.rows, surveyed.rejected_file, surveyed.calling_codes) == (2, None, {"91": 2})
    assert names_in(surveyed.path.parent) == ["list.csv"]


def test_a_first_row_with_a_damaged_phone_is_no_header(make) -> None:
    surveyed, got = both(make(f"9.19E+11,Asha\n{B},Ravi\n"))
    assert surveyed.layout.header is None
    assert [c.line for c in got] == [2]
    assert surveyed.faults == {Fault.PHONE: 1}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(make, delimiter: str, end: str) -> None:
    rows = [["phone", "text"], [A, "one, two; three | four"], [B, "x"]]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(rows)
    surveyed, got = both(make(out.getvalue()))
    assert surveyed.layout.delimiter == delimiter
    assert got == [Contact(2, A, ("one, two; three | four",)), Contact(3, B, ("x",))]


def test_other_delimiters_inside_values_do_not_win(make) -> None:
    lines = "".join(f"{phone(i)};Hello, friend, number {i}\n" for i in range(1, 30))
    assert both(make(lines))[0].layout.delimiter == ";"


def test_excels_sep_line(make) -> None:
    surveyed, got = both(make(f"sep=;\r\nphone;name\r\n{A};Asha\r\n"))
    assert (surveyed.layout.delimiter, got) == (";", [Contact(3, A, ("Asha",))])


def test_phones_alone(make) -> None:
    assert [c.phone for c in both(make(f"{A}\n{B}\n"))[1]] == [A, B]


@pytest.mark.parametrize(
    ("codec", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings(make, codec: str, found: str) -> None:
    name = "Jürgen Müller" if codec == "cp1252" else "आशा"
    surveyed, got = both(make(f"phone;name\n{A};{name}\n".encode(codec)))
    assert (surveyed.layout.encoding, got) == (found, [Contact(2, A, (name,))])


def test_utf_16_big_endian(make) -> None:
    content = "\ufeff" + f"{A}\tआशा\r\n{B}\tx\r\n"
    assert both(make(content.encode("utf-16-be")))[1][0].variables == ("आशा",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{A},आशा\n{B},\n".encode() + C.encode() + b",\xff\n", "line 3 .*0xff .* is not UTF-8"),
        (f"{A},आशा".encode()[:-1] + b"", "line 1 .*not UTF-8"),
        (f"\ufeff{A},a\n{B},b\n".encode("utf-16-le") + b"\x00\xd8\n\x00", "line 3 .*not UTF-16"),
    ],
)
def test_a_broken_byte_names_its_line(make, content: bytes, message: str) -> None:
    with pytest.raises(UnfitFile, match=message):
        survey(make(content))


def test_a_broken_byte_far_into_a_large_file(make) -> None:
    rows = b"".join(phone(i).encode() + ",नाम\n".encode() for i in range(150_000))
    with pytest.raises(UnfitFile, match=r"line 150,001 .*0xfe"):
        survey(make(rows + b"\xfe\n" + rows))


def test_every_bad_row_is_listed_with_its_line(make) -> None:
    surveyed, got = both(
        make(
            "phone,name,city\n"
            f"{A},Asha,Pune\n"
            "9.19E+11,Ravi,Goa\n"
            "\n"
            ",,\n"
            f"{B},,Goa\n"
            f'{B},"two\nlines",Goa\n'
            f"{B},Ravi\n"
            f"{B},Ravi,Goa,more\n"
            f"{B},tab\there,Goa\n"
            f"{B},a     b,Goa\n"
            f"{B},{'x' * 1025},Goa\n"
            f"{B},\u200b\u200d,Goa\n"
            f"{B},nul\x00,Goa\n"
            f'{B},"a"b,Goa\n'
            f"'+{A},again,Goa\n"
            f"{C},a    b,https://example.com/{'x' * 900},,\n"
        ),
    )
    assert [c.line for c in got] == [2, 18]
    assert rejected(surveyed) == [
        ["3", "9.19E+11", surveyed.first_rejections[0].reason],
        ["6", B, "body {{1}} is empty"],
        ["7", B, "body {{1}} has a line break (lines 7 to 8)"],
        ["9", B, "2 columns where 3 are needed"],
        ["10", B, "4 columns where 3 are needed"],
        ["11", B, "body {{1}} has a tab"],
        ["12", B, "body {{1}} has more than 4 spaces in a row"],
        ["13", B, "body {{1}} has 1,025 characters, at most 1,024 are possible"],
        ["14", B, "body {{1}} holds nothing that can be seen"],
        ["15", B, "body {{1}} has a control character"],
        ["16", B, "a quotation mark in the middle of a field"],
        ["17", f"'+{A}", "the same recipient as line 2"],
    ]
    assert (surveyed.accepted, surveyed.rejected, surveyed.repeats, surveyed.rows) == (2, 11, 1, 14)
    assert len(surveyed.first_rejections) == 5
    assert names_in(surveyed.path.parent) == ["list.csv", "list.rejected.csv"]


def test_a_repeat_counts_from_the_first_good_row(make) -> None:
    surveyed, got = both(make(f"{A},\n{A},x\n{A},y\n"))
    assert got == [Contact(2, A, ("x",))]
    assert [row[2] for row in rejected(surveyed)] == [
        "body {{1}} is empty",
        "the same recipient as line 2",
    ]


def test_repeats_may_be_allowed(make) -> None:
    surveyed, got = both(make(f"{A},x\n{A},y\n"), allow_repeats=True)
    assert [c.variables for c in got] == [("x",), ("y",)]
    assert (surveyed.repeats, surveyed.rejected_file) == (0, None)


def test_national_numbers_with_a_region(make) -> None:
    path = make(f"9000000001,x\n{B},y\n")
    assert [c.phone for c in both(path, default_region="in")[1]] == [A, B]
    assert "country code missing" in rejected(both(path)[0])[0][2]
    with pytest.raises(Usage, match="“xx” is no country"):
        survey(path, default_region="xx")


def test_a_list_without_country_codes_is_refused_as_one(make) -> None:
    path = make("phone\n9876543210\n9812345670\n7012345678\n")
    with pytest.raises(UnfitFile, match="country code is missing: 3 of 3") as refused:
        survey(path)
    assert "--default-region IN" in refused.value.suggestion
    assert names_in(path.parent) == ["list.csv"]
    for region in ("IN", "India", "+91", "91", "in"):
        assert [c.phone[:2] for c in both(path, default_region=region)[1]] == ["91"] * 3


def test_one_person_in_two_spellings_is_one_recipient(make) -> None:
    path = make("phone\n+55 11 90000-0001\n+54 9 11 0000-0001\n+54 11 0000-0001\n")
    surveyed, got = both(path)
    assert [c.line for c in got] == [2, 3]
    assert (surveyed.repeats, surveyed.perhaps, surveyed.rejected) == (1, 1, 0)
    assert "may be the same person as line 3" in surveyed.first_rejections[0].reason
    assert len(both(path, allow_repeats=True)[1]) == 3


def test_looking_writes_nothing(make) -> None:
    surveyed = survey(make(f"{A},x\nbad,y\n"), write_rejected=False)
    assert (surveyed.rejected, surveyed.rejected_file) == (1, None)
    assert names_in(surveyed.path.parent) == ["list.csv"]


def test_the_rejected_file_is_as_private_as_the_list_and_runs_no_formula(make) -> None:
    path = make(f'{A},x\n"=HYPERLINK(1)",y\n')
    path.chmod(0o640)
    surveyed = survey(path)
    assert surveyed.rejected_file
    assert surveyed.rejected_file.stat().st_mode & 0o777 == 0o640
    assert rejected(surveyed)[0][1] == "'=HYPERLINK(1)"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b",,\n,,\n", "has no rows"),
        (b"phone,name\n", "no contacts"),
        (b"PK\x03\x04rest", "Excel workbook, .* cut off"),
        (b"\xd0\xcf\x11\xe0rest", "old document of Office"),
        (b"<html><table>", "HTML"),
        (bytes(range(256)).replace(b"P", b"") * 4 + bytes(500), "binary file"),
        (f"phone,name,city\n{A},x\n{B},y\n", "names 3 columns .*rows have 2"),
        ("a,b\nc,d\n", "no phone numbers"),
        (f'{A},"open\n{B},x\n{C},y\n', "line 1 .*never closed"),
        (f'{A},"open\n{B},x\n{C},y"\n{D},z\n', "line 1 .*look like rows"),
        (f'{A},"open\nx\n{C}x,"y z"\n{D},z\n', "line 1 .*not closed"),
        (f'{A},x\n{B},"' + "y" * 140_000 + '"\n', "line 2 .*131,072 characters"),
        ("x" * 2_200_000, "more than 1,048,576 bytes"),
    ],
)
def test_a_file_that_does_not_fit_creates_nothing(make, content: str | bytes, message: str) -> None:
    path = make(content)
    with pytest.raises(Refused, match=f"(?s){message}") as caught:
        survey(path)
    assert caught.value.suggestion != Refused.default_suggestion
    assert names_in(path.parent) == ["list.csv"]
    assert not any(p in caught.value.message for p in (A, B, C, D))


def test_a_fault_late_in_the_file_leaves_no_rejected_file(make) -> None:
    rows = "".join(f"{phone(i)},x\nbad,x\n" for i in range(1000))
    with pytest.raises(UnfitFile, match="line 2,001"):
        survey(path := make(rows + f'{A},"never closed\n'))
    assert names_in(path.parent) == ["list.csv"]


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="there is no file"):
        survey(tmp_path / "missing.csv")
    with pytest.raises(Usage, match="is a folder"):
        survey(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Usage, match="pipe"):
        survey(tmp_path / "pipe")


def test_a_file_changed_between_the_passes_is_noticed(make) -> None:
    path = make(f"{A},x\n{B},y\n")
    surveyed = survey(path)
    path.write_text(f"{A},x\n{B},y\n{C},z\n")
    with pytest.raises(FileChanged):
        list(contacts(surveyed))
    path.unlink()
    with pytest.raises(Usage):
        list(contacts(surveyed))


def test_a_file_changed_during_the_second_pass_is_noticed(make) -> None:
    path = make("".join(f"{phone(i)},x\n" for i in range(50_000)))
    stream = contacts(survey(path))
    next(stream)
    with path.open("a") as file:
        file.write("more\n")
    with pytest.raises(FileChanged):
        list(stream)


def test_progress_ends_at_the_whole(make) -> None:
    path = make("".join(f"{phone(i)},x\n" for i in range(60_000)))
    seen: list[tuple[int, int]] = []
    survey(path, on_progress=lambda done, total: seen.append((done, total)))
    size = path.stat().st_size
    assert seen == sorted(seen)
    assert len(seen) > 3
    assert seen[-1] == (size, size)


# What a spreadsheet may put into a cell; surrogates are no text.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def is_faulty(value: str) -> bool:
    return unmeant(cell(value)) is not None or any(faults_of_value(cell(value)))


@given(
    st.lists(st.lists(TEXT, min_size=2, max_size=2), min_size=1, max_size=20),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_whatever_csv_writes_is_read_back(
    rows: list[list[str]], delimiter: str, codec: str, quoting: int
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["phone", "first", "second"])
    written = [[phone(i), *row] for i, row in enumerate(rows, start=1)]
    writer.writerows([*written, [phone(0), "a", "b"]])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list.csv")
        path.write_bytes(out.getvalue().encode(codec))
        surveyed, got = both(path)
        assert surveyed.layout.delimiter == delimiter
        good = [r for r in written if not any(map(is_faulty, r[1:]))]
        assert [[c.phone, *c.variables] for c in got[:-1]] == [
            [p, cell(one), cell(two)] for p, one, two in good
        ]
        assert surveyed.rows == len(rows) + 1
        left_out = {r[1] for r in rejected(surveyed)} if surveyed.rejected else set[str]()
        assert left_out == {r[0] for r in written if r not in good}


@given(st.binary(max_size=400))
def test_any_bytes_give_contacts_or_a_clear_refusal(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list.csv")
        path.write_bytes(content)
        try:
            both(path)
        except UnfitFile as unfit:
            assert unfit.message
