"""A row that was in and is filtered later: its record is withdrawn, counted, kept as a version, and comes back when the rule is loosened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from yigong.kit import ctx as actors
from yigong.outbox.models import OutboxEvent
from yigong.platform.exchange import services
from yigong.platform.exchange.models import Finding, Job, Sheet, Tally
from yigong.platform.exchange.tests import lab
from yigong.platform.exchange.tests.test_pages import CLERK, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.feature("C03", "C06", "C07")]
TABLE = "records_laboratory_test_record"
OPEN = lab.MAPPING.replace('filter: {drop_when: {ZF: "1"}}\n', "")


@pytest.fixture(autouse=True)
def _hospital() -> None:
    lab.hospital()


def ask(sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def counts(job: Job) -> tuple[int, ...]:
    """read, filtered, of which withdrawn, rejected, inserted, updated, unchanged, deleted."""
    assert job.balances and job.error is None, job.error
    return (job.read, job.filtered, job.withdrawn, job.rejected, job.inserted, job.updated, job.unchanged, job.deleted)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Job]:
    """Runs the laboratory's feed over these rows."""

    def go(rows: list[dict[str, Any]], *, size: int = 7, **other: Any) -> Job:
        lab.source(tmp_path / "lis.db", rows)
        return services.run(actors.system(), lab.feed(tmp_path / "lis.db", **other), size=size)

    return go


def test_a_filtered_row_takes_its_record_out_once(run: Callable[..., Job]) -> None:
    """The record leaves, its report's event follows, the version stays; the next run finds nothing more to do."""
    rows = lab.good(5)
    run(rows)
    void = [{**r, "ZF": "1"} if r["BGDH"] == "R3" or (r["BGDH"], r["XMBH"]) == ("R1", "GLU") else r for r in rows]
    job = run([*void, lab.row(77, ZF="1")])
    assert counts(job) == (11, 4, 3, 0, 0, 0, 7, 0)
    assert ask(f"select count(*) from {TABLE}") == [(7,)]
    assert ask("select group_key, summary->>'count' from records_event where group_key in ('R1', 'R3')") == [
        ("R1", "1")
    ]
    kept = ask("select source_key, withdrawn from records_version order by 1")
    assert kept == [("R1|GLU", True), ("R3|CREA", True), ("R3|GLU", True)]
    assert sum(t.withdrawn for t in Tally.objects.all()) == 3
    assert sum(f.count for f in Finding.objects.filter(rule="filter.ZF")) == 4  # of every filtered row, as ever
    told = [e.facts for e in OutboxEvent.objects.filter(name="records.loaded").order_by("id")]
    assert sum(o["deleted"] for facts in told for o in facts["counts"]) == 3
    assert (sheet := Sheet.objects.get()).balances and sheet.fresh == 13
    assert "其中 3 行原已入库，已撤回" in job.lines.order_by("-id")[0].zh
    page = signed_in(CLERK).get(reverse("exchange:job", args=[job.pk])).content.decode()
    assert "过滤的行中 3 行原已入库，已撤回" in page
    assert counts(run([*void, lab.row(77, ZF="1")])) == (11, 4, 0, 0, 0, 0, 7, 0)


def test_it_comes_back_when_the_rule_is_loosened(run: Callable[..., Job]) -> None:
    """Under its id as the next version: nothing is lost by a filter that was wrong."""
    rows = [lab.row(1, ZF="1"), lab.row(2)]
    run(rows, mapping=OPEN)
    before = ask(f"select id from {TABLE} where source_key = 'R1|GLU'")
    assert counts(run(rows)) == (2, 1, 1, 0, 0, 1, 0, 0)
    assert counts(run(rows, mapping=OPEN)) == (2, 0, 0, 0, 1, 1, 0, 0)
    assert ask(f"select id from {TABLE} where source_key = 'R1|GLU'") == before
    assert ask("select sum(inserted) - sum(deleted) - sum(withdrawn) from exchange_job") == [(2,)]


def test_what_another_feed_brought_stays(run: Callable[..., Job], tmp_path: Path) -> None:
    """Two feeds on one table, each with the other half: neither withdraws what the other brought."""
    rows = [lab.row(1, ZF="1"), lab.row(2, ZF="0")]
    run(rows)
    other = lab.MAPPING.replace('drop_when: {ZF: "1"}', 'drop_when: {ZF: "0"}')
    config = {"url": str(tmp_path / "lis.db"), "table": "lis_result"}
    feed = services.save_feed(
        actors.system(), "作废结果", org_code=lab.HOSPITAL, reader="sqlite", config=config, mapping=other
    )
    assert counts(services.run(actors.system(), feed)) == (2, 1, 0, 0, 1, 0, 0, 0)
    assert counts(run(rows)) == (2, 1, 0, 0, 0, 0, 1, 0)
    assert ask(f"select count(*) from {TABLE}") == [(2,)]


@pytest.mark.parametrize(
    ("marks", "expected", "left"),
    [
        ("01", (2, 1, 0, 0, 0, 0, 1, 0), 0),  # passed, then filtered: nothing is in
        ("10", (2, 1, 0, 0, 1, 0, 0, 0), 1),  # filtered, then passed: the last word is in
        ("11", (2, 2, 0, 0, 0, 0, 0, 0), 0),
    ],
)
@pytest.mark.parametrize("size", [1, 7])
def test_of_one_key_the_last_word_counts(
    run: Callable[..., Job], marks: str, expected: tuple[int, ...], left: int, size: int
) -> None:
    """Whether both words come in one batch or in two, side by side."""
    job = run([lab.row(1, ZF=mark) for mark in marks], size=size)
    assert ask(f"select count(*) from {TABLE}") == [(left,)]
    if size == 7:
        assert counts(job) == expected
    else:
        assert job.balances and job.filtered == expected[1] and job.inserted - job.withdrawn == left
