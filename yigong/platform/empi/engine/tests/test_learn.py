"""Weights: learnt without labels, from identity numbers, and from what reviewers decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from yigong.platform.empi.engine import evidence, learn, pairs, standard
from yigong.platform.empi.engine.compare import LEVELS
from yigong.platform.empi.engine.link import run
from yigong.platform.empi.engine.model import FOLDER, Model, WrongModel, declare, load_model, with_weights
from yigong.platform.empi.engine.score import UNIT

COUNTY = load_model("county")
SYLLABLES = ["ma", "ri", "lo", "ken", "tar", "vi", "bel", "no", "sha", "dor", "gus", "fin"]


def persons(count: int, seed: int) -> pl.DataFrame:
    """People with Latin names, each twice, the second time with misprints."""
    rng = np.random.default_rng(seed)
    word = lambda: "".join(rng.choice(SYLLABLES, 3))  # noqa: E731
    rows = []
    for person in range(count):
        first = {
            "given_name": word(), "surname": word(), "date_of_birth": f"{rng.integers(1930, 2010)}{rng.integers(1, 13):02d}{rng.integers(1, 29):02d}",
            "address_1": word() + " street", "street_number": str(rng.integers(1, 200)), "suburb": word(), "postcode": str(rng.integers(1000, 1100)),
        }  # fmt: skip
        second = dict(first)
        field = str(rng.choice(list(first)))
        second[field] = second[field][:-1] + "x" if rng.random() < 0.5 else ""
        rows += [{**first, "person": person}, {**second, "person": person}]
    return pl.DataFrame(rows)


@pytest.mark.feature("A31")
def test_em_finds_the_pairs_without_any_label() -> None:
    """On data with no identity numbers the weights come from the data alone, and nearly every pair is found."""
    people = persons(1500, 3)
    linked = run(people.drop("person"), load_model("latin"), train=True)
    clusters = people.with_columns(cluster=pl.Series(linked.root))
    whole = clusters.group_by("person").agg(pl.col("cluster").n_unique())["cluster"]
    mixed = clusters.group_by("cluster").agg(pl.col("person").n_unique())["person"]
    assert (whole == 1).mean() > 0.98
    assert (mixed > 1).sum() == 0


@pytest.mark.feature("A31")
def test_reviewed_pairs_move_the_weights_they_speak_of() -> None:
    """When reviewers keep joining pairs of one pattern its score rises, when they keep parting them it falls."""
    levels = np.full(200, 4 | (1 << 5) | (1 << 10) | (3 << 15), np.int64)
    before = evidence.nats_of(COUNTY, evidence.nats(COUNTY), levels[:1])[0]
    for verdict in (True, False):
        model = learn.by_review(COUNTY, levels, np.full(200, verdict))
        after = evidence.nats_of(model, evidence.nats(model), levels[:1])[0]
        assert (after > before) == verdict
        assert np.abs(after - before) > 0.3


@pytest.mark.feature("A23")
@pytest.mark.parametrize("precision", [0.9, 0.99, 0.999])
def test_the_threshold_keeps_the_target_precision(precision: float) -> None:
    """Pairs above the threshold are right as often as was asked for, and the threshold is no higher than need be."""
    bits = np.arange(-20, 21, dtype=np.float64)
    total = np.full(bits.size, 100)
    at = learn.threshold(bits, total, precision)
    expected = 1 / (1 + 2.0**-bits)
    kept = expected[bits >= at].mean()
    assert kept >= precision
    lower = expected[bits >= at - 1].mean()
    assert at == 0 or lower < precision


def test_weights_survive_saving(tmp_path: Path) -> None:
    """A saved model scores as before."""
    import json

    COUNTY.save(tmp_path / "w.json")
    again = with_weights(COUNTY, json.loads((tmp_path / "w.json").read_text("utf-8")))
    assert (again.weights == COUNTY.weights).all()
    assert (again.auto, again.review) == (COUNTY.auto, COUNTY.review)


def test_learning_from_known_persons_parts_them_from_others() -> None:
    """Pairs of one person score above zero, pairs of two below, on the records the model was taught with."""
    people = persons(800, 5)
    model = load_model("latin")
    rows = standard.rows_of(people.drop("person"), model)
    taught = learn.by_truth(model, rows, people["person"].to_numpy())
    found = pairs.make(pairs.runs_of(rows, taught), taught, pairs.EVERYTHING)
    same = people["person"].to_numpy()[found.left] == people["person"].to_numpy()[found.right]
    assert ((found.scores / UNIT > 0) == same).mean() > 0.99


@pytest.mark.parametrize(
    "change", [{"comparisons": [{"name": "x", "kind": "none", "of": "name", "zh": "", "en": ""}]}, {"keys": [{"name": "k", "zh": "", "en": "", "any": [["name.nothing"]]}]}]
)  # fmt: skip
def test_an_impossible_declaration_is_refused(change: dict[str, object]) -> None:
    """The refusal says which file and what is wrong in it."""
    said = yaml.safe_load((FOLDER / "county.yaml").read_text("utf-8"))
    with pytest.raises(WrongModel, match=r"county\.yaml"):
        declare({**said, **change, "relations": []}, "county.yaml")


@pytest.mark.feature("A31")
def test_a_county_without_identity_numbers_still_links_well() -> None:
    """Where numbers cannot label pairs the weights come by EM from the county's own records, and most persons are whole."""
    people = households(1200, 11)
    weighed = replace(load_model("county"), weights=declare_again().weights, learnt=False, signs={})
    linked = run(people.drop("person"), weighed, train=True)
    clusters = people.with_columns(cluster=pl.Series(linked.root))
    whole = clusters.group_by("person").agg(pl.col("cluster").n_unique())["cluster"]
    mixed = clusters.group_by("cluster").agg(pl.col("person").n_unique())["person"]
    assert (whole == 1).mean() > 0.9
    assert (mixed > 1).mean() < 0.01


def declare_again() -> Model:
    """The county's model as it is declared, before anything is learnt."""
    return declare(yaml.safe_load((FOLDER / "county.yaml").read_text("utf-8")), "county.yaml")


def households(count: int, seed: int) -> pl.DataFrame:
    """Persons of a county, two registrations each, none with an identity number; a tenth of the values are wrong or absent."""
    rng = np.random.default_rng(seed)
    surnames, given = (
        "王李张刘陈杨赵黄周吴",
        "建国明德文志华成金玉福生林海春山平云军光秀英兰芳桂珍凤梅素琴淑翠花香莲霞红美月",
    )
    pick = lambda signs, n: "".join(rng.choice(list(signs), n))  # noqa: E731
    rows = []
    for person in range(count):
        day = date(1940, 1, 1) + timedelta(days=int(rng.integers(0, 27_000)))
        facts = {
            "name": pick(surnames, 1) + pick(given, 2), "sex": str(rng.choice(["男", "女"])), "dob": day.isoformat(),
            "phone": f"139{rng.integers(10**7, 10**8)}", "address": f"石桥镇{pick('王李张', 1)}家庄村{rng.integers(1, 15)}组{rng.integers(1, 99)}号",
        }  # fmt: skip
        rows.append({**facts, "person": person})
        rows.append({**{k: "" if rng.random() < 0.1 else v for k, v in facts.items()}, "person": person})
    return pl.DataFrame(rows)


@pytest.mark.feature("A23")
def test_what_cannot_label_itself_is_judged_as_before() -> None:
    """Newborns have no numbers to learn from: what other pairs teach moves their scores by less than half a bit."""
    believed = COUNTY.comparison("number")
    newborn = LEVELS["name"].index("newborn_contact") | (LEVELS["date"].index("same") << 5)
    seen, total = np.array([newborn | (p << 15) for p in (0, 1, 3)]), np.array([900, 800, 700])
    counts = learn._believed(COUNTY, believed, seen, total)
    before = evidence.nats(COUNTY)
    after = learn.fit(COUNTY, counts, leave=believed, pull=learn.RIDGE_LEARNT)
    places, active = learn._active(COUNTY, seen, believed)
    moved = np.abs(after[places][active].sum(1) - before[places][active].sum(1))
    assert counts.total.tolist() == total[np.argsort(seen)].tolist()
    assert (moved < 0.35).all()
