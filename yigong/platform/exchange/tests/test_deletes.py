"""What a source takes back leaves the records, stays readable, and is counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import connection

from yigong.edge.mapping.fields import field_kinds
from yigong.edge.mapping.plan import compile_mapping
from yigong.kit import ctx as actors
from yigong.kit.clock import now
from yigong.outbox.models import OutboxEvent
from yigong.platform.exchange import pipeline, running, services
from yigong.platform.exchange.batch import RawBatch
from yigong.platform.exchange.models import Job, Quarantined, Tally
from yigong.platform.exchange.tests import lab
from yigong.platform.records import api as records

pytestmark = [pytest.mark.django_db, pytest.mark.feature("C07")]
TABLE = "records_laboratory_test_record"
PLAN = lab.MAPPING.replace('filter: {drop_when: {ZF: "1"}}\n', "")


@pytest.fixture(autouse=True)
def _hospital() -> None:
    lab.hospital()


def ask(sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def counts(job: Job) -> tuple[int, ...]:
    """read, filtered, rejected, inserted, updated, unchanged, deleted."""
    assert job.balances
    return (job.read, job.filtered, job.rejected, job.inserted, job.updated, job.unchanged, job.deleted)


@pytest.fixture
def run(tmp_path: Path) -> Callable[[list[dict[str, Any]]], Job]:
    """Runs the laboratory's feed, whose source marks rows that are void."""
    config = {"url": str(tmp_path / "lis.db"), "table": "lis_result", "deleted_when": {"ZF": ["1"]}}

    def go(rows: list[dict[str, Any]]) -> Job:
        lab.source(tmp_path / "lis.db", rows)
        feed = lab.feed(tmp_path / "lis.db", config=config, mapping=PLAN)
        return services.run(actors.system(), feed, size=7)

    return go


def carry(rows: list[dict[str, Any]]) -> Job:
    """Carry raw rows as one batch."""
    feed = lab.feed(Path("nowhere.db"), mapping=PLAN)
    job = running.opened(feed)
    frame = pl.DataFrame(rows, schema=dict.fromkeys([*lab.COLUMNS, "_op"], pl.String))
    pipeline.carry_all(actors.system(), job.pk, [RawBatch(frame, "LIS")], compile_mapping(PLAN, field_kinds()))
    return Job.objects.get(pk=job.pk)


def test_a_deletion_takes_the_record_out_and_keeps_what_it_said(run: Any) -> None:
    """The row leaves its table, its report's event follows, the version stays; the same again changes nothing."""
    rows = lab.good(5)
    assert counts(run(rows)) == (10, 0, 0, 10, 0, 0, 0)
    gone = [{**r, "ZF": "1"} if r["BGDH"] == "R3" or (r["BGDH"], r["XMBH"]) == ("R1", "GLU") else r for r in rows]
    assert counts(run(gone)) == (10, 0, 0, 0, 0, 7, 3)
    assert ask(f"select count(*) from {TABLE}") == [(7,)]
    assert ask("select group_key, summary->>'count' from records_event where group_key in ('R1', 'R3')") == [
        ("R1", "1")
    ]
    kept = ask(
        "select source_key, version, withdrawn, row->>'laboratory_test_item_code' from records_version order by 1"
    )
    assert kept == [("R1|GLU", 1, True, "GLU"), ("R3|CREA", 1, True, "CREA"), ("R3|GLU", 1, True, "GLU")]
    assert sum(t.deleted for t in Tally.objects.all()) == 3
    said = OutboxEvent.objects.filter(name="records.loaded").order_by("-id").first()
    assert said is not None and "deleted" in str(said.facts)
    assert counts(run(gone)) == (10, 0, 0, 0, 0, 10, 0)


def test_what_was_taken_back_may_come_again_and_goes_on(run: Any) -> None:
    """The record returns under its id as the next version and counts as inserted: inserted - deleted = rows."""
    rows = lab.good(1)
    run(rows)
    before = ask(f"select id from {TABLE} where source_key = 'R0|GLU'")
    run([{**rows[0], "ZF": "1"}, rows[1]])
    assert counts(run([{**rows[0], "JG": "7.7"}, rows[1]])) == (2, 0, 0, 1, 0, 1, 0)
    assert ask(f"select id from {TABLE} where source_key = 'R0|GLU'") == before
    assert ask(
        f"select version, laboratory_test_quantitative_result::text from {TABLE} where source_key = 'R0|GLU'"
    ) == [(2, "7.7")]
    assert ask("select summary->>'count' from records_event") == [("2",)]
    assert ask("select sum(inserted) - sum(deleted) from exchange_job") == [(2,)]
    run([{**rows[0], "ZF": "1"}, rows[1]])
    assert ask("select version from records_version order by 1") == [(1,), (2,)]


@pytest.mark.parametrize(
    ("acts", "expected"),
    [
        (["upsert", "delete"], (2, 0, 0, 0, 0, 2, 0)),
        (["delete", "upsert"], (2, 0, 0, 1, 0, 1, 0)),
        ([None, None], (2, 0, 0, 1, 0, 1, 0)),
        (["delete", "delete"], (2, 0, 0, 0, 0, 2, 0)),
    ],
)
def test_of_one_key_the_last_word_counts(acts: list[str | None], expected: tuple[int, ...]) -> None:
    """Within a batch the last row of a key decides; the earlier ones count as unchanged."""
    assert counts(carry([{**lab.row(1), "_op": act} for act in acts])) == expected


def test_a_deletion_needs_its_key_and_nothing_else() -> None:
    """With only the key it finds the record; without the key, or with another word for the act, the row waits."""
    carry([{**lab.row(1), "_op": None}, {**lab.row(2), "_op": None}])
    bare = {"BGDH": "R1", "XMBH": "GLU", "_op": "delete"}
    assert counts(carry([bare, {"_op": "delete"}, {**lab.row(2), "_op": "merge"}])) == (3, 0, 2, 0, 0, 0, 1)
    assert ask(f"select source_key from {TABLE}") == [("R2|GLU",)]
    assert set(Quarantined.objects.values_list("rule", flat=True)) == {"source_key_missing", "op_unknown"}
    assert ask("select count(*) from empi_registration") == [(2,)]


@pytest.mark.feature("A14")
def test_every_version_of_a_record_is_readable(run: Any) -> None:
    """Versions newest first, what was known at a moment, what a correction changed; nothing for who may not see."""
    first, second = lab.good(1)
    run([first, second])
    known = now()
    run([{**first, "JG": "18.9"}, second])
    me = actors.system()
    ((record_id,),) = ask(f"select id from {TABLE} where source_key = 'R0|GLU'")
    newer, older = records.record_versions(me, "laboratory_test_record", record_id)
    assert (newer.version, newer.known_until, older.version) == (2, None, 1)
    assert older.known_until == newer.known_from and not older.withdrawn
    found = records.as_known_on(me, "laboratory_test_record", record_id, known)
    assert found is not None and found.version == 1
    assert records.as_known_on(me, "laboratory_test_record", record_id, known - timedelta(days=1)) is None
    (correction,) = records.corrections(me, "laboratory_test_record", [newer.row])
    assert [(c.before, c.after) for c in correction.changes] == [("5.6", "18.9")]
    assert correction.named == str(newer.row.extra["item_name"])
    run([{**first, "ZF": "1"}, second])
    last = records.record_versions(me, "laboratory_test_record", record_id)[0]
    assert (last.version, last.withdrawn) == (2, True)
    assert records.as_known_on(me, "laboratory_test_record", record_id, now()) is None
    stranger = actors.Ctx(
        9, "x", "clinician", "999999999X", ("999999999X",), frozenset({"person.view"}), actors.Reach.OWN, actors.Purpose.TREATMENT
    )  # fmt: skip
    assert records.record_versions(stranger, "laboratory_test_record", record_id) == []
