"""Two batches at a time: results, commits and failures keep the order of the batches."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import connection

from yigong.edge.mapping.fields import field_kinds
from yigong.edge.mapping.plan import compile_mapping
from yigong.kit import ctx as actors
from yigong.platform.exchange import pipeline, running, services
from yigong.platform.exchange.batch import RawBatch
from yigong.platform.exchange.lanes import Turn, overlap, side_by_side
from yigong.platform.exchange.models import BatchRun, FeedState, Job
from yigong.platform.exchange.tests import lab

pytestmark = [pytest.mark.feature("C06")]
TABLE = "records_laboratory_test_record"


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (["A", "B"], ["C", "D"], False),
        (["A", "D"], ["B", "C"], False),
        (["A", "C"], ["C", "D"], True),
        ([], ["A"], False),
        ([None, None], ["A"], False),
    ],
)
def test_overlap(a: list[Any], b: list[Any], expected: bool) -> None:
    """Two columns overlap when a text stands in both."""
    assert overlap(pl.Series(a, dtype=pl.String), pl.Series(b, dtype=pl.String)) is expected


@pytest.mark.django_db(transaction=True)
def test_work_overlaps_and_ends_in_order() -> None:
    """The second is under way before the first ends, and ends after it."""
    second_runs, said = threading.Event(), []

    def work(n: int, turn: Turn) -> int:
        if n == 0:
            assert second_runs.wait(10)
        if n == 1:
            second_runs.set()
        turn.wait()
        said.append(n)
        return n

    assert list(side_by_side(range(5), work, lambda _: Turn())) == said == [0, 1, 2, 3, 4]


@pytest.mark.django_db(transaction=True)
def test_what_fails_takes_those_after_it_along() -> None:
    """When one fails, the one beside it that comes after does not pass."""
    passed = []

    def work(n: int, turn: Turn) -> int:
        if n == 1:
            time.sleep(0.05)
            raise ZeroDivisionError
        turn.wait()
        passed.append(n)
        return n

    with pytest.raises(ZeroDivisionError):
        list(side_by_side(range(6), work, lambda _: Turn()))
    assert passed == [0]
    first, second = Turn(), Turn()
    second.before = first
    first.end(ValueError())
    with pytest.raises(CancelledError):
        second.wait()


@pytest.mark.django_db(transaction=True)
def test_keys_and_reports_that_lie_in_two_batches_come_out_as_if_alone() -> None:
    """A key in the next batch is an update of the first's row; a report cut in two is one event with all its rows."""
    lab.hospital()
    job = running.opened(lab.feed(Path("nowhere.db")))
    parts = [
        [lab.row(1), lab.row(1, "CREA"), lab.row(2)],
        [lab.row(2, "CREA"), lab.row(1, JG="9.9"), lab.row(3)],
        [lab.row(1, JG="4.4"), lab.row(3, "CREA"), lab.row(4)],
    ]
    batches = [RawBatch(pl.DataFrame(p, schema=dict.fromkeys(lab.COLUMNS, pl.String)), "LIS") for p in parts]
    totals = pipeline.carry_all(actors.system(), job.pk, batches, compile_mapping(lab.MAPPING, field_kinds()))
    assert (totals.inserted, totals.updated, totals.unchanged) == (7, 2, 0)
    with connection.cursor() as cursor:
        cursor.execute("select group_key, summary->>'count' from records_event order by 1")
        assert cursor.fetchall() == [("R1", "2"), ("R2", "2"), ("R3", "2"), ("R4", "1")]
        cursor.execute(
            f"select version, laboratory_test_quantitative_result::float8 from {TABLE} where source_key = 'R1|GLU'"
        )
        assert cursor.fetchall() == [(3, 4.4)]
        cursor.execute("select count(*), count(distinct local_id) from empi_registration")
        assert cursor.fetchall() == [(4, 4)]
    assert [b.number for b in BatchRun.objects.filter(job=job).order_by("committed_at", "number")] == [1, 2, 3]


@pytest.mark.django_db(transaction=True)
def test_two_runs_of_the_same_rows_at_once_load_each_row_once(tmp_path: Path) -> None:
    """Two feeds that carry the same keys at the same time: one of them finds what the other wrote."""
    lab.hospital()
    path = lab.source(tmp_path / "lis.db", lab.good(400))
    feeds = [lab.feed(path), None]
    facts = {"org_code": lab.HOSPITAL, "reader": "sqlite", "config": {"url": str(path), "table": "lis_result"}}
    feeds[1] = services.save_feed(actors.system(), "同一系统", **facts, mapping=lab.MAPPING)
    jobs: list[Job] = []

    def go(feed: Any) -> None:
        try:
            jobs.append(services.run(actors.system(), feed, size=50))
        finally:
            connection.close()

    threads = [threading.Thread(target=go, args=(feed,)) for feed in feeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [j.state for j in jobs] == [FeedState.SUCCEEDED] * 2
    assert (
        all(j.balances for j in jobs) and sum(j.inserted for j in jobs) == 800 and sum(j.unchanged for j in jobs) == 800
    )
    with connection.cursor() as cursor:
        cursor.execute("select count(*), sum((summary->>'count')::int) from records_event")
        assert cursor.fetchall() == [(400, 800)]
