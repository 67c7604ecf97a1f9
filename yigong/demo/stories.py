"""The named cast: people whose stories the pages show, with the visits, drugs, results and stays that their stories tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl

from yigong.demo import illness, laboratory, people, treatment, world

_COPIED = ("phone", "blood", "ethnic", "house", "group", "village", "sex", "name")


def size() -> int:
    """How many people the cast has."""
    return len(world.cast())


def with_cast(residents: pl.DataFrame, today: date) -> pl.DataFrame:
    """The residents and, at the end, the cast."""
    first = len(residents)
    rows = [_person(named, first + n, today) for n, named in enumerate(world.cast())]
    added = pl.DataFrame(rows, schema_overrides=residents.schema)
    return pl.concat([residents, added.select(residents.columns)])


def _person(named: world.Named, number: int, today: date) -> dict[str, Any]:
    facts = named.facts
    town = [p.name for p in world.places()].index(facts["town"])
    born = facts.get("born_on") or today - timedelta(days=facts["born_days_ago"])
    return {
        "home": 10**7 + town * 10**5 + int(facts["house"]), "role": 0, "sex": facts["sex"], "born_on": born,
        "surname": facts["name"][:1], "given": facts["name"][1:], "id_no": identity_number(facts, born), "town": town,
        "person": number, "age": (today - born).days / 365.25, "old_phone": f"1330887{number % 10000:04d}",
        "card_no": str(532998 * 10**12 + 900_000_000 + number % 1000), "marital": "20" if born.year < 2000 else "10",
        "occupation": "27", "cast": named.key, "ethnic": facts.get("ethnic", "01"),
        **{k: facts[k] for k in _COPIED if k in facts},
    }  # fmt: skip


def identity_number(facts: dict[str, Any], born: date) -> str:
    """The valid identity number of a named person."""
    area, days = np.array([int(world.COUNTY_CODE)]), np.array([born], dtype="datetime64[D]")
    return str(people.identity_numbers(area, days, np.array([facts["order"]]))[0])


def with_conditions(folk: pl.DataFrame) -> pl.DataFrame:
    """The people with the conditions and allergies that the stories tell."""
    cast = pl.col("cast").is_not_null()
    ill = {c: [n.key for n in world.cast() if c in n.facts.get("conditions", [])] for c in illness.CHRONIC}
    allergies = {n.key: n.facts.get("allergy", "") for n in world.cast()}
    return folk.with_columns(
        *(pl.when(cast).then(pl.col("cast").is_in(keys)).otherwise(c).alias(c) for c, keys in ill.items()),
        pl.when(cast).then(pl.col("cast").replace_strict(allergies, default="")).otherwise("allergy").alias("allergy"),
        pl.when(cast).then(0.4).otherwise("frailty").alias("frailty"),
    )


@dataclass(frozen=True)
class Told:
    """The frames of the stories, shaped as those of the generator."""

    visits: pl.DataFrame
    details: list[dict[str, Any]]  # as declared, in the order of ``visits``
    today: date

    @property
    def prescriptions(self) -> pl.DataFrame:
        """The drugs that the stories name."""
        drugs = pl.DataFrame(world.table("drugs")).with_columns(
            pl.col("dose", "price").cast(pl.Float64), pl.col("days").cast(pl.Int64)
        )
        named = [(v, n) for v, d in zip(self.visits["visit"], self.details, strict=True) for n in d.get("drugs", [])]
        lines = pl.DataFrame(named, schema={"visit": pl.Int64, "name": pl.String}, orient="row")
        lines = lines.join(self.visits, on="visit", maintain_order="left").join(drugs, on="name", maintain_order="left")
        return lines.with_columns(
            pl.lit(1).alias("boxes"),
            pl.col("price").alias("amount"),
            pl.col("name").cum_count().over("visit").alias("line"),
        )

    @property
    def imaging(self) -> pl.DataFrame:
        """The examinations that the stories name."""
        named = [(v, d["exam"]) for v, d in zip(self.visits["visit"], self.details, strict=True) if d.get("exam")]
        said = [treatment._FINDINGS.get(item, treatment._PLAIN) for _v, item in named]
        lines = pl.DataFrame(named, schema={"visit": pl.Int64, "item": pl.String}, orient="row").join(
            self.visits, on="visit", maintain_order="left"
        )
        return lines.with_columns(
            pl.Series("findings", [f for f, _ in said], dtype=pl.String), pl.Series("impression", [i for _, i in said], dtype=pl.String),
            pl.lit(True).alias("abnormal"), (pl.col("at") + timedelta(hours=2)).alias("reported_at"),
        )  # fmt: skip

    def stays(self, first: int) -> pl.DataFrame:
        """The stays that the stories name, numbered from *first*."""
        days = pl.DataFrame([(v, d["stay"]) for v, d in zip(self.visits["visit"], self.details, strict=True) if d.get("stay")],
                            schema={"visit": pl.Int64, "nights": pl.Int64}, orient="row")  # fmt: skip
        lines = days.join(self.visits, on="visit", maintain_order="left")
        fees = [(650.0 * pl.col("nights") * share).round(2).alias(f"fee_{n}") for n, share in treatment.FEES.items()]
        return lines.with_columns(
            (pl.col("at") + timedelta(hours=1)).alias("admitted_at"), (pl.col("at") + pl.duration(days="nights")).alias("discharged_at"),
            (650.0 * pl.col("nights")).alias("total"), (195.0 * pl.col("nights")).alias("self_paid"), pl.lit(False).alias("surgery"),
            pl.lit("2").alias("outcome"), pl.lit("3").alias("leaving"), pl.lit(12).alias("bed"), *fees,
            (pl.int_range(pl.len(), dtype=pl.UInt32) + first).alias("stay"),
        )  # fmt: skip

    def results(self, first: int) -> pl.DataFrame:
        """The laboratory results that the stories name; eGFR follows from the creatinine. Reports numbered from *first*."""
        named = [(v, panel, code, float(value)) for v, d in zip(self.visits["visit"], self.details, strict=True)
                 for panel, values in d.get("labs", {}).items() for code, value in values.items()]  # fmt: skip
        lines = pl.DataFrame(
            named, schema={"visit": pl.Int64, "panel": pl.String, "code": pl.String, "value": pl.Float64}, orient="row"
        )
        lines = pl.concat([lines, self._filtration(lines)]).join(
            laboratory.items(), on=["panel", "code"], maintain_order="left"
        )
        lines = lines.join(self.visits, on="visit", maintain_order="left")
        slips = [(v, code, float(value)) for v, d in zip(self.visits["visit"], self.details, strict=True)
                 for code, value in d.get("reported_first", {}).items()]  # fmt: skip
        slipped = pl.DataFrame(
            slips, schema={"visit": pl.Int64, "code": pl.String, "first_value": pl.Float64}, orient="row"
        )
        lines = lines.join(slipped, on=["visit", "code"], how="left", maintain_order="left")
        number = pl.struct("visit", "panel").rank("dense").cast(pl.UInt32) - 1 + first
        return laboratory.flagged(lines.with_columns(
            number.alias("report"), (pl.col("at") + timedelta(minutes=20)).alias("sampled_at"), (pl.col("at") + timedelta(hours=3)).alias("reported_at"),
        ))  # fmt: skip

    def _filtration(self, lines: pl.DataFrame) -> pl.DataFrame:
        told = lines.filter(pl.col("code") == "eGFR")["visit"]
        level = lines.filter((pl.col("code") == "Cr") & ~pl.col("visit").is_in(told.implode())).join(
            self.visits.select("visit", "age", "sex"), on="visit"
        )
        rate = laboratory.filtration_rate(
            level["value"].to_numpy(), level["age"].to_numpy(), level["sex"].to_numpy() == 2
        )
        return level.select("visit", "panel").with_columns(pl.lit("eGFR").alias("code"), pl.Series("value", rate))


def told(folk: pl.DataFrame, others: pl.DataFrame, today: date) -> Told:
    """What the stories tell, numbered after the visits of the *others*."""
    numbers = {r["cast"]: r for r in folk.filter(pl.col("cast").is_not_null()).to_dicts()}
    details = [{**v, "key": n.key} for n in world.cast() for v in n.facts.get("visits", [])]
    rows = [_visit(d, numbers[d["key"]], len(others) + i, today) for i, d in enumerate(details)]
    return Told(pl.DataFrame(rows, schema={**others.schema, "complaint": pl.String}), details, today)


def _visit(told: dict[str, Any], person: dict[str, Any], number: int, today: date) -> dict[str, Any]:
    org = next(i for i, o in enumerate(illness.homes_of_care()) if o.name == told["at"])
    dx = next(i for i, r in enumerate(world.table("diagnoses")) if r["code"] == told["dx"])
    systolic, _, diastolic = told["bp"].partition("/")
    doctors = illness.doctors().filter((pl.col("org") == org) & (pl.col("department") == told["department"]))["doctor"]
    moment = datetime.combine(today - timedelta(days=told["ago"]), time(9, (number * 7) % 60, (number * 13) % 60))
    return {
        "person": person["person"], "dx": dx, "at": moment, "serious": 0.0, "emergency": told.get("emergency", False), "org": org,
        "age": (moment.date() - person["born_on"]).days / 365.25, "sex": person["sex"], "department": told["department"], "doctor_no": 0, "visit": number,
        "systolic": int(systolic), "diastolic": int(diastolic), "temperature": 36.6, "fee": 86.5, "first_visit": False,
        "doctor": told["doctor"] or doctors[0], "complaint": told["complaint"],
    }  # fmt: skip
