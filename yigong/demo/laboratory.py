"""Laboratory reports with their items: values that fit the person's conditions, ranges by sex, flags."""

from __future__ import annotations

import numpy as np
import polars as pl

from yigong.demo import treatment, world
from yigong.demo.illness import COMMUNITY

#: item: what a condition adds to the usual value (in units of the item)
_SHIFT = {
    "dm": {"FBG": 3.1, "2hPG": 5.2, "HbA1c": 2.1, "TG": 0.5},
    "ckd": {"Cr": 72.0, "Urea": 4.6, "CysC": 0.9, "UA": 70.0, "K": 0.35, "Hb": -19.0},
    "htn": {"LDL-C": 0.25, "TG": 0.2, "UA": 22.0},
    "chd": {"LDL-C": 0.4, "CK": 40.0, "NT-proBNP": 260.0},
}  # fmt: skip
_INFECTION = {"WBC": 4.4, "NEUT%": 15.0, "LYMPH%": -13.0, "CRP": 34.0, "PCT": 0.35}
#: item: below and above these the laboratory calls the ward at once
CRITICAL = {
    "K": (2.8, 6.2), "Na": (120.0, 160.0), "Ca": (1.6, 3.5), "FBG": (2.8, 16.7), "Hb": (60.0, 200.0), "WBC": (1.5, 30.0), "PLT": (50.0, 1000.0),
    "Cr": (None, 530.0), "cTnI": (None, 0.1), "INR": (None, 4.5), "PCT": (None, 10.0),
}  # fmt: skip
MISTAKE_EVERY = 499  # reports
LOCAL_PANELS = ("血常规", "尿常规")  # what a township centre measures itself; the rest goes to the regional laboratory


def items() -> pl.DataFrame:
    """The table of laboratory items with numbers as numbers."""
    numbers = ["low", "high", "low_female", "high_female", "mean", "spread"]
    frame = pl.DataFrame(world.table("lab_items")).drop("source", "certainty")
    return frame.with_columns(
        pl.col(numbers).cast(pl.Float64, strict=False), pl.col("decimals").cast(pl.Int64, strict=False)
    )


def reports(rng: np.random.Generator, visits: pl.DataFrame, stays: pl.DataFrame) -> pl.DataFrame:
    """A row for each report: visit or stay, panel, moments of sampling and reporting."""
    panels = treatment._words("panels", "panel")
    rate = np.where(visits["org"].to_numpy() < COMMUNITY, 0.5, 0.2)
    chosen = visits.filter(pl.Series(rng.random(len(visits)) < rate)).join(panels, on="dx", maintain_order="left_right")
    wards = stays.join(panels, on="dx", maintain_order="left_right").with_columns(pl.col("admitted_at").alias("at"))
    common = [*visits.columns, "panel"]
    both = pl.concat(
        [
            chosen.select(common).with_columns(pl.lit(None, dtype=pl.UInt32).alias("stay")),
            wards.select([*common, "stay"]),
        ]
    )
    size = len(both)
    return (
        both.with_columns(
            (pl.col("at") + pl.duration(minutes=pl.lit(pl.Series(rng.integers(8, 60, size))))).alias("sampled_at"),
            (pl.col("at") + pl.duration(minutes=pl.lit(pl.Series(rng.integers(70, 420, size))))).alias("reported_at"),
        )
        .sort("at")
        .with_row_index("report")
    )


def results(rng: np.random.Generator, reports: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """A row for each item of each report: value, text, range, flag H L HH LL or empty."""
    lines = reports.join(items(), on="panel", maintain_order="left_right")
    size, person = len(lines), lines["person"].to_numpy()
    steady = people["frailty"].to_numpy()[person] * 0.35
    value = lines["mean"].to_numpy() + lines["spread"].to_numpy() * (rng.normal(0, 0.85, size) + steady)
    value = value + _shifts(rng, lines, people, person)
    value = _filtration(lines, value)
    floor = np.where(np.isnan(lines["mean"].to_numpy()), 0, lines["mean"].to_numpy() * 0.18)
    value = np.maximum(value, floor)
    return with_mistakes(flagged(lines.with_columns(pl.Series("value", value).fill_nan(None))))


def with_mistakes(lines: pl.DataFrame) -> pl.DataFrame:
    """Now and then a number is reported wrong first, as ``first_value``, and put right afterwards."""
    slip = (pl.col("report") % MISTAKE_EVERY == 7) & (pl.int_range(pl.len()).over("report") == 0)
    return lines.with_columns(pl.when(slip).then((pl.col("value") * 1.25).round(2)).alias("first_value"))


def _shifts(rng: np.random.Generator, lines: pl.DataFrame, people: pl.DataFrame, person: np.ndarray) -> np.ndarray:
    code = lines["code"]
    out = np.zeros(len(lines))
    for condition, by_item in _SHIFT.items():
        amount = code.replace_strict(by_item, default=0.0, return_dtype=pl.Float64).to_numpy()
        out += np.where(people[condition].to_numpy()[person], amount * rng.gamma(4, 0.25, len(lines)), 0)
    infected = lines["dx"].is_in(_infections().implode()).to_numpy()
    amount = code.replace_strict(_INFECTION, default=0.0, return_dtype=pl.Float64).to_numpy()
    out += np.where(infected, amount * rng.gamma(3, 0.33, len(lines)), 0)
    female = lines["sex"].to_numpy() == 2
    return out + np.where(
        female, code.replace_strict({"Hb": -13.0, "RBC": -0.4, "Cr": -13.0, "HCT": -0.035}, default=0.0).to_numpy(), 0
    )


def _infections() -> pl.Series:
    named = ["J18.9", "J20.9", "J03.9", "K35.9", "N39.0", "J06.9", "A09", "B08.4"]
    return treatment.diagnoses().filter(pl.col("code").is_in(named))["dx"]


def filtration_rate(creatinine: np.ndarray, age: np.ndarray, female: np.ndarray) -> np.ndarray:
    """Estimated glomerular filtration rate (CKD-EPI 2009) from creatinine in μmol/L."""
    level = creatinine / 88.4
    kappa, alpha = np.where(female, 0.7, 0.9), np.where(female, -0.329, -0.411)
    ratio = level / kappa
    return (
        141 * np.minimum(ratio, 1) ** alpha * np.maximum(ratio, 1) ** -1.209 * 0.993**age * np.where(female, 1.018, 1)
    )


def _filtration(lines: pl.DataFrame, value: np.ndarray) -> np.ndarray:
    """The rate of a report follows from the creatinine of the same report."""
    code, report = lines["code"].to_numpy(), lines["report"].to_numpy()
    creatinine = dict(zip(report[code == "Cr"].tolist(), value[code == "Cr"].tolist(), strict=True))
    rows = np.flatnonzero(code == "eGFR")
    level = np.array([creatinine[r] for r in report[rows].tolist()])
    out = value.copy()
    if len(rows):
        out[rows] = filtration_rate(level, lines["age"].to_numpy()[rows], lines["sex"].to_numpy()[rows] == 2)
    return out


def flagged(lines: pl.DataFrame) -> pl.DataFrame:
    """Results with the range of the person's sex, the value as printed and its flag."""
    female = pl.col("sex") == 2
    lines = lines.with_columns(
        pl.when(female).then("low_female").otherwise("low").alias("low"),
        pl.when(female).then("high_female").otherwise("high").alias("high"),
        pl.when(pl.col("decimals") == 0).then(pl.col("value").round(0)).when(pl.col("decimals") == 1).then(pl.col("value").round(1))
        .when(pl.col("decimals") == 2).then(pl.col("value").round(2)).otherwise(pl.col("value").round(3)).alias("value"),
    )  # fmt: skip
    value, low, high = pl.col("value"), pl.col("low"), pl.col("high")
    return lines.with_columns(
        pl.when(value > _critical(1)).then(pl.lit("HH")).when(value > high).then(pl.lit("H"))
        .when(value < _critical(0)).then(pl.lit("LL")).when(value < low).then(pl.lit("L")).otherwise(pl.lit("")).alias("flag"),
        _printed().alias("text"),
        pl.when(low.is_null() & high.is_null()).then(pl.lit("阴性")).when(high.is_null()).then(pl.format("≥{}", _plain(low)))
        .when(low == 0).then(pl.format("≤{}", _plain(high))).otherwise(pl.format("{}-{}", _plain(low), _plain(high))).alias("range"),
    )  # fmt: skip


def _plain(number: pl.Expr) -> pl.Expr:
    return number.cast(pl.String).str.strip_suffix(".0")


def _critical(side: int) -> pl.Expr:
    limits = {code: bounds[side] for code, bounds in CRITICAL.items()}
    return pl.col("code").replace_strict(limits, default=None, return_dtype=pl.Float64)


def _printed() -> pl.Expr:
    whole = pl.col("value").cast(pl.Int64, strict=False).cast(pl.String)
    return (
        pl.when(pl.col("value").is_null())
        .then(pl.lit("阴性"))
        .when(pl.col("decimals") == 0)
        .then(whole)
        .otherwise(pl.col("value").cast(pl.String))
    )
