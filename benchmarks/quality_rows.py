"""Made-up laboratory rows of 20 columns with a known share of faults, and 30 rules that look for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from yigong.standards.quality.model import Dimension, Rule, Said, Severity

DATA_SET = "laboratory_test_record"
FAULTY = 0.005  # share of the rows of a column that break its rule
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Asked:
    """One rule, said once for all sides."""

    code: str
    kind: str  # given isin between matches length at_most unique
    column: str
    facts: dict[str, Any] = field(default_factory=dict)

    def holds(self) -> str:
        """The rule in our language."""
        match self.kind:
            case "given":
                return f"given({self.column})"
            case "isin":
                return f"{self.column} in {self.facts['values']!r}"
            case "between":
                return f"{self.facts['low']} <= {self.column} <= {self.facts['high']}"
            case "matches":
                return f"matches({self.column}, {self.facts['pattern']!r})"
            case "length":
                return f"{self.facts['low']} <= length({self.column}) <= {self.facts['high']}"
            case "at_most":
                return f"{self.column} <= {self.facts['other']}"
        return "rows() == 1"

    def rule(self) -> Rule:
        """The rule as we run it."""
        said = Said(self.code, self.code)
        return Rule(
            code=self.code, name=said, dimension=Dimension.VALIDITY, severity=Severity.WARNING, weight=1.0,
            data_sets=(DATA_SET,), fields=(self.column,), sentence=said, source="benchmark", holds=self.holds(),
            per=(self.column,) if self.kind == "unique" else (),
        )  # fmt: skip


GIVEN = (
    "laboratory_test_report_no", "patient_name", "sex_code", "laboratory_test_item_code",
    "laboratory_test_quantitative_result", "specimen_collected_at",
)  # fmt: skip
CODES = {
    "sex_code": ["0", "1", "2", "9"],
    "patient_type_code": ["1", "2", "3", "9"],
    "specimen_category": ["全血", "血清", "血浆", "尿液"],
    "laboratory_test_category": ["生化", "血常规", "电解质", "凝血"],
    "laboratory_test_item_code": ["K", "Na", "Cl", "Ca", "Cr", "UA", "ALT", "AST", "WBC", "Hb", "PLT", "FBG"],
    "laboratory_test_quantitative_result_unit": ["mmol/L", "umol/L", "U/L", "g/L", "10^9/L"],
}
RANGES = {
    "age_years": (0.0, 120.0),
    "laboratory_test_quantitative_result": (0.0, 1000.0),
    "event_at": (START, datetime(2026, 12, 31, tzinfo=UTC)),
}
PATTERNS = {
    "diagnosis_code": r"^[A-Z][0-9]{2}(\.[0-9]{1,3})?$",
    "laboratory_test_report_no": r"^JY[0-9]{10}$",
    "outpatient_no": r"^MZ[0-9]{8}$",
}
LENGTHS = {
    "patient_name": (2, 20),
    "laboratory_test_request_department": (2, 20),
    "laboratory_test_report_result": (1, 50),
    "laboratory_test_report_organization_name": (4, 40),
    "outpatient_no": (10, 10),
    "laboratory_test_report_no": (12, 12),
}
PAIRS = {"specimen_collected_at": "event_at", "laboratory_test_on": "laboratory_test_report_on"}

RULES: list[Asked] = [
    *(Asked(f"GIVEN-{c}", "given", c) for c in GIVEN),
    *(Asked(f"CODE-{c}", "isin", c, {"values": v}) for c, v in CODES.items()),
    *(Asked(f"RANGE-{c}", "between", c, {"low": lo, "high": hi}) for c, (lo, hi) in RANGES.items() if c != "event_at"),
    *(Asked(f"FORM-{c}", "matches", c, {"pattern": p}) for c, p in PATTERNS.items()),
    *(Asked(f"LENGTH-{c}", "length", c, {"low": lo, "high": hi}) for c, (lo, hi) in LENGTHS.items()),
    *(Asked(f"ORDER-{a}", "at_most", a, {"other": b}) for a, b in PAIRS.items()),
    Asked("UNIQUE-source_key", "unique", "source_key"),
    Asked("GIVEN-diagnosis_code", "given", "diagnosis_code"),
    Asked("GIVEN-outpatient_no", "given", "outpatient_no"),
    Asked("GIVEN-unit", "given", "laboratory_test_quantitative_result_unit"),
    Asked("GIVEN-result", "given", "laboratory_test_report_result"),
]


def frame(size: int, seed: int = 20261126) -> pl.DataFrame:
    """*size* rows of 20 columns; every rule finds about one row in two hundred."""
    rng = np.random.default_rng(seed)
    at = np.arange(size)

    def faulty() -> np.ndarray:
        return rng.random(size) < FAULTY

    def text(good: np.ndarray | list[str], bad: str, *, empty: bool = False) -> pl.Series:
        said = pl.Series(good).cast(pl.String)
        out = pl.select(pl.when(pl.Series(faulty())).then(pl.lit(bad)).otherwise(said)).to_series()
        return pl.select(pl.when(~pl.Series(faulty())).then(out)).to_series() if empty else out

    def code(name: str, *, empty: bool = False) -> pl.Series:
        return text(rng.choice(CODES[name], size), "?", empty=empty)

    def number(good: np.ndarray, bad: float, *, empty: bool = False) -> pl.Series:
        out = pl.Series(np.where(faulty(), bad, good))
        return pl.select(pl.when(~pl.Series(faulty())).then(out)).to_series() if empty else out

    base = np.datetime64("2026-01-01T00:00:00", "us")
    taken = base + rng.integers(0, 300 * 86_400, size).astype("timedelta64[s]")
    reported = taken + np.where(faulty(), -7200, rng.integers(600, 86_400, size)).astype("timedelta64[s]")
    day = taken.astype("datetime64[D]")
    key = np.where(faulty(), 1, at + 2)
    return pl.DataFrame(
        {
            "source_key": pl.Series(key).cast(pl.String),
            "event_at": pl.Series(reported),
            "outpatient_no": text(pl.Series(at % 10**8).cast(pl.String).str.zfill(8).str.replace("^", "MZ"), "M1", empty=True),
            "patient_type_code": code("patient_type_code"),
            "patient_name": text(rng.choice(["王秀兰", "李建国", "张慧", "欧阳春华"], size), "王", empty=True),
            "sex_code": code("sex_code", empty=True),
            "age_years": number(rng.integers(0, 99, size).astype(float), 222.0),
            "laboratory_test_request_department": text(rng.choice(["内科", "儿科", "心内科"], size), "内"),
            "diagnosis_code": text(rng.choice(["I10", "E11.9", "J18.9"], size), "高血压", empty=True),
            "specimen_category": code("specimen_category"),
            "specimen_collected_at": pl.select(pl.when(~pl.Series(faulty())).then(pl.Series(taken))).to_series(),
            "laboratory_test_category": code("laboratory_test_category"),
            "laboratory_test_item_code": code("laboratory_test_item_code", empty=True),
            "laboratory_test_quantitative_result": number(rng.normal(80, 12, size), -5.0, empty=True),
            "laboratory_test_quantitative_result_unit": code("laboratory_test_quantitative_result_unit", empty=True),
            "laboratory_test_report_result": text(rng.choice(["4.1", "80", "阴性"], size), "x" * 60, empty=True),
            "laboratory_test_report_no": text(pl.Series(at).cast(pl.String).str.zfill(10).str.replace("^", "JY"), "1", empty=True),
            "laboratory_test_report_organization_name": text(np.full(size, "青禾县人民医院"), "县医"),
            "laboratory_test_on": pl.Series(day),
            "laboratory_test_report_on": pl.Series(np.where(faulty(), day - np.timedelta64(1, "D"), day)),
        }
    ).with_columns(pl.col("event_at", "specimen_collected_at").dt.replace_time_zone("UTC"))  # fmt: skip
