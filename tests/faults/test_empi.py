"""The index of persons under real processes: the same instant, kill -9 in the middle, a poisoned batch."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from django.db import connection

from tests.faults import empi_pairs
from yigong.kit.ctx import system
from yigong.outbox.models import OutboxEvent
from yigong.platform.empi import api, matching
from yigong.platform.empi.models import Candidate, Decision, Registration
from yigong.platform.empi.tests.test_register import rows
from yigong.security.models import Audit

PAIRS = int(os.environ.get("YIGONG_FAULT_PAIRS", "240"))


def _url() -> str:
    facts = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    return psycopg.conninfo.make_conninfo(**{n: facts[n] for n in names if facts.get(n)})


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault
@pytest.mark.feature("A23")
def test_two_registrations_of_one_person_at_one_instant_are_one_person() -> None:
    """Four processes, two by two, register each person at two institutions at the same instant, alone or among several:
    always one person."""
    start = multiprocessing.get_context("spawn")
    failures, barriers = start.Queue(), [start.Barrier(2), start.Barrier(2)]
    workers = [
        start.Process(
            target=empi_pairs.run, args=(_url(), org, list(range(couple, PAIRS, 2)), barriers[couple], failures)
        )
        for couple in range(2)
        for org in ("QH01", "DH02")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert failures.empty(), failures.get()
    held: dict[str, set[int]] = {}
    for local_id, person in Registration.objects.values_list("local_id", "person_id"):
        held.setdefault(local_id, set()).add(person)
    assert len(held) == PAIRS
    assert {local_id: persons for local_id, persons in held.items() if len(persons) > 1} == {}
    assert len({next(iter(persons)) for persons in held.values()}) == PAIRS


MERGE = """
import os, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "yigong.portal.settings"
django.setup()
from yigong.kit.ctx import system
from yigong.platform.empi import api
{act}
"""
ACTS = {
    "merge": "api.merge(system(), {two}, {one}, reason='x')",
    "undo": "api.undo(system(), {decision}, reason='x')",
}


def _all_there_is() -> list[Any]:
    return [
        sorted(Registration.objects.values_list("pk", "person_id", "state")),
        sorted(Candidate.objects.values_list("left", "right", "state")),
        *(model.objects.count() for model in (Decision, Audit, OutboxEvent)),
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault
@pytest.mark.feature("A26")
@pytest.mark.parametrize("act", ["merge", "undo"])
@pytest.mark.parametrize("waits_at", ["empi_decision", "outbox_event", "empi_person", "security_audit"])
def test_killed_in_the_middle_of_a_merge_nothing_of_it_is_there(act: str, waits_at: str, tmp_path: Path) -> None:
    """A process is held in the middle of a merge or its undoing, at one table after another, and killed by kill -9:
    nothing has happened, and the next one can do it whole."""
    lone = {"id_no": None, "phone": None, "address": None, "full_name": "李四"}
    done = api.register(
        system(), rows({}, *({**lone, "local_id": str(n), "phone": "13700000000"} for n in range(2, 9)))
    )
    one, two = done.get_column("person_id").unique().sort()
    decision = api.merge(system(), two, one, reason="x") if act == "undo" else 0
    before = _all_there_is()
    script = MERGE.format(act=ACTS[act].format(one=one, two=two, decision=decision))
    with psycopg.connect(_url()) as holder:
        holder.execute(f"lock table {waits_at} in share mode")
        child = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "DATABASE_URL": _url()})
        _until_waiting(waits_at, child)
        child.send_signal(signal.SIGKILL)
        child.wait()
    _until_gone()
    assert _all_there_is() == before
    if act == "merge":
        api.merge(system(), two, one, reason="x")
    else:
        api.undo(system(), decision, reason="x")
    assert Registration.objects.values("person_id").distinct().count() == (1 if act == "merge" else 2)


_WAITING = """select count(*) from pg_locks l join pg_class c on c.oid = l.relation
              where not l.granted and c.relname = %s"""
_OTHERS = """select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
             and state = 'active' and backend_type = 'client backend'"""


def _until_waiting(table: str, child: subprocess.Popen[bytes]) -> None:
    _until(lambda: _count(_WAITING, [table]) == 1, child)


def _until_gone() -> None:
    _until(lambda: _count(_OTHERS, []) == 0)


def _count(sql: str, params: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.fetchone()[0])


def _until(so: Any, child: subprocess.Popen[bytes] | None = None) -> None:
    end = time.monotonic() + 120
    while not so():
        assert time.monotonic() < end, "waited in vain"
        assert child is None or child.poll() is None, "the process ended by itself"
        time.sleep(0.02)


def village(size: int) -> pl.DataFrame:
    """*size* different people who all came under one identity number."""
    signs = [chr(0x4E00 + n * 5) for n in range(230)]
    bare = {"phone": None, "born_on": None, "address": None}
    return rows(
        *({"local_id": str(n), "full_name": signs[n % 230] + signs[n // 230 % 230], **bare} for n in range(size))
    )


@pytest.mark.django_db
@pytest.mark.fault
@pytest.mark.feature("A29")
def test_a_poisoned_batch_costs_comparisons_in_line_with_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """One number on thousands of people merges nobody, and twice as many people take at most twice the comparisons."""
    made: list[int] = []
    score = matching.score
    monkeypatch.setattr(matching, "score", lambda pairs, board: (made.append(pairs.height), score(pairs, board))[1])
    for size in (1500, 3000):
        Registration.objects.all()
        done = api.register(
            system(), village(size).with_columns(org_code=pl.lit(f"ORG{size}"), source_system=pl.lit("X"))
        )
        assert done.height == size
    assert Registration.objects.values("person_id").distinct().count() >= 3000
    assert sum(made) <= 4500 * 8, made
