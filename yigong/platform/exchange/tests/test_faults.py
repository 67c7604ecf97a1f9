"""A database that goes away and a process that is killed: nothing is lost, nothing comes twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from yigong.kit import ctx as actors
from yigong.platform.exchange import pipeline, running, services
from yigong.platform.exchange.models import BatchRun, FeedState, Job
from yigong.platform.exchange.tests import lab

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fault]
ROWS = 3000
TABLE = "records_laboratory_test_record"


@pytest.fixture
def feed(tmp_path: Path) -> Any:
    """A source of three thousand rows."""
    lab.hospital()
    return lab.feed(lab.source(tmp_path / "lis.db", lab.good(ROWS // 2)))


def url() -> str:
    """The database of this test."""
    facts = connection.settings_dict
    return f"postgresql://{facts['USER']}:{facts['PASSWORD']}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"


def state(db: psycopg.Connection[Any]) -> tuple[int, int, int]:
    """Rows, distinct keys, and rows the committed batches account for."""
    found = db.execute(
        f"""select (select count(*) from {TABLE}), (select count(distinct source_key) from {TABLE}),
            (select coalesce(sum(inserted), 0)::int from exchange_batch)"""
    ).fetchone()
    assert found is not None
    return found  # type: ignore[return-value]


@pytest.fixture
def breaker(feed: Any) -> Iterator[list[int]]:
    """Ends the backend of the running load twice, after some batches are in."""
    broken: list[int] = []
    done = threading.Event()

    def cut() -> None:
        with psycopg.connect(url(), autocommit=True) as db:
            while len(broken) < 2 and not done.is_set():
                pids = db.execute(
                    """select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
                       and state <> 'idle' and query ~ '^(copy|insert)' and (select count(*) from exchange_batch) >= %s""",
                    [2 + 3 * len(broken)],
                ).fetchall()
                for (pid,) in pids:
                    db.execute("select pg_terminate_backend(%s)", [pid])
                    broken.append(pid)
                time.sleep(0.001)

    thread = threading.Thread(target=cut)
    thread.start()
    yield broken
    done.set()
    thread.join()


@pytest.mark.feature("C17")
def test_a_database_that_goes_away_in_the_middle_loses_and_doubles_nothing(
    feed: Any, breaker: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backend is ended while it loads; the batch is tried again and every row is in once."""
    monkeypatch.setattr(pipeline, "ATTEMPTS", (0.1, 0.2, 0.4))
    job = services.run(actors.system(), feed, size=100)
    assert breaker, "nothing was cut"
    assert job.state == FeedState.SUCCEEDED and (job.read, job.inserted, job.rejected) == (ROWS, ROWS, 0)
    with psycopg.connect(url()) as db:
        assert state(db) == (ROWS, ROWS, ROWS)


@pytest.mark.feature("C01", "C17")
def test_a_run_whose_own_connection_broke_holds_its_feed_again(feed: Any) -> None:
    """The lock goes with the connection: the next one takes it before anybody else runs the feed, and the run goes on to its end."""
    held: list[bool] = []

    def cut(_totals: Any) -> None:
        held.append(feed.pk in running.running_ids())
        if len(held) == 1:
            with psycopg.connect(url(), autocommit=True) as db:
                db.execute("select pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])

    job = running.run(actors.system(), feed, size=500, progress=cut)
    assert job.state == FeedState.SUCCEEDED and job.inserted == ROWS and held == [True] * 6
    assert feed.pk not in running.running_ids()


@pytest.mark.feature("C17")
def test_a_killed_process_leaves_whole_batches_and_the_next_run_goes_on(feed: Any) -> None:
    """After kill -9 only whole batches are in; the next run closes the dead job and brings the rest, once."""
    code = (
        "import django; django.setup()\n"
        "from yigong.kit import ctx; from yigong.platform.exchange import services\n"
        f"services.run(ctx.system(), {feed.name!r}, size=50)"
    )
    env = {**os.environ, "DATABASE_URL": url(), "DJANGO_SETTINGS_MODULE": "yigong.portal.settings"}
    with psycopg.connect(url(), autocommit=True) as db:
        child = subprocess.Popen([sys.executable, "-c", code], env=env)
        while child.poll() is None and state(db)[2] < 200:
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        child.wait()
        rows, keys, accounted = state(db)
        assert 200 <= rows < ROWS and rows == keys == accounted and rows % 50 == 0
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and feed.pk in running.running_ids():  # the server notices the dead client
            time.sleep(0.05)
        job = services.run(actors.system(), feed, size=50)
        dead = Job.objects.exclude(pk=job.pk).get()
        assert dead.state == FeedState.FAILED and dead.error and dead.error["code"] == "exchange.interrupted"
        assert job.state == FeedState.SUCCEEDED and job.balances
        assert (job.inserted, job.unchanged) == (ROWS - rows, rows)
        assert state(db) == (ROWS, ROWS, ROWS)
        assert BatchRun.objects.filter(job=job).count() == ROWS // 50
