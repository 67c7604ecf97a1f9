"""A batch from a real source to table, event, account and quarantine, on a real PostgreSQL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from yigong.kit import ctx as actors
from yigong.kit.errors import Refused
from yigong.outbox.models import OutboxEvent
from yigong.platform.exchange import quarantine, selectors, services
from yigong.platform.exchange.models import FeedState, Finding, Job, Quarantined, RowState
from yigong.platform.exchange.tests import lab

pytestmark = pytest.mark.django_db
TABLE = "records_laboratory_test_record"


@pytest.fixture(autouse=True)
def _hospital() -> None:
    lab.hospital()


def one(sql: str, *params: Any) -> Any:
    """The first value of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def run(path: Path, **other: Any) -> Job:
    """Run the laboratory feed over *path*."""
    return services.run(actors.system(), lab.feed(path, **other), size=7)


def counts(job: Job) -> tuple[int, ...]:
    """read, filtered, rejected, inserted, updated, unchanged."""
    return (job.read, job.filtered, job.rejected, job.inserted, job.updated, job.unchanged)


@pytest.mark.feature("C01", "C06", "A13")
def test_rows_come_in_with_their_origin_and_become_events(tmp_path: Path) -> None:
    """Every row stands in its table with institution, system, key, batch, times and hash; each report is one event."""
    job = run(lab.source(tmp_path / "lis.db", lab.good(10)))
    assert job.state == FeedState.SUCCEEDED and counts(job) == (20, 0, 0, 20, 0, 0) and job.balances
    assert one(f"select count(*) from {TABLE} where version = 1 and batch_id is not null and row_hash <> 0") == 20
    assert one(f"select extra->>'item_name' from {TABLE} limit 1") == "葡萄糖"
    assert one("select count(*) from records_event where kind = 'laboratory' and flag = 'normal'") == 10
    assert one("select count(distinct registration_id) from records_event") == 5
    assert one("select summary->>'line' from records_event limit 1") == "葡萄糖 5.6 mmol/L"


@pytest.mark.feature("C06", "C10")
def test_the_same_input_again_changes_nothing(tmp_path: Path) -> None:
    """A second run of the same source finds every row unchanged, makes no event and keeps quarantine as it was."""
    path = lab.source(tmp_path / "lis.db", [*lab.good(10), lab.row(99, BGRQ="2026-02-31 08:00:00")])
    run(path)
    before = one(f"select sum(id + row_hash + version) from {TABLE}"), Quarantined.objects.count()
    said = OutboxEvent.objects.filter(name="records.loaded").count()
    job = run(path)
    assert counts(job) == (21, 0, 1, 0, 0, 20)
    assert (one(f"select sum(id + row_hash + version) from {TABLE}"), Quarantined.objects.count()) == before
    assert OutboxEvent.objects.filter(name="records.loaded").count() == said
    assert one("select count(*) from records_event") == 10


@pytest.mark.feature("C07")
def test_a_correction_is_a_new_version_and_the_event_follows(tmp_path: Path) -> None:
    """A changed row raises its version by one; its event says what the rows say now, the others stay."""
    rows = lab.good(10)
    run(lab.source(tmp_path / "lis.db", rows))
    job = run(lab.source(tmp_path / "lis.db", [{**rows[0], "JG": "18.9"}, *rows[1:]]))
    assert counts(job) == (20, 0, 0, 0, 1, 19)
    assert one(f"select version from {TABLE} where source_key = 'R0|GLU'") == 2
    assert one("select flag from records_event where group_key = 'R0'") == "abnormal"
    assert one("select summary->>'count' from records_event where group_key = 'R0'") == "2"
    assert one("select count(*) from records_event") == 10


@pytest.mark.feature("C04")
def test_voided_rows_are_filtered_and_counted(tmp_path: Path) -> None:
    """Rows that the mapping leaves out are counted as filtered and stand nowhere."""
    job = run(lab.source(tmp_path / "lis.db", [*lab.good(3), lab.row(7, ZF="1"), lab.row(8, ZF="1")]))
    assert counts(job) == (8, 2, 0, 6, 0, 0) and job.balances
    assert one(f"select count(*) from {TABLE} where group_key in ('R7', 'R8')") == 0


BAD = {
    "datetime_unreadable": {"BGRQ": "2026-02-31 08:00:00"},
    "code_unmapped": {"BBLX": "Q"},
    "number_unreadable": {"JG": "阳性"},
    "local_id_missing": {"BRID": None},
    "date_unreadable": {"CSRQ": "19601301"},
}


@pytest.mark.feature("C03", "C26", "C31")
@pytest.mark.parametrize("rule", BAD)
def test_a_bad_row_waits_with_its_reason_and_does_not_hold_up_the_others(rule: str, tmp_path: Path) -> None:
    """An impossible date, an unknown code, a word for a number: the row waits as it came, the rest goes in."""
    job = run(lab.source(tmp_path / "lis.db", [*lab.good(3), lab.row(9, **BAD[rule])]))
    row = Quarantined.objects.get()
    assert job.state == FeedState.PARTIAL and counts(job) == (7, 0, 1, 6, 0, 0)
    assert row.rule == rule and row.reasons[0]["zh"] and row.reasons[0]["en"] and row.place == "lis_result 第 7 行"
    assert row.raw["BGDH"] == "R9" and row.raw["JG"] == lab.row(9, **BAD[rule])["JG"]
    assert Finding.objects.get(severity="error").rule == rule


@pytest.mark.feature("C03", "C31")
def test_an_unknown_institution_waits(tmp_path: Path) -> None:
    """Rows of an institution that is not registered are kept out and kept."""
    job = run(lab.source(tmp_path / "lis.db", lab.good(2)), org_code="999999999X")
    assert counts(job) == (4, 0, 4, 0, 0, 0)
    assert set(Quarantined.objects.values_list("rule", flat=True)) == {"institution_unknown"}


@pytest.mark.feature("C31")
def test_a_mended_row_goes_the_same_way_and_leaves_quarantine(tmp_path: Path) -> None:
    """Mended and sent again, a row is checked like any other; what is still wrong waits on with the new reason."""
    run(lab.source(tmp_path / "lis.db", [*lab.good(3), lab.row(9, BGRQ="2026-02-31 08:00:00")]))
    row, me = Quarantined.objects.get(), actors.system()
    quarantine.mend(me, row.pk, {**row.raw, "BGRQ": "2026-03-01 08:00:00", "JG": "高"})
    services.resend(me, [row.pk])
    row = Quarantined.objects.get()
    assert row.state == RowState.WAITING and row.rule == "number_unreadable"
    quarantine.mend(me, row.pk, {**row.mended, "JG": "9.9"})
    job = services.resend(me, [row.pk])
    assert job is not None and counts(job) == (1, 0, 0, 1, 0, 0)
    assert Quarantined.objects.get().state == RowState.RESENT
    assert one(f"select laboratory_test_quantitative_result::float8 from {TABLE} where source_key = 'R9|GLU'") == 9.9
    with pytest.raises(Refused, match=r"exchange\.row_settled"):
        quarantine.mend(me, row.pk, row.raw)


@pytest.mark.feature("C31")
def test_a_row_is_given_up_only_with_a_reason(tmp_path: Path) -> None:
    """A discarded row stays readable, needs a reason, and does not wait again when it comes again."""
    path = lab.source(tmp_path / "lis.db", [lab.row(9, JG="高")])
    run(path)
    row, me = Quarantined.objects.get(), actors.system()
    with pytest.raises(Refused, match=r"exchange\.reason_missing"):
        quarantine.discard(me, [row.pk], " ")
    quarantine.discard(me, [row.pk], "试验数据")
    run(path)
    assert Quarantined.objects.get().state == RowState.DISCARDED


@pytest.mark.feature("C02")
def test_increments_begin_where_the_last_run_ended(tmp_path: Path) -> None:
    """By time stamp, the next run reads what is new, and the last moment once more without changing it."""
    config = {"url": str(tmp_path / "lis.db"), "table": "lis_result", "since_column": "XGSJ"}
    rows = [lab.row(n) for n in range(6)]
    run(lab.source(tmp_path / "lis.db", rows), config=config, mode="incremental")
    late = lab.row(20, XGSJ="2026-03-06 09:00:00")  # written in the very moment the last run ended at
    job = run(lab.source(tmp_path / "lis.db", [*rows, late, lab.row(26)]), config=config, mode="incremental")
    assert counts(job) == (3, 0, 0, 2, 0, 1) and json.loads(job.watermark) == {"mark": "2026-03-27 09:00:00"}


@pytest.mark.feature("C10")
def test_the_account_balances_by_data_set_and_institution(tmp_path: Path) -> None:
    """The day's reconciliation adds up to what the jobs read."""
    rows = [*lab.good(5), lab.row(7, ZF="1"), lab.row(8, JG="高")]
    job = run(lab.source(tmp_path / "lis.db", rows))
    for by, name in (("data_set", "laboratory_test_record"), ("org_code", lab.HOSPITAL)):
        line = selectors.accounts(actors.system(), by=by)[0]
        assert (line.name, line.read, line.filtered, line.rejected, line.loaded) == (name, 12, 1, 1, 10)
        assert line.balances and line.read == job.read


@pytest.mark.feature("C05")
def test_a_source_whose_structure_changed_says_which_line_needs_which_column(tmp_path: Path) -> None:
    """A renamed source column ends the run with a sentence that names the nearest column; nothing is half in."""
    mapping = lab.MAPPING.replace("BBLX", "BBLX1")
    job = run(lab.source(tmp_path / "lis.db", lab.good(3)), mapping=mapping)
    assert job.state == FeedState.FAILED and job.error and job.error["code"] == "exchange.columns_missing"
    assert "BBLX1" in job.error["zh"] and one(f"select count(*) from {TABLE}") == 0


@pytest.mark.feature("C01")
def test_a_source_that_is_away_is_said_in_a_sentence(tmp_path: Path) -> None:
    """A source database that is not there fails the job with what to do."""
    job = run(tmp_path / "missing.db")
    assert job.state == FeedState.FAILED and job.error["code"] == "exchange.file_missing" and "重跑" in job.error["zh"]


def test_a_feed_runs_once_at_a_time_and_not_while_paused(tmp_path: Path) -> None:
    """A paused feed refuses to run until it is resumed."""
    feed, me = lab.feed(lab.source(tmp_path / "lis.db", lab.good(1))), actors.system()
    services.pause(me, feed)
    feed.refresh_from_db()
    with pytest.raises(Refused, match=r"exchange\.paused"):
        services.run(me, feed)
    services.resume(me, feed)
    assert services.run(me, feed.name).state == FeedState.SUCCEEDED
