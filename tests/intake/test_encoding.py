"""In which encoding a list is, told from its bytes: read right or refused, never other letters."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.intake.in_order import survey
from wacampaign.intake.code_page_choice import choose_code_page
from wacampaign.intake.contacts import contacts
from wacampaign.intake.encoding import detect_encoding
from wacampaign.intake.list_file import UnfitFile
from wacampaign.problems import Usage

#: Codec → words of a list from there.
WORDS = {
    "cp1251": "Иван Ольга Дмитрий Щербаков Наталья Алексей Юлия Москва Казань Київ Андрій",
    "koi8-r": "Иван Ольга Дмитрий Щербаков Наталья Алексей Юлия Москва Казань",
    "cp1250": "Łukasz Małgorzata Wiśniewski Kraków Łódź Jiří Dvořák Růžička Plzeň Győr László",
    "cp1252": "José Muñoz François Hélène Müller Schäfer João Conceição Søren Åsa Göran Núñez",
    "cp1253": "Γιώργος Μαρία Ελένη Νίκος Παπαδόπουλος Αθήνα Θεσσαλονίκη Πάτρα",
    "cp1254": "Ayşe Çağlar Işıl Gülşen Barış Yılmaz Şahin Öztürk İstanbul Doğan",
    "cp1255": "יוסף מרים דוד שרה כהן לוי ירושלים חיפה",
    "cp1256": "محمد فاطمة أحمد عائشة حسن خديجة القاهرة بغداد",
    "shift_jis": "太郎 花子 健一 さくら 佐藤 鈴木 東京 大阪 タケシ",
    "gb18030": "伟 秀英 娜 敏 静 王 李 张 刘 陈 北京 上海 广州",
    "big5": "志明 淑芬 俊傑 美玲 陳 林 黃 臺北 高雄",
    "euc_kr": "민준 서연 지훈 수빈 영희 철수 김 서울 부산 인천",
    "mac_roman": "José Muñoz François Hélène Müller Schäfer João",
    "cp850": "José Muñoz François Hélène Müller Schäfer",
    "cp437": "José Müller Schäfer Jürgen Köln",
}


def listed(codec: str, names: list[str]) -> bytes:
    rows = "".join(f"+447700900{i:03};{name}\r\n" for i, name in enumerate(names, start=100))
    return f"phone;name\r\n{rows}".encode(codec)


def at(folder: str | Path, content: bytes) -> Path:
    path = Path(folder, "list.csv")
    path.write_bytes(content)
    return path


def test_cyrillic_from_a_spreadsheet(tmp_path: Path) -> None:
    surveyed = survey(at(tmp_path, listed("cp1251", ["Иван", "Ольга"])))
    assert [c.variables for c in contacts(surveyed)] == [("Иван",), ("Ольга",)]
    assert surveyed.notes == ("encoding: Windows-1251; line 2 reads “Иван”",)


@pytest.mark.parametrize("codec", WORDS)
def test_a_list_of_some_rows_is_read_in_its_own_code_page(tmp_path: Path, codec: str) -> None:
    names = WORDS[codec].split()
    found = detect_encoding(at(tmp_path, listed(codec, names)))
    assert listed(codec, names).decode(found.codec) == listed(codec, names).decode(codec)


# Always the same lists: what is asked of is a weighing, and no proof.
@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_no_list_is_read_as_other_letters(data: st.DataObject) -> None:
    codec = data.draw(st.sampled_from(sorted(WORDS)))
    words = WORDS[codec].split()
    pick = st.lists(st.sampled_from(words), min_size=1, max_size=2).map(" ".join)
    names = data.draw(st.lists(pick, min_size=1, max_size=12))
    lines = b"\n".join(line for line in listed(codec, names).split(b"\r\n") if not line.isascii())
    if not lines or is_utf_8(lines):
        return
    readings = choose_code_page(lines)
    if len(readings) == 1:
        assert readings[0].text == lines.decode(codec)
    else:
        assert len({reading.text for reading in readings}) == len(readings) > 1


def is_utf_8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_what_is_not_certain_shows_each_reading_and_the_option(tmp_path: Path) -> None:
    path = at(tmp_path, listed("cp1250", ["Asha", "Gdańsk"]))
    with pytest.raises(UnfitFile) as caught:
        survey(path)
    assert "line 3 reads “Gdańsk” in Windows-1250 or “Gdañsk” in Windows-1252" in str(caught.value)
    assert "--encoding cp1250" in caught.value.suggestion
    read = survey(path, encoding="cp1250")
    assert [c.variables for c in contacts(read)] == [("Asha",), ("Gdańsk",)]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("Windows-1251", "cp1251"),
        ("cp1251", "cp1251"),
        ("1251", "cp1251"),
        ("Cyrillic (Windows-1251)", "cp1251"),
        ("1251 : Cyrillic (Windows)", "cp1251"),
        ("koi8-r", "koi8-r"),
        ("Shift-JIS", "shift_jis"),
        ("Unicode", "utf-16"),
        ("Unicode (UTF-8)", "utf-8"),
        ("macintosh", "mac-roman"),
    ],
)
def test_names_of_encodings(tmp_path: Path, name: str, codec: str) -> None:
    path = at(tmp_path, listed(codec, ["Asha"]))
    assert detect_encoding(path, name).codec == codec


@pytest.mark.parametrize("name", ["ANSI", "Excel", "MS-DOS", "rot13", "hex", "idna", "klingon", ""])
def test_names_that_are_no_encoding(tmp_path: Path, name: str) -> None:
    with pytest.raises(Usage, match="encoding") as caught:
        detect_encoding(at(tmp_path, listed("utf-8", ["Asha"])), name)
    assert "--encoding Windows-1252" in caught.value.suggestion


def test_a_given_encoding_that_is_wrong_names_the_byte(tmp_path: Path) -> None:
    path = at(tmp_path, listed("cp1252", ["Asha", "José"]))
    with pytest.raises(UnfitFile, match=r"line 3 .* byte 0xe9 \(byte \d+ of the file\) is not UTF"):
        detect_encoding(path, "utf-8")


def test_a_given_encoding_does_not_spoil_utf_8(tmp_path: Path) -> None:
    for codec in ("utf-8", "utf-8-sig", "utf-16"):
        path = at(tmp_path, listed(codec, ["Иван"]))
        with pytest.raises(UnfitFile, match=r"is UTF-.*, not Windows-1251") as caught:
            detect_encoding(path, "cp1251")
        assert "leave --encoding out" in caught.value.suggestion


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("name", ["Asha", "आशा", "Иван", "王伟", "😀 Ω"])
def test_two_and_four_bytes_a_letter_with_and_without_mark(
    tmp_path: Path, codec: str, name: str
) -> None:
    surveyed = survey(at(tmp_path, listed(codec, [name])))
    assert [c.variables for c in contacts(surveyed)] == [(name,)]


@pytest.mark.parametrize(
    ("text", "value"), [("Asha’s “offer” – 5 €", "Asha’s “offer” – 5 €"), ("plain", None)]
)
def test_typographic_marks_alone_are_windows(tmp_path: Path, text: str, value: str | None) -> None:
    found = detect_encoding(at(tmp_path, listed("cp1252", [text])))
    assert (found.value or None) == value


def test_phones_with_no_break_spaces_depend_on_no_encoding(tmp_path: Path) -> None:
    surveyed = survey(at(tmp_path, b"phone;name\r\n+44\xa07700\xa0900123;Asha\r\n"))
    assert [c.phone for c in contacts(surveyed)] == ["447700900123"]


def test_letters_late_in_a_long_list_are_evidence(tmp_path: Path) -> None:
    names = ["Asha"] * 70_000 + ["Łukasz Wiśniewski", "Małgorzata Łódź"]
    rows = "".join(f"{447700000000 + i};{name}\n" for i, name in enumerate(names))
    found = detect_encoding(at(tmp_path, rows.encode("cp1250")))
    assert (found.codec, found.line, found.value) == ("cp1250", 70_001, "Łukasz Wiśniewski")


def test_the_value_shown_holds_no_phone(tmp_path: Path) -> None:
    content = "phone;name\n+447700900123 (José);José Muñoz\n".encode("cp1252")
    assert detect_encoding(at(tmp_path, content)).value == "José Muñoz"


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = at(folder, content)
        try:
            found = detect_encoding(path)
        except UnfitFile:
            return
        content.decode(found.codec)


@given(st.binary(min_size=2, max_size=60).map(lambda b: bytes(byte | 0x80 for byte in b)))
def test_any_letters_have_readings_that_can_be_shown(content: bytes) -> None:
    readings = choose_code_page(content)
    assert readings
    assert all(reading.text == content.decode(reading.page.codec) for reading in readings)
