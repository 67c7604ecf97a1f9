"""Keeps what only the generator knows: which registration is which person, which rows are dirty."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl

from yigong.demo.dirt import Declared
from yigong.demo.illness import homes_of_care


def keep(folder: Path, registrations: pl.DataFrame, dirt: Sequence[Declared]) -> None:
    """Write ``truth.parquet`` (org_code, source_system, local_id, person, cast, errors) and ``dirt.json``."""
    registered(registrations).write_parquet(folder / "truth.parquet")
    (folder / "dirt.json").write_text(
        json.dumps([{**asdict(d), "fate": d.fate} for d in dirt], ensure_ascii=False, indent=1), "utf-8"
    )


def registered(registrations: pl.DataFrame) -> pl.DataFrame:
    """The registrations under the keys the platform knows them by, with the true person."""
    code = {i: o.code for i, o in enumerate(homes_of_care())}
    system = {i: o.system for i, o in enumerate(homes_of_care())}
    return registrations.select(
        pl.col("org").replace_strict(code, return_dtype=pl.String).alias("org_code"),
        pl.col("org").replace_strict(system, return_dtype=pl.String).alias("source_system"),
        "local_id", "person", "cast", "errors",
    )  # fmt: skip


def dirt(folder: Path) -> list[Declared]:
    """The dirty rows that were declared."""
    told = json.loads((folder / "dirt.json").read_text("utf-8"))
    return [Declared(d["source"], d["table"], d["kind"], d["count"]) for d in told]
