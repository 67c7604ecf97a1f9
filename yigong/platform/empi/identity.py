"""Identity numbers: 15 to 18 signs, check sign, what they say of birth and sex, and how far each is to be trusted. Pure."""

from __future__ import annotations

import re
from datetime import date

import polars as pl

from yigong.platform.empi.engine import identity as engine

_SHAPED = re.compile(r"[1-9][0-9]{16}[0-9X]\Z")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_SIGNS = "10X98765432"
#: last digits of numbers of 15 that were kept for people born before 1900
OF_CENTENARIANS = ["996", "997", "998", "999"]
#: so many registrations are read one by one sooner than by columns
_FEW = 50
#: a number under more different names than this says nothing about anybody
MANY_NAMES = 5


def check_sign(first17: pl.Expr) -> pl.Expr:
    """The eighteenth sign that belongs to seventeen digits."""
    total = pl.sum_horizontal(first17.str.slice(i, 1).cast(pl.Int32, strict=False) * w for i, w in enumerate(WEIGHTS))
    return pl.lit(CHECK_SIGNS).str.slice(total % 11, 1)


def with_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds ``id_trust`` and brings ``id_no`` to its 18-sign form; a number of another kind of paper stays as it is."""
    if frame.height <= _FEW:
        return _few_with_numbers(frame)
    bare = pl.col("id_no").str.to_uppercase().str.replace_all(r"[^0-9A-Z]", "")
    frame = frame.with_columns(pl.when(bare != "").then(bare).alias("id_no"))
    old = pl.col("id_no").str.contains(r"^\d{15}$")
    century = (
        pl.when(pl.col("id_no").str.slice(12, 3).is_in(OF_CENTENARIANS)).then(pl.lit("18")).otherwise(pl.lit("19"))
    )
    long = pl.col("id_no").str.slice(0, 6) + century + pl.col("id_no").str.slice(6, 9)
    frame = frame.with_columns(pl.when(old).then(long + check_sign(long)).otherwise("id_no").alias("id_no"))
    return frame.with_columns(_trust().alias("id_trust"))


def _few_with_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """The same for a few, sign by sign."""
    bare = [re.sub(r"[^0-9A-Z]", "", (number or "").upper()) for number in frame.get_column("id_no")]
    numbers = [upgrade(number) or None for number in bare]
    said = zip(
        numbers,
        frame.get_column("born_on"),
        frame.get_column("sex_code"),
        frame.get_column("id_type_code"),
        strict=True,
    )
    trusts = [trust_of(number, born, sex, kind) for number, born, sex, kind in said]
    return frame.with_columns(
        pl.Series("id_no", numbers, dtype=pl.String), pl.Series("id_trust", trusts, dtype=pl.String)
    )


def _trust() -> pl.Expr:
    number = pl.col("id_no")
    first17 = number.str.slice(0, 17)
    shaped = number.str.contains(r"^[1-9]\d{16}[\dX]$")
    birth = number.str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    male = number.str.slice(16, 1).cast(pl.Int32, strict=False) % 2 == 1
    against_sex = pl.col("sex_code").is_in(["1", "2"]) & (male != (pl.col("sex_code") == "1"))
    other_paper = pl.col("id_type_code").is_not_null() & (pl.col("id_type_code") != "01")
    return (
        pl.when(number.is_null())
        .then(pl.lit("missing"))
        .when(other_paper & ~shaped)
        .then(pl.lit("other"))
        .when(~shaped | birth.is_null() | (check_sign(first17) != number.str.slice(17, 1)))
        .then(pl.lit("bad"))
        .when((pl.col("born_on").is_not_null() & (birth != pl.col("born_on"))) | against_sex)
        .then(pl.lit("doubtful"))
        .otherwise(pl.lit("trusted"))
        .fill_null("bad")
    )


def trust_of(number: str | None, born_on: date | None, sex_code: str | None, id_type_code: str | None) -> str:
    """How far the number of one registration is to be trusted: what :func:`with_numbers` says of a whole frame."""
    if number is None:
        return "missing"
    shaped = _SHAPED.match(number) is not None
    if not shaped and id_type_code not in (None, "01"):
        return "other"
    birth = _birth(number) if shaped else None
    if birth is None or _sign(number[:17]) != number[17]:
        return "bad"
    against_sex = sex_code in ("1", "2") and (int(number[16]) % 2 == 1) != (sex_code == "1")
    return "doubtful" if against_sex or born_on not in (None, birth) else "trusted"


def _birth(number: str) -> date | None:
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def _sign(first17: str) -> str:
    return CHECK_SIGNS[sum(int(sign) * weight for sign, weight in zip(first17, WEIGHTS, strict=True)) % 11]


def upgrade(number: str) -> str:
    """An identity number in its form of 18 signs; one of 15 digits gets its century and check sign."""
    return engine.upgrade(number.upper())
