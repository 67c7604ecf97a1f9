"""Which registrations are to be compared: rows of a frame with each other and with what the index holds."""

from __future__ import annotations

import polars as pl

from yigong.platform.empi import stored

NEIGHBOURS = 3


def candidates(frame: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """``left, right``: pairs of registration ids, each once, *left* always of *frame*."""
    ids = frame.select(pl.col("registration_id")).with_row_index("row")
    inside = within(keys).join(ids, left_on="left", right_on="row").join(ids, left_on="right", right_on="row")
    inside = inside.select(left="registration_id", right="registration_id_right")
    outside = stored.in_blocks(keys).join(ids, on="row").select(left="registration_id_right", right="registration_id")
    outside = outside.filter(~pl.col("right").is_in(frame.get_column("registration_id").implode()))
    return pl.concat([inside, outside]).unique()


def within(keys: pl.DataFrame) -> pl.DataFrame:
    """``left, right`` rows that share a key; of a block that is too large only neighbours, so time stays linear."""
    if keys.is_empty() or keys.get_column("row").n_unique() == 1:
        return pl.DataFrame(schema={"left": pl.UInt32, "right": pl.UInt32})
    sized = keys.with_columns(pl.len().over("rule", "key").alias("size")).filter(pl.col("size") > 1)
    small = sized.filter(pl.col("size") <= stored.CAP).select("rule", "key", "row")
    pairs = small.join(small, on=["rule", "key"]).filter(pl.col("row") < pl.col("row_right"))
    large = sized.filter(pl.col("size") > stored.CAP).sort("rule", "key", "row")
    near = [
        large.with_columns(pl.col("row").shift(-step).over("rule", "key").alias("row_right")).drop_nulls()
        for step in range(1, NEIGHBOURS + 1)
    ]
    wanted = [frame.select(left="row", right="row_right") for frame in (pairs, *near)]
    return pl.concat(wanted).unique()


def side_by_side(pairs: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """The facts of both registrations of each pair in one row, those of the second with the ending ``_right``."""
    return pairs.join(facts, left_on="left", right_on="registration_id").join(
        facts, left_on="right", right_on="registration_id", suffix="_right"
    )
