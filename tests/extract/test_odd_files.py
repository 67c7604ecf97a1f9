"""Files as people and old programs write them: every row of them comes, none twice, and what cannot be read is said."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import date, datetime
from datetime import time as clock
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from yigong.edge.extract import files
from yigong.edge.extract.api import Chunk, State, open_source
from yigong.kit.errors import Fault, Refused

HEAD = "编号,姓名,值\n"
TWO = [("1", "张三", "5"), ("2", "李四", "6")]
TEXT = HEAD + "1,张三,5\n2,李四,6\n"


def told(config: dict[str, Any], state: State | None = None, size: int = 100) -> tuple[list[Chunk], State]:
    """The chunks and the state after them."""
    with open_source(config) as source:
        chunks = list(source.read(state or {}, size=size))
    return chunks, chunks[-1].state if chunks else state or {}


def rows(chunks: list[Chunk]) -> list[dict[str, str | None]]:
    """The rows without place and act."""
    return [
        {k: v for k, v in r.items() if k not in ("_place", "_op")}
        for c in chunks
        for r in c.frame.iter_rows(named=True)
    ]


def rested(path: Path, data: str | bytes) -> Path:
    """A file written a while ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    os.utime(path, (time.time() - 100,) * 2)
    return path


@pytest.mark.feature("C01", "C02")
@pytest.mark.parametrize(
    "data",
    [
        ("\ufeff" + TEXT).encode("utf-16-le"),
        ("\ufeff" + TEXT).encode("utf-16-be"),
        TEXT.encode("utf-16-le"),
        ("\ufeff" + TEXT).encode(),
        TEXT.encode("gb18030"),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\n\n").encode() + b"  \n,,\n\n",
        ("sep=;\r\n" + TEXT.replace(",", ";")).encode("gb18030"),
        TEXT.replace("编号", '"编\n号"').encode(),
    ],
    ids=["utf-16-le", "utf-16-be", "no mark", "bom", "gb18030", "return", "crlf", "blank lines", "sep", "long header"],
)
def test_a_table_is_read_whatever_wrote_it(tmp_path: Path, data: bytes) -> None:
    """UTF-16, lines that end by a return, blank lines, Excel's own line for the separator, a name over two lines: the same two rows."""
    path = rested(tmp_path / "t.csv", data)
    chunks, _ = told({"kind": "csv", "path": str(path)})
    assert [tuple(r.values()) for r in rows(chunks)] == TWO


@pytest.mark.feature("C01", "C31")
def test_a_row_far_too_long_keeps_no_other_out(tmp_path: Path) -> None:
    """Also where it is the first: it bears its trouble, the rest is read; blank lines count for its place."""
    path = rested(tmp_path / "t.csv", HEAD + "1,a,b,c,d,e\n\n2,李四,6\n")
    chunks, _ = told({"kind": "csv", "path": str(path)})
    (frame,) = [c.frame for c in chunks]
    assert frame["_trouble"].to_list() == ["ragged:6:3:c,d,e", None]
    assert frame["_place"].to_list() == ["t.csv 第 2 行", "t.csv 第 4 行"]


@pytest.mark.feature("C01")
def test_names_of_columns_may_stand_further_down(tmp_path: Path) -> None:
    """A title above the table, as daily reports have it: ``header`` says where the names stand."""
    path = rested(tmp_path / "t.csv", "某院门诊日报\n" + TEXT)
    chunks, _ = told({"kind": "csv", "path": str(path), "header": 2})
    assert [tuple(r.values()) for r in rows(chunks)] == TWO and chunks[0].frame["_place"][0] == "t.csv 第 3 行"


def book(path: Path, fill: Callable[[xlsxwriter.Workbook], None]) -> list[dict[str, str | None]]:
    """The rows of a workbook."""
    made = xlsxwriter.Workbook(path)
    fill(made)
    made.close()
    return rows(told({"kind": "excel", "path": str(path)})[0])


@pytest.mark.feature("C01")
def test_a_cell_does_not_change_by_its_neighbours(tmp_path: Path) -> None:
    """Whole numbers beside broken ones, long numbers, times of day, formatted cells without value, blanks around a name."""

    def fill(made: xlsxwriter.Workbook) -> None:
        sheet = made.add_worksheet()
        day, hour = made.add_format({"num_format": "yyyy-mm-dd"}), made.add_format({"num_format": "hh:mm"})
        sheet.write_row(0, 0, ["号", " 值 ", "日", "时"])
        sheet.write_row(1, 0, [202603010001, 1001])
        sheet.write_datetime(1, 2, datetime.combine(date(2026, 3, 1), clock()), day)
        sheet.write_datetime(1, 3, clock(9, 5), hour)  # type: ignore[arg-type]
        sheet.write_row(2, 0, [1.5, 12.5])
        sheet.write_blank(30, 0, None, made.add_format({"bold": True}))

    assert book(tmp_path / "b.xlsx", fill) == [
        {"号": "202603010001", "值": "1001", "日": "2026-03-01 00:00:00", "时": "09:05:00"},
        {"号": "1.5", "值": "12.5", "日": None, "时": None},
    ]


def xml(path: Path, text: str | bytes, **more: Any) -> list[Chunk]:
    """The chunks of an XML file, two rows each."""
    return told({"kind": "xml", "path": str(rested(path, text)), **more}, size=2)[0]


REPORTS = (
    '<all><report no="R1"><patient><name>张</name></patient><items><item><c>GLU</c><v>5</v></item><item><c>CRE</c><v>6</v></item></items></report>'
    '<report no="R2"><patient><name>李</name></patient><items><item><c>GLU</c><v>7</v></item></items></report></all>'
)


@pytest.mark.feature("C01")
def test_rows_within_a_report_come_with_what_the_report_says(tmp_path: Path) -> None:
    """Each result is a row with number and patient of its report; of two elements that stand equally often the outer one is the row."""
    found = rows(xml(tmp_path / "r.xml", REPORTS))
    assert [(r["report.no"], r["report.patient.name"], r["c"], r["v"]) for r in found] == [
        ("R1", "张", "GLU", "5"),
        ("R1", "张", "CRE", "6"),
        ("R2", "李", "GLU", "7"),
    ]
    assert [set(r) for r in rows(xml(tmp_path / "r.xml", REPORTS, row="item"))] == [{"c", "v"}] * 3
    assert rows(xml(tmp_path / "p.xml", "<r><p><id>1</id><at><town>城</town></at></p></r>")) == [
        {"id": "1", "at.town": "城"}
    ]


@pytest.mark.feature("C01")
def test_every_part_of_a_file_has_all_its_columns(tmp_path: Path) -> None:
    """An element that only some rows have is a column of each chunk, and of the files after it: a day on which nobody has a telephone."""
    rare = "".join(f"<p><id>{n}</id>{'<tel>1</tel>' if n == 4 else ''}</p>" for n in range(5))
    chunks = xml(tmp_path / "in" / "a.xml", f"<r>{rare}</r>")
    assert [c.frame.columns for c in chunks] == [["id", "tel", "_place", "_op"]] * 3
    config = {"kind": "xml", "folder": str(tmp_path / "in"), "settle_seconds": 0}
    _, state = told(config)
    rested(tmp_path / "in" / "b.xml", "<r><p><id>9</id></p><p><id>10</id></p></r>")
    chunks, _ = told(config, state)
    assert [(r["id"], r["tel"]) for r in rows(chunks)] == [("9", None), ("10", None)]


@pytest.mark.feature("C01")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<r><p id="1" v="2"/><p id="3" v="4"/></r>', [{"id": "1", "v": "2"}, {"id": "3", "v": "4"}]),
        ("<r><p><id>1</id><v>12<!-- c -->3</v></p><p><id>2</id><v/></p></r>", [{"id": "1", "v": "123"}, {"id": "2", "v": None}]),
        ("<r><p><id>1</id><p><id>2</id></p></p></r>", [{"id": "2"}, {"id": "1"}]),
        ('<?xml version="1.0" encoding="GB2312"?><r><p><n>张镕</n></p></r>'.encode("gbk"), [{"n": "张镕"}]),
    ],
    ids=["attributes", "comment", "within itself", "gb2312"],
)  # fmt: skip
def test_no_value_of_an_xml_file_is_lost(tmp_path: Path, text: str | bytes, found: list[Any]) -> None:
    """Rows of attributes alone, a comment in a value, a row within a row, names that GB2312 does not have in a file that says GB2312."""
    assert rows(xml(tmp_path / "x.xml", text)) == found


@pytest.mark.feature("C01", "C02")
def test_a_folder_loses_no_file(tmp_path: Path) -> None:
    """A file of a clock that is ahead is read; one name in two folders is two files; another content under the same size and time is new."""
    rested(tmp_path / "1" / "a.csv", HEAD + "1,a,1\n")
    rested(tmp_path / "2" / "a.csv", HEAD + "2,b,2\n")
    os.utime(tmp_path / "2" / "a.csv", (time.time() + 9e6,) * 2)
    config = {"kind": "csv", "folder": str(tmp_path), "pattern": "*/*.csv"}
    chunks, state = told(config)
    assert [r["编号"] for r in rows(chunks)] == ["1", "2"] and told(config, state)[0] == []
    path = tmp_path / "1" / "a.csv"
    before = path.stat()
    path.write_text(HEAD + "1,a,9\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [r["值"] for r in rows(told(config, state)[0])] == ["9"]


@pytest.mark.feature("C01")
def test_a_bad_file_keeps_no_other_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is set aside with its reason, the files behind it are read and known; one that vanished is passed over; a link out of the folder too."""
    rested(tmp_path / "in" / "a.csv", "x,x\n1,2\n")
    os.utime(tmp_path / "in" / "a.csv", (1e9,) * 2)
    rested(tmp_path / "in" / "b.csv", HEAD + "1,a,1\n")
    gone = rested(tmp_path / "in" / "c.csv", HEAD + "2,b,2\n")
    (tmp_path / "in" / "d.csv").symlink_to(rested(tmp_path / "secret.csv", "geheim\n1\n"))
    listed = files.Files._listed

    def listed_then_gone(self: files.Files) -> list[Path]:
        found = listed(self)
        gone.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(files.Files, "_listed", listed_then_gone)
    read: list[Chunk] = []
    with open_source({"kind": "csv", "folder": str(tmp_path / "in")}) as source:
        read.extend(source.read({}, size=9))
    assert rows(read) == [{"编号": "1", "姓名": "a", "值": "1"}] and set(read[-1].state["files"]) == {"b.csv"}
    aside = read[-1].state["aside"]
    assert set(aside) == {"a.csv"} and aside["a.csv"]["code"] == "exchange.columns_twice"
    with open_source({"kind": "csv", "folder": str(tmp_path / "in")}) as source:
        assert not list(source.read(read[-1].state, size=9))  # not looked at again as long as nothing changes


@pytest.mark.feature("C01")
def test_a_file_set_aside_is_looked_at_again_when_it_or_the_question_changes(tmp_path: Path) -> None:
    """It lacks a column; asked for others it is read. Broken after it was read and then put back, it waits no longer and is not read twice."""
    config = {"kind": "csv", "folder": str(tmp_path / "in"), "settle_seconds": 0}
    path = rested(tmp_path / "in" / "a.csv", TEXT)
    _chunks, state = told({**config, "needs": ["编号", "科室"]})
    assert state["aside"]["a.csv"]["facts"] == {"path": "a.csv", "columns": ["科室"], "others": ["姓名", "值"]}
    chunks, state = told({**config, "needs": ["编号"]}, state)
    assert len(rows(chunks)) == 2 and "aside" not in state
    rested(path, "编号,编号\n1,2\n")
    _chunks, state = told({**config, "needs": ["编号"]}, state)
    assert set(state["aside"]) == {"a.csv"}
    rested(path, TEXT)
    chunks, state = told({**config, "needs": ["编号"]}, state)
    assert not rows(chunks) and "aside" not in state


@pytest.mark.feature("C01", "C02")
def test_a_file_written_while_it_is_read_goes_in_whole_or_not_at_all(tmp_path: Path) -> None:
    """Once its content changes underneath, the reading stops with a word for it; put in its place, the old one is read to its end."""
    many = HEAD + "".join(f"{n},n{n},{n}\n" for n in range(300_000))
    path = rested(tmp_path / "in" / "a.csv", many)
    config = {"kind": "csv", "folder": str(path.parent), "settle_seconds": 0}
    with open_source(config) as source, pytest.raises(Fault, match="file_changed") as fault:
        for chunk in source.read({}, size=20_000):
            assert not chunk.frame["姓名"].str.starts_with("NEW").any()
            path.write_text(many.replace(",n", ",NEW"))
    assert not fault.value.permanent
    rested(path, many)
    seen = 0
    with open_source(config) as source:
        for chunk in source.read({}, size=20_000):
            seen += chunk.frame["姓名"].str.starts_with("n").sum()
            os.replace(rested(tmp_path / "new.csv", TEXT), path) if seen == 20_000 else None  # noqa: PTH105
            state = chunk.state
    assert seen == 300_000 and [r["编号"] for r in rows(told(config, state)[0])] == ["1", "2"]


@pytest.mark.feature("C01")
def test_lines_with_a_mark_of_their_encoding_and_patterns_that_cannot_be(tmp_path: Path) -> None:
    """The mark is no sign of the first column; a pattern that looks around is refused with the reason."""
    for encoding in ("utf-8-sig", "utf-16"):
        path = rested(tmp_path / "l.txt", "001张三\n".encode(encoding))
        chunks, _ = told({"kind": "text", "path": str(path), "widths": {"a": [1, 3], "b": [4, 5]}})
        assert rows(chunks) == [{"a": "001", "b": "张三"}]
    with pytest.raises(Refused, match="pattern_wrong"):
        told({"kind": "text", "path": str(path), "pattern_of_line": "(?<=a)(?P<b>.)"})
