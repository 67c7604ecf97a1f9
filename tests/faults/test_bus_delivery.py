"""Deliveries under fire: workers killed between sending and noting, receivers gone and back, slow senders, a full disk."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from yigong.kit.ctx import system
from yigong.platform.bus import gate, routing
from yigong.platform.bus.envelope import open_envelope
from yigong.platform.bus.listener import Gatherer, Listener, serve
from yigong.platform.bus.mllp import Framer, frame
from yigong.platform.bus.models import Attempt, Delivery, Gate, Message
from yigong.platform.bus.tests.ground import accept, active, inward, message, outward
from yigong.platform.bus.tests.receivers import Got, HttpReceiver

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]
WORK = "from yigong.portal.cli import main; import sys; sys.exit(main(sys.argv[1:]))"
PATIENTS, EACH = 12, 8
#: with a result the listener has nothing to say against a message
RESULT = b"OBX|1|NM|GLU^G||5.6|mmol/L|||||F\r"


def database_url() -> str:
    """The database of this test, for processes of their own."""
    facts = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    return psycopg.conninfo.make_conninfo(**{n: facts[n] for n in names if facts.get(n)})


class Worker:
    """``yigong bus work`` as a process of its own."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            environment = {**os.environ, "DATABASE_URL": database_url()}
            command = [sys.executable, "-c", WORK, "bus", "work"]
            self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout and self.process.stdout.readline() == b"bus work\n", self.log.read_text()

    def kill(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """A worker that ends with the test."""
    found = Worker(tmp_path / "worker.log")
    yield found
    found.kill()


def _lapse() -> None:
    """The leases of those who died are over."""
    with connection.cursor() as cursor:
        cursor.execute("update bus_delivery set lease_until = now() where state = 'sending'")


def _until(done: object, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not done():  # type: ignore[operator]
        assert time.monotonic() < end, Counter(Delivery.objects.values_list("state", "answer"))
        time.sleep(0.1)


def _delivered() -> int:
    return Delivery.objects.filter(state="delivered").count()


@pytest.mark.feature("C17", "C19")
def test_workers_killed_and_a_receiver_that_goes_lose_and_double_nothing(worker: Worker) -> None:
    """By its idempotency keys a receiver acts once for each message, in the order of each patient, whatever died in between."""
    receiver, chance = HttpReceiver(), random.Random(20260301)
    port, got = receiver.port, list[Got]()
    receiver.answer = lambda _got: (time.sleep(0.02), (200, b""))[1]
    outward("his", receiver.url, concurrency=6, timeout_seconds=2)
    active("all", "", {"endpoint": "his"})
    accept(*(message(f"{p}-{n}", f"P{p}") for n in range(EACH) for p in range(PATIENTS)))
    while routing.route():
        pass
    worker.start()
    for reached in (10, 30):
        _until(lambda reached=reached: len(receiver.got) >= reached)
        time.sleep(chance.random() * 0.02)
        worker.kill()  # most likely with messages sent and not noted
        _lapse()
        worker.start()
    _until(lambda: len(receiver.got) >= 45)
    receiver.close()
    _until(lambda: Gate.objects.get().breaker == "open")
    got += receiver.got
    receiver = HttpReceiver(port)
    gate.reset(system(), Gate.objects.get().endpoint_id)
    _until(lambda: _delivered() == PATIENTS * EACH)
    got += receiver.got
    receiver.close()
    effects: dict[str, bytes] = {}
    for one in got:
        if len(one.body) < int(one.headers["content-length"]):
            continue  # its worker was killed while it sent: a receiver acts on whole messages only
        assert effects.setdefault(one.headers["idempotency-key"], one.body) == one.body
    assert Counter(effects.values()) == Counter(
        message(f"{p}-{n}", f"P{p}") for n in range(EACH) for p in range(PATIENTS)
    )
    controls = [open_envelope(body).control_id for body in effects.values()]
    for p in range(PATIENTS):
        assert [c for c in controls if c.startswith(f"{p}-")] == [f"{p}-{n}" for n in range(EACH)]
    assert Attempt.objects.filter(result="").exists(), "a worker was killed with messages in hand"


@pytest.mark.feature("C13", "C17")
def test_a_sender_that_drips_is_cut_off_and_holds_nobody_back() -> None:
    """A message that began must end in time, however evenly it drips; meanwhile another sender is served."""
    place = inward()

    async def play() -> tuple[float, bytes]:
        gatherer = Gatherer(place.pk)
        listener = Listener(gatherer, slow_seconds=5, message_seconds=1.0)
        stop = asyncio.Event()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        serving = asyncio.create_task(serve(listener, "127.0.0.1", port, stop))
        await asyncio.sleep(0.2)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began, answer = time.monotonic(), b""
        writer.write(b"\x0bMSH|")
        while time.monotonic() - began < 8 and not reader.at_eof():
            writer.write(b"x")
            if not answer:
                good_reader, good_writer = await asyncio.open_connection("127.0.0.1", port)
                good_writer.write(frame(message("1") + RESULT))
                answer = await good_reader.readuntil(b"\x1c")
                good_writer.close()
            try:
                await asyncio.wait_for(reader.read(10), 0.1)
            except TimeoutError:
                continue
            except ConnectionError:
                break
        gone = time.monotonic() - began
        stop.set()
        await serving
        return gone, answer

    with ThreadPoolExecutor(1) as pool:  # a browser of earlier tests keeps a loop in this thread
        gone, answer = pool.submit(asyncio.run, play()).result()
    assert gone < 6 and b"MSA|AA|1" in answer
    assert [m.control_id for m in Message.objects.all()] == ["1"]


@pytest.fixture
def small_disk() -> Iterator[str]:
    """A tablespace on a file system of 24 MB, so that the journal's disk fills while the rest of the database lives."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root mounts a small file system")
    with connection.cursor() as cursor:
        cursor.execute("show data_directory")
        owner = Path(str(cursor.fetchone()[0])).stat()  # type: ignore[index]
    place = Path("/var/tmp") / f"yigong-small-{os.getpid()}"
    place.mkdir(mode=0o755)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "tmpfs", str(place)], check=False).returncode:
        place.rmdir()
        pytest.skip("this machine lets nobody mount")
    space = place / "space"
    space.mkdir(mode=0o700)
    os.chown(space, owner.st_uid, owner.st_gid)
    name = f"small_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(f"create tablespace {name} location '{space}'")
    try:
        yield str(place)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("truncate bus_message cascade")
            for table in _tables():
                cursor.execute(f"alter {table} set tablespace pg_default")
            cursor.execute("checkpoint")
            cursor.execute(f"drop tablespace {name}")
        subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


def _tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("select indexname from pg_indexes where tablename = 'bus_message'")
        return ["table bus_message", *(f"index {row[0]}" for row in cursor.fetchall())]


@pytest.mark.feature("C17")
def test_a_full_disk_is_told_and_everything_acknowledged_is_there_once(small_disk: str, tmp_path: Path) -> None:
    """While the disk is full senders hear AE; with room again the same messages are taken; each AA stands in the journal once."""
    ballast = Path(small_disk) / "ballast"
    ballast.write_bytes(b"0" * (12 << 20))
    with connection.cursor() as cursor:
        for table in _tables():
            cursor.execute(f"alter {table} set tablespace small_{os.getpid()}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-c", WORK, "listen", "--mllp", f"127.0.0.1:{port}", "--only-journal"]
    with (tmp_path / "listener.log").open("wb") as log:
        listener = subprocess.Popen(
            command, env={**os.environ, "DATABASE_URL": database_url()}, stdout=subprocess.PIPE, stderr=log
        )
    try:
        assert listener.stdout and listener.stdout.readline().startswith(b"mllp")
        answers = _send_until_full(port, ballast)
    finally:
        listener.kill()
        listener.wait()
    refused = [c for c, codes in answers.items() if "AE" in codes]
    assert refused and all(codes[-1] == "AA" for codes in answers.values())
    kept = Counter(Message.objects.values_list("control_id", flat=True))
    assert kept == Counter(dict.fromkeys(answers, 1))


def _send_until_full(port: int, ballast: Path) -> dict[str, list[str]]:
    """Send until the disk has been full for some messages and has room again; each control id with its answers."""
    answers: dict[str, list[str]] = {}
    noise, left = random.Random(7), 10
    with socket.create_connection(("127.0.0.1", port), timeout=30) as link:
        for number in range(2000):
            words = noise.randbytes(60_000).hex()  # nothing that could be pressed together
            raw, code = message(f"D{number}", f"P{number % 5}", words=words) + RESULT, ""
            while code != "AA":
                link.sendall(frame(raw))
                code = _answer(link)
                answers.setdefault(f"D{number}", []).append(code)
                if code == "AE" and ballast.exists():
                    ballast.unlink()
            left -= not ballast.exists()
            if not left:
                return answers
    raise AssertionError("the disk was never full")


def _answer(link: socket.socket) -> str:
    framer = Framer()
    while True:
        for answer in framer.feed(link.recv(65536)):
            return answer.split(b"MSA|")[1][:2].decode()
