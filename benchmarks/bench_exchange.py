"""A million laboratory rows through the whole exchange, beside plain COPY of the same columns and beside dlt, on one PostgreSQL.

Ours: CSV file -> map, check (the rules of the standard and those of data quality), identify (known persons), load into the
standard table with its indexes, index of events, account of every row, announcement; one transaction for each batch. Peers:
COPY of the same file into a plain table with the same twelve columns and no index; dlt from a PostgreSQL table of the same rows
into another, nothing checked, nothing indexed. All commit durably, on the same server with the same settings. A process that
has run before is measured: a feed of WARM rows of another system goes first, as the peers are loaded before their clock
starts too. The last line is one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psycopg

from yigong.kit import clock
from yigong.portal import postgres
from yigong.portal.env import use_database

ROWS = 1_000_000
PERSONS = 50_000
WARM = 24_000  # rows of the feed that goes first: enough for the machine code that large batches use
ITEMS = 8  # results in one report
ORG = "100000001X"
NAME = "yigong_bench_exchange"
COLUMNS = {
    "BGDH": "text", "XMDM": "text", "JG": "numeric", "DW": "text", "BBLB": "text", "FFMC": "text", "SQKS": "text",
    "BGKS": "text", "BGYS": "text", "SHYS": "text", "BGSJ": "timestamptz", "BRID": "text",
}  # fmt: skip
MAPPING = """\
data_set: laboratory_test_record
source_system: LIS
key: [BGDH, XMDM]
group: [BGDH]
event_at: {from: BGSJ, parse: "%Y-%m-%d %H:%M:%S"}
local_id: BRID
fields:
  laboratory_test_report_no: BGDH
  laboratory_test_item_code: XMDM
  laboratory_test_quantitative_result: {from: JG, kind: number}
  laboratory_test_quantitative_result_unit: DW
  specimen_category: BBLB
  laboratory_test_method_name: FFMC
  laboratory_test_request_department: SQKS
  laboratory_test_report_department: BGKS
  reporting_physician_signature: BGYS
  reviewing_physician_signature: SHYS
unmapped: keep
"""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--no-dlt", action="store_true", help="leave that peer out")
    parser.add_argument("--repeat", type=int, default=3, help="of the plain COPY; its median counts")
    options = parser.parse_args()
    postgres.ensure()
    url = postgres.create_database(NAME)
    use_database(url)
    try:
        with tempfile.TemporaryDirectory() as folder:
            figures = _measure(url, Path(folder) / "lis.csv", options)
    finally:
        _drop(url)
    ratios = {peer: figures.pop(peer) for peer in ("copy", "dlt") if peer in figures}
    print(json.dumps({"name": "exchange", "ratios": ratios, "figures": figures}))
    return 0


def _drop(url: str) -> None:
    from django.db import connections

    connections.close_all()
    if pool := getattr(connections["default"], "pool", None):
        pool.close()
    with psycopg.connect(url.replace(NAME, "postgres"), autocommit=True) as db:
        db.execute(f'drop database if exists "{NAME}" with (force)')


def _measure(url: str, file: Path, options: argparse.Namespace) -> dict[str, Any]:
    from yigong.portal.cli import setup

    setup()
    _prepare(url)
    made = _results(options.rows)
    made.write_csv(file)
    print(f"source: {made.height:,} rows, {len(made.columns)} columns, {file.stat().st_size / 1e6:.0f} MB")
    del made
    rules = _warm(file)
    plain = [_copy(url, file) for _ in range(options.repeat)]
    copy_seconds = statistics.median(plain)
    seconds, job = _ours(file)
    again_seconds, again = _ours(file)
    rate, copy_rate = options.rows / seconds, options.rows / copy_seconds
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"plain COPY        {copy_seconds:7.2f} s  {copy_rate:>10,.0f} rows/s  ({', '.join(f'{p:.2f}' for p in plain)})"
    )
    print(f"exchange, new     {seconds:7.2f} s  {rate:>10,.0f} rows/s  ratio {rate / copy_rate:.3f}")
    print(f"exchange, again   {again_seconds:7.2f} s  {options.rows / again_seconds:>10,.0f} rows/s  (nothing changes)")
    print(f"{rules} rules looked at every row; peak memory of the process {peak:,.0f} MB")
    peer = {} if options.no_dlt else _dlt(url, file, file.parent)
    told = {}
    if peer:
        told = {"dlt": round(rate / (peer["rows"] / peer["seconds"]), 2), "dlt_seconds": round(peer["seconds"], 2)}
        print(
            f"dlt               {peer['seconds']:7.2f} s  {peer['rows'] / peer['seconds']:>10,.0f} rows/s  ours is {told['dlt']:.1f} times as fast"
        )
    assert job.balances and job.inserted == options.rows, job
    assert again.unchanged == options.rows, again
    return {
        "copy": round(rate / copy_rate, 3), "rows": options.rows, "seconds": round(seconds, 2),
        "rows_per_second": round(rate), "copy_seconds": round(copy_seconds, 2),
        "copy_rows_per_second": round(copy_rate), "again_seconds": round(again_seconds, 2), "peak_mb": round(peak),
        "stages": _stages(job), "rules": rules, **told,
    }  # fmt: skip


def _prepare(url: str) -> None:
    """Tables, the hospital, and persons it knows."""
    from django.core.management import call_command

    from yigong.kit.ctx import system
    from yigong.platform.registry import api as registry

    call_command("migrate", verbosity=0)
    registry.save_institutions(
        system(),
        pl.DataFrame([{"year": 2026, "code": ORG, "name": "县医院", "short_name": "县医", "kind": "county_hospital"}]),
    )
    with psycopg.connect(url) as db:
        db.execute(
            "insert into empi_person (state, origin, golden, created_at) select 'provisional', 'register', '{}', now() from generate_series(1, %s)",
            [PERSONS],
        )
        db.execute(
            """insert into empi_registration (org_code, source_system, local_id, person_id, id_trust, state, hash)
               select %s, 'LIS', 'P' || lpad(n::text, 7, '0'), p.id, 'missing', 'active', n
               from (select id, row_number() over (order by id) - 1 as n from empi_person) p""",
            [ORG],
        )
        db.commit()
        db.autocommit = True
        db.execute("vacuum analyze empi_registration")


def _results(rows: int) -> pl.DataFrame:
    """Reports of eight items each, all invented."""
    dice = np.random.default_rng(20261124)
    report = np.arange(rows) // ITEMS
    reports = int(report[-1]) + 1
    person, doctor = dice.integers(0, PERSONS, reports)[report], dice.integers(1, 40, reports)[report]
    at = (
        np.datetime64("2025-01-01T00:00:00") + dice.integers(0, 400 * 86400, reports).astype("timedelta64[s]")
    ).astype("datetime64[us]")[report]
    item = np.arange(rows) % ITEMS
    units, kinds = np.array(["mmol/L", "g/L", "U/L", "μmol/L"]), np.array(["血清", "血浆", "全血", "尿液"])
    return pl.DataFrame({
        "BGDH": report, "XMDM": item, "JG": np.round(dice.gamma(4.0, 1.6, rows), 2), "DW": units[item % 4],
        "BBLB": kinds[item % 4], "n": doctor, "BGSJ": at, "BRID": person,
    }).select(
        pl.format("LIS2025{}", pl.col("BGDH").cast(pl.String).str.zfill(9)).alias("BGDH"),
        pl.format("C{}", pl.col("XMDM").cast(pl.String).str.zfill(4)).alias("XMDM"),
        "JG", "DW", "BBLB",
        pl.lit("酶法").alias("FFMC"),
        pl.format("内科{}病区", pl.col("n") % 9).alias("SQKS"),
        pl.lit("检验科").alias("BGKS"),
        pl.format("检验医师{}", "n").alias("BGYS"),
        pl.format("审核医师{}", pl.col("n") % 7).alias("SHYS"),
        pl.col("BGSJ").dt.strftime("%Y-%m-%d %H:%M:%S"),
        pl.format("P{}", pl.col("BRID").cast(pl.String).str.zfill(7)).alias("BRID"),
    )  # fmt: skip


def _warm(file: Path) -> int:
    """A feed of WARM rows of another system, so that nothing is compiled or loaded later; how many rules look at each row."""
    from yigong.kit.ctx import system
    from yigong.platform.exchange import api as exchange
    from yigong.standards import api as standards
    from yigong.standards.check import EVENT_AT, _tests
    from yigong.standards.quality import api as quality

    small = file.with_name("warm.csv")
    with file.open(encoding="utf-8") as lines:
        small.write_text("".join(islice(lines, WARM + 1)), "utf-8")
    text = MAPPING.replace("source_system: LIS", "source_system: WARM")
    feed = exchange.save_feed(system(), "预热", org_code=ORG, reader="csv", config={"path": str(small)}, mapping=text)
    job = exchange.run(system(), feed)
    assert job.inserted == WARM, job.error
    known, mapped = standards.load().data_sets["laboratory_test_record"], MAPPING.partition("fields:")[2]
    day = pl.lit(None, pl.Date)
    tests = [
        t
        for f in known.fields
        if f"  {f.identifier}:" in mapped
        for t in _tests(f, KINDS.get(f.kind, pl.String), None, day)
    ]  # type: ignore[arg-type]
    tests += list(_tests(EVENT_AT, pl.Datetime("us", "UTC"), clock.today(), day))
    return len(tests) + len(quality.rules("laboratory_test_record", by_row=True))


KINDS: dict[str, Any] = {"number": pl.Float64}


def _dlt(url: str, file: Path, folder: Path) -> dict[str, Any]:
    """What dlt tells of the same rows, from a table of the same server."""
    listed = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("drop table if exists bench_source")
        db.execute(f"create table bench_source ({listed})")
        with file.open("rb") as source, db.cursor().copy("copy bench_source from stdin (format csv, header)") as out:
            while chunk := source.read(1 << 18):
                out.write(chunk)
        db.execute("checkpoint")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.dlt_peer", "bench_source", str(folder / "dlt")],
        check=False, capture_output=True, text=True, env={**os.environ, "DATABASE_URL": url},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _copy(url: str, file: Path) -> float:
    """Seconds that plain COPY takes, commit included."""
    listed = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("drop table if exists bench_plain")
        db.execute(f"create table bench_plain ({listed})")
        db.execute("checkpoint")
        started = time.perf_counter()
        with (
            db.transaction(),
            file.open("rb") as source,
            db.cursor().copy("copy bench_plain from stdin (format csv, header)") as out,
        ):
            while chunk := source.read(1 << 18):
                out.write(chunk)
        seconds = time.perf_counter() - started
        db.execute("drop table bench_plain")
    return seconds


def _ours(file: Path) -> tuple[float, Any]:
    """Seconds that a run of the feed takes, commit included, and its job."""
    from yigong.kit.ctx import system
    from yigong.platform.exchange import api as exchange

    me = system()
    feed = exchange.save_feed(me, "检验", org_code=ORG, reader="csv", config={"path": str(file)}, mapping=MAPPING)
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as db:
        db.execute("checkpoint")
    started = time.perf_counter()
    job = exchange.run(me, feed)
    return time.perf_counter() - started, job


def _stages(job: Any) -> dict[str, float]:
    """Seconds by stage, summed over batches."""
    found: dict[str, float] = {}
    for batch in job.batches.all():
        for name, seconds in batch.seconds.items():
            found[name] = round(found.get(name, 0.0) + seconds, 2)
    return found


if __name__ == "__main__":
    sys.exit(main())
