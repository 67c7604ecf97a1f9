"""The node is small: what it imports is what its own installation declares, and no Django."""

from __future__ import annotations

import ast
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
