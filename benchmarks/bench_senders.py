"""1, 8 and 64 senders at once at each intake: messages acknowledged per second, and the time until the acknowledgement.

``make bench-senders``; SECONDS (10) is how long each number of senders sends. Every sender has one message under
way and sends the next when it is answered, so each answer waits for the disk. MLLP is ``yigong listen`` on kept connections, HTTP
``POST /bus/v1/…`` of one subscriber, SOAP the registration of a person by EHR-PL-01, which is carried out before it is answered; both on a connection for each call, as the page server wants it.
Every message is another one, of patients of the sender's own. An answer that is not the good one counts as an error, and at the end
every acknowledged message must be in the journal. Ours only:
the peer for MLLP stands in ``bench-hl7v2``. Closes with one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg

from benchmarks.bench_hl7v2 import OURS, TEXT
from yigong.platform.bus.mllp import frame
from yigong.portal import postgres
from yigong.portal.env import use_database

SECONDS = float(os.environ.get("SECONDS", "10"))
SENDERS = (1, 8, 64)
#: makes a subscriber of the bus and an application of the services, and prints their secrets
SETUP = """
import json, os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yigong.portal.settings")
import django; django.setup()
import polars as pl
from yigong.kit.ctx import system
from yigong.platform.bus import register
from yigong.platform.hl7v3.applications import save_application
from yigong.platform.registry import api as registry
row = {"code": "100000001X", "name": "青禾县人民医院", "short_name": "县医", "kind": "county_hospital"}
registry.save_institutions(system(), pl.DataFrame([row]))
service = register.save_service(system(), "intake", "1.0", name="接收", kind="http", quota_per_minute=0)
register.move_service(system(), service.pk, "publish")
asked = register.subscribe(system(), service.pk, caller="HIS", org_code="100000001X", reason="测量")
key = register.move_subscription(system(), asked.pk, "approve")[1]
app, secret = save_application(system(), "bench", org_code="100000001X", name="测量", source_system="HIS", per_minute=0)
print(json.dumps({"key": key, "secret": secret}))
"""
PERSON = """<PRPA_IN201311UV02 xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0"><id root="2.16.156.10011.0" extension="{n}"/>
<creationTime value="20260301080000"/><interactionId root="2.16.840.1.113883.1.6" extension="PRPA_IN201311UV02"/>
<controlActProcess classCode="CACT" moodCode="EVN"><subject typeCode="SUBJ"><registrationRequest classCode="REG" moodCode="RQO">
<subject1 typeCode="SBJ"><patient classCode="PAT"><id root="2.16.156.10011.0.2.2" extension="{n}"/><patientPerson>
<name use="L">{name}</name><telecom value="{phone}" use="H"/><administrativeGenderCode code="2" codeSystem="2.16.156.10011.2.3.3.4"/>
<birthTime value="{born}"/></patientPerson><providerOrganization classCode="ORG" determinerCode="INSTANCE">
<id root="2.16.156.10011.1.5" extension="100000001X"/></providerOrganization></patient></subject1></registrationRequest></subject>
</controlActProcess></PRPA_IN201311UV02>"""
FAMILY, GIVEN = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗", "秀兰桂英建国志强明霞丽娟军伟海燕春梅小红文斌"


class Tally(NamedTuple):
    """Seconds until each good answer, and what else was answered."""

    spent: list[float]
    errors: list[str]


Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]
#: (port, number of the sender, number of the message) -> what was answered instead of the good answer
Send = Callable[[int, int, int], Awaitable[str]]
RUN = secrets.token_hex(3)
_links: dict[int, Link] = {}
acknowledged = 0


async def over_mllp(port: int, sender: int, n: int) -> str:
    """One message on the sender's own connection."""
    if sender not in _links:
        _links[sender] = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    reader, writer = _links[sender]
    text = TEXT.replace("{control}", f"{sender}-{n}-{RUN}").replace("P77^^^LIS", f"P{sender}-{n % 50}^^^LIS")
    writer.write(frame(text.encode()))
    answer = await reader.readuntil(b"\x1c\r")
    return "" if f"MSA|AA|{sender}-{n}-{RUN}".encode() in answer else answer.decode()


async def _http(port: int, head: str, body: bytes) -> tuple[int, bytes]:
    """One request on a connection of its own: status and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(f"{head}Host: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    head, _, said = (await reader.read(-1)).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split(b" ", 2)[1]), said


def over_http(key: str) -> Send:
    """Calls of the bus with the key of one subscriber."""

    async def send(port: int, sender: int, n: int) -> str:
        head = (
            f"POST /bus/v1/intake HTTP/1.1\r\nAuthorization: Bearer {key}\r\nIdempotency-Key: H{sender}-{n}-{RUN}\r\n"
        )
        head += f"X-Partition-Key: P{sender}-{n % 50}\r\nContent-Type: application/json\r\n"
        status, said = await _http(port, head, json.dumps({"sender": sender, "n": n, "x": "y" * 1000}).encode())
        return "" if status == 202 else f"{status} {said[:200]!r}"

    return send


def over_soap(secret: str) -> Send:
    """Registrations of persons as one application."""
    from yigong.platform.hl7v3 import soap

    async def send(port: int, sender: int, n: int) -> str:
        name = FAMILY[(sender + n) % 20] + GIVEN[n % 22] + GIVEN[(n // 22 + sender) % 22]
        born = f"{1930 + (sender * 7 + n) % 90}{1 + n % 12:02}{1 + (sender + n // 12) % 28:02}"
        number = f"S{sender}-{n}-{RUN}"
        message = PERSON.format(n=number, name=name, phone=f"139{sender:02}{n:06}", born=born)
        head = f"POST /ws/EHR-PL-01 HTTP/1.1\r\nContent-Type: {soap.MEDIA['1.2']}\r\n"
        status, said = await _http(port, head, soap.call("1.2", "EHR-PL-01", message, "bench", secret))
        good = status == 200 and (b"typeCode=&quot;AA" in said or b'typeCode="AA"' in said)
        return "" if good else f"{status} {said[:600]!r}"

    return send


async def _one(send: Send, port: int, sender: int, until: float, tally: Tally, first: int) -> None:
    n = first
    while (began := time.perf_counter()) < until:
        try:
            said = await asyncio.wait_for(send(port, sender, n), 60)
        except (OSError, asyncio.IncompleteReadError, IndexError, TimeoutError) as error:
            said = repr(error)
        tally.errors.append(said) if said else tally.spent.append(time.perf_counter() - began)
        n += 1
        count(said)


def count(said: str) -> None:
    """One more acknowledged message, where nothing else was answered."""
    global acknowledged
    acknowledged += not said


async def _together(send: Send, port: int, senders: int, seconds: float, first: int) -> Tally:
    tally = Tally([], [])
    _links.clear()
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_one(send, port, n, until, tally, first) for n in range(senders)))
    return tally


def measured(name: str, send: Send, port: int) -> dict[str, float]:
    """The figures of one intake."""
    found: dict[str, float] = {}
    asyncio.run(_together(send, port, 8, min(2.0, SECONDS), 0))  # nobody counts the first calls of a server
    for at, senders in enumerate(SENDERS, start=1):
        began = time.perf_counter()
        tally = asyncio.run(_together(send, port, senders, SECONDS, at * 100_000))
        rate = len(tally.spent) / (time.perf_counter() - began)
        ordered = sorted(tally.spent) or [0.0]
        p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 for share in (0.5, 0.99))
        load = os.getloadavg()[0]
        print(
            f"{name} {senders:>2} senders: {rate:,.0f}/s p50 {p50:.1f} ms p99 {p99:.1f} ms errors {len(tally.errors)} (load {load:.1f})"
        )
        for error in tally.errors[:3]:
            print("   ", error[:300])
        mark = f"{name}_{senders}"
        found |= {
            f"{mark}_per_s": rate,
            f"{mark}_p50_ms": p50,
            f"{mark}_p99_ms": p99,
            f"{mark}_errors": len(tally.errors),
        }
    return found


@contextmanager
def _servers() -> Iterator[tuple[int, int, dict[str, str]]]:
    """The listener and the page server on a database of their own: their ports, and the secrets of the callers."""
    server_url = postgres.ensure()
    name = f"yigong_bench_senders_{secrets.token_hex(3)}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"create database {name}")
        running: list[subprocess.Popen[bytes]] = []
        try:
            use_database(psycopg.conninfo.make_conninfo(server_url, dbname=name))
            subprocess.run([sys.executable, "-c", OURS, "migrate", "--verbosity", "0"], check=True)
            made = subprocess.run([sys.executable, "-c", SETUP], check=True, stdout=subprocess.PIPE).stdout
            mllp, web = _free_port(), _free_port()
            for words in (
                ["listen", "--mllp", f"127.0.0.1:{mllp}", "--only-journal"],
                ["serve", "--bind", f"127.0.0.1:{web}"],
            ):
                running.append(subprocess.Popen([sys.executable, "-c", OURS, *words], start_new_session=True))
            for port in (mllp, web):
                _wait(port)
            yield mllp, web, json.loads(made.splitlines()[-1])
        finally:
            for process in running:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(60)
            use_database(server_url)
            admin.execute(f"drop database {name} with (force)")


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.25)
        else:
            return
    raise RuntimeError("the server did not come up")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    """Measure and print."""
    with _servers() as (mllp, web, known):
        figures = measured("mllp", over_mllp, mllp)
        figures |= measured("http", over_http(known["key"]), web)
        figures |= measured("soap", over_soap(known["secret"]), web)
        with psycopg.connect(os.environ["DATABASE_URL"]) as db:
            kept = db.execute("select count(distinct control_id) from bus_message").fetchone()
    print(f"acknowledged {acknowledged:,}, kept {kept[0] if kept else 0:,}")
    if not kept or kept[0] < acknowledged:
        return 1
    print(json.dumps({"name": "senders", "ratios": {}, "figures": {k: round(v, 1) for k, v in figures.items()}}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
