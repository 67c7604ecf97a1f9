"""One look-up among all registrations: ``python -m benchmarks.empi_lookup memory|postgres|http FILE``; prints one line of JSON.

*memory*: standard row against :class:`engine.memory.Memory`, candidates found and scored. *postgres*: the doors ``lookup``
(by identity number) and ``match`` (by demographics: blocks, facts, scores) of the index, one connection, rows and block
keys of the file put in by COPY. *http*: the direct door (``yigong lookup``) as a process of its own, asked by another at a
fixed rate (``RATE=1000`` a second, ``SECONDS=20``) while a third registers (``REGISTRATIONS=20`` a second); look-ups by
identity number, then by demographics, each with its own run and then without registrations.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
RATE, SECONDS = float(os.environ.get("RATE", "1000")), float(os.environ.get("SECONDS", "20"))
REGISTRATIONS = float(os.environ.get("REGISTRATIONS", "20"))
LOOKUPS = int(os.environ.get("LOOKUPS", "3000"))
BATCH = 100_000
NAMES = {"full_name": "name", "id_no": "idno", "phone": "phone", "address": "address", "health_card_no": "ins_no", "contact_name": "contact"}  # fmt: skip


def main() -> None:
    """Measures one of the two."""
    kind, file = sys.argv[1], Path(sys.argv[2])
    if kind == "registering":
        registering(file, float(sys.argv[3]))
        return
    ways: dict[str, Callable[[Path], dict[str, Any]]] = {"memory": memory, "postgres": postgres, "http": http}
    print(json.dumps(ways[kind](file)))


def spent(ask: Callable[[Any], object], asked: Sequence[Any]) -> dict[str, float]:
    """Microseconds at the middle and at the 99th of 100, of questions asked once each; the first few warm the process."""
    for one in asked[:50]:
        ask(one)
    took = []
    for one in asked[50:]:
        begun = time.perf_counter_ns()
        ask(one)
        took.append((time.perf_counter_ns() - begun) / 1000)
    return {"p50_us": round(float(np.percentile(took, 50)), 1), "p99_us": round(float(np.percentile(took, 99)), 1)}


def memory(file: Path) -> dict[str, float]:
    """Candidates and scores of a standard row out of an index in memory."""
    from yigong.platform.empi.engine import memory, model, reading, standard

    county = model.load_model("county")
    rows = standard.rows_of(reading.Files([file]), county)
    index = memory.Memory(rows, county)
    table = rows.reshape(-1, county.width)
    places = np.random.default_rng(7).integers(0, table.shape[0], LOOKUPS + 50)
    return spent(index.look_up, [np.ascontiguousarray(table[p]) for p in places])


def postgres(file: Path) -> dict[str, Any]:
    """The doors of the index on a database of its own."""
    return _in_own_database(lambda _url: _doors(_filled(file)))


def http(file: Path) -> dict[str, Any]:
    """The direct door under a fixed rate of questions, registrations going on beside."""
    return _in_own_database(lambda url: _over_http(file, url))


def _filled(file: Path) -> pl.DataFrame:
    frame = _registrations(pl.read_parquet(file))
    _fill(frame)
    return frame


def _in_own_database(measure: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    from yigong.portal import postgres as server
    from yigong.portal.env import use_database

    own = server.ensure()
    with server.extra_database("bench_empi") as url:
        use_database(url)
        from yigong.portal.cli import setup

        setup()
        from django.db import connections

        try:
            return measure(url)
        finally:
            connections.close_all()
            connections["default"].close_pool()  # type: ignore[attr-defined]
            use_database(own)


def _over_http(file: Path, url: str) -> dict[str, Any]:
    frame = _registrations(pl.read_parquet(file))
    kept = frame.height - min(frame.height // 10, 5000)
    _fill(frame.head(kept))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rest, questions = folder / "rest.parquet", {k: folder / k for k in ("lookup", "match")}
        frame.tail(frame.height - kept).drop("id", "person_id").write_parquet(rest)
        _write_questions(frame.head(kept), questions)
        port, environment = _free_port(), {**os.environ, "DATABASE_URL": url, "TOKEN": _token()}
        command = [str(Path(sys.executable).with_name("yigong")), "lookup", "--bind", f"127.0.0.1:{port}"]
        server = subprocess.Popen(command, env=environment)
        try:
            _wait_for(port)
            made = {}
            for kind, asked in questions.items():
                for rate in (REGISTRATIONS, 0.0):
                    made[kind if rate else f"{kind}_alone"] = _loaded(server, port, asked, rest, rate, environment)
            return made
        finally:
            server.terminate()
            server.wait(20)


def _loaded(
    server: subprocess.Popen[bytes], port: int, questions: Path, rest: Path, rate: float, environment: dict[str, str]
) -> dict[str, Any]:
    """One run of the load, with registrations beside it where *rate* is not 0; processor time of each side for a question."""
    beside = None
    if rate:
        beside = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.empi_lookup", "registering", str(rest), str(rate)],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert beside.stdout is not None
        beside.stdout.readline()  # it has begun
    load = [sys.executable, "-m", "benchmarks.empi_load", str(port), str(questions)]
    subprocess.run([*load, str(RATE / 5), "2"], cwd=ROOT, env=environment, check=True, capture_output=True)  # warms
    before = _cpu(server.pid), _postgres_cpu()
    done = subprocess.run(
        [*load, str(RATE), str(SECONDS)], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    made: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    for name, spent in zip(("server", "postgres"), (_cpu(server.pid), _postgres_cpu()), strict=True):
        made[f"{name}_cpu_us"] = round(1e6 * (spent - before[name == "postgres"]) / made["asked"])
    if beside:
        beside.terminate()
        made["registrations"] = json.loads(beside.communicate()[0].strip().splitlines()[-1])
    return made


def _cpu(process: int) -> float:
    """Processor seconds of a process so far; 0 for one that has ended."""
    try:
        facts = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")


def _postgres_cpu() -> float:
    """Processor seconds of the database server: what runs and what has ended of it (where it runs on this machine)."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select pg_read_file('postmaster.pid')")
        chief = int(str(cursor.fetchone()[0]).split()[0])
    with contextlib.suppress(OSError):
        facts = Path(f"/proc/{chief}/stat").read_text().rpartition(")")[2].split()
        ended = (int(facts[13]) + int(facts[14])) / os.sysconf("SC_CLK_TCK")
        children = Path(f"/proc/{chief}/task/{chief}/children").read_text().split()
        return _cpu(chief) + ended + sum(_cpu(int(one)) for one in children)
    return 0.0


def registering(file: Path, rate: float) -> None:
    """Registers one row after the other at a fixed rate until told to end; says how it went."""
    from yigong.portal.cli import setup

    setup()
    from yigong.kit.ctx import system
    from yigong.platform.empi import api

    rows, took, ended = pl.read_parquet(file), [], []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    api.register(system(), rows.slice(0, 1))
    print("begun", flush=True)
    start, n, cpu = time.perf_counter(), 0, time.process_time()
    while not ended and n + 1 < rows.height:
        time.sleep(max(0.0, start + n / rate - time.perf_counter()))
        begun = time.perf_counter()
        api.register(system(), rows.slice(n + 1, 1))
        took.append(time.perf_counter() - begun)
        n += 1
    cpu = round(1000 * (time.process_time() - cpu) / max(1, n), 1)
    said = {"count": n, "cpu_ms": cpu, "per_second": round(n / (time.perf_counter() - start), 1), "p50_ms": round(1000 * float(np.median(took or [0])), 1)}  # fmt: skip
    print(json.dumps(said))


def _write_questions(frame: pl.DataFrame, places: dict[str, Path]) -> None:
    numbers = frame["id_no"].drop_nulls().unique().sort().to_list()
    asked = random.Random(7).sample(numbers, min(len(numbers), 20_000))
    lookup = [{"path": "/lookup/identifier", "body": {"kind": "id_no", "value": n}} for n in asked]
    some = frame.sample(min(frame.height, 20_000), seed=7).select([*NAMES, "sex_code", "born_on"])
    facts = some.with_columns(pl.col("born_on").cast(pl.String)).to_dicts()
    match = [{"path": "/lookup/match", "body": {"facts": f}} for f in facts]
    for name, lines in (("lookup", lookup), ("match", match)):
        places[name].write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), "utf-8")


def _token() -> str:
    """A token of an application that sees the county."""
    from yigong.kit.clock import now
    from yigong.platform.fhir import access
    from yigong.platform.fhir.models import Application

    secret, digest = access.new_secret()
    made = Application.objects.create(
        client_id="bench", name="bench", org_code="1000000000", scopes="system/Patient.s", reach="county",
        secret_hash=digest, made_by=0, made_at=now(),
    )  # fmt: skip
    form = {"grant_type": "client_credentials", "client_id": made.client_id, "client_secret": secret}
    return str(access.grant_token(form, None, "")["access_token"])


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise TimeoutError("the direct door did not open")


def _registrations(raw: pl.DataFrame) -> pl.DataFrame:
    """The county's file as registrations with ids from 1, persons as in truth."""
    text = {own: pl.when(pl.col(c) != "").then(pl.col(c)) for own, c in NAMES.items()}
    return raw.select(
        org_code=pl.format("10000000{}", (pl.col("inst") % 20).cast(pl.String).str.zfill(2)), source_system=pl.lit("HIS"),
        local_id=pl.col("mrn"), sex_code=pl.col("sex").replace_strict({"男": "1", "女": "2"}, default=None),
        born_on=pl.col("dob").str.to_date(strict=False), person_id=pl.col("person_id") + 1,
        registered_at=pl.col("reg_date").cast(pl.Datetime("us", "UTC")), **text,
    ).with_row_index("id", 1).with_columns(pl.col("id").cast(pl.Int64))  # fmt: skip


def _fill(frame: pl.DataFrame) -> None:
    from django.core.management import call_command
    from django.db import connection

    from yigong.platform.empi import bulk, matching

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("set synchronous_commit = off")
        cursor.execute(
            "select indexname from pg_indexes where tablename = 'empi_registration' and indexdef like '%% gin %%'"
        )
        for (name,) in cursor.fetchall():  # search by text is not measured here
            cursor.execute(f'drop index "{name}"')
        persons = int(str(frame["person_id"].max()))
        cursor.execute(
            "insert into empi_person (id, state, origin, golden, created_at)"
            f" select n, 'verified', 'register', '{{}}', now() from generate_series(1, {persons}) n"
        )
    for part in frame.iter_slices(BATCH):
        wanted = part.with_columns(
            division_code=pl.lit(None, pl.String), contact_phone=pl.lit(None, pl.String), id_type_code=pl.lit("01")
        )
        made = matching.standardise(wanted)
        bulk.add("empi_registration", made.drop("division_code").with_columns(state=pl.lit("active"), hash="id"))
        keys = matching.block_keys(made).with_columns(registration_id=pl.col("row").cast(pl.Int64) + int(part["id"][0]))
        bulk.add("empi_block", keys.select("rule", "key", "registration_id"))
    with connection.cursor() as cursor:
        for table in ("empi_person", "empi_registration"):
            cursor.execute(f"select setval(pg_get_serial_sequence('{table}', 'id'), max(id)) from {table}")
        cursor.execute("vacuum (analyze)")


def _doors(frame: pl.DataFrame) -> dict[str, float]:
    from yigong.kit.ctx import Ctx, Purpose, Reach
    from yigong.platform.empi import api

    orgs = tuple(f"10000000{n:02d}" for n in range(20))
    ctx = Ctx(1, "bench", "clinician", orgs[0], orgs, frozenset({"person.view"}), Reach.COUNTY, Purpose.TREATMENT)
    numbers = frame["id_no"].drop_nulls().unique().sort().to_list()
    asked = random.Random(7).sample(numbers, min(len(numbers), LOOKUPS + 50))
    facts = (
        frame.sample(min(frame.height, LOOKUPS // 3 + 50), seed=7).select([*NAMES, "sex_code", "born_on"]).to_dicts()
    )
    by_number = spent(lambda n: api.lookup(ctx, "id_no", n), asked)
    by_facts = spent(lambda f: api.match(ctx, f), facts)
    return {f"lookup_{k}": v for k, v in by_number.items()} | {f"match_{k}": v for k, v in by_facts.items()}


if __name__ == "__main__":
    main()
