"""The disk of the write-ahead log fills during intake: PostgreSQL stops, senders are refused, and nothing acknowledged is lost or doubled."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest
from django.conf import settings
from django.db import connection

from tests.faults.test_bus_delivery import RESULT, WORK, database_url
from yigong.kit.ctx import system
from yigong.platform.bus import register
from yigong.platform.bus.mllp import Framer, frame
from yigong.platform.bus.tests.ground import HOSPITAL, message
from yigong.portal import postgres

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]
MOUNT_MB, BEFORE, AFTERWARDS = 48, 4, 12
#: longer than the pool of connections waits for a server that is away, so that the refusal is heard
PATIENCE_SECONDS = 45
#: no segment is recycled, so that each new one needs room
OPTIONS = "-c max_wal_size=1GB -c checkpoint_timeout=1d -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_locks_per_transaction=512"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """A PostgreSQL of its own whose write-ahead log lies on a small file system."""

    def __init__(self, place: Path, server: postgres.Server) -> None:
        self.place, self.bin, self.user, self.port = place, Path(server.bin), server.user, free_port()
        self.data, self.wal = place / "data", place / "small" / "wal"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"postgresql://yigong@127.0.0.1:{self.port}/yigong"

    def run(self, program: str, *arguments: str) -> int:
        """One of the server's programs, as the server's user."""
        with (self.place / "log").open("ab") as log:
            command = [str(self.bin / program), *arguments]
            return subprocess.run(
                command, check=False, cwd="/", user=self.user, extra_groups=[], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "LC_ALL": "C.UTF-8"}, start_new_session=True,
            ).returncode  # fmt: skip

    def start(self) -> bool:
        """Start it, or find it running."""
        options = f"{OPTIONS} -c port={self.port}"
        self.run(
            "pg_ctl",
            "start",
            "-D",
            str(self.data),
            "-w",
            "-t",
            "60",
            "-l",
            str(self.place / "server.log"),
            "-o",
            options,
        )
        return self.run("pg_isready", "-h", "127.0.0.1", "-p", str(self.port)) == 0

    def fill(self) -> Path:
        """Take all the room that is left for the log."""
        ballast = self.place / "small" / "ballast"
        with ballast.open("wb") as file:
            try:
                while True:
                    file.write(b"0" * 65536)
                    file.flush()
            except OSError:
                pass
        return ballast


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """The test's database once more, in a cluster whose log has 48 MB."""
    server = postgres.known()
    if os.geteuid() != 0 or server is None or not shutil.which("mount"):
        pytest.skip("only root mounts a small file system, beside a PostgreSQL that the project started")
    place = Path("/var/tmp") / f"yigong-wal-{os.getpid()}"
    (place / "small").mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={MOUNT_MB}m", "tmpfs", str(place / "small")], check=False
    )
    if mounted.returncode:
        shutil.rmtree(place)
        pytest.skip("this machine lets nobody mount")
    found = Cluster(place, server)
    for folder in (place, place / "small"):
        shutil.chown(folder, server.user)
    try:
        made = found.run(
            "initdb", "-D", str(found.data), "-X", str(found.wal), "--wal-segsize=1", "-U", "yigong", "-E", "UTF8",
            "--locale=C.UTF-8", "--lc-collate=C", "-A", "trust", "-N",
        )  # fmt: skip
        assert made == 0 and found.start(), (place / "log").read_text()
        yield found
    finally:
        found.run("pg_ctl", "stop", "-D", str(found.data), "-m", "immediate", "-w")
        subprocess.run(["umount", "-l", str(place / "small")], check=True)
        shutil.rmtree(place)


def copied(cluster: Cluster) -> None:
    """The journal's tables and what they need, with their rows, into the new cluster."""
    with psycopg.connect(cluster.url.rsplit("/", 1)[0] + "/postgres", autocommit=True) as db:
        db.execute("create database yigong")
    dumped = subprocess.run([str(cluster.bin / "pg_dump"), "-O", "-x", database_url()], check=True, capture_output=True)
    filled = [str(cluster.bin / "psql"), "-q", "-v", "ON_ERROR_STOP=1", cluster.url]
    subprocess.run(filled, input=dumped.stdout, check=True, capture_output=True)
    with psycopg.connect(cluster.url, autocommit=True) as db:
        db.execute("checkpoint")


@dataclass
class Sender(threading.Thread):
    """Sends numbered messages, each again until it is acknowledged; notes what was acknowledged and every other answer."""

    send: Callable[[int], str]  # "" or what was answered instead
    stopped: threading.Event
    acknowledged: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        """Until it is stopped."""
        number = 0
        while not self.stopped.is_set():
            try:
                answer = self.send(number)
            except (OSError, httpx.HTTPError) as error:
                answer = repr(error)
            if answer:
                self.refused.append(answer)
            else:
                self.acknowledged.append(number)
                number += 1
            time.sleep(0.1)  # the disk is filled by the test, not by them


def over_mllp(port: int) -> Callable[[int], str]:
    """A message over a connection of its own."""
    words = random.Random(7).randbytes(10_000).hex()

    def send(number: int) -> str:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as link:
            link.sendall(frame(message(f"D{number}", f"P{number % 5}", words=words) + RESULT))
            framer = Framer()
            while data := link.recv(65536):
                for answer in framer.feed(data):
                    return "" if b"MSA|AA" in answer else answer.decode()
        return "closed"

    return send


def over_http(url: str, key: str) -> Callable[[int], str]:
    """A message as a call of the service."""

    def send(number: int) -> str:
        headers = {
            "Authorization": f"Bearer {key}",
            "Idempotency-Key": f"H{number}",
            "Content-Type": "application/json",
        }
        body = json.dumps({"n": number, "x": random.Random(number).randbytes(10_000).hex()})
        answer = httpx.post(url, content=body, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False)
        return "" if answer.status_code == 202 else f"{answer.status_code} {answer.text[:300]}"

    return send


def reachable(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def until(said: Callable[[], bool], seconds: float, why: str | Callable[[], str]) -> None:
    """Wait for something to come about."""
    end = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < end, why if isinstance(why, str) else why()
        time.sleep(0.2)


def called() -> str:
    """A published service with a caller; the caller's key."""
    service = register.save_service(system(), "intake", "1.0", name="接收", kind="http", quota_per_minute=0)
    register.move_service(system(), service.pk, "publish")
    asked = register.subscribe(system(), service.pk, caller="HIS", org_code=HOSPITAL, reason="测试")
    return register.move_subscription(system(), asked.pk, "approve")[1]


@contextlib.contextmanager
def intakes(cluster: Cluster, place: Path) -> Iterator[tuple[int, int]]:
    """The page server and the listener on the cluster; their ports, MLLP first, once both answer."""
    mllp, web = free_port(), free_port()
    commands = [["listen", "--mllp", f"127.0.0.1:{mllp}", "--only-journal"], ["serve", "--bind", f"127.0.0.1:{web}"]]
    facts = {**os.environ, "DATABASE_URL": cluster.url, "YIGONG_DEBUG": "1", "YIGONG_LOCAL": str(place / "local")}
    facts["YIGONG_CACHE"] = str(Path(settings.LOCAL) / "cache")
    with (place / "log").open("wb") as log:
        servers = [
            subprocess.Popen([sys.executable, "-c", WORK, *c], env=facts, stdout=log, stderr=log) for c in commands
        ]
    try:
        until(lambda: reachable(mllp) and reachable(web), 180, "the servers do not come up")
        yield mllp, web
    finally:
        for server in servers:
            server.terminate()
            server.wait(PATIENCE_SECONDS)


@pytest.fixture
def senders(cluster: Cluster, tmp_path: Path) -> Iterator[list[Sender]]:
    """One over MLLP and one over HTTP, sending to servers of their own; the log has room only for what is sent meanwhile."""
    key = called()
    copied(cluster)
    connection.close()
    stopped = threading.Event()
    with intakes(cluster, tmp_path) as (mllp, web):
        url = f"http://127.0.0.1:{web}/bus/v1/intake"
        found = [Sender(over_mllp(mllp), stopped), Sender(over_http(url, key), stopped)]
        try:
            for sender in found:
                sender.start()
            yield found
        finally:
            stopped.set()
            for sender in found:
                if sender.ident:
                    sender.join(PATIENCE_SECONDS)


@pytest.mark.feature("C13", "C17")
def test_a_full_log_stops_intake_and_loses_nothing(cluster: Cluster, senders: list[Sender]) -> None:
    """While the log has no room both intakes refuse in words; with room again they go on; each acknowledged message is there once."""
    until(lambda: all(len(s.acknowledged) >= BEFORE for s in senders), 90, lambda: f"nothing comes in: {senders}")
    ballast = cluster.fill()
    over_mllp, over_http = senders
    until(lambda: any("MSA|AE" in r for r in over_mllp.refused), 180, lambda: f"no AE: {over_mllp.refused}")
    until(lambda: any(r.startswith("503 ") for r in over_http.refused), 180, lambda: f"no 503: {over_http.refused}")
    ballast.unlink()
    taken = [len(s.acknowledged) for s in senders]
    assert cluster.start(), (cluster.place / "server.log").read_text()[-2000:]
    until(
        lambda: all(len(s.acknowledged) >= t + AFTERWARDS for s, t in zip(senders, taken, strict=True)), 180,
        lambda: f"intake does not come back: {[s.refused[-1:] for s in senders]}",
    )  # fmt: skip
    senders[0].stopped.set()
    for sender in senders:
        sender.join(PATIENCE_SECONDS)
    with psycopg.connect(cluster.url) as db:
        kept = Counter(row[0] for row in db.execute("select control_id from bus_message"))
    acknowledged = [f"D{n}" for n in over_mllp.acknowledged] + [f"H{n}" for n in over_http.acknowledged]
    assert {c: kept[c] for c in acknowledged} == dict.fromkeys(acknowledged, 1)
    assert set(kept) <= {*acknowledged, f"D{len(over_mllp.acknowledged)}", f"H{len(over_http.acknowledged)}"}
    assert max(kept.values()) == 1
    assert "No space left on device" in (cluster.place / "server.log").read_text()
    assert all("bus.internal" in r for r in over_http.refused if r.startswith("503 "))
    assert not [r for r in over_http.refused if r.startswith("500 ")]
