"""FHIR: read, search by identifier, create, transaction of 100 over HTTP against a running server; bulk import by COPY.

``python -m benchmarks.bench_fhir``; RESOURCES, SECONDS, CLIENTS change the size. Closes with one line of JSON. The ratios
are empty: the usual peer is a Java server that needs a servlet container and a database of its own.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

RESOURCES = int(os.environ.get("RESOURCES", "200000"))
SECONDS = float(os.environ.get("SECONDS", "8"))
CLIENTS = int(os.environ.get("CLIENTS", "4"))
ORG = "100000001X"
LOINC = ["2339-0", "718-7", "2160-0", "2947-0", "6298-4", "2069-3", "20565-8", "38483-4", "49765-1", "8302-2"]
FAMILIES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = "秀英桂兰玉珍建国志明丽华春梅海燕文军小红永强雪芳晓东立新淑敏振宇佳琪浩然"
TICK = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Make resources, import them, serve them, ask."""
    from yigong.portal import postgres
    from yigong.portal.env import use_database

    own = postgres.ensure()
    with postgres.extra_database("bench_fhir") as url:
        use_database(url)
        from yigong.portal.cli import setup

        setup()
        figures: dict[str, Any] = {"resources": RESOURCES, "clients": CLIENTS}
        token = _prepare()
        with tempfile.TemporaryDirectory() as folder:
            figures |= _bulk(Path(folder))
        figures |= _served(url, token)
        figures["load_average"] = round(os.getloadavg()[0], 1)
        from django.db import connections

        connections.close_all()
        connections["default"].close_pool()
        use_database(own)
    print(json.dumps({"name": "fhir", "ratios": {}, "figures": figures}))


def _prepare() -> str:
    """Tables, an institution, an application; its secret."""
    import polars as pl
    from django.core.management import call_command

    from yigong.kit.clock import now
    from yigong.kit.ctx import system
    from yigong.platform.fhir import access
    from yigong.platform.fhir.models import Application
    from yigong.platform.registry import api as registry

    call_command("migrate", verbosity=0)
    row = {"year": 2026, "code": ORG, "name": "青禾县人民医院", "short_name": "县医", "kind": "county_hospital"}
    registry.save_institutions(system(), pl.DataFrame([row]))
    secret, digest = access.new_secret()
    Application.objects.create(client_id="bench", name="bench", org_code=ORG, scopes="system/*.cruds", secret_hash=digest,
                               source_system="LIS", made_by=0, made_at=now())  # fmt: skip
    return secret


# ---- bulk import ----


def _person(n: int) -> dict[str, Any]:
    family, given = FAMILIES[n % 19], GIVEN[n % 36] + GIVEN[n // 36 % 36]
    return {
        "resourceType": "Patient", "id": f"p{n}", "identifier": [{"system": "urn:bench:mrn", "value": f"M{n:07d}"}],
        "name": [{"use": "official", "text": family + given, "family": family, "given": [given]}], "gender": ["male", "female"][n % 2],
        "birthDate": f"19{40 + n % 60:02d}-{1 + n % 12:02d}-{1 + n % 28:02d}", "telecom": [{"system": "phone", "value": f"139{n:08d}"}],
        "address": [{"text": f"青禾县第{n % 200}村", "city": "青禾"}],
    }  # fmt: skip


def _result(n: int, patient: str) -> dict[str, Any]:
    code = LOINC[n % len(LOINC)]
    return {
        "resourceType": "Observation", "id": str(uuid.UUID(int=n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)), "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory", "display": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": f"Item {code}"}], "text": f"项目 {code}"},
        "subject": {"reference": f"Patient/{patient}"}, "encounter": {"reference": f"Encounter/e{n // 10}"},
        "effectiveDateTime": f"20{10 + n % 16:02d}-{1 + n % 12:02d}-{1 + n % 28:02d}T08:30:00+08:00",
        "issued": f"20{10 + n % 16:02d}-{1 + n % 12:02d}-{1 + n % 28:02d}T09:30:00.123+08:00",
        "performer": [{"reference": "Organization/100000001X"}],
        "valueQuantity": {"value": round(3 + n % 97 / 10, 1), "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
        "referenceRange": [{"low": {"value": 3.9, "unit": "mmol/L"}, "high": {"value": 6.1, "unit": "mmol/L"}, "text": "3.9-6.1"}],
    }  # fmt: skip


def _bulk(folder: Path) -> dict[str, Any]:
    """Import a folder of NDJSON, a twentieth of patients and else results, by the command's own way; resources a second."""
    from yigong.kit.ctx import Ctx, Purpose, Reach
    from yigong.platform.empi.engine import kernels
    from yigong.platform.fhir.callers import Caller
    from yigong.platform.fhir.importing import import_paths
    from yigong.platform.fhir.official import compiled
    from yigong.platform.fhir.scopes import EVERYTHING

    patients = RESOURCES // 20
    _lines(folder / "Patient.ndjson", (_person(n) for n in range(patients)))
    _lines(folder / "Observation.ndjson", (_result(n, f"p{n % patients}") for n in range(RESOURCES - patients)))
    size = sum(f.stat().st_size for f in folder.iterdir())
    kernels.prepare()
    compiled("Patient"), compiled("Observation")
    ctx = Ctx(0, "bench", "system", ORG, (ORG,), frozenset(), Reach.COUNTY, Purpose.SYSTEM)
    caller = Caller(ctx, EVERYTHING, "LIS")
    before, ours = _postgres_seconds(), _own_seconds()
    done = import_paths(caller, [folder])
    python, database = _own_seconds() - ours, _postgres_seconds() - before
    assert done.created == RESOURCES, (done.created, done.reasons)
    count, seconds = done.read, done.seconds
    print(f"import: {count:,} resources, {size / 1e6:.0f} MB, {seconds:.1f} s wall, {count / seconds:,.0f}/s")
    print(
        f"  processor time for one resource: Python {python / count * 1e6:.0f} us, PostgreSQL {database / count * 1e6:.0f} us"
    )
    return {
        "import_resources_per_s": round(count / seconds),
        "import_python_cpu_us": round(python / count * 1e6, 1),
        "import_postgres_cpu_us": round(database / count * 1e6, 1),
    }


def _own_seconds() -> float:
    """Processor time of this process and of those that it started and that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _lines(path: Path, resources: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(r, ensure_ascii=False, separators=(",", ":")) + "\n" for r in resources)


def _processor_seconds(pids: set[int]) -> float:
    total = 0
    for pid in pids:
        try:
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(words[11]) + int(words[12]) + int(words[13]) + int(words[14])
    return total / TICK


def _postgres_seconds() -> float:
    """Processor time that the server processes of this database have used, those that ended included."""
    import psycopg

    from yigong.portal.env import env

    with psycopg.connect(env().database_url) as db:
        sql = "select pid from pg_stat_activity where datname = current_database()"
        pids = {row[0] for row in db.execute(sql).fetchall()}
        server = int(Path(f"/proc/{db.info.backend_pid}/stat").read_text().rpartition(")")[2].split()[1])
    return _processor_seconds(pids | {server})  # the server process counts those that have ended


# ---- over HTTP ----


def _served(url: str, secret: str) -> dict[str, Any]:
    """Start the real server and ask it."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = int(s.getsockname()[1])
    command = [sys.executable, "-m", "gunicorn", "--config", "python:yigong.portal.worker", "--bind", f"127.0.0.1:{port}",
               "--pid", f"{tempfile.gettempdir()}/bench-fhir-{port}.pid"]  # fmt: skip
    server = subprocess.Popen(
        command, env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "yigong.portal.settings"}
    )
    try:
        _wait(port)
        token = _token(port, secret)
        return _asked(server.pid, port, token)
    finally:
        server.terminate()
        server.wait(20)


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            _call(http.client.HTTPConnection("127.0.0.1", port, timeout=5), "GET", "/fhir/r4/metadata", None, {})
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the server did not come up")


def _token(port: int, secret: str) -> str:
    body = f"grant_type=client_credentials&client_id=bench&client_secret={secret}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return str(
        json.loads(_call(http.client.HTTPConnection("127.0.0.1", port), "POST", "/fhir/r4/auth/token", body, kind))[
            "access_token"
        ]
    )


def _call(link: http.client.HTTPConnection, method: str, path: str, body: str | None, headers: dict[str, str]) -> bytes:
    link.request(method, path, body.encode() if body else None, headers)
    answer = link.getresponse()
    data = answer.read()
    if answer.status >= 400:
        raise RuntimeError(f"{answer.status} {data[:300]!r}")
    return data


def _asked(pid: int, port: int, token: str) -> dict[str, Any]:
    patients = RESOURCES // 20
    kinds: dict[str, Callable[[int], tuple[str, str, str | None]]] = {
        "read": lambda n: ("GET", f"/fhir/r4/Patient/p{n * 7919 % patients}", None),
        "search": lambda n: ("GET", f"/fhir/r4/Patient?identifier=urn:bench:mrn%7CM{n * 7919 % patients:07d}", None),
        "create": lambda n: ("POST", "/fhir/r4/Observation", json.dumps({k: v for k, v in _result(n, f"p{n % patients}").items() if k != "id"})),
        "transaction": lambda n: ("POST", "/fhir/r4/", json.dumps(_transaction(n, patients))),
    }  # fmt: skip
    figures: dict[str, Any] = {}
    for name, make in kinds.items():
        figures |= _measure(name, make, pid, port, token)
    return figures


def _transaction(n: int, patients: int) -> dict[str, Any]:
    entries = []
    for k in range(100):
        resource = {key: v for key, v in _result(n * 100 + k, f"p{(n + k) % patients}").items() if key != "id"}
        entries.append(
            {
                "fullUrl": f"urn:uuid:{uuid.uuid4()}",
                "resource": resource,
                "request": {"method": "POST", "url": "Observation"},
            }
        )
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _measure(
    name: str, make: Callable[[int], tuple[str, str, str | None]], pid: int, port: int, token: str
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    spent: list[float] = []
    lock = threading.Lock()
    end = time.monotonic() + SECONDS

    def client(number: int) -> None:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        mine, n = [], number
        while time.monotonic() < end:
            method, path, body = make(n)
            begun = time.perf_counter()
            _call(link, method, path, body, headers)
            mine.append(time.perf_counter() - begun)
            n += CLIENTS
        with lock:
            spent.extend(mine)

    before = _family_seconds(pid)
    threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
    begun = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    seconds, cpu = time.monotonic() - begun, _family_seconds(pid) - before
    ordered = sorted(spent)
    p50, p99 = ordered[len(ordered) // 2] * 1000, ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)] * 1000
    print(
        f"{name}: {len(ordered) / seconds:,.0f}/s, server processor time {cpu / len(ordered) * 1000:.2f} ms each, p50 {p50:.1f} ms, p99 {p99:.1f} ms ({len(ordered)} requests)"
    )
    return {f"{name}_per_s": round(len(ordered) / seconds, 1), f"{name}_cpu_ms": round(cpu / len(ordered) * 1000, 3),
            f"{name}_p50_ms": round(p50, 2), f"{name}_p99_ms": round(p99, 2)}  # fmt: skip


def _family_seconds(pid: int) -> float:
    """Processor time of the page server's processes and of the database's."""
    children = {pid}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[1]) == pid:
            children.add(int(stat.parent.name))
    return _processor_seconds(children) + _postgres_seconds()


if __name__ == "__main__":
    main()
