"""Files of every format and watched folders: read when new, by hash and time of change."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from yigong.edge.extract.api import Chunk, State, open_source
from yigong.kit.errors import Fault, Refused

ROWS = [("R1", "5.6", "张三"), ("R2", "", "李四"), ("R3", "7.1", "王五")]
HEAD = ("BGDH", "JG", "XM")


def csv(path: Path, encoding: str = "utf-8") -> dict[str, Any]:
    path.write_text("\n".join([",".join(HEAD), *(",".join(r) for r in ROWS)]) + "\n", encoding=encoding)
    return {"kind": "csv"}


def gb(path: Path) -> dict[str, Any]:
    return csv(path, "gb18030")


def excel(path: Path) -> dict[str, Any]:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("检验")
        for at, row in enumerate([HEAD, *ROWS]):
            sheet.write_row(at, 0, [v or None for v in row])
    return {"kind": "excel"}


def xml(path: Path) -> dict[str, Any]:
    rows = "".join(f'<Row BGDH="{a}"><JG>{b}</JG><XM>{c}</XM></Row>' for a, b, c in ROWS)
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?><Rows xmlns="urn:x"><Head><Day>1</Day></Head><Data>{rows}</Data></Rows>',
        "utf-8",
    )
    return {"kind": "xml"}


def parquet(path: Path) -> dict[str, Any]:
    pl.DataFrame([dict(zip(HEAD, r, strict=True)) for r in ROWS]).write_parquet(path)
    return {"kind": "parquet"}


def fixed(path: Path) -> dict[str, Any]:
    path.write_text("医院报表\n" + "".join(f"{a:<4}{b:<5}{c}\n" for a, b, c in ROWS), "gb18030")
    return {"kind": "text", "skip_lines": 1, "widths": {"BGDH": [1, 4], "JG": [5, 9], "XM": [10, 20]}}


def pattern(path: Path) -> dict[str, Any]:
    path.write_text("".join(f"报告={a};结果={b};姓名={c}\n" for a, b, c in ROWS), "utf-8")
    return {"kind": "text", "pattern_of_line": "报告=(?P<BGDH>.*?);结果=(?P<JG>.*?);姓名=(?P<XM>.*)"}


MAKERS = {
    "a.csv": csv,
    "gb.csv": gb,
    "a.xlsx": excel,
    "a.xml": xml,
    "a.parquet": parquet,
    "fixed.txt": fixed,
    "pattern.txt": pattern,
}


@pytest.mark.feature("C01", "C02")
@pytest.mark.parametrize("name", MAKERS)
def test_every_format_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    """CSV in two encodings, Excel, XML, Parquet, lines of fixed places or by pattern: the same rows, empty as null, each with its place."""
    config = MAKERS[name](tmp_path / name)
    with open_source({**config, "path": str(tmp_path / name)}) as source:
        chunks = list(source.read({}, size=2))
        frame = pl.concat([c.frame for c in chunks])
        assert [c.frame.height for c in chunks] == [2, 1]
        assert frame.select(HEAD).rows() == [(a, b or None, c) for a, b, c in ROWS]
        assert set(frame["_op"]) == {"upsert"} and all(name in p for p in frame["_place"])
        assert source.sample(1).height == 1


def told(config: dict[str, Any], state: State) -> tuple[list[Chunk], State]:
    with open_source(config) as source:
        chunks = list(source.read(state, size=10))
    return chunks, chunks[-1].state if chunks else state


@pytest.mark.feature("C01", "C02")
def test_a_folder_gives_each_file_once_and_a_corrected_one_again(tmp_path: Path) -> None:
    """New files, the eldest first; a file merely touched is not read again, a changed one is."""
    config = {"kind": "csv", "folder": str(tmp_path), "pattern": "*.csv", "settle_seconds": 0}
    for age, name in enumerate(("b.csv", "a.csv")):
        csv(tmp_path / name)
        os.utime(tmp_path / name, (1e9 + age, 1e9 + age))
    (tmp_path / "~$lock.csv").write_text("x")
    chunks, state = told(config, {})
    assert [c.place for c in chunks] == ["b.csv", "a.csv"] and set(state["files"]) == {"a.csv", "b.csv"}
    assert told(config, state)[0] == []
    os.utime(tmp_path / "a.csv", (1e9 + 50, 1e9 + 50))
    assert told(config, state)[0] == []
    with (tmp_path / "a.csv").open("a") as out:
        out.write("R4,1,赵六\n")
    os.utime(tmp_path / "a.csv", (1e9 + 90, 1e9 + 90))
    chunks, state = told(config, state)
    assert [c.place for c in chunks] == ["a.csv"] and chunks[0].frame.height == 4


@pytest.mark.feature("C02")
def test_a_file_that_was_not_stored_to_its_end_is_read_again(tmp_path: Path) -> None:
    """The state names a file only with its last chunk."""
    csv(tmp_path / "a.csv")
    config = {"kind": "csv", "folder": str(tmp_path), "settle_seconds": 0}
    with open_source(config) as source:
        chunks = list(source.read({}, size=2))
    assert chunks[0].state == {"files": {}} and "a.csv" in chunks[1].state["files"]


@pytest.mark.feature("C01")
def test_a_file_still_being_written_rests(tmp_path: Path) -> None:
    """A file changed a moment ago waits for the next reading."""
    csv(tmp_path / "a.csv")
    config = {"kind": "csv", "folder": str(tmp_path), "settle_seconds": 60}
    assert told(config, {})[0] == []
    old = time.time() - 120
    os.utime(tmp_path / "a.csv", (old, old))
    assert len(told(config, {})[0]) == 1


@pytest.mark.feature("C01")
def test_what_is_no_such_file_is_said(tmp_path: Path) -> None:
    """A missing file, broken XML, XML with entities, a wrong pattern: each is refused with its place, nothing is expanded."""
    with pytest.raises(Fault, match="file_missing"):
        told({"kind": "csv", "path": str(tmp_path / "no.csv")}, {})
    (tmp_path / "b.xml").write_text("<Rows><Row><A>1</A></Row><Row><A>2</A>")
    with pytest.raises(Fault, match="file_broken"):
        told({"kind": "xml", "path": str(tmp_path / "b.xml")}, {})
    secret = tmp_path / "secret"
    secret.write_text("geheim")
    (tmp_path / "e.xml").write_text(
        f'<!DOCTYPE r [<!ENTITY e SYSTEM "file://{secret}">]><Rows><Row><A>&e;</A><B>1</B></Row></Rows>'
    )
    with pytest.raises(Fault, match="file_broken") as fault:
        told({"kind": "xml", "row": "Row", "path": str(tmp_path / "e.xml")}, {})
    assert fault.value.facts["reason"] == "&e;"
    (tmp_path / "t.txt").write_text("a\n")
    with pytest.raises(Refused, match="pattern_wrong"):
        told({"kind": "text", "pattern_of_line": "(", "path": str(tmp_path / "t.txt")}, {})
