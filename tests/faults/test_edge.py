"""Nodes under fault: killed, cut off, filled up, out of time. Every row the source had is in once, or in quarantine.

Each test is short; ``YIGONG_FAULT_SECONDS=300`` lets the one with all faults at once run that long.
"""

from __future__ import annotations

import ctypes.util
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.edge_county import County, EdgeNode, Found, Hospital, chance, until
from tests.faults.proxy import Proxy

pytestmark = pytest.mark.fault
SECONDS = float(os.environ.get("YIGONG_FAULT_SECONDS") or 12)
COME = 240  # seconds within which all must have come, on a machine that others use as well


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    """An installation of its own, that may be killed."""
    found = County(tmp_path_factory.mktemp("county"))
    try:
        found.start("server")
        found.start("worker")
        yield found
    finally:
        found.end()


class Thread:
    """Hospital, node and the network between node and centre."""

    def __init__(self, county: County, folder: Path, system: str, *, home: Path | None = None, filler: int = 0, preload: dict[str, str] | None = None, **orders: int) -> None:  # fmt: skip
        self.county, self.system = county, system
        self.hospital = Hospital(folder / "lis.db", filler=filler)
        code, self.feed = county.invite(self.hospital, system, **orders)
        self.proxy = Proxy(county.port)
        self.node = EdgeNode(home or folder / "node", self.proxy.url, folder / "node.log", preload=preload)
        self.node.enrol(code)

    def wanted(self) -> int:
        """Rows that must find their place: all that are not filtered."""
        return len(self.hospital.keys("ZF = '0'"))

    def come(self) -> Found:
        """Wait until everything has come, then compare source and platform."""
        until(lambda: self.county.settled(self.feed) >= self.wanted(), COME, self._how_far)
        until(lambda: self.node.waiting() == 0, 30, "the buffer does not empty")
        self.node.kill()
        until(lambda: self._open() == 0, 30, "bundles are left in the journal")
        return self.county.reconcile(self.hospital, self.system, self.feed)

    def _how_far(self) -> str:
        return f"{self.county.settled(self.feed)} of {self.wanted()}; {self.log()}"

    def _open(self) -> int:
        found = self.county.ask("select count(*) from edge_bundle where feed_id = %s and state <> 'carried'", self.feed)
        return int(found[0][0]) if found else -1

    def log(self) -> str:
        """The last words of the node."""
        return self.node.log.read_text("utf-8")[-1500:] if self.node.log.exists() else ""

    def end(self) -> None:
        self.node.kill()
        self.proxy.close()


@pytest.fixture
def thread(county: County, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Thread]:
    """A hospital of 1000 rows and its node, enrolled and not yet running."""
    found = Thread(county, tmp_path, request.node.name[5:40])
    found.hospital.grow(1000)
    yield found
    found.end()


@pytest.mark.feature("G33", "C17")
def test_killed_node(thread: Thread) -> None:
    """kill -9 of the node at moments of chance, while its source grows: what the buffer committed is sent, the rest read again."""
    dice = chance()
    for _ in range(4):
        thread.node.start()
        time.sleep(0.8 + dice.random() * 1.5)
        thread.hospital.grow(200)
        thread.node.kill()
    thread.node.start()
    found = thread.come()
    assert (found.lost, found.twice, found.astray) == ([], [], []) and found.adds_up and found.rows == 1800, found


@pytest.mark.feature("G33", "C17")
def test_killed_server_and_worker(thread: Thread) -> None:
    """kill -9 of what receives and of what carries in: a receipt is only given for what is on the disk."""
    dice, county = chance(), thread.county
    thread.node.start()
    for name in dice.sample(["server", "worker"], 2):
        time.sleep(0.3 + dice.random())
        county.kill(name)
        thread.hospital.grow(200)
        county.start(name)
    found = thread.come()
    assert (found.lost, found.twice, found.astray) == ([], [], []) and found.adds_up, found


@pytest.mark.feature("G33", "C17")
def test_killed_database(thread: Thread) -> None:
    """kill -9 of PostgreSQL at moments of chance while bundles come in: it recovers, server and worker go on, nothing is missing."""
    dice, county = chance(), thread.county
    thread.node.start()
    until(lambda: county.settled(thread.feed) > 0, COME, "nothing comes")
    for _ in range(3):
        thread.hospital.grow(300)
        time.sleep(dice.random() * 1.5)
        county.kill_database()
        time.sleep(dice.random() * 0.5)
        county.start_database()
    found = thread.come()
    assert (found.lost, found.twice, found.astray) == ([], [], []) and found.adds_up, found


@pytest.mark.feature("G33")
@pytest.mark.parametrize("mode", ["cut", "half_open", "slow", "deaf", "twice"])
def test_bad_network(thread: Thread, mode: str) -> None:
    """A network that is cut, takes and never answers, crawls, loses answers, or delivers everything twice."""
    thread.proxy.set(mode)
    thread.node.start()
    until(lambda: thread.proxy.seen[mode] >= 3, COME, "the network was not met")
    time.sleep(1)
    if mode not in ("twice", "slow"):
        thread.proxy.set("pass")
    found = thread.come()
    assert (found.lost, found.twice, found.astray) == ([], [], []) and found.adds_up, found


@pytest.mark.feature("G33")
def test_full_disk(county: County, tmp_path: Path) -> None:
    """The node's disk is full while the network is down: reading stops with its reason, and all goes on once the network is back."""
    home = tmp_path / "small"
    home.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", str(home)], check=False, capture_output=True).returncode:  # fmt: skip
        pytest.skip("a small file system needs root and the right to mount")
    thread = Thread(county, tmp_path, "full_disk", home=home / "node", filler=3000, free_mb=0)
    try:
        thread.hospital.grow(2500)
        thread.node.start()
        until(lambda: thread.county.settled(thread.feed) >= 0 and thread.node.waiting() > 0, COME, "nothing is read")
        thread.proxy.set("cut")
        until(lambda: "disk is full" in thread.log(), COME, "the disk does not fill")
        kept = thread.node.waiting()
        thread.proxy.set("pass")
        assert 0 < kept < 2500
        found = thread.come()
        assert (found.lost, found.twice, found.astray) == ([], [], []) and found.adds_up, found
    finally:
        thread.end()
        subprocess.run(["umount", str(home)], check=False)


@pytest.mark.feature("G33")
def test_full_buffer(county: County, tmp_path: Path) -> None:
    """The buffer reaches its bound while the network is down: reading waits, nothing is lost, the bound holds."""
    thread = Thread(county, tmp_path, "full_buffer", filler=2000, buffer_mb=1)
    try:
        thread.hospital.grow(1500)
        thread.node.start()
        until(lambda: thread.node.waiting() > 0, COME, "nothing is read")
        thread.proxy.set("cut")
        until(lambda: "buffer is full" in thread.log(), COME, "the buffer does not fill")
        status = thread.node.status()
        assert status["queue"]["bytes"] <= 1024 * 1024 and status["feeds"][0]["error"]["code"] == "edge.buffer_full"
        thread.proxy.set("pass")
        found = thread.come()
        assert (found.lost, found.twice, found.astray) == ([], [], []) and found.adds_up, found
    finally:
        thread.end()


def faketime() -> str:
    """The library that tells a process another time."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")) or ctypes.util.find_library("faketimeMT")
    if not found:
        pytest.skip("faketime is not installed (apt-get install faketime)")
    return str(found[0]) if isinstance(found, list) else found


@pytest.mark.feature("G33")
def test_clock_jumps(county: County, tmp_path: Path) -> None:
    """The node's clock is years behind, then months ahead, then right: the centre's time counts, its drift is reported, all comes."""
    rc = tmp_path / "clock"
    rc.write_text("-900d\n", "utf-8")
    preload = {"LD_PRELOAD": faketime(), "FAKETIME_TIMESTAMP_FILE": str(rc), "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}  # fmt: skip
    thread = Thread(county, tmp_path, "clock_jumps", preload=preload)
    try:
        thread.hospital.grow(600)
        thread.node.start()
        until(lambda: county.settled(thread.feed) > 0, COME, thread._how_far)
        until(lambda: _drift(county) < -800 * 86_400_000, 30, "the drift is not reported")
        rc.write_text("+90d\n", "utf-8")
        thread.hospital.grow(300)
        until(lambda: _drift(county) > 80 * 86_400_000, 30, "the jump is not reported")
        rc.write_text("+0\n", "utf-8")
        thread.hospital.grow(300)
        found = thread.come()
        assert (found.lost, found.twice, found.astray) == ([], [], []) and found.adds_up, found
    finally:
        thread.end()


def _drift(county: County) -> int:
    found = county.ask("select coalesce(drift_ms, 0) from edge_node where name = 'clock_jumps'")
    return int(found[0][0]) if found else 0


@pytest.mark.feature("G33", "C17")
def test_everything_at_once(thread: Thread) -> None:
    """All faults at moments of chance, one after the other and together, while the source grows."""
    dice, county, end = chance(), thread.county, time.monotonic() + SECONDS
    thread.node.start()
    told: dict[str, int] = {}
    while time.monotonic() < end:
        act = dice.choice(["node", "server", "worker", "database", "cut", "half_open", "slow", "deaf", "twice", "pass"])
        told[act] = told.get(act, 0) + 1
        thread.hospital.grow(dice.randrange(20, 120))
        if act == "node":
            thread.node.kill()
            thread.node.start()
        elif act == "database":
            county.kill_database()
            time.sleep(dice.random())
            county.start_database()
        elif act in ("server", "worker"):
            county.kill(act)
            time.sleep(dice.random())
            county.start(act)
        else:
            thread.proxy.set(act)
        time.sleep(dice.random() * 2)
    thread.proxy.set("pass")
    print(told)
    found = thread.come()
    assert (found.lost, found.twice, found.astray) == ([], [], []) and found.adds_up, found
