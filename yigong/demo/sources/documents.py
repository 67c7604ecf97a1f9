"""Which documents the hospitals send: discharge summaries of the people's hospital, several kinds of the maternal hospital."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl

from yigong.demo.county import County
from yigong.demo.illness import COUNTY, MATERNAL, homes_of_care
from yigong.demo.sources import cda
from yigong.demo.sources.hospital import OUTCOMES, course_of, place_names
from yigong.demo.treatment import diagnoses

SINCE = timedelta(days=120)  # the people's hospital has written discharge summaries as documents for so long
_FACTS = ("local_id", "name", "id_no", "phone", "born_on", "allergy", "card_no", "town", "village", "group", "house")


def rows(county: County, frame: pl.DataFrame, org: int) -> list[dict[str, Any]]:
    """The rows of an institution with the patient as written there, the diagnosis in words, and the institution."""
    known = county.registrations.filter(pl.col("org") == org).select("person", *_FACTS).with_columns(place_names())
    named = diagnoses().select(
        "dx", pl.col("code").alias("dx_code"), pl.col("name").alias("dx_name"), pl.col("complaint").alias("usual")
    )
    own = frame.filter(pl.col("org") == org).rename({c: f"{c}_item" for c in ("name", "code") if c in frame.columns})
    own = own.join(known, on="person", maintain_order="left").join(named, on="dx", maintain_order="left")
    if "complaint" not in own.columns:
        own = own.with_columns(pl.lit(None, dtype=pl.String).alias("complaint"))
    own = own.with_columns(pl.coalesce("complaint", "usual").alias("complaint"))
    return [{**row, "org": homes_of_care()[org], "card": row["card_no"]} for row in own.to_dicts()]


def summaries(county: County, org: int, since: date | None) -> dict[str, bytes]:
    """Discharge summaries by file name."""
    gone = county.stays.filter(pl.col("discharged_at").is_not_null())
    if since:
        gone = gone.filter(pl.col("discharged_at") >= since)
    return {f"CYXJ-{r['stay']:08d}": cda.discharge(_summary(r)) for r in rows(county, gone, org)}


def _summary(row: dict[str, Any]) -> dict[str, Any]:
    days = max((row["discharged_at"] - row["admitted_at"]).days, 1)
    outcome = OUTCOMES[row["outcome"]]
    return row | {
        "number": f"{row['org'].code[:8]}CYXJ{row['stay']:08d}", "at": row["discharged_at"], "visit": "", "stay": f"ZY{row['stay']:08d}",
        "state": f"{row['complaint']}，入院血压 {row['systolic']}/{row['diastolic']} mmHg。", "course": course_of(outcome), "days": days,
        "outcome_name": outcome, "ending": f"一般情况可，病情{outcome}。",
        "advice": f"1. 规律用药；2. 低盐低脂饮食；3. 2 周后到{row['township']}卫生院复查；4. 不适随诊。",
    }  # fmt: skip


def maternal_visits(county: County, since: date) -> dict[str, bytes]:
    """Outpatient records of the children's department from *since* on."""
    chosen = county.visits.filter((pl.col("department") == "儿科") & (pl.col("at") >= since))
    return {
        f"MZBL-{r['visit']:08d}": cda.outpatient(
            {**r, "number": f"{r['org'].code[:8]}MZBL{r['visit']:08d}", "visit": f"F{r['visit']:08d}", "stay": ""}
        )
        for r in rows(county, chosen, MATERNAL)
    }


def maternal_reports(county: County) -> dict[str, bytes]:
    """Laboratory reports of the maternal hospital."""
    by_report: dict[int, list[dict[str, Any]]] = {}
    for row in rows(county, county.results, MATERNAL):
        by_report.setdefault(row["report"], []).append(row)
    return {
        f"JYBG-{n:08d}": cda.laboratory(_report(n, items[0]), [_item(i) for i in items])
        for n, items in by_report.items()
    }


def _report(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "number": f"{row['org'].code[:8]}JYBG{number:08d}", "at": row["reported_at"], "visit": f"F{row['visit']:08d}", "stay": "",
            "report": f"F{number:08d}"}  # fmt: skip


def _item(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "code": row["code_item"], "item_name": row["name_item"]}


def peoples_summaries(county: County, today: date) -> dict[str, bytes]:
    """Discharge summaries of the people's hospital, those that its tables mark as sent."""
    return summaries(county, COUNTY, today - SINCE)
