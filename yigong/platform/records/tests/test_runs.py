"""What groups of rows say, taken by places, against Polars' own grouping."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yigong.platform.records.runs import Runs

ROW = st.tuples(
    st.sampled_from(["A", "B"]), st.sampled_from(["1", "2", "3", None]), st.sampled_from(["甲", "乙", None]),
    st.one_of(st.none(), st.integers(1, 9)), st.booleans(),
)  # fmt: skip
KINDS = {"org": pl.String, "key": pl.String, "word": pl.String, "day": pl.Int64, "mark": pl.Boolean}
BY = ("org", "key")


@pytest.mark.feature("B02")
@given(st.lists(ROW, max_size=30))
def test_runs_say_what_grouping_says(rows: list[tuple[object, ...]]) -> None:
    """First words, bounds, counts and sizes of each group, in the order in which groups came, wherever their rows lie."""
    frame = pl.DataFrame(rows, schema=KINDS, orient="row").with_columns(
        pl.datetime(2026, 1, pl.col("day"), time_zone="UTC").alias("at")
    )
    groups = frame.group_by(BY, maintain_order=True).agg(
        pl.col("word").drop_nulls().first(), pl.col("at").min().alias("least"), pl.col("at").max().alias("most"),
        pl.col("mark").sum().cast(pl.Int64), pl.len().cast(pl.Int64).alias("size"), pl.col("word").get(1, null_on_oob=True).alias("second"),
    )  # fmt: skip
    runs = Runs.of(frame, BY)
    words = runs.rows.get_column("word")
    assert runs.rows[runs.starts].select(BY).equals(groups.select(BY))
    assert runs.first(words).to_list() == groups.get_column("word").to_list()
    assert runs.least(runs.rows.get_column("at")).to_list() == groups.get_column("least").to_list()
    assert runs.most(runs.rows.get_column("at")).to_list() == groups.get_column("most").to_list()
    assert runs.count(runs.rows.get_column("mark")).to_list() == groups.get_column("mark").to_list()
    assert runs.sizes.tolist() == groups.get_column("size").to_list()
    assert words.gather(runs.nth(1)).to_list() == groups.get_column("second").to_list()


@pytest.mark.feature("B02")
def test_moments_keep_their_zone() -> None:
    """A bound of moments is a moment of the same type."""
    at = pl.Series(
        "at", [datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)], dtype=pl.Datetime("us", "UTC")
    )
    frame = pl.DataFrame({"org": ["A", "A"], "key": ["1", "1"]}).with_columns(at)
    assert Runs.of(frame, BY).least(frame.get_column("at")).to_list() == [datetime(2026, 1, 1, tzinfo=UTC)]
