"""PostgreSQL is stopped under the intake: HTTP callers are refused within seconds and told when to come again; nothing acknowledged is lost."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from django.db import connection

from tests.faults.test_bus_delivery import RESULT
from tests.faults.test_wal_full import Cluster, called, copied, intakes, until
from yigong.platform.bus.mllp import Framer, frame
from yigong.platform.bus.tests.ground import message
from yigong.portal import postgres

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]
#: two seconds of waiting, and what a busy machine adds
SOON_SECONDS = 6


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL of the test's own, so that stopping it stops nobody else's."""
    server = postgres.known()
    if server is None:
        pytest.skip("beside a PostgreSQL that the project started")
    place = Path("/var/tmp") / f"yigong-away-{os.getpid()}"
    (place / "small").mkdir(parents=True)
    found = Cluster(place, server)
    if os.geteuid() == 0:
        for folder in (place, place / "small"):
            shutil.chown(folder, server.user)
    try:
        made = found.run(
            "initdb", "-D", str(found.data), "-X", str(found.wal), "-U", "yigong", "-E", "UTF8", "--locale=C.UTF-8",
            "--lc-collate=C", "-A", "trust", "-N",
        )  # fmt: skip
        assert made == 0 and found.start(), (place / "log").read_text()
        yield found
    finally:
        found.run("pg_ctl", "stop", "-D", str(found.data), "-m", "immediate", "-w")
        shutil.rmtree(place)


class Intake:
    """The page server and the listener on ports of their own, and their callers."""

    def __init__(self, key: str, web: int, mllp: int) -> None:
        self.key, self.web, self.mllp = key, web, mllp

    def post(self, number: int) -> tuple[httpx.Response, float]:
        """A numbered message as a call, and the seconds until it was answered."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": f"H{number}"}
        started = time.monotonic()
        url = f"http://127.0.0.1:{self.web}/bus/v1/intake"
        answer = httpx.post(url, json={"n": number}, headers=headers, timeout=60, trust_env=False)
        return answer, time.monotonic() - started

    def send(self, number: int) -> tuple[bytes, float]:
        """A numbered message over MLLP, and the seconds until it was answered."""
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.mllp), timeout=60) as link:
            link.sendall(frame(message(f"D{number}", "P1") + RESULT))
            framer = Framer()
            while data := link.recv(65536):
                for answer in framer.feed(data):
                    return answer, time.monotonic() - started
        return b"", time.monotonic() - started


@pytest.fixture
def intake(cluster: Cluster, tmp_path: Path) -> Iterator[Intake]:
    """Both intakes on the cluster of the test."""
    key = called()
    copied(cluster)
    connection.close()
    with intakes(cluster, tmp_path) as (mllp, web):
        yield Intake(key, web, mllp)


@pytest.mark.feature("C13", "C17")
def test_a_stopped_database_is_said_soon(cluster: Cluster, intake: Intake) -> None:
    """While PostgreSQL is stopped each caller hears 503 with Retry-After and each sender AE, soon; started again, both go on at once."""
    taken = [number for number in range(8) if intake.post(number)[0].status_code == 202]
    assert taken == list(range(8))
    assert b"MSA|AA" in intake.send(1)[0]
    assert cluster.run("pg_ctl", "stop", "-D", str(cluster.data), "-m", "immediate", "-w") == 0
    refused = [intake.post(number) for number in range(8, 14)]
    assert [answer.status_code for answer, _seconds in refused] == [503] * 6
    assert all(int(answer.headers["Retry-After"]) > 0 for answer, _seconds in refused)
    assert max(seconds for _answer, seconds in refused) < SOON_SECONDS
    over_mllp = [intake.send(2) for _ in range(3)]
    assert all(b"MSA|AE" in answer for answer, _seconds in over_mllp)
    assert max(seconds for _answer, seconds in over_mllp) < SOON_SECONDS
    time.sleep(15)  # long enough for doubling pauses between attempts to have grown
    assert cluster.start()
    started = time.monotonic()
    until(lambda: intake.post(8)[0].status_code == 202, 30, "calls are not taken again")
    until(lambda: b"MSA|AA" in intake.send(2)[0], 30, "messages are not taken again")
    assert time.monotonic() - started < 2 * SOON_SECONDS
    with psycopg.connect(cluster.url) as db:
        kept = sorted(row[0] for row in db.execute("select control_id from bus_message"))
    assert kept == sorted(["D1", "D2", *(f"H{n}" for n in range(9))])
