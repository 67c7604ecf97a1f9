"""The registration frame: its columns, its cleaning, and what of it counts as identity. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

import polars as pl

from yigong.kit.errors import Refused

#: the columns of a registration frame, as docs/doors.md names them
REGISTRATION: dict[str, Any] = {
    "org_code": pl.String,
    "source_system": pl.String,
    "local_id": pl.String,
    "full_name": pl.String,
    "sex_code": pl.String,
    "born_on": pl.Date,
    "id_type_code": pl.String,
    "id_no": pl.String,
    "phone": pl.String,
    "address": pl.String,
    "division_code": pl.String,
    "health_card_no": pl.String,
    "contact_name": pl.String,
    "contact_phone": pl.String,
    "ethnic_group_code": pl.String,
    "registered_at": pl.Datetime("us", "UTC"),
    "facts": pl.String,
}
KEY = ["org_code", "source_system", "local_id"]
#: a change in one of these means: look again whose registration this is
IDENTITY = ["full_name", "sex_code", "born_on", "id_no", "phone", "address", "health_card_no"]
#: the columns of ``empi_registration`` that come of a registration frame
COLUMNS = [
    "org_code", "source_system", "local_id", "full_name", "name_key", "name_initials", "sex_code", "born_on",
    "id_type_code", "id_no", "id_trust", "phone", "address", "village_code", "health_card_no", "contact_name",
    "contact_phone", "ethnic_group_code", "registered_at", "facts", "hash",
]  # fmt: skip
TEXT = [name for name, kind in REGISTRATION.items() if kind == pl.String and name != "facts"]


def arrange(frame: pl.DataFrame) -> pl.DataFrame:
    """All columns of REGISTRATION in order and type: text narrowed, empty text null. Raises Refused missing."""
    if missing := [name for name in KEY if name not in frame.columns]:
        raise Refused("empi.columns_missing", fields=missing)
    present = frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).alias(name) for name in REGISTRATION
    )
    clean = present.with_columns(_clean(name) for name in TEXT).with_columns(dated(present), moment(present))
    if clean.select(pl.any_horizontal(pl.col(name).is_null() for name in KEY).any()).item():
        raise Refused("empi.key_empty", fields=KEY)
    return clean.with_columns(pl.col("facts").cast(pl.String))


def _clean(name: str) -> pl.Expr:
    narrowed = pl.col(name).cast(pl.String).str.normalize("NFKC").str.replace_all(r"[\s\x00]+", " ").str.strip_chars()
    return pl.when(narrowed != "").then(narrowed).otherwise(None).alias(name)


def dated(frame: pl.DataFrame) -> pl.Expr:
    """The birth date as a date."""
    column = pl.col("born_on")
    return column.str.to_date(strict=False) if frame.schema["born_on"] == pl.String else column.cast(pl.Date)


def moment(frame: pl.DataFrame) -> pl.Expr:
    """The moment of registration in UTC; what carries no zone was written in the county."""
    column, kind = pl.col("registered_at"), frame.schema["registered_at"]
    if kind == pl.String:
        column = column.str.to_datetime(strict=False, time_zone="Asia/Shanghai")
    elif kind == pl.Date or (isinstance(kind, pl.Datetime) and kind.time_zone is None):
        column = column.cast(pl.Datetime("us")).dt.replace_time_zone("Asia/Shanghai")
    return column.cast(pl.Datetime("us", "UTC"))


def fingerprint(frame: pl.DataFrame) -> pl.Series:
    """A number for the content of each row, the same on every machine and with every version of every library."""
    joined = frame.select(
        pl.concat_str(
            [pl.col(name).cast(pl.String).fill_null("") for name in REGISTRATION if name not in KEY], separator="\x1f"
        )
    ).to_series()
    return stable_hash(joined).alias("hash")


def stable_hash(texts: pl.Series) -> pl.Series:
    """64-bit numbers for texts, fit to be kept in a database."""
    return pl.Series([None if t is None else stable_number(t) for t in texts], dtype=pl.Int64)


def stable_number(text: str) -> int:
    """The same for one."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
