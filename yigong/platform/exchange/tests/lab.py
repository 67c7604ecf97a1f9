"""A laboratory system of an invented hospital, with its mapping, for tests of the exchange."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl

from yigong.kit import ctx as actors
from yigong.platform.exchange import services
from yigong.platform.exchange.models import Feed
from yigong.platform.registry import api as registry

HOSPITAL = "100000001X"
COLUMNS = ("BGDH", "XMBH", "XMMC", "JG", "DW", "CKFW", "BGRQ", "BRID", "XM", "XB", "CSRQ", "ZF", "BBLX", "YSQM", "XGSJ")
MAPPING = """\
data_set: laboratory_test_record
source_system: LIS
key: [BGDH, XMBH]
group: [BGDH]
event_at: {from: BGRQ, parse: "%Y-%m-%d %H:%M:%S"}
local_id: BRID
person:
  full_name: XM
  sex_code: {from: XB, codes: sex}
  born_on: {from: CSRQ, parse: "%Y%m%d"}
filter: {drop_when: {ZF: "1"}}
fields:
  laboratory_test_report_no: BGDH
  laboratory_test_item_code: XMBH
  laboratory_test_quantitative_result: {from: JG, kind: number}
  laboratory_test_quantitative_result_unit: DW
  specimen_category: {from: BBLX, codes: specimen}
  reporting_physician_signature: YSQM
extra:
  item_name: XMMC
  reference_range: CKFW
codes:
  sex: {男: "1", 女: "2"}
  specimen: {X: 血, N: 尿}
"""


def hospital() -> None:
    """Register the hospital."""
    rows = [{"year": 2026, "code": HOSPITAL, "name": "青禾县人民医院", "short_name": "县医", "kind": "county_hospital"}]
    registry.save_institutions(actors.system(), pl.DataFrame(rows))


def row(report: int, item: str = "GLU", **other: Any) -> dict[str, Any]:
    """One result as the hospital's system keeps it."""
    facts = {
        "BGDH": f"R{report}", "XMBH": item, "XMMC": "葡萄糖", "JG": "5.6", "DW": "mmol/L", "CKFW": "3.9-6.1",
        "BGRQ": f"2026-03-{1 + report % 28:02d} 08:30:00", "BRID": f"P{report % 5}", "XM": f"测试{'甲乙丙丁戊'[report % 5]}",
        "XB": "男", "CSRQ": f"19{60 + report % 5}0101", "ZF": "0", "BBLX": "X", "YSQM": "周医师",
        "XGSJ": f"2026-03-{1 + report % 28:02d} 09:00:00",
    }  # fmt: skip
    return {**facts, **other}


def good(reports: int) -> list[dict[str, Any]]:
    """Reports of two items each."""
    return [row(n, item) for n in range(reports) for item in ("GLU", "CREA")]


def source(path: Path, rows: list[dict[str, Any]]) -> Path:
    """The hospital's database with these rows."""
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as db:
        db.execute(f"create table lis_result ({', '.join(COLUMNS)})")
        db.executemany(
            f"insert into lis_result values ({', '.join('?' * len(COLUMNS))})",
            [tuple(r[c] for c in COLUMNS) for r in rows],
        )
    return path


def line(one: dict[str, Any]) -> str:
    """A result as a line of the hospital's CSV files."""
    return ",".join(str(one[c]) for c in COLUMNS)


def table(path: Path, lines: list[str]) -> Path:
    """A CSV file of the hospital with these lines, at rest for a while."""
    path.write_text("\n".join([",".join(COLUMNS), *lines]) + "\n", "utf-8")
    os.utime(path, (1_770_000_000, 1_770_000_000 + len(lines)))
    return path


def feed(path: Path, **other: Any) -> Feed:
    """The feed that reads the hospital's database."""
    facts: dict[str, Any] = {
        "org_code": HOSPITAL, "reader": "sqlite", "config": {"url": str(path), "table": "lis_result"}, "mapping": MAPPING,
    }  # fmt: skip
    return services.save_feed(actors.system(), "县医院检验", **{**facts, **other})
