"""One look-up among all registrations: ``python -m benchmarks.empi_lookup memory|postgres FILE``; prints one line of JSON.

*memory*: standard row against :class:`engine.memory.Memory`, candidates found and scored. *postgres*: the doors ``lookup``
(by identity number) and ``match`` (by demographics: blocks, facts, scores) of the index, one connection, rows and block
keys of the file put in by COPY.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

LOOKUPS = int(os.environ.get("LOOKUPS", "3000"))
BATCH = 100_000
NAMES = {"full_name": "name", "id_no": "idno", "phone": "phone", "address": "address", "health_card_no": "ins_no", "contact_name": "contact"}  # fmt: skip


def main() -> None:
    """Measures one of the two."""
    kind, file = sys.argv[1], Path(sys.argv[2])
    print(json.dumps(memory(file) if kind == "memory" else postgres(file)))


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


def postgres(file: Path) -> dict[str, float]:
    """The doors of the index on a database of its own."""
    from yigong.portal import postgres as server
    from yigong.portal.env import use_database

    own = server.ensure()
    with server.extra_database("bench_empi") as url:
        use_database(url)
        from yigong.portal.cli import setup

        setup()
        from django.db import connections

        try:
            frame = _registrations(pl.read_parquet(file))
            _fill(frame)
            return _doors(frame)
        finally:
            connections.close_all()
            connections["default"].close_pool()
            use_database(own)


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
        persons = frame["person_id"].max()
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
