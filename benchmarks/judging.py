"""How good clusters are, given who is truly who."""

from __future__ import annotations

import polars as pl

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
NEWBORN = r"之(?:大|小)?(?:子|女|婴|宝宝)$"


def judge(truth: pl.DataFrame, clusters: pl.Series) -> dict[str, float]:
    """Pair errors, exact clusters, over-merging, twins, newborns; *truth* is the file with ``person_id``."""
    frame = truth.with_columns(cluster=clusters.cast(pl.String))
    both = frame.group_by("person_id", "cluster").len()
    true_pairs, made_pairs = _pairs(frame.group_by("person_id").len()), _pairs(frame.group_by("cluster").len())
    common = _pairs(both)
    persons = both.group_by("person_id").agg(pieces=pl.len(), cluster=pl.col("cluster").first())
    owners = both.group_by("cluster").agg(persons=pl.len())
    exact = persons.filter(pl.col("pieces") == 1).join(owners.filter(pl.col("persons") == 1), on="cluster").height
    precision, recall = common / max(1, made_pairs), common / max(1, true_pairs)
    figures = {
        "made_pairs": made_pairs,
        "pair_precision": precision,
        "pair_recall": recall,
        "pair_f1": 2 * precision * recall / max(1e-12, precision + recall),
        "exact_cluster_f1": 2 * exact / (persons.height + owners.height),
        "over_merged_per_100k": (owners["persons"] > 1).sum() / persons.height * 1e5,
    }
    if {"hh_id", "dob", "name"} <= set(truth.columns):
        figures |= {"twins_merged": _twins(frame), "newborns_linked": _newborns(frame)}
    if {"idno", "dob", "sex"} <= set(truth.columns):
        figures["two_numbers"] = _two_numbers(frame)
    return figures


def _two_numbers(frame: pl.DataFrame) -> float:
    """Clusters that hold two valid identity numbers, each of the birth date and sex of its record."""
    number = pl.col("idno")
    digits = [number.str.slice(i, 1).cast(pl.Int32, strict=False) * w for i, w in enumerate(WEIGHTS)]
    sign = (pl.sum_horizontal(digits) % 11).replace_strict(
        dict(enumerate("10X98765432")), default=None, return_dtype=pl.String
    )
    own = (number.str.slice(6, 8) == pl.col("dob").str.replace_all("-", "")) & (
        (number.str.slice(16, 1).cast(pl.Int32, strict=False) % 2 == 1) == (pl.col("sex") == "男")
    )
    sound = frame.filter((number.str.len_chars() == 18) & (number.str.slice(17, 1) == sign) & own)
    return float((sound.group_by("cluster").agg(pl.col("idno").n_unique())["idno"] > 1).sum())


def _pairs(groups: pl.DataFrame) -> int:
    size = groups["len"].cast(pl.Int64)
    return int((size * (size - 1) // 2).sum())


def _twins(frame: pl.DataFrame) -> float:
    """Share of pairs of persons of one household and birth date that meet in a cluster."""
    born = frame.filter((pl.col("dob") != "") & ~pl.col("dob").str.ends_with("-01-01"))
    usual = born.group_by("person_id", "hh_id").agg(dob=pl.col("dob").mode().sort().first())
    held = frame.group_by("person_id").agg(clusters=pl.col("cluster").unique())
    known = usual.join(held, on="person_id")
    twins = known.join(known, on=["hh_id", "dob"]).filter(pl.col("person_id") < pl.col("person_id_right"))
    meet = twins["clusters"].list.set_intersection(twins["clusters_right"]).list.len() > 0
    return float(meet.mean() or 0.0)


def _newborns(frame: pl.DataFrame) -> float:
    """Share of persons with a placeholder name and a further registration who are all in one cluster."""
    mark = pl.col("name").str.contains(NEWBORN).any().over("person_id")
    whole = frame.filter(mark).group_by("person_id").agg(rows=pl.len(), pieces=pl.col("cluster").n_unique())
    return float((whole.filter(pl.col("rows") > 1)["pieces"] == 1).mean() or 0.0)
