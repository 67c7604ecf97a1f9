"""Compiles kernels and makes tables at set-up, so that no first user waits: ``python -m yigong.platform.empi.engine.warm``."""

from __future__ import annotations

import compileall
import importlib.util
import re
from pathlib import Path

import polars as pl

from yigong.platform.empi.engine import api


def main() -> None:
    """Links two records, and keeps the bytecode of what ``yigong empi`` imports, where the installer has not."""
    for package in ("numpy", "pyarrow", "llvmlite", "yigong"):
        found = importlib.util.find_spec(package)
        for folder in (found.submodule_search_locations or []) if found else []:
            compileall.compile_dir(Path(folder), quiet=2, rx=re.compile(r"/(tests|node_modules)/"))
    api.link(
        pl.DataFrame({"name": ["王秀兰", "王秀蓝"], "dob": ["1950-03-08"] * 2}), api.load_model("county"), train=False
    )


if __name__ == "__main__":
    main()
