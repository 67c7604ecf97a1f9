"""Rows that no system should have and every system has: a small, known number, declared in the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

#: what becomes of a row of each kind; nameless: loaded, under a registration of which only the number is known
FATE = {
    "voided": "filtered", "impossible_date": "rejected", "unknown_code": "rejected", "unknown_patient": "nameless", "duplicate": "merged",
    "truncated_document": "rejected", "unknown_institution": "rejected",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stain:
    """One kind of dirty row in one table: copies of clean rows with *column* set to *value*, under keys of their own."""

    table: str
    kind: str
    count: int
    column: str = ""
    value: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Declared:
    """How many rows of a kind a source was given."""

    source: str
    table: str
    kind: str
    count: int

    @property
    def fate(self) -> str:
        """What becomes of these rows: filtered, rejected, merged or nameless."""
        return FATE[self.kind]


PEOPLES = (
    Stain("MZ_GHJL", "voided", 12, "ZFBZ", "1", "MZH"),
    Stain("MZ_CFMX", "voided", 9, "ZFBZ", "1", "CFH"),
    Stain("JY_BGJG", "voided", 8, "ZFBZ", "1", "BGDH"),
    Stain("MZ_GHJL", "impossible_date", 5, "JZSJ", "20260230093000", "MZH"),
    Stain("JY_BGJG", "impossible_date", 4, "BGSJ", "20260431081500", "BGDH"),
    Stain("JY_BGJG", "unknown_code", 6, "BBLX", "ZZ", "BGDH"),
    Stain("MZ_GHJL", "unknown_patient", 3, "BRID", "X99999999", "MZH"),
    Stain("MZ_CFMX", "duplicate", 10),
)
CHINESE = (
    Stain("t_mzjz", "voided", 7, "zf", "1", "jzh"),
    Stain("t_mzjz", "impossible_date", 3, "jzsj", "2026-02-30 09:30:00", "jzh"),
    Stain("t_jyjg", "unknown_code", 4, "bb", "不明", "bgd"),
    Stain("t_xycf", "duplicate", 6),
)
CENTRES = (
    Stain("opd", "voided", 3, "del", "Y", "vno"),
    Stain("opd", "impossible_date", 1, "vdt", "2026/13/01 08:00", "vno"),
    Stain("fu_htn", "unknown_code", 1, "way", "WX", "funo"),
    Stain("rx_item", "duplicate", 2),
)
MATERNAL = (
    Stain("门诊.csv", "voided", 4, "状态", "作废", "门诊号"),
    Stain("门诊.csv", "impossible_date", 2, "就诊时间", "2026-06-31 10:00", "门诊号"),
)
TRUNCATED_DOCUMENTS = 3
STRANGE_MESSAGES = 4
STRANGE_INSTITUTION = "QH999999-9"
STRANGE_FILE = "QH999999.hl7"


def stained(
    source: str, tables: Mapping[str, pl.DataFrame], stains: tuple[Stain, ...]
) -> tuple[dict[str, pl.DataFrame], list[Declared]]:
    """The tables with their dirty rows at the end, and what was added; tables that are too small stay clean."""
    out, told = dict(tables), []
    for number, stain in enumerate(stains):
        clean = tables[stain.table]
        if len(clean) < 20 * stain.count:
            continue
        out[stain.table] = pl.concat([out[stain.table], _rows(clean, stain, number)])
        told.append(Declared(source, stain.table, stain.kind, stain.count))
    return out, told


def _rows(clean: pl.DataFrame, stain: Stain, number: int) -> pl.DataFrame:
    rows = clean.gather([(n + 1) * len(clean) // (stain.count + 2) for n in range(stain.count)])
    if not stain.column:
        return rows
    marks = pl.Series([f"D{number}{n:02d}" for n in range(stain.count)])
    return rows.with_columns(
        pl.lit(stain.value).alias(stain.column), (pl.col(stain.key).str.head(10) + marks).alias(stain.key)
    )


def truncated(documents: Mapping[str, bytes], source: str) -> tuple[dict[str, bytes], list[Declared]]:
    """The documents and a few copies that end in the middle."""
    names = sorted(documents)[:TRUNCATED_DOCUMENTS]
    cut = {f"{name}-断": documents[name][: len(documents[name]) * 3 // 5] for name in names}
    return {**documents, **cut}, [Declared(source, "CDA", "truncated_document", len(cut))]


def strange(messages: Mapping[str, bytes], source: str) -> tuple[dict[str, bytes], list[Declared]]:
    """The message files and one more, with messages of one result each from an institution that nobody registered."""
    name = next(iter(sorted(messages)), "")
    if not name:
        return dict(messages), []
    lines = messages[name].split(b"\rMSH|")[0].split(b"\r")
    kept = [line for line in lines if not line.startswith(b"OBX")] + [
        line for line in lines if line.startswith(b"OBX")
    ][:1]
    one = b"\r".join(line for line in kept if line) + b"\r"
    code = name.partition("-")[0].encode()
    told = [
        one.replace(code + b"-" + one.split(code + b"-")[1][:1], STRANGE_INSTITUTION.encode()).replace(
            b"|L", f"|S{n}".encode()
        )
        for n in range(STRANGE_MESSAGES)
    ]
    return {**messages, STRANGE_FILE: b"".join(told)}, [
        Declared(source, "HL7", "unknown_institution", STRANGE_MESSAGES)
    ]
