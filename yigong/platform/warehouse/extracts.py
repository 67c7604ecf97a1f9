"""Which tables the warehouse takes from the operational database, and how they are written as Parquet.

An extract is one SELECT over public tables. Names and numbers of persons never enter the warehouse: a person is a
number that means nothing outside, with sex, year of birth and township.
"""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
from django.conf import settings
from django.db import connection

from yigong.kit.clock import now

#: PostgreSQL type -> DuckDB type; what is not named is text
TYPES = {
    16: "BOOLEAN", 20: "BIGINT", 21: "BIGINT", 23: "BIGINT", 700: "DOUBLE", 701: "DOUBLE", 1700: "DOUBLE",
    1082: "DATE", 1114: "TIMESTAMP", 1184: "TIMESTAMPTZ",
}  # fmt: skip

#: tables of the platform's own; modules above lend theirs by ``wiring.EXTRACTS``
PLATFORM: dict[str, str] = {
    "institution": """
        select distinct on (code) code as org_code, name as org_name, short_name, kind as org_kind, division_code,
               beds, state from registry_institution order by code, year desc""",
    "person": """
        select p.id as person_id, r.sex_code, extract(year from r.born_on)::int as born_year,
               left(r.village_code, 9) as home_division_code
        from empi_person p join lateral (
            select sex_code, born_on, village_code from empi_registration
            where person_id = p.id order by (village_code is null), id limit 1) r on true
        where p.state not in ('merged', 'cancelled')""",
    "event": """
        select e.id as event_id, r.person_id, e.kind, e.org_code, i.kind as org_kind, e.event_at, e.ended_at, e.flag,
               e.data_set, e.title, f.discharge_principal_diagnosis_code as diagnosis_code,
               f.total_hospitalization_fee_yuan as total_cost_yuan, r.sex_code,
               extract(year from r.born_on)::int as born_year, left(r.village_code, 9) as home_division_code
        from records_event e
        join empi_registration r on r.id = e.registration_id
        left join (select distinct on (code) code, kind from registry_institution order by code, year desc) i
            on i.code = e.org_code
        left join (select distinct on (org_code, source_system, group_key) org_code, source_system, group_key,
                          discharge_principal_diagnosis_code, total_hospitalization_fee_yuan
                   from records_inpatient_front_page order by org_code, source_system, group_key, id) f
            on e.data_set = 'inpatient_front_page' and f.org_code = e.org_code
               and f.source_system = e.source_system and f.group_key = e.group_key""",
}


@dataclass(frozen=True, slots=True)
class Extracted:
    """One table as it was written."""

    table: str
    rows: int
    seconds: float


def selects() -> dict[str, str]:
    """Table name -> SELECT, of the platform and of the modules that lend theirs."""
    found = dict(PLATFORM)
    for path in getattr(settings, "WAREHOUSE_EXTRACTS", ()):
        module, _sep, name = path.partition(":")
        found.update(getattr(importlib.import_module(module), name))
    return found


def folder() -> Path:
    """Where the Parquet files lie."""
    return Path(settings.LOCAL) / "warehouse"


def refresh(
    tables: Mapping[str, str] | None = None, progress: Callable[[Extracted], None] | None = None
) -> list[Extracted]:
    """Write every extract anew; readers see the old file until the new one is whole."""
    target = folder()
    target.mkdir(parents=True, exist_ok=True)
    done = []
    for table, select in (tables or selects()).items():
        begun = time.monotonic()
        extracted = Extracted(table, _write(table, select, target), round(time.monotonic() - begun, 2))
        done.append(extracted)
        if progress:
            progress(extracted)
    (target / "refreshed_at").write_text(now().isoformat(), "utf-8")
    return done


def _write(table: str, select: str, target: Path) -> int:
    with tempfile.TemporaryDirectory(dir=target) as place:
        raw, new = Path(place) / "rows.csv", Path(place) / "new.parquet"
        columns = _copy_out(select, raw)
        with duckdb.connect() as db:
            db.execute("set timezone = 'Asia/Shanghai'")
            source = db.read_csv(
                str(raw), header=False, columns=columns, delimiter=",", quotechar='"', escapechar='"', na_values="\\N"
            )
            source.write_parquet(str(new), compression="zstd")
            rows = db.execute("select count(*) from read_parquet(?)", [str(new)]).fetchone()
        new.replace(target / f"{table}.parquet")
    return int(rows[0]) if rows else 0


def _copy_out(select: str, raw: Path) -> dict[str, str]:
    connection.ensure_connection()
    db = connection.connection
    with db.cursor() as cursor:
        cursor.execute(f"select * from ({select}) extract limit 0")
        columns = {c.name: TYPES.get(c.type_code, "VARCHAR") for c in cursor.description}
        with raw.open("wb") as file, cursor.copy(f"copy ({select}) to stdout (format csv, null '\\N')") as rows:
            for piece in rows:
                file.write(piece)
    return columns
