"""Two machines with one key, and a key that is changed while its node is killed: real programs of a node."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from yigong.edge import keys, wire
from yigong.platform.exchange import alarms
from yigong.platform.exchange.edge import domain, orders, services
from yigong.platform.exchange.edge.models import Node
from yigong.platform.exchange.edge.tests import place
from yigong.platform.exchange.models import Alarm, Feed, Job
from yigong.platform.exchange.tests import lab

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = 120


class Program:
    """The program of a node in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.process = folder, None  # type: Path, subprocess.Popen[bytes] | None

    def start(self) -> None:
        """Run."""
        with self.folder.with_suffix(".log").open("ab") as log:
            command = [sys.executable, "-m", "yigong.edge", "--home", str(self.folder), "--timeout", "5", "run"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture
def program(tmp_path: Path, live_server: Any) -> Iterator[Program]:
    """An enrolled node that beats each second."""
    node, code, _feed = place.centre(tmp_path / "lis.db", lab.good(ROWS // 2))
    orders.save_limits(place.CLERK, node.pk, beat_seconds=1, retry_seconds=1, free_mb=1)
    found = Program(tmp_path / "node")
    command = [sys.executable, "-m", "yigong.edge", "--home", str(found.folder), "enrol", "--centre", live_server.url]
    subprocess.run([*command, "--code", code], check=True, capture_output=True)
    yield found
    found.kill()


def until(is_so: Callable[[], Any], seconds: float = 40) -> None:
    """Wait for something, the centre carrying on meanwhile."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        place.work()
        time.sleep(0.1)


def heard(since: Any) -> Callable[[], bool]:
    """Whether the node spoke after a moment."""
    return lambda: (Node.objects.get().last_seen_at or since) > since


@pytest.mark.feature("G33")
def test_two_machines_with_one_key_are_told_and_double_nothing(program: Program, tmp_path: Path) -> None:
    """A folder that was copied to a second machine: the page and an alarm say so, every row is in once; one that restarts is no twin."""
    program.start()
    until(lambda: (Job.objects.first() or Job()).inserted == ROWS)
    program.kill()
    program.start()
    until(lambda: len(Node.objects.get().facts.get("processes", ())) == 2)
    assert "twin" not in domain.troubles(Node.objects.get().facts)
    other = Program(shutil.copytree(program.folder, tmp_path / "copy"))
    other.start()
    try:
        until(lambda: "twin" in domain.troubles(Node.objects.get().facts))
    finally:
        other.kill()
    alarms.judge_all(place.CLERK)
    assert "两台机器" in Alarm.objects.get(closed_at=None).zh
    assert sum(Job.objects.values_list("inserted", flat=True)) == ROWS


@pytest.mark.feature("G33")
def test_a_key_is_changed_by_a_running_node_that_is_killed_meanwhile(program: Program) -> None:
    """Asked for on the page and killed at moments of chance: started again it speaks, with the key that the centre knows and no other."""
    chance = random.Random(7)
    known = Node.objects.get().public_key
    for _ in range(3):
        services.ask_for_key(place.CLERK, Node.objects.get().pk)
        program.start()
        time.sleep(0.6 + chance.random() * 1.2)
        program.kill()
    program.start()
    until(lambda: not Node.objects.get().rotate_key)
    until(heard(Node.objects.get().last_seen_at))
    until(lambda: (Job.objects.first() or Job()).inserted == ROWS)
    node = Node.objects.get()
    assert node.public_key != known
    assert wire.public_text(keys.load_key(program.folder / keys.KEY)) == node.public_key
    assert not (program.folder / keys.NEXT).exists() and Feed.objects.get().state != "failed"
