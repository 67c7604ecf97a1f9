"""How registrars write people down: one registration for each person and institution, with the errors real registrars make."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl
from lunardate import LunarDate
from numpy.typing import NDArray

from yigong.demo import illness, names, seasons, stories, world

#: how often each error is made, before the institution's carelessness
RATES = {
    "homophone": 0.022, "dropped_sign": 0.003, "missing_id": 0.055, "wrong_digit": 0.007, "transposed": 0.004, "borrowed": 0.008,
    "old_id": 0.03, "lunar": 0.02, "old_phone": 0.11, "missing_phone": 0.06, "wrong_sex": 0.003,
}  # fmt: skip
_CARELESS = np.array([0.7, 0.8, 0.8, 1.1, 1.2, 1.4, *([1.0] * 14)])
_LOCAL = ("X{:08d}", "Z{:07d}", "F{:07d}")
_NUMERALS = ("零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二")


def registrations(
    rng: np.random.Generator, folk: pl.DataFrame, life: Mapping[str, pl.DataFrame], today: date
) -> pl.DataFrame:
    """A row for each person known to an institution, as written there, with the true person and the errors made."""
    seen = _seen(rng, folk, life, today)
    frame = seen.join(folk, on="person", maintain_order="left").with_columns(pl.lit("").alias("errors"))
    frame = _as_written(rng, _local_ids(frame), today)
    frame = _newborns(frame, life["births"], folk)
    return _told(frame).drop("surname", "given", "role", "frailty", "age", "old_phone", *illness.CHRONIC)


def _seen(rng: np.random.Generator, folk: pl.DataFrame, life: Mapping[str, pl.DataFrame], today: date) -> pl.DataFrame:
    first = [
        frame.select(
            "person",
            pl.col("org").cast(pl.Int64),
            pl.col("at" if "at" in frame.columns else "on").cast(pl.Datetime("ms")).alias("at"),
        )
        for name, frame in life.items()
        if name in ("visits", "hypertension", "diabetes", "examinations", "vaccinations", "births")
    ]
    filed = folk.filter(pl.col("cast").is_null() & pl.Series(rng.random(len(folk)) < 0.9)).select(
        "person", pl.col("centre").alias("org")
    )
    start = datetime.combine(seasons.first_day(today), time(8))
    filed = filed.with_columns(
        (
            pl.lit(start).cast(pl.Datetime("ms"))
            - pl.duration(days=pl.lit(pl.Series(rng.integers(0, 4000, len(filed)))))
        ).alias("at")
    )
    filed = filed.join(folk.select("person", "born_on"), on="person").with_columns(
        pl.min_horizontal(
            pl.max_horizontal("at", (pl.col("born_on").cast(pl.Datetime("ms")) + timedelta(days=30))),
            pl.lit(datetime.combine(today - timedelta(days=1), time(16))).cast(pl.Datetime("ms")),
        ).alias("at")
    )
    named = pl.DataFrame(_declared(folk), schema={"person": pl.Int64, "org": pl.Int64}, orient="row").with_columns(
        pl.lit(start).cast(pl.Datetime("ms")).alias("at")
    )
    every = pl.concat([*first, filed.select("person", "org", "at"), named])
    return (
        every.group_by("org", "person")
        .agg(pl.col("at").min().alias("registered_at"))
        .sort("org", "registered_at", "person")
    )


def _declared(folk: pl.DataFrame) -> list[tuple[int, int]]:
    person = dict(folk.filter(pl.col("cast").is_not_null()).select("cast", "person").iter_rows())
    org = {o.name: i for i, o in enumerate(illness.homes_of_care())}
    return [(person[n.key], org[at]) for n in world.cast() for at in n.facts.get("registrations", {})]


def _local_ids(frame: pl.DataFrame) -> pl.DataFrame:
    number = frame.select(pl.int_range(1, pl.len() + 1).over("org")).to_series().to_numpy()
    org = frame["org"].to_numpy()
    ids = [
        _LOCAL[o].format(n) if o < 3 else f"{o:02d}{n:06d}" for o, n in zip(org.tolist(), number.tolist(), strict=True)
    ]
    return frame.with_columns(pl.Series("local_id", ids, dtype=pl.String))


def _as_written(rng: np.random.Generator, frame: pl.DataFrame, today: date) -> pl.DataFrame:
    errors = _drawn(rng, frame)
    name = frame["name"].to_list()
    id_no, phone, born = (
        frame["id_no"].to_numpy().astype("U18"),
        frame["phone"].to_numpy().astype("U11"),
        frame["born_on"].to_list(),
    )
    for row in np.flatnonzero(errors["homophone"]):
        name[row] = sounds_alike(rng, name[row])
    for row in np.flatnonzero(errors["dropped_sign"]):
        name[row] = name[row][:-1] if len(name[row]) > 2 else name[row]
    for row in np.flatnonzero(errors["lunar"]):
        born[row] = lunar_as_solar(born[row]) or born[row]
    id_no = _numbers(rng, errors, id_no, frame)
    phone = np.where(
        errors["missing_phone"], "", np.where(errors["old_phone"], frame["old_phone"].to_numpy().astype("U11"), phone)
    )
    sex = np.where(errors["wrong_sex"], 3 - frame["sex"].to_numpy(), frame["sex"].to_numpy())
    made = np.stack([np.where(rows, kind + " ", "") for kind, rows in errors.items()])
    said = [" ".join("".join(column).split()) for column in made.T] if len(frame) else []
    return frame.with_columns(
        pl.Series("name", name, dtype=pl.String), pl.Series("id_no", id_no), pl.Series("phone", phone), pl.Series("sex", sex),
        pl.Series("born_on", born, dtype=pl.Date), pl.Series("errors", said, dtype=pl.String), *_contact(rng, frame),
        pl.Series("address", _addresses(rng, frame), dtype=pl.String),
    )  # fmt: skip


def _drawn(rng: np.random.Generator, frame: pl.DataFrame) -> dict[str, NDArray[np.bool_]]:
    careless = _CARELESS[frame["org"].to_numpy()]
    free = frame["cast"].is_null().to_numpy()
    errors = {kind: free & (rng.random(len(frame)) < rate * careless) for kind, rate in RATES.items()}
    age = frame["age"].to_numpy()
    errors["old_id"] &= age > 45
    errors["lunar"] &= age > 35
    errors["missing_id"] |= free & (age < 7) & (rng.random(len(frame)) < 0.3)
    return errors


def sounds_alike(rng: np.random.Generator, name: str) -> str:
    """The name with one sign exchanged for another that sounds the same, if one is known."""
    places = [i for i, sign in enumerate(name) if sign in names.book().alike]
    if not places:
        return name
    at = int(rng.choice(places))
    return name[:at] + str(rng.choice(list(names.book().alike[name[at]]))) + name[at + 1 :]


def lunar_as_solar(born: date) -> date | None:
    """The birthday by the farmer's calendar, written as if it were the common one; None where no such day exists."""
    try:
        moon = LunarDate.from_solar_date(born.year, born.month, born.day)
        return date(moon.year, moon.month, moon.day)
    except ValueError:
        return None


def _numbers(
    rng: np.random.Generator, errors: dict[str, NDArray[np.bool_]], id_no: names.Texts, frame: pl.DataFrame
) -> names.Texts:
    home = (
        frame.select("person", "home", "id_no")
        .unique("person", keep="first", maintain_order=True)
        .sort("home", "person")
    )
    borrowed = home.with_columns(
        pl.col("id_no").shift(1).over("home").fill_null(pl.col("id_no").shift(-1).over("home")).alias("other")
    )
    other = frame.select("person").join(
        borrowed.select("person", "other"), on="person", how="left", maintain_order="left"
    )["other"]
    out = np.where(
        errors["borrowed"] & other.is_not_null().to_numpy(), other.fill_null("").to_numpy().astype("U18"), id_no
    )
    for row in np.flatnonzero(errors["wrong_digit"]):
        at = int(rng.integers(6, 17))
        out[row] = out[row][:at] + str((int(out[row][at]) + int(rng.integers(1, 10))) % 10) + out[row][at + 1 :]
    for row in np.flatnonzero(errors["transposed"]):
        at = int(rng.integers(10, 16))
        out[row] = out[row][:at] + out[row][at + 1] + out[row][at] + out[row][at + 2 :]
    out = np.where(errors["old_id"], [fifteen(n) for n in out], out)
    return np.where(errors["missing_id"], "", out)


def fifteen(number: str) -> str:
    """The fifteen-sign form an identity number had before 1999."""
    return number[:6] + number[8:17] if len(number) == 18 and number[6:8] == "19" else number


def _contact(rng: np.random.Generator, frame: pl.DataFrame) -> list[pl.Series]:
    """The other adult of the home as contact, for some."""
    adult = frame.filter(pl.col("age") > 20).unique("person", keep="first", maintain_order=True).sort("home", "person").group_by("home", maintain_order=True).agg(
        pl.col("name").first().alias("c1"), pl.col("person").first().alias("p1"), pl.col("phone").first().alias("t1"),
        pl.col("name").last().alias("c2"), pl.col("phone").last().alias("t2"),
    )  # fmt: skip
    both = frame.select("home", "person").join(adult, on="home", how="left", maintain_order="left")
    self_first = both["p1"] == both["person"]
    told = pl.Series(rng.random(len(frame)) < 0.6)
    name = both.select(pl.when(told).then(pl.when(self_first).then("c2").otherwise("c1"))).to_series().fill_null("")
    phone = both.select(pl.when(told).then(pl.when(self_first).then("t2").otherwise("t1"))).to_series().fill_null("")
    return [name.alias("contact_name"), phone.alias("contact_phone")]


def _addresses(rng: np.random.Generator, frame: pl.DataFrame) -> list[str]:
    way = rng.choice(4, len(frame), p=[0.55, 0.2, 0.15, 0.10])
    places = world.places()
    rows = zip(way.tolist(), *(frame[c].to_list() for c in ("town", "village", "group", "house")), strict=True)
    return [_address(w, places[t], v, g, h) for w, t, v, g, h in rows]


def _address(way: int, place: world.Place, village: int, group: int, house: int) -> str:
    name = place.villages[village % len(place.villages)]
    match way:
        case 0:
            return f"{world.COUNTY}{place.name}{name}{group}组{house}号"
        case 1:
            return f"{place.name}{name}{_NUMERALS[min(group, 12)]}组{house}号"
        case 2:
            return f"{place.name}{name.removesuffix('村')}{group}组"
    return f"{world.COUNTY}{place.name}{name}"


def _newborns(frame: pl.DataFrame, births: pl.DataFrame, folk: pl.DataFrame) -> pl.DataFrame:
    """At the place of birth a child is still written under its mother's name, without a number of its own."""
    mother = folk.select(pl.col("person").alias("mother"), pl.col("name").alias("mother_name"))
    named = births.join(mother, on="mother", maintain_order="left").select(
        "person", pl.col("org").cast(pl.Int64), "mother_name", pl.lit(True).alias("new")
    )
    both = frame.join(named, on=["person", "org"], how="left", maintain_order="left")
    suffix = pl.when(pl.col("sex") == 1).then(pl.lit("之子")).otherwise(pl.lit("之女"))
    new = pl.col("new").fill_null(False)
    return both.with_columns(
        pl.when(new).then(pl.col("mother_name") + suffix).otherwise("name").alias("name"),
        pl.when(new).then(pl.lit("")).otherwise("id_no").alias("id_no"),
        pl.when(new).then(pl.lit("")).otherwise("card_no").alias("card_no"),
        pl.when(new).then(pl.col("mother_name")).otherwise("contact_name").alias("contact_name"),
        pl.when(new).then((pl.col("errors") + " newborn").str.strip_chars()).otherwise("errors").alias("errors"),
    ).drop("mother_name", "new")


def _told(frame: pl.DataFrame) -> pl.DataFrame:
    """The registrations of the cast as their stories tell them."""
    rows = frame.filter(pl.col("cast").is_not_null()).to_dicts()
    facts = {n.key: n.facts for n in world.cast()}
    changed = [{**row, **_override(row, facts)} for row in rows]
    others = frame.filter(pl.col("cast").is_null())
    return pl.concat([others, pl.DataFrame(changed, schema=frame.schema)]).sort("org", "local_id") if rows else others


def _override(row: dict[str, Any], facts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    own = facts[row["cast"]]
    base = {"contact_name": own.get("contact", ""), "contact_phone": own.get("contact_phone", "")}
    written = dict(own.get("registrations", {}).get(illness.homes_of_care()[row["org"]].name) or {})
    number = str(written.get("id_no", ""))
    if number == "old15":
        written["id_no"] = fifteen(row["id_no"])
    elif number == "wrong":
        written["id_no"] = row["id_no"][:13] + str((int(row["id_no"][13]) + 1) % 10) + row["id_no"][14:]
    elif number.startswith("borrowed:"):
        lender = facts[number.partition(":")[2]]
        written["id_no"] = stories.identity_number(lender, lender["born_on"])
    return {**base, **written, "errors": " ".join(written)}
