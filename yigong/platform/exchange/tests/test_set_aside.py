"""A file of a watched folder that does not fit keeps no other back: it is set aside, told once, and read when it can be."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from django.urls import reverse

from yigong.kit import ctx as actors
from yigong.platform.exchange import asides, services
from yigong.platform.exchange.models import Alarm, Feed, FeedState, Job
from yigong.platform.exchange.tests import lab
from yigong.platform.exchange.tests.test_pages import CLERK, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.feature("C01", "C26", "C31")]


def put(folder: Path, name: str, reports: range, *, lacks: str = "", at: int = 0) -> Path:
    """A file of good results; *lacks* is a column that its header calls by another name."""
    folder.mkdir(exist_ok=True)
    path = lab.table(folder / name, [lab.line(lab.row(n)) for n in reports])
    if lacks:
        head, rest = path.read_text("utf-8").split("\n", 1)
        path.write_text(head.replace(lacks, f"{lacks}_NEW") + "\n" + rest, "utf-8")
    os.utime(path, (1_770_000_000 + at, 1_770_000_000 + at))
    return path


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Job]:
    """Runs the laboratory's feed over its folder."""
    lab.hospital()

    def go(kind: str = "csv", **other: Any) -> Job:
        config = {"folder": str(tmp_path / "in"), "settle_seconds": 0}
        feed = lab.feed(tmp_path, reader=kind, config=config, mode="incremental", **other)
        return services.run(actors.system(), feed, size=3)

    return go


def test_the_other_files_go_on_and_the_misfit_is_told_once(tmp_path: Path, run: Callable[..., Job]) -> None:
    """With its name, what it lacks, what it has instead and what to do: in the log, as an alarm, on the feed's page; the next run is quiet."""
    put(tmp_path / "in", "a.csv", range(3), lacks="BRID", at=1)
    put(tmp_path / "in", "b.csv", range(3, 7), at=2)
    job = run()
    assert (job.state, job.read, job.inserted, job.error) == (FeedState.PARTIAL, 4, 4, None) and job.balances
    [line] = job.lines.filter(level="error")
    assert (
        "a.csv 缺少映射要用的列：BRID（文件里另有：" in line.zh and "BRID_NEW" in line.zh and "lacks columns" in line.en
    )
    assert Alarm.objects.get(closed_at=None).kind == "aside"
    text = signed_in(CLERK).get(reverse("exchange:feed", args=[job.feed_id])).content.decode()
    assert "搁置的文件" in text and "a.csv" in text and "BRID" in text
    again = run()
    assert (again.state, again.read) == (FeedState.SUCCEEDED, 0) and not again.lines.filter(level="error").exists()
    assert Alarm.objects.count() == 1 and Feed.objects.get().failures == 0


def test_a_file_is_read_once_it_is_mended(tmp_path: Path, run: Callable[..., Job]) -> None:
    """Its alarm is over; nothing was lost, and nothing is read twice."""
    put(tmp_path / "in", "a.csv", range(3), lacks="BRID", at=1)
    put(tmp_path / "in", "b.csv", range(3, 7), at=2)
    run()
    put(tmp_path / "in", "a.csv", range(3), at=3)
    job = run()
    assert (job.read, job.inserted) == (3, 3) and not asides.of(Feed.objects.get())
    assert not Alarm.objects.filter(closed_at=None).exists() and run().read == 0


def test_a_file_is_read_once_the_mapping_fits_it(tmp_path: Path, run: Callable[..., Job]) -> None:
    """A new version that takes the column by its new name brings the file in by itself."""
    put(tmp_path / "in", "a.csv", range(3), lacks="YSQM", at=1)
    assert run().read == 0
    job = run(mapping=lab.MAPPING.replace("signature: YSQM", "signature: YSQM_NEW"))
    assert (job.read, job.inserted) == (3, 3) and not asides.of(Feed.objects.get())


def test_a_broken_workbook_and_one_with_a_strange_sheet_are_set_aside(tmp_path: Path, run: Callable[..., Job]) -> None:
    """No row of a workbook goes in before all its sheets are known to fit; the sentence names the sheet. One that is taken away is told as unread."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "broken.xlsx").write_bytes(b"PK no workbook")
    for name, more in (("good.xlsx", False), ("two.xlsx", True)):
        with xlsxwriter.Workbook(tmp_path / "in" / name) as book:
            sheet = book.add_worksheet("检验")
            sheet.write_row(0, 0, lab.COLUMNS)
            sheet.write_row(1, 0, [lab.row(9 if more else 8)[c] for c in lab.COLUMNS])
            if more:
                book.add_worksheet("说明").write_column(0, 0, ["说明", "填报人"])
    job = run("excel")
    assert (job.read, job.inserted) == (1, 1)
    waiting = {a.name: a for a in asides.of(Feed.objects.get())}
    assert set(waiting) == {"broken.xlsx", "two.xlsx"} and "two.xlsx 说明 缺少" in waiting["two.xlsx"].zh
    (tmp_path / "in" / "broken.xlsx").unlink()
    last = run("excel")
    assert [a.name for a in asides.of(Feed.objects.get())] == ["two.xlsx"]
    assert "broken.xlsx 已不在文件夹里" in last.lines.get(level="error").zh
