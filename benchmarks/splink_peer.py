"""Splink 5 on a county's registrations, tuned with care: ``python -m benchmarks.splink_peer FILE OUT [--weights JSON]``.

Standardising is written in Polars, set-based and as fast as we know how; comparisons know homophones, newborns under
placeholder names, shared family numbers, lunar dates; eight exact blocking rules. Prints one line of JSON with the times.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
COMPOUND = ["欧阳", "司马", "上官", "诸葛", "夏侯", "东方", "皇甫", "尉迟", "令狐", "慕容"]
COLUMNS = [
    "unique_id", "nm", "py", "nb", "sur", "sex", "dob", "yob", "id18", "idok", "ph", "town", "village", "grp", "ins", "con",
]  # fmt: skip
THRESHOLDS = (0.9, 0.95, 0.99, 0.999)  # the first is timed; the judge takes the one that served best


def main() -> None:
    """Runs the peer on one file and writes the clusters; the time ends with the first threshold."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path, help="a saved model: training is left out")
    parser.add_argument("--save", type=Path, help="save the trained model")
    said = parser.parse_args()
    times: dict[str, float] = {}
    started = time.perf_counter()
    frame = standard(pl.read_parquet(said.file))
    times["standardise"] = time.perf_counter() - started
    clusters = link(frame, said, times)
    clusters.write_parquet(said.out)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"times": {k: round(v, 2) for k, v in times.items()}, "peak_kb": peak}))


def standard(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns that the comparisons read."""
    names = frame.with_columns(nm=pl.col("name").str.replace_all(r"[\s　·]", ""))
    names = names.join(_pinyin(names["nm"].unique()), on="nm", how="left").with_columns(
        nb=pl.col("nm").str.extract(r"^(.{2,4})之(?:大|小)?(?:子|女|婴|宝宝)$", 1),
        sur=pl.when(pl.col("nm").str.slice(0, 2).is_in(COMPOUND))
        .then(pl.col("nm").str.slice(0, 2))
        .otherwise(pl.col("nm").str.slice(0, 1)),
    )
    empty = {
        c: pl.when(pl.col(s) != "").then(pl.col(s))
        for c, s in (("dob", "dob"), ("sex", "sex"), ("ins", "ins_no"), ("con", "contact"))
    }
    made = _numbers(names).with_columns(**empty, yob=pl.when(pl.col("dob") != "").then(pl.col("dob").str.slice(0, 4)))
    return _places(_phones(made)).rename({"rec_id": "unique_id"}).select(COLUMNS)


def _pinyin(names: pl.Series) -> pl.DataFrame:
    from pypinyin import lazy_pinyin

    sounds = {sign: lazy_pinyin(sign)[0] for sign in set("".join(names.to_list()))}
    return pl.DataFrame({"nm": names, "py": [" ".join(sounds[s] for s in name) for name in names.to_list()]})


def _numbers(frame: pl.DataFrame) -> pl.DataFrame:
    long = pl.col("idno").str.to_uppercase()
    short = long.str.slice(0, 6) + "19" + long.str.slice(6, 9)
    number = pl.when(long.str.len_chars() == 18).then(long).when(long.str.len_chars() == 15).then(short + _check(short))
    good = (long.str.slice(17, 1) == _check(long)) | (long.str.len_chars() == 15)
    return frame.with_columns(id18=number, idok=good.fill_null(value=False))


def _check(number: pl.Expr) -> pl.Expr:
    total = (
        sum((number.str.slice(i, 1).cast(pl.Int32, strict=False) * w for i, w in enumerate(WEIGHTS)), pl.lit(0)) % 11
    )
    return total.replace_strict(dict(enumerate("10X98765432")), default=None, return_dtype=pl.String)


def _phones(frame: pl.DataFrame) -> pl.DataFrame:
    shared = frame.group_by("phone").len().filter(pl.col("len") > 60)["phone"]
    usable = (pl.col("phone").str.len_chars() == 11) & ~pl.col("phone").is_in(shared.implode())
    return frame.with_columns(ph=pl.when(usable).then(pl.col("phone")))


def _places(frame: pl.DataFrame) -> pl.DataFrame:
    rest = pl.col("address").str.replace("^.*县", "")
    return frame.with_columns(
        town=rest.str.extract(r"^(.{2,3}[镇乡])", 1),
        village=rest.str.replace(r"^.{2}[镇乡]", "").str.extract(r"^(.+?)(?:行政村|村委会|村)", 1),
        grp=rest.str.extract(r"村(?:委会)?(.+?)(?:组|队|村民组)", 1),
    )


def settings(rows: int) -> Any:
    """Comparisons and blocking rules."""
    import splink.comparison_level_library as levels
    import splink.comparison_library as library
    from splink import SettingsCreator, block_on

    custom = levels.CustomLevel
    newborn = "nb_l is not null and (nb_l = con_r or nb_l = nb_r) or nb_r is not null and nb_r = con_l"
    one_sign = "sur_l = sur_r and length(nm_l) = length(nm_r) and length(nm_l) > 2 and levenshtein(nm_l, nm_r) <= 1"
    swapped = "dob_l = substr(dob_r, 1, 5) || substr(dob_r, 9, 2) || '-' || substr(dob_r, 6, 2)"
    lunar = "abs(datediff('day', try_cast(dob_l as date), try_cast(dob_r as date))) <= 60"
    comparisons = [
        library.CustomComparison(
            output_column_name="nm",
            comparison_levels=[
                levels.NullLevel("nm"),
                levels.ExactMatchLevel("nm").configure(tf_adjustment_column="nm"),
                levels.ExactMatchLevel("py"),
                custom(newborn, "newborn of the contact"),
                custom("nb_l is not null or nb_r is not null", "newborn"),
                custom(one_sign, "one given sign differs"),
                levels.ElseLevel(),
            ],
        ),
        library.CustomComparison(
            output_column_name="dob",
            comparison_levels=[
                levels.NullLevel("dob"), levels.ExactMatchLevel("dob"), custom(swapped, "swapped"),
                levels.DamerauLevenshteinLevel("dob", 1), custom(lunar, "within 60 days"), levels.ExactMatchLevel("yob"),
                levels.ElseLevel(),
            ],
        ),
        library.CustomComparison(
            output_column_name="id18",
            comparison_levels=[
                levels.NullLevel("id18"),
                custom("id18_l = id18_r and (py_l = py_r or dob_l = dob_r)", "same number, name or date agrees"),
                levels.ExactMatchLevel("id18"),
                custom("id18_l <> id18_r and idok_l and idok_r", "two valid numbers"),
                levels.DamerauLevenshteinLevel("id18", 1), levels.ElseLevel(),
            ],
        ),
        library.CustomComparison(
            output_column_name="ph",
            comparison_levels=[
                levels.NullLevel("ph"), levels.ExactMatchLevel("ph"), levels.DamerauLevenshteinLevel("ph", 1),
                levels.ElseLevel(),
            ],
        ),
        library.CustomComparison(
            output_column_name="addr",
            comparison_levels=[
                levels.NullLevel("village"), custom("village_l = village_r and grp_l = grp_r", "village and group"),
                levels.ExactMatchLevel("village"), custom("town_l = town_r", "town"), levels.ElseLevel(),
            ],
        ),
        library.ExactMatch("ins"),
        library.ExactMatch("con"),
        library.ExactMatch("sex"),
    ]  # fmt: skip
    rules = [
        block_on("id18"), block_on("ph", "sur"), block_on("nm", "dob"), block_on("py", "yob"), block_on("dob", "village"),
        block_on("ins"), block_on("nm", "village"), block_on("ph", "dob"), block_on("nb", "dob"),
    ]  # fmt: skip
    return SettingsCreator(
        link_type="dedupe_only", comparisons=comparisons, blocking_rules_to_generate_predictions=rules,
        retain_intermediate_calculation_columns=False, retain_matching_columns=False,
        probability_two_random_records_match=2.5 / rows,
    )  # fmt: skip


def link(frame: pl.DataFrame, said: argparse.Namespace, times: dict[str, float]) -> pl.DataFrame:
    """Trains (or loads weights), predicts, clusters at every threshold: ``rec_id, cluster_0.9, …``."""
    from splink import DuckDBAPI, Linker, block_on

    clock = time.perf_counter
    started = clock()
    database = DuckDBAPI()
    model = json.loads(said.weights.read_text()) if said.weights else settings(frame.height)
    linker = Linker(database.register(frame.to_arrow()), model)
    times["load"], started = clock() - started, clock()
    if not said.weights:
        linker.training.estimate_u_using_random_sampling(max_pairs=5e5, seed=1)
        for columns in (("nm", "dob"), ("ph", "dob"), ("id18",), ("village", "dob")):
            linker.training.estimate_parameters_using_expectation_maximisation(block_on(*columns))
    times["train"], started = clock() - started, clock()
    if said.save:
        said.save.write_text(json.dumps(linker.misc.save_model_to_json()))
    predicted = linker.inference.predict(threshold_match_probability=0.2)
    times["predict"], started = clock() - started, clock()
    clusters = frame.select(rec_id="unique_id")
    for threshold in THRESHOLDS:
        made = linker.clustering.cluster_pairwise_predictions_at_threshold(
            predicted, threshold_match_probability=threshold
        )
        table = pl.from_arrow(made.as_duckdbpyrelation().to_arrow_table())
        times.setdefault("cluster", clock() - started)
        assert isinstance(table, pl.DataFrame)
        found = table.select(pl.col("unique_id").alias("rec_id"), pl.col("cluster_id").alias(f"cluster_{threshold}"))
        clusters = clusters.join(found, on="rec_id", how="left")
    return clusters


if __name__ == "__main__":
    sys.exit(main())
