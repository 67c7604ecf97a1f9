"""Small files of Latin script: too little to learn from, so the model's own weights decide, and strangers stay apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from yigong.platform.empi.command import LEARNT, main
from yigong.platform.empi.engine.link import run
from yigong.platform.empi.engine.model import load_model
from yigong.platform.empi.engine.tests.test_learn import persons

GIVEN = [
    "james",
    "mary",
    "robert",
    "linda",
    "william",
    "susan",
    "joseph",
    "karen",
    "oliver",
    "amelia",
    "jack",
    "ava",
    "noah",
    "lily",
    "harry",
    "grace",
    "oscar",
    "emma",
]
FAMILY = [
    "smith",
    "jones",
    "taylor",
    "brown",
    "wilson",
    "davies",
    "wright",
    "evans",
    "walker",
    "roberts",
    "green",
    "nguyen",
    "kelly",
    "martin",
    "harris",
]
STREETS = ["high street", "station road", "main street", "park road", "church street", "green lane"]


def people(count: int, twice: int, *, families: bool, seed: int = 1) -> pl.DataFrame:
    """So many records: persons alone or in families of one house, *twice* of them registered again with one field wrong or left out."""
    rng, rows = np.random.default_rng(seed), list[dict[str, object]]()
    while len(rows) < count - twice:
        home = {
            "surname": rng.choice(FAMILY), "address_1": rng.choice(STREETS), "street_number": str(rng.integers(1, 150)),
            "suburb": rng.choice(["ashford", "marlow", "bath"]), "postcode": str(rng.integers(2000, 2012)),
        }  # fmt: skip
        for given in rng.choice(GIVEN, 3 if families else 1, replace=False):
            born = f"{rng.integers(1935, 2015)}{rng.integers(1, 13):02d}{rng.integers(1, 29):02d}"
            rows.append({"given_name": given, "date_of_birth": born, **home, "person": len(rows)})
    rows = rows[: count - twice]
    for place in rng.choice(len(rows), twice, replace=False):
        again, field = dict(rows[place]), str(rng.choice([f for f in rows[0] if f != "person"]))
        rows.append(again | {field: str(again[field])[:-1] + "x" if rng.random() < 0.5 else ""})
    return pl.DataFrame(rows)


@pytest.mark.feature("A31")
@pytest.mark.parametrize("families", [False, True])
@pytest.mark.parametrize(("count", "twice"), [(3, 0), (3, 1), (12, 0), (12, 4), (50, 0), (50, 15), (200, 0), (200, 60)])
def test_a_small_file_joins_those_registered_twice_and_nobody_else(count: int, twice: int, families: bool) -> None:
    """Three to two hundred records, with and without double ones, strangers or families of one house: all right, none wrong."""
    records = people(count, twice, families=families)
    linked = run(records.drop("person"), load_model("latin"), train=True)
    root, person = np.asarray(linked.root), records["person"].to_numpy()
    same, true = root[:, None] == root, person[:, None] == person
    assert int((true & ~same).sum()) == 0
    assert int((same & ~true).sum()) == 0
    assert linked.model.learnt_by == "model"


@pytest.mark.feature("A31")
def test_em_that_finds_families_is_not_believed() -> None:
    """Two thousand records in families: learnt weights under which a birth date says nothing are dropped for the model's own."""
    records = people(2000, 500, families=True)
    linked = run(records.drop("person"), load_model("latin"), train=True)
    clusters = records.with_columns(cluster=pl.Series(linked.root))
    mixed = clusters.group_by("cluster").agg(pl.col("person").n_unique())["person"]
    assert linked.model.learnt_by == "model"
    assert (mixed > 1).mean() < 0.02


@pytest.mark.feature("A23")
@pytest.mark.parametrize(("count", "way"), [(6, "model"), (1500, "em")])
def test_the_command_says_how_it_learnt(
    count: int, way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By EM from the records, or not at all because they are too few."""
    persons(count, 3).drop("person").write_csv(tmp_path / "in.csv")
    assert main(["link", str(tmp_path / "in.csv"), "--model", "latin", "--out", str(tmp_path / "out.csv")]) == 0
    assert LEARNT[way] in capsys.readouterr().err
