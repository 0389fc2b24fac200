"""Spreadsheets as people have them: cells as displayed, titles, hidden rows, several sheets."""

from __future__ import annotations

import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.intake.in_order import survey, survey_of_two
from wacampaign.core.phones import normalize_phone
from wacampaign.intake.contacts import Contact, Fault, FileChanged, contacts
from wacampaign.intake.list_file import UnfitFile
from wacampaign.intake.list_reader import look_into
from wacampaign.intake.sheets import workbook
from wacampaign.intake.sheets.cells import Seen, general
from wacampaign.intake.sheets.number_format import shower
from wacampaign.intake.sheets.workbook import opened
from wacampaign.problems import Usage

A, B = "447700900123", "447700900124"


def book(path: Path, *rows: list[Any], title: str = "Kunden") -> Path:
    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    sheet.title = title
    for row in rows:
        sheet.append(row)
    made.save(path)
    return path


def rewritten(path: Path, part: str, old: str, new: str) -> Path:
    """`path` with `old` replaced in one part of the archive."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old.encode() in parts[part]
    parts[part] = parts[part].replace(old.encode(), new.encode())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


SHEET = "xl/worksheets/sheet1.xml"

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def shared(path: Path, *texts: str) -> Path:
    """Rows of a phone and one of `texts`, the XML of shared strings, as Excel writes them."""
    rows = "".join(
        f'<row r="{n}"><c r="A{n}"><v>{A}</v></c><c r="B{n}" t="s"><v>{n - 1}</v></c></row>'
        for n in range(1, len(texts) + 1)
    )
    parts = {
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r1"'
        f' Type="{OFFICE}/officeDocument" Target="/xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        '<sheet name="One" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">'
        f'<Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
        "</Relationships>",
        SHEET: f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{"".join(texts)}</sst>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


ODS = """<?xml version="1.0"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>
{tables}</office:spreadsheet></office:body></office:document-content>"""


def ods(path: Path, *tables: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", ODS.format(tables="".join(tables)))
    return path


def table(name: str, *rows: str) -> str:
    return f'<table:table table:name="{name}">{"".join(rows)}</table:table>'


def ods_row(*cells: str, more: str = "") -> str:
    inner = "".join(
        c if c.startswith("<") else f"<table:table-cell><text:p>{c}</text:p></table:table-cell>"
        for c in cells
    )
    return f"<table:table-row {more}>{inner}</table:table-row>"


def test_a_phone_that_is_a_number_keeps_its_digits(tmp_path: Path) -> None:
    path = book(tmp_path / "list.xlsx", ["phone", "name"], [447700900123, "Asha"], [int(B), "Иван"])
    surveyed = survey(path)
    assert list(contacts(surveyed)) == [Contact(2, A, ("Asha",)), Contact(3, B, ("Иван",))]
    assert surveyed.layout.place(3) == "row 3 of sheet Kunden"
    assert surveyed.notes == ()


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = book(tmp_path / "list.csv.xlsx", ["phone", "name"], [A, "Asha"])
    path = path.rename(tmp_path / "list.csv")
    assert [c.phone for c in contacts(survey(path))] == [A]


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (447700900123, "General", "447700900123"),
        (447700900123, "0.00E+00", "447700900123"),
        (447700900123, "0", "447700900123"),
        (447700900123, "@", "447700900123"),
        (447700900123, '"+"0', "+447700900123"),
        (33123456789, "+00 0 00 00 00 00", "+33 1 23 45 67 89"),
        (4155550100, "(###) ###-####", "(415) 555-0100"),
        (7700900123, "00000000000", "07700900123"),
        (1234567, "#,##0", "1,234,567"),
        (-1234.5, "#,##0.00", "-1,234.50"),
        (-1234.5, "#,##0.00;[Red](#,##0.00)", "(1,234.50)"),
        (0, '0;-0;"zero"', "zero"),
        (0, "#,##0.00", "0.00"),
        (0.5, "0.##", "0.5"),
        (0.125, "0.0%", "12.5%"),
        (0.2, "0%", "20%"),
        (19.9, '#,##0.00\\ "€"', "19.90 €"),
        (19.9, "[$€-407]#,##0.00", "€19.90"),
        (5, '0 "pcs"', "5 pcs"),
        (1500000, '0.0,,"M"', "1.5M"),
        (0.1 + 0.2, "General", "0.3"),
        (2.675, "0.00", "2.68"),
        (True, "General", "TRUE"),
        (date(2026, 12, 31), "dd.mm.yyyy", "31.12.2026"),
        (date(2026, 12, 3), "d-mmm-yy", "3-Dec-26"),
        (date(2026, 12, 31), "dddd, d mmmm yyyy", "Thursday, 31 December 2026"),
        (date(2026, 12, 31), "mm-dd-yy", "2026-12-31"),
        (datetime(2026, 12, 31, 18, 5), "yyyy-mm-dd hh:mm", "2026-12-31 18:05"),
        (datetime(2026, 12, 31, 18, 5, 9), "h:mm:ss AM/PM", "6:05:09 PM"),
        (1.5, "[h]:mm", "36:00"),
    ],
)
def test_cells_are_read_as_displayed(tmp_path: Path, value: Any, code: str, shown: str) -> None:
    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    sheet.append(["phone", "value"])
    sheet.append([A, value])
    sheet["B2"].number_format = code
    made.save(path := tmp_path / "list.xlsx")
    assert [c.variables for c in contacts(survey(path))] == [(shown,)]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("4.47700900123E11", "447700900123"),
        ("919999999999999", "919999999999999"),
        ("1.2345678901234567E+18", "1.23457E+18"),
        ("3.14159265358979", "3.141592654"),
        ("1.0000000000000001E-5", "0.00001"),
        ("-0", "0"),
        ("x", "x"),
    ],
)
def test_numbers_without_a_format(raw: str, text: str) -> None:
    assert general(raw) == text


def test_a_condition_and_a_fraction_show_the_plain_number() -> None:
    for code in ("[>100]0.00;0", "# ?/?"):
        assert shower(code, Seen(), since_1904=False)("2.5") == "2.5"


def test_dates_of_the_other_calendar() -> None:
    assert shower("yyyy-mm-dd", Seen(), since_1904=True)("44925") == "2026-12-31"
    assert shower("yyyy-mm-dd", Seen(), since_1904=False)("59") == "1900-02-28"


def test_what_reads_otherwise_elsewhere_is_noted(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    sheet.append(["phone", "day", "price"])
    sheet.append([A, date(2026, 12, 31), 19.9])
    sheet["B2"].number_format = "mm-dd-yy"
    made.save(path := tmp_path / "list.xlsx")
    dates, decimals = survey(path).notes
    assert "“2026-12-31”" in dates
    assert "“19.9”, with a point" in decimals


def test_titles_and_empty_rows_above_the_header(tmp_path: Path) -> None:
    rows = [[], ["Kundenliste 2026"], [], ["Telefon", "Name"], [A, "Asha"], [], [B, "Ravi"]]
    surveyed = survey(book(tmp_path / "list.xlsx", *rows))
    assert surveyed.layout.header == ("Telefon", "Name")
    assert [c.line for c in contacts(surveyed)] == [5, 7]
    assert surveyed.notes == ("above the header, left out: “Kundenliste 2026”",)


def test_hidden_rows_and_merged_cells_are_told(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    for row in (["phone", "name"], [A, "Asha"], [B, "Ravi"]):
        sheet.append(row)
    sheet.row_dimensions[3].hidden = True
    sheet.merge_cells("D1:E1")
    made.save(path := tmp_path / "list.xlsx")
    surveyed = survey(path)
    assert surveyed.accepted == 2
    assert surveyed.notes[0].startswith("NOTE: 1 row hidden in the spreadsheet")
    assert "1 area of merged cells" in surveyed.notes[1]


def test_sheets_by_name_and_number(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.worksheets[0].title = "Notes"
    made.worksheets[0].sheet_state = "hidden"
    for title, phone in (("Kunden", A), ("Archiv", B)):
        sheet = made.create_sheet(title)
        sheet.append(["phone", "name"])
        sheet.append([int(phone), "Asha"])
    made.save(path := tmp_path / "list.xlsx")
    surveyed = survey(path)
    assert [c.phone for c in contacts(surveyed)] == [A]
    assert surveyed.notes == (
        "sheet Kunden (2 of 3: Notes (hidden), Kunden, Archiv); --sheet reads another",
    )
    for wanted in ("Archiv", "archiv", "3"):
        assert [c.phone for c in contacts(survey(path, sheet=wanted))] == [B]
    for wanted in ("Kunde", "4", "0"):
        with pytest.raises(Usage, match=rf"no sheet {wanted}; it has 3: Notes .*Kunden, Archiv"):
            survey(path, sheet=wanted)
    with pytest.raises(UnfitFile, match=r"sheet Notes of list\.xlsx is empty"):
        survey(path, sheet="Notes")


def test_options_of_another_kind_of_file(tmp_path: Path) -> None:
    path = book(tmp_path / "list.xlsx", ["phone", "name"], [A, "Asha"])
    with pytest.raises(Usage, match="it has no encoding"):
        survey(path, encoding="utf-8")
    (text := tmp_path / "list.csv").write_text(f"{A},Asha\n")
    with pytest.raises(Usage, match="it has no sheets"):
        survey(text, sheet="1")


def test_a_formula_without_a_result_is_named(tmp_path: Path) -> None:
    path = book(tmp_path / "list.xlsx", ["phone", "name"], [A, "=UPPER(C2)"], [B, "Ravi"])
    surveyed = survey(path)
    assert surveyed.faults == {Fault.CELL: 1}
    (left_out,) = surveyed.first_rejections
    assert (left_out.line, left_out.phone) == (2, A)
    assert left_out.reason.startswith("the formula in B2 has no saved result")


def test_a_formula_without_a_result_may_stand_where_nothing_reads_it(tmp_path: Path) -> None:
    path = book(
        tmp_path / "list.xlsx",
        ["phone", "name", "total"],
        [A, "Asha", "=C3*2"],
        [B, "=UPPER(C2)", "=C2*2"],
    )
    surveyed = survey_of_two(path)
    assert list(contacts(surveyed)) == [Contact(2, A, ("Asha",))]
    assert [r.reason[:16] for r in surveyed.first_rejections] == ["the formula in B"]


@pytest.mark.parametrize("phone_at", [0, 1])
def test_labels_above_the_header(tmp_path: Path, phone_at: int) -> None:
    def row(phone: Any, name: Any, note: Any) -> list[Any]:
        return [phone, name, note] if phone_at == 0 else [name, phone, note]

    rows = (row("+" + A, "Asha", None), row("+" + B, "Ravi", None))
    head = [["Visits of week 49"], ["As of", date(2026, 11, 26)], ["By:", "Anna"]]
    path = book(tmp_path / "list.xlsx", *head, row("Mobile", "Name", "Note"), *rows)
    with pytest.raises(UnfitFile, match=r"has a header \(.*“Mobile”.*\) and no contacts"):
        survey(book(tmp_path / "bare.xlsx", *head, row("Mobile", "Name", "Note")))
    layout = look_into(path, normalize_phone)
    assert layout.header == tuple(row("Mobile", "Name", "Note"))
    assert layout.rows_above == 3
    assert layout.notes[-1] == (
        "above the header, left out: “Visits of week 49”, “As of”, “2026-11-26”, “By:”, “Anna”"
    )


def test_a_contact_is_no_label(tmp_path: Path) -> None:
    """Though its phone is missing, and a word that means one stands in its place."""
    path = book(tmp_path / "list.xlsx", ["who", "name"], ["Telefon fehlt", "Asha"], [A, "Ravi"])
    assert look_into(path, normalize_phone).header == ("who", "name")


def test_a_formula_with_its_result_and_an_error_cell(tmp_path: Path) -> None:
    path = book(tmp_path / "list.xlsx", ["phone", "name"], [A, "=X1"], [B, "#N/A"])
    path = rewritten(path, SHEET, "<f>X1</f><v />", "<f>X1</f><v>7.5</v>")
    with opened(path) as book_:
        rows = list(book_.rows(book_.sheet(None), Seen()))
    assert [row.fields[1] for row in rows] == ["name", "7.5", "#N/A"]


def test_texts_with_several_runs_guides_and_escapes(tmp_path: Path) -> None:
    rich = (
        "<si><r><rPr><b/></rPr><t>Ta</t></r><r><t xml:space='preserve'>ro </t></r>"
        "<rPh sb='0' eb='1'><t>タロ</t></rPh></si>"
    )
    path = shared(tmp_path / "list.xlsx", rich, "<si><t>a_x0041_b &amp; c</t></si>")
    surveyed = survey(path, allow_repeats=True)
    assert [c.variables for c in contacts(surveyed)] == [("Taro",), ("aAb & c",)]


def test_a_reference_to_a_text_that_is_missing(tmp_path: Path) -> None:
    path = shared(tmp_path / "list.xlsx", "<si><t>Asha</t></si>", "")
    with pytest.raises(UnfitFile, match="cell B2 of sheet One refers to a text that is missing"):
        survey(path)


def test_cells_without_references_and_with_prefixes(tmp_path: Path) -> None:
    path = book(tmp_path / "list.xlsx", ["x"])
    with zipfile.ZipFile(path) as archive:
        old = archive.read(SHEET).decode()
    inner = "".join(
        f'<x:row><x:c t="inlineStr"><x:is><x:t>{one}</x:t></x:is></x:c>'
        f'<x:c t="str"><x:v>{two}</x:v></x:c></x:row>'
        for one, two in (("phone", "name"), (A, "Asha"))
    )
    name = "http://purl.oclc.org/ooxml/spreadsheetml/main"
    new = f'<x:worksheet xmlns:x="{name}"><x:sheetData>{inner}</x:sheetData></x:worksheet>'
    path = rewritten(path, SHEET, old, new)
    assert list(contacts(survey(path))) == [Contact(2, A, ("Asha",))]


def test_changed_between_the_passes(tmp_path: Path) -> None:
    path = book(tmp_path / "list.xlsx", ["phone", "name"], [A, "Asha"])
    surveyed = survey(path)
    book(path, ["phone", "name"], [A, "Asha"], [B, "Ravi"])
    with pytest.raises(FileChanged):
        list(contacts(surveyed))


def test_open_document_as_displayed(tmp_path: Path) -> None:
    number = (
        f'<table:table-cell office:value-type="float" office:value="{A}">'
        "<text:p>4.477E+11</text:p></table:table-cell>"
    )
    noted = (
        "<table:table-cell><office:annotation><text:p>call her</text:p></office:annotation>"
        "<text:p>Asha<text:s text:c='2'/>K.</text:p></table:table-cell>"
    )
    far = '<table:table-cell table:number-columns-repeated="16380"/>'
    path = ods(
        tmp_path / "list.ods",
        table(
            "Kunden",
            ods_row("Liste"),
            ods_row("<table:table-cell/>", more='table:number-rows-repeated="3"'),
            ods_row("phone", "name", far),
            ods_row(number, noted, far),
            ods_row(B, "Ravi", more='table:visibility="filter"'),
            ods_row("<table:table-cell/>", more='table:number-rows-repeated="1048000"'),
        ),
        table("Archiv", ods_row(B, "Old")),
    )
    surveyed = survey(path)
    assert list(contacts(surveyed)) == [Contact(6, A, ("Asha  K.",)), Contact(7, B, ("Ravi",))]
    assert surveyed.notes[0] == "sheet Kunden (1 of 2: Kunden, Archiv); --sheet reads another"
    assert surveyed.notes[1] == "above the header, left out: “Liste”"
    assert "1 row hidden" in surveyed.notes[2]
    assert [c.line for c in contacts(survey(path, sheet="2"))] == [1]


def test_an_encrypted_open_document(tmp_path: Path) -> None:
    path = ods(tmp_path / "list.ods", table("x"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("META-INF/manifest.xml", "<manifest:encryption-data/>")
    with pytest.raises(UnfitFile, match="has a password"):
        survey(path)


# --- bad days -----------------------------------------------------------------------------------


def test_a_truncated_workbook(tmp_path: Path) -> None:
    path = book(tmp_path / "list.xlsx", *[[A, f"name {n}"] for n in range(500)])
    whole = path.read_bytes()
    for size in (100, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:size])
        with pytest.raises(UnfitFile, match="cut off or damaged"):
            survey(path)


def test_damage_inside_a_part(tmp_path: Path) -> None:
    path = book(tmp_path / "list.xlsx", *[[A, f"name {n}"] for n in range(500)])
    whole = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo(SHEET).header_offset + 200
    whole[start : start + 40] = bytes(40)
    path.write_bytes(whole)
    with pytest.raises(UnfitFile, match="damaged"):
        survey(path)


def test_an_archive_that_unpacks_to_far_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "_PART_MAX", 50_000_000)
    path = book(tmp_path / "list.xlsx", [A, "Asha"])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet2.xml", bytes(60_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(UnfitFile, match=r"unpacks to 0\.1 GB \(xl/worksheets/sheet2\.xml\)"):
        survey(path)


def test_a_cell_without_end(tmp_path: Path) -> None:
    path = shared(tmp_path / "list.xlsx", "<si><t>a</t></si>", f"<si><t>{'x' * 200_000}</t></si>")
    with pytest.raises(UnfitFile, match="text 2 of the workbook has more than 131,072 characters"):
        survey(path)
    path = book(tmp_path / "list.xlsx", ["phone", "name"], [A, "NAME"])
    rewritten(path, SHEET, "NAME", "x" * 200_000)
    with pytest.raises(UnfitFile, match="cell B2 of sheet Kunden has more than 131,072 characters"):
        survey(path)


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    path = book(tmp_path / "list.xlsx", ["phone", "name"], [A, "Asha"])
    rewritten(path, SHEET, "<worksheet", '<!DOCTYPE x [<!ENTITY a "b">]><worksheet')
    with pytest.raises(UnfitFile, match="document type"):
        survey(path)


def test_many_formatted_rows_and_columns_without_content(tmp_path: Path) -> None:
    path = book(tmp_path / "list.xlsx", ["phone", "name"], [A, "Asha"])
    rows = "".join(f'<row r="{n}"><c r="A{n}" s="0"/></row>' for n in range(3, 50_000))
    wide = '<row r="50001"><c r="A50001" t="str"><v>x</v></c><c r="XFD50001"><v>1</v></c></row>'
    rewritten(path, SHEET, "</sheetData>", f"{rows}{wide}</sheetData>")
    surveyed = survey(path)
    assert (surveyed.accepted, surveyed.rejected) == (1, 1)
    assert surveyed.first_rejections[0].reason == "16,384 columns where 2 are needed"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["xl/workbook.bin"], r"a binary Excel workbook \(.xlsb\)"),
        (["Index/Document.iwa"], "a Numbers document"),
        (["word/document.xml"], "a Word document"),
        (["list.csv", "readme.txt"], r"a ZIP archive \(list.csv, readme.txt\)"),
    ],
)
def test_other_archives_are_named(tmp_path: Path, names: list[str], message: str) -> None:
    with zipfile.ZipFile(path := tmp_path / "list.xlsx", "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    with pytest.raises(UnfitFile, match=message) as caught:
        survey(path)
    assert caught.value.suggestion != UnfitFile.default_suggestion


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"BEGIN:VCARD\nVERSION:3.0\n", "an address book"),
        (b"<html><table>", "HTML"),
        (b"\xef\xbb\xbf \n<!DOCTYPE html><html>", "HTML"),
        (b"%PDF-1.7", "a PDF"),
        (b"\x89PNG\r\n", "a picture"),
        (b"PAR1\x15\x00", "a Parquet file"),
        (b"SQLite format 3\x00", "an SQLite database"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 600 + "Workbook".encode("utf-16-le"), r"\.xls\)"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 600 + "EncryptedPackage".encode("utf-16-le"), "a password"),
    ],
)
def test_what_is_no_list_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (path := tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(UnfitFile, match=message) as caught:
        survey(path)
    assert caught.value.suggestion != UnfitFile.default_suggestion
