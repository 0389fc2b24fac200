"""`create` from what people have: a workbook, another encoding, a pipe."""

from __future__ import annotations

import io
import os
import stat
import threading
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.cli.conftest import Wacampaign
from tests.cli.test_create import SQL, command, number
from wacampaign.operations.piped_list import regular_file
from wacampaign.problems import NotWritable, Usage

__all__ = ["number"]  # a fixture
pytestmark = pytest.mark.usefixtures("number")

A, B = "447700900123", "447700900124"
LIST = f"phone,name\n{A},Asha\nbad,Ravi\n{B},José\n".encode()


def lines(done: Any) -> list[str]:
    return [line.strip() for line in done.stdout.splitlines()]


def test_a_workbook(wacampaign: Wacampaign, sql: SQL) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].title = "Kunden"
    for row in (["Liste"], ["Telefon", "Name"], [int(A), "Asha"], [int(B), "#N/A"]):
        book.worksheets[0].append(row)
    book.create_sheet("Archiv")
    book.save("offer.xlsx")
    done = wacampaign(*command("offer.xlsx", "--yes"))
    assert done.exit_code == 0, done.output
    said = lines(done)
    assert "sheet Kunden (1 of 2: Kunden, Archiv); --sheet reads another" in said
    assert "above the header, left out: “Liste”" in said
    assert any(line.startswith("row 4: +44***0124 ") for line in said)
    assert [row[0] for row in sql.execute("select phone from send_queue")] == [A]


def test_the_encoding_is_asked_for_and_taken(wacampaign: Wacampaign) -> None:
    Path("offer.csv").write_bytes(f"{A};Gdańsk\n".encode("cp1250"))
    asked = wacampaign(*command("offer.csv", "--dry-run"))
    assert asked.exit_code == 6
    assert "line 1 reads “Gdańsk” in Windows-1250 or “Gdañsk” in Windows-1252" in asked.stderr
    assert "--encoding cp1250" in asked.stderr
    done = wacampaign(*command("offer.csv", "--dry-run", "--encoding", "Windows-1250"))
    assert "encoding: Windows-1250; line 1 reads “Gdańsk”" in lines(done)


def test_a_sheet_that_is_not_there(wacampaign: Wacampaign) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append([A, "Asha"])
    book.save("offer.xlsx")
    done = wacampaign(*command("offer.xlsx", "--sheet", "Kunden", "--dry-run"))
    assert done.exit_code == 2
    assert "offer.xlsx has no sheet Kunden; it has 1: Sheet" in done.stderr


def test_a_pipe(wacampaign: Wacampaign, sql: SQL) -> None:
    done = wacampaign(*command("-", "--yes"), input=LIST)
    assert done.exit_code == 0, done.output
    said = lines(done)
    assert said[0] == "plan: create stdin from stdin"
    assert "encoding: UTF-8; line 4 reads “José”" in said
    assert Path("stdin.rejected.csv").exists()
    assert stat.S_IMODE(Path("stdin.rejected.csv").stat().st_mode) == 0o600
    assert sql.execute("select count(*) from send_queue").fetchone() == (2,)


def test_a_named_pipe(wacampaign: Wacampaign) -> None:
    os.mkfifo("people")
    writer = threading.Thread(target=Path("people").write_bytes, args=(LIST,))
    writer.start()
    done = wacampaign(*command("people", "--dry-run"))
    writer.join()
    assert lines(done)[0] == "plan: create people from people"
    assert "2 contacts: the list → the queue, ready" in lines(done)


def test_nothing_is_piped_in(wacampaign: Wacampaign) -> None:
    done = wacampaign(*command("-", "--dry-run"), input=b"")
    assert (done.exit_code, done.stderr.splitlines()[0]) == (6, "error: stdin is empty")


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


class Endless(io.BytesIO):
    def read(self, _: int | None = -1) -> bytes:
        raise OSError(28, "No space left on device")


def test_a_terminal_is_no_pipe_and_neither_is_a_closed_stream() -> None:
    for stdin in (Terminal(), None):
        with pytest.raises(Usage, match="nothing is piped in"), regular_file(Path("-"), stdin):
            pass
    with regular_file(Path("list.csv"), None) as path:
        assert path == Path("list.csv")


def test_no_room_for_what_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(NotWritable, match="No space left on device") as caught:  # noqa: SIM117
        with regular_file(Path("-"), Endless()):
            pass
    assert "TMPDIR" in caught.value.suggestion
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_private_and_goes_away() -> None:
    with regular_file(Path("-"), io.BytesIO(LIST)) as kept:
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
        assert kept.read_bytes() == LIST
    assert not kept.exists()
