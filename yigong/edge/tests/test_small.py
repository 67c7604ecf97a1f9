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


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The very files of the small installation, and nothing else of the house."""
    wheel = tomllib.loads(DECLARED.read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    for source, target in wheel["force-include"].items():
        here, there = (DECLARED.parent / source).resolve(), tmp_path / "site" / target
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(here, there) if here.is_dir() else shutil.copy(here, there)
    return tmp_path / "site"


def run(site: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program in an interpreter that finds the small installation first."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, cwd=site.parent,
        env={**os.environ, "PYTHONPATH": str(site), "YIGONG_EDGE_LANGUAGE": "en"},
    )  # fmt: skip


@pytest.mark.feature("C05", "G33")
def test_what_is_installed_at_a_node_filters_maps_and_checks(site: Path, tmp_path: Path) -> None:
    """A mapping and its rules work on a chunk, without a compiler."""
    (tmp_path / "mapping.yaml").write_text(MAPPING, "utf-8")
    done = run(site, DESK, str(site), str(tmp_path / "mapping.yaml"))
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["24998", "1", "1", "1"]


BARE = """
import importlib.abc, sys
ALLOWED = ("yigong", "yigong.edge", "yigong.kit", "yigong.standards")

class Absent(importlib.abc.MetaPathFinder):
    "Django, the database's driver and every other part of the house cannot be imported here."
    def find_spec(self, name, path, target=None):
        top = name.partition(".")[0]
        ours = top == "yigong" and not any(name == a or (a != "yigong" and name.startswith(a + ".")) for a in ALLOWED)
        if ours or top in ("django", "psycopg", "numba", "duckdb", "pyarrow", "lxml"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from yigong.edge.command import main
from yigong.edge import doctor, node, probing
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.feature("G33")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--help"], 0, "Exit codes"),
        (["status"], 2, "There is no enrolled node"),
        (["run"], 2, "There is no enrolled node"),
        (["doctor"], 1, "There is no enrolled node"),
        (["enrol", "--centre", "http://127.0.0.1:9", "--code", "0" * 20], 4, "nobody listens at that port"),
        (["enrol", "--centre", "http://centre.example", "--code", "0" * 20], 2, "is not HTTPS"),
        (["enrol", "--centre", "https://127.0.0.1:9", "--authority", "none.pem", "--code", "0" * 20], 2, "holds no certificate"),
    ],
    ids=lambda v: v[0] if isinstance(v, list) else "",
)  # fmt: skip
def test_every_command_works_where_django_and_the_platform_cannot_be_imported(
    site: Path, words: list[str], code: int, said: str
) -> None:
    """Each starts, says what is wrong in a sentence, ends with its documented code and leaves nothing in a folder that is none of its own."""
    done = run(site, BARE, "--home", str(site.parent / "node"), *words)
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr
    left = {p.name for p in (site.parent / "node").glob("*")} if (site.parent / "node").exists() else set()
    assert left <= {"node.key"}
