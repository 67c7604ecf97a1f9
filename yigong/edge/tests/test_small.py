"""The node is small: what it imports is what its own installation declares, and no Django."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

#: name of an import -> name of its distribution
DISTRIBUTIONS = {"yaml": "pyyaml", "pymysqlreplication": "mysql-replication"}
DECLARED = ROOT / "packaging" / "edge" / "pyproject.toml"
LOOK = """
import sys
from yigong.edge import command, doctor, node
from yigong.edge.extract import files
from yigong.edge.extract.sql import opening
heavy = {"django", "psycopg", "numba", "duckdb", "pyarrow", "jieba", "pypinyin", "lxml"} & {m.partition(".")[0] for m in sys.modules}
print(",".join(sorted(heavy)))
"""


@pytest.mark.feature("G33")
def test_a_node_imports_no_django() -> None:
    """Everything a node runs, loaded in a fresh process: neither Django nor another part of the centre."""
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == ""


def test_the_command_of_the_house_imports_no_django_for_a_node() -> None:
    """``yigong edge`` is the same program; it starts neither Django nor PostgreSQL."""
    code = (
        "import sys, contextlib\nfrom yigong.portal.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['edge', '--help'])\n"
        "assert not {'django', 'psycopg'} & set(sys.modules), 'too much'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "enrol" in done.stdout


def top_level(folder: Path) -> Iterator[str]:
    """The third-party packages that the modules of a folder import when they are loaded."""
    for file in folder.rglob("*.py"):
        if "tests" in file.parts:
            continue
        for found in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [a.name for a in found.names] if isinstance(found, ast.Import) else []
            names += [found.module or ""] if isinstance(found, ast.ImportFrom) and not found.level else []
            yield from (n.partition(".")[0] for n in names)


def test_the_small_installation_declares_what_a_node_imports() -> None:
    """Each package that ``yigong.edge`` imports is a dependency or an extra of the distribution ``yigong-edge``."""
    project = tomllib.loads(DECLARED.read_text("utf-8"))["project"]
    extras = [d for group in project["optional-dependencies"].values() for d in group]
    declared = {d.partition(">")[0].partition("[")[0].lower() for d in (*project["dependencies"], *extras)}
    used = set(top_level(ROOT / "yigong" / "edge")) - set(sys.stdlib_module_names) - {"yigong", "__future__"}
    assert {DISTRIBUTIONS.get(n, n) for n in used} - declared == set()


DESK = """
import sys
sys.modules["numba"] = None  # a small machine has no compiler
import yigong, polars as pl
assert yigong.__file__.startswith(sys.argv[1]), yigong.__file__
from yigong.edge import node
from yigong.edge.mapping.api import Desk
from yigong.standards.quality import api as quality
text = open(sys.argv[2], encoding="utf-8").read()
rules = [(r.file, quality.text_of(r)) for r in quality.rules("laboratory_test_record", by_row=True)]
assert rules
desk = Desk("map", text, "100000001X", rules)
row = {"BGDH": "R1", "XMBH": "GLU", "JG": "5.1", "BGRQ": "2026-03-01 08:00:00", "BRID": "P1", "ZF": "0"}
many = 25_000  # beyond where the centre would use machine code
frame = pl.DataFrame([{**row, "BGDH": f"R{n}", "ZF": "1" if n == 7 else "0", "JG": "?" if n == 9 else "5.1"} for n in range(many)])
done = desk.work(frame)
print(done.standard.height, done.raw.height, done.left_behind, done.amiss)
heavy = {"django", "psycopg", "duckdb", "lxml", "jieba", "pypinyin"} & {m.partition(".")[0] for m in sys.modules}
assert not heavy, heavy
"""
MAPPING = """data_set: laboratory_test_record
source_system: LIS
key: [BGDH, XMBH]
event_at: {from: BGRQ, parse: "%Y-%m-%d %H:%M:%S"}
local_id: BRID
filter: {drop_when: {ZF: "1"}}
fields:
  laboratory_test_report_no: BGDH
  laboratory_test_item_code: XMBH
  laboratory_test_quantitative_result: {from: JG, kind: number}
unmapped: drop
"""


@pytest.mark.feature("C05", "G33")
def test_what_is_installed_at_a_node_filters_maps_and_checks(tmp_path: Path) -> None:
    """The very files of the small installation, and nothing else of the house: a mapping and its rules work on a chunk."""
    wheel = tomllib.loads(DECLARED.read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    for source, target in wheel["force-include"].items():
        here, there = (DECLARED.parent / source).resolve(), tmp_path / "site" / target
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(here, there) if here.is_dir() else shutil.copy(here, there)
    (tmp_path / "mapping.yaml").write_text(MAPPING, "utf-8")
    command = [sys.executable, "-c", DESK, str(tmp_path / "site"), str(tmp_path / "mapping.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "site")})  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["24998", "1", "1", "1"]
