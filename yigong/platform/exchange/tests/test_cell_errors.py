"""Errors in the cells of a workbook: the row is turned away with the address of the cell, and no other row is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from yigong.edge.extract.api import open_source
from yigong.kit import ctx as actors
from yigong.platform.exchange import services
from yigong.platform.exchange.models import Quarantined, RowState
from yigong.platform.exchange.tests import lab

pytestmark = [pytest.mark.feature("C01", "C31")]
ERRORS = ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!")


def book(path: Path, rows: list[dict[str, Any]], more: tuple[str, ...] = ()) -> Path:
    """A workbook with a title above its table; a value that begins by # is an error of Excel."""
    made = xlsxwriter.Workbook(path)
    sheet = made.add_worksheet("检验")
    sheet.write(0, 0, "三月检验结果")
    sheet.write_row(1, 0, [*lab.COLUMNS, *more])
    for at, row in enumerate(rows, start=2):
        for place, name in enumerate([*lab.COLUMNS, *more]):
            if str(row[name]).startswith("#"):
                sheet.write_formula(at, place, "=1", None, row[name])
            else:
                sheet.write(at, place, row[name])
    made.close()
    return path


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_is_read_as_excel_shows_it(tmp_path: Path, error: str) -> None:
    """Among numbers, texts and days alike, with address; the other rows and cells are as they are without it."""
    rows = [lab.row(1, JG=5.6, XM=error), lab.row(2, JG=error, YSQM=error), lab.row(3, JG=7)]
    path = book(tmp_path / "lis.xlsx", rows)
    with open_source({"kind": "excel", "path": str(path), "header": 2}) as source:
        [frame] = [chunk.frame for chunk in source.read({}, size=10)]
    assert frame["JG"].to_list() == ["5.6", error, "7"] and frame["XM"][0] == error
    assert frame["_trouble"].to_list() == [f"cell_error:I3 {error}", f"cell_error:D4 {error}, N4 {error}", None]
    assert frame["_place"].to_list() == [f"lis.xlsx 检验 第 {n} 行" for n in (3, 4, 5)]


@pytest.mark.django_db
def test_a_row_with_an_error_waits_until_it_is_mended(tmp_path: Path) -> None:
    """A column that takes any text does not take an error for one; a filter still takes what it can judge."""
    lab.hospital()
    rows = [
        lab.row(1), lab.row(2, XM="#REF!"), lab.row(3, ZF="1", XM="#N/A"), lab.row(4, ZF="#N/A"), lab.row(5, YSQM="#NAME?"),
    ]  # fmt: skip
    path = book(tmp_path / "lis.xlsx", rows)
    feed = lab.feed(path, reader="excel", config={"path": str(path), "header": 2})
    job = services.run(actors.system(), feed)
    assert (job.read, job.filtered, job.rejected, job.inserted) == (5, 1, 3, 1) and job.balances
    told = {row.place: row.reasons[0] for row in Quarantined.objects.all()}
    assert told["lis.xlsx 检验 第 4 行"]["value"] == "I4 #REF!" and "Excel" in told["lis.xlsx 检验 第 4 行"]["zh"]
    assert set(told) == {"lis.xlsx 检验 第 4 行", "lis.xlsx 检验 第 6 行", "lis.xlsx 检验 第 7 行"}
    row = Quarantined.objects.get(place="lis.xlsx 检验 第 4 行")
    services.resend(actors.system(), [row.pk])
    assert Quarantined.objects.get(pk=row.pk).state == RowState.WAITING


@pytest.mark.django_db
def test_an_error_in_a_column_that_nobody_reads_keeps_no_row_out(tmp_path: Path) -> None:
    """A helper column beside the data is kept as it shows, with what else the mapping has no place for."""
    lab.hospital()
    path = book(tmp_path / "lis.xlsx", [lab.row(1, HELP="#N/A"), lab.row(2, HELP="ok")], ("HELP",))
    job = services.run(actors.system(), lab.feed(path, reader="excel", config={"path": str(path), "header": 2}))
    assert (job.read, job.rejected, job.inserted) == (2, 0, 2)
