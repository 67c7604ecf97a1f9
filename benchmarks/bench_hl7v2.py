"""HL7 v2 beside the package ``hl7`` and a naive split; MLLP kept durably beside ``hl7.mllp`` that keeps nothing.

All in one run on one machine, alternating. Reading: what a receiver wants of a report is taken out, the same by all
three; ``whole`` cuts every field, component and sub-component.
MLLP: the same client, connections and messages; ours commits each message before it answers, the peer only parses and
answers. The last line is one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import psycopg

from yigong.kit.hl7v2.parse import Message
from yigong.platform.bus.mllp import frame
from yigong.portal import postgres
from yigong.portal.env import use_database

RESULT = "OBX|{n}|NM|WBC{n}^白细胞{n}^LN||5.6|10*9/L^^UCUM|4.0-10.0|N|||F|||20260301080000|LAB^检验科|001^王^医师\r"
TEXT = (
    "MSH|^~\\&|LIS|100000001X|YG|CENTRE|20260301083000||ORU^R01|{control}|P|2.4||||||UNICODE UTF-8\r"
    "PID|1||P77^^^LIS~330100196001010017^^^ID||测试甲^^^^||19600101|M|||青禾县城关镇1号^^青禾县^^311600\r"
    "OBR|1|A{control}|B{control}|PNL^血常规|||20260301080000||||||||BLD^血|001^王^医师\r"
) + "".join(RESULT.format(n=n) for n in range(1, 21))
PEER = """
import asyncio, hl7
from hl7.mllp import start_hl7_server
async def serve(reader, writer):
    while not writer.is_closing():
        try:
            message = await reader.readmessage()
        except asyncio.IncompleteReadError:
            break
        writer.writemessage(message.create_ack())
        await writer.drain()
async def main():
    async with await start_hl7_server(serve, host="127.0.0.1", port={port}, encoding="utf-8") as server:
        print("mllp", flush=True)
        await server.serve_forever()
asyncio.run(main())
"""
OURS = "from yigong.portal.cli import main; import sys; sys.exit(main(sys.argv[1:]))"
WINDOW = 100  # messages under way on one connection


def main() -> int:
    """Measure and print."""
    options = _parser().parse_args()
    parsing = parse_rates(options.rounds)
    ours, peer = mllp_rates(options.connections, options.seconds)
    figures = {
        **parsing, "mllp_durable_per_s": ours.per_s, "hl7_mllp_per_s": peer.per_s,
        "mllp_durable_cpu_us": ours.cpu_us, "hl7_mllp_cpu_us": peer.cpu_us,
    }  # fmt: skip
    ratios = {
        "hl7": parsing["read_per_s"] / parsing["hl7_read_per_s"],
        "naive": parsing["read_per_s"] / parsing["naive_read_per_s"],
        "hl7_whole": parsing["whole_per_s"] / parsing["hl7_whole_per_s"],
        "hl7_mllp": ours.per_s / peer.per_s,
        "hl7_mllp_cpu": peer.cpu_us / ours.cpu_us,
    }
    rounded = {name: round(value, 3) for name, value in ratios.items()}
    print(json.dumps({"name": "hl7v2", "ratios": rounded, "figures": {k: round(v) for k, v in figures.items()}}))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0)
    return parser


def _read(text: str) -> list[str]:
    """What a receiver wants of a report: type, patient, and of each result item, value, unit, range and flag."""
    message = Message(text)
    found = [message.kind, message.get("PID-3.1"), message.get("PID-5.1")]
    for row in message.rows("OBX", "3", "3.2", "5", "6", "7", "8"):
        found += row
    return found


def _read_hl7(text: str) -> list[str]:
    """The same by the package."""
    import hl7

    message = hl7.parse(text)
    head, patient = message.segment("MSH"), message.segment("PID")
    kind = f"{head[9][0][0]}^{head[9][0][1]}"
    found = [kind, str(patient[3][0][0]), str(patient[5][0][0])]
    for obx in message.segments("OBX"):
        item = obx[3][0]
        found += [str(item[0]), str(item[1]), str(obx[5]), str(obx[6][0][0]), str(obx[7]), str(obx[8])]
    return found


def _read_naive(text: str) -> list[str]:
    """The same by bare splits: no separators of the message's own, no escapes, no repetitions, no odd lines."""
    found: list[str] = []
    for line in text.split("\r"):
        fields = line.split("|")
        if fields[0] == "MSH":
            found.append(fields[8])
        elif fields[0] == "PID":
            found += [fields[3].split("~")[0].split("^")[0], fields[5].split("^")[0]]
        elif fields[0] == "OBX":
            item = fields[3].split("^")
            found += [item[0], item[1], fields[5], fields[6].split("^")[0], fields[7], fields[8]]
    return found


def _whole(text: str) -> int:
    return sum(len(segment.nested()) for segment in Message(text))


def parse_rates(rounds: int) -> dict[str, float]:
    """Messages per second of processor time, all three in turn; the median of the rounds."""
    import hl7

    text = TEXT.format(control="1")
    ways: dict[str, tuple[Callable[[str], object], int]] = {
        "read_per_s": (_read, 1500), "hl7_read_per_s": (_read_hl7, 40), "naive_read_per_s": (_read_naive, 1500),
        "whole_per_s": (_whole, 500), "hl7_whole_per_s": (hl7.parse, 40),
    }  # fmt: skip
    assert _read(text) == _read_hl7(text) == _read_naive(text), "the three must read the same"
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (way, times) in ways.items():
            began = time.process_time()
            for _ in range(times):
                way(text)
            found[name].append(times / (time.process_time() - began))
    for name, rates in found.items():
        print(f"{name}: {statistics.median(rates):,.0f}")
    return {name: statistics.median(rates) for name, rates in found.items()}


class Rate(NamedTuple):
    """Acknowledged messages per second, and processor time of the server for each in microseconds."""

    per_s: float
    cpu_us: float


def mllp_rates(connections: int, seconds: float) -> tuple[Rate, Rate]:
    """Ours into a database of its own (whose processes count as ours), the peer into nothing."""
    server_url = postgres.ensure()
    name = f"yigong_bench_hl7v2_{secrets.token_hex(3)}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"create database {name}")
        try:
            use_database(psycopg.conninfo.make_conninfo(server_url, dbname=name))
            subprocess.run([sys.executable, "-c", OURS, "migrate", "--verbosity", "0"], check=True)
            ours = _ours(connections, seconds)
            with psycopg.connect(os.environ["DATABASE_URL"]) as db:
                kept = db.execute("select count(*) from bus_message").fetchone()
            print(f"kept: {kept[0] if kept else 0:,}")
        finally:
            use_database(server_url)
            admin.execute(f"drop database {name} with (force)")
    port = _free_port()
    peer = _rate([sys.executable, "-c", PEER.format(port=port)], port, connections, seconds)
    print(f"mllp durable: {ours.per_s:,.0f}/s {ours.cpu_us:.0f} us  hl7.mllp: {peer.per_s:,.0f}/s {peer.cpu_us:.0f} us")
    return ours, peer


def _ours(connections: int, seconds: float) -> Rate:
    port = _free_port()
    command = [sys.executable, "-c", OURS, "listen", "--mllp", f"127.0.0.1:{port}", "--only-journal"]
    return _rate(command, port, connections, seconds, os.environ["DATABASE_URL"])


def _rate(command: list[str], port: int, connections: int, seconds: float, database: str = "") -> Rate:
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert server.stdout and server.stdout.readline().startswith(b"mllp")
        streams = [_stream(n) for n in range(connections)]
        before = _cpu_seconds(server.pid)
        with ThreadPoolExecutor(connections) as pool:
            began = time.perf_counter()
            counts = list(pool.map(lambda s: _send(port, s, began + seconds), streams))
            took = time.perf_counter() - began
        used = _cpu_seconds(server.pid) - before + (_of_database(database) if database else 0.0)
        return Rate(sum(counts) / took, used / sum(counts) * 1e6)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(10)


def _of_database(url: str) -> float:
    """Processor seconds of the database's processes for this database."""
    with psycopg.connect(url) as db:
        rows = db.execute(
            "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        )
        return sum(_cpu_seconds(pid) for (pid,) in rows.fetchall())


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process, from /proc (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _stream(number: int) -> list[bytes]:
    """Windows of messages, all different, made before the clock runs."""
    before, after = (part.encode() for part in TEXT.split("{control}", 1))
    after = after.replace(b"{control}", b"1")
    marks = [f"{number}-{n}".encode() for n in range(200 * WINDOW)]
    framed = [frame(before + mark + after) for mark in marks]
    return [b"".join(framed[at : at + WINDOW]) for at in range(0, len(framed), WINDOW)]


def _send(port: int, windows: list[bytes], until: float) -> int:
    """Windows sent one after the other, each when the one before is answered; the acknowledgements counted."""
    count = 0
    with socket.create_connection(("127.0.0.1", port), timeout=60) as link:
        for window in windows:
            link.sendall(window)
            answered = 0
            while answered < WINDOW:
                data = link.recv(1 << 18)
                if not data:
                    raise ConnectionError("the server closed the connection")
                answered += data.count(b"\x1c")
            count += answered
            if time.perf_counter() > until:
                break
    return count


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
