"""A broker of Apache Kafka on this machine, for trying and testing: ``python -m yigong.portal.broker start|stop``.

One node in KRaft mode on 127.0.0.1. The jars come from Maven by the coordinates in ``kafka/pom.xml``; Java 17 or newer and
Maven must be installed. The platform works without Kafka; operators run their own brokers and say where in YIGONG_KAFKA.
"""

from __future__ import annotations

import base64
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from yigong.portal.env import env
from yigong.portal.jars import NotHere, fetch, need

PORTS = (15_000, 32_000)  # below those that clients are given (net.ipv4.ip_local_port_range)
POM = Path(__file__).with_name("kafka") / "pom.xml"
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
num.partitions=3
offsets.topic.num.partitions=3
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker."""

    address: str  # host:port
    pid: int
    place: Path

    def stop(self) -> None:
        """End it and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        for _ in range(300):
            if not _runs(self.pid):
                return
            time.sleep(0.1)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        for _ in range(100):  # its ports are free only when it is gone
            if not _runs(self.pid):
                return
            time.sleep(0.05)


def start(place: Path, *, port: int = 0) -> Broker:
    """Start a broker whose data are under *place*; the same port again keeps its clients. Raises NotHere."""
    jars = fetch(POM, "kafka")
    place.mkdir(parents=True, exist_ok=True)
    port = port or _free_port()
    settings = place / "server.properties"
    fresh = not (place / "data" / "meta.properties").exists()
    settings.write_text(PROPERTIES.format(port=port, controller=_free_port(), data=place / "data"), "utf-8")
    if fresh:
        _java(jars, place, "kafka.tools.StorageTool", "format", "-t", cluster_id(), "-c", str(settings))
    with (place / "kafka.log").open("ab") as log:
        process = subprocess.Popen(
            [need("java"), "-Xmx384m", "-cp", f"{jars}/*", "kafka.Kafka", str(settings)],
            stdout=log, stderr=log, start_new_session=True, cwd=place,
        )  # fmt: skip
    broker = Broker(f"127.0.0.1:{port}", process.pid, place)
    _wait(process, port, place)
    return broker


def cluster_id(draw: Callable[[int], bytes] = os.urandom) -> str:
    """A new id of a cluster: 16 bytes as base64url. One that begins with ``-`` would be taken for an option (Kafka makes none either)."""
    while (made := base64.urlsafe_b64encode(draw(16)).decode().rstrip("=")).startswith("-"):
        pass
    return made


def _java(jars: Path, place: Path, *words: str) -> None:
    done = subprocess.run([need("java"), "-cp", f"{jars}/*", *words], capture_output=True, text=True, cwd=place, check=False)  # fmt: skip
    if done.returncode:
        raise NotHere(done.stderr[-800:])


def _wait(process: subprocess.Popen[bytes], port: int, place: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise NotHere(f"the broker ended; see {place / 'kafka.log'} / Kafka 没有启动")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    process.kill()
    raise NotHere("the broker did not answer within a minute / Kafka 一分钟内没有应答")


def _runs(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _free_port() -> int:
    """A port outside the range from which clients get theirs.

    A client that calls a port of that range while nobody listens there may be given the very port and be connected with
    itself; another program's connection may take it while the broker is away.
    """
    while True:
        port = random.randrange(*PORTS)  # noqa: S311 - no secret
        with contextlib.suppress(OSError), socket.socket() as s:
            s.bind(("127.0.0.1", port))
            return port


def main(words: list[str]) -> int:
    """Start or stop the broker of this installation."""
    place = env().local / "kafka"
    note = place / "broker.pid"
    try:
        if words[:1] == ["start"]:
            broker = start(place / "broker")
            note.write_text(str(broker.pid), "utf-8")
            print(f"YIGONG_KAFKA={broker.address}")
            return 0
        if words[:1] == ["stop"]:
            if note.exists():
                Broker("", int(note.read_text("utf-8")), place).stop()
                note.unlink()
            return 0
    except NotHere as error:
        print(error, file=sys.stderr)
        return 2
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
