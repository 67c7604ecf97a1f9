"""First working form of the doors, in plain Python; replaced by the compiled engine."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from yigong.kit import text
from yigong.platform.empi.engine import identity
from yigong.platform.empi.engine.explain import Explanation, Guard, Step

COLUMNS = {
    "name": ("full_name", "name"),
    "sex": ("sex_code", "sex"),
    "born": ("born_on", "dob"),
    "number": ("id_no", "idno"),
    "phone": ("phone",),
    "address": ("address",),
    "card": ("health_card_no", "ins_no"),
    "contact": ("contact_name", "contact"),
}
NEWBORN = re.compile(r"^(.{2,})之[大小]?(?:子|女|婴|宝宝)$")


@dataclass(frozen=True)
class Model:
    """A declared model."""

    name: str
    prior: float = -18.0
    auto: float = 6.0
    review: float = 0.0


def load_model(name: str = "county") -> Model:
    """The declared model of that name."""
    return Model(name)


def standardise(frame: pl.DataFrame) -> pl.DataFrame:
    """One row of comparable facts per record, aligned with the frame."""
    rows = [_facts(r) for r in frame.iter_rows(named=True)]
    kinds = {"name": pl.String, "pinyin": pl.String, "newborn": pl.Boolean, "sex": pl.String, "born": pl.String}
    more = {"number": pl.String, "trust": pl.Int64, "phone": pl.String, "address": pl.String}
    return pl.DataFrame(rows, schema={**kinds, **more, "card": pl.String, "contact": pl.String})


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    got = {f: str(next((row[c] for c in cs if row.get(c) is not None), "")).strip() for f, cs in COLUMNS.items()}
    name = text.narrow(got["name"]).replace(" ", "")
    placeholder = NEWBORN.match(name)
    own = placeholder.group(1) if placeholder else name
    sex = {"男": "1", "女": "2"}.get(got["sex"], got["sex"])
    born = _date(got["born"])
    number = identity.upgrade(got["number"].upper())
    return {
        "name": own, "pinyin": text.pinyin(own), "newborn": placeholder is not None, "sex": sex,
        "born": got["born"], "number": number, "trust": int(identity.trust(number, born, sex)),
        "phone": got["phone"], "address": got["address"], "card": got["card"], "contact": got["contact"],
    }  # fmt: skip


def _date(value: str) -> date | None:
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


def _key(*parts: str) -> int | None:
    if not all(parts):
        return None
    return int.from_bytes(hashlib.blake2b("|".join(parts).encode(), digest_size=8).digest(), "little", signed=True)


def block_keys(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows that share a (rule, key) are worth comparing."""
    rows = []
    standard = frame if "trust" in frame.columns else standardise(frame)
    for i, r in enumerate(standard.iter_rows(named=True)):
        surname = r["pinyin"].split(" ")[0]
        keys = [
            _key(r["number"]), _key(r["phone"], surname), _key(r["pinyin"], r["born"][:4]),
            _key(r["born"], r["phone"]), _key(r["card"]), _key(r["name"], r["born"]),
        ]  # fmt: skip
        rows += [(i, rule, k) for rule, k in enumerate(keys) if k is not None]
    return pl.DataFrame(rows, schema={"row": pl.UInt32, "rule": pl.UInt8, "key": pl.Int64}, orient="row")


def compare(model: Model, a: dict[str, Any], b: dict[str, Any]) -> Explanation:
    """The decision on two records, with its waterfall."""
    return _explain(model, _facts(a), _facts(b))


def _explain(model: Model, a: dict[str, Any], b: dict[str, Any]) -> Explanation:
    steps = tuple(_steps(a, b))
    score = model.prior + sum(s.weight for s in steps)
    band = "auto" if score >= model.auto else "review" if score >= model.review else "none"
    guards: tuple[Guard, ...] = ()
    if a["trust"] == b["trust"] == identity.Trust.TRUSTED and a["number"] != b["number"]:
        guards = (Guard("two_numbers", "两个可信的身份证号不同", "two different trusted identity numbers"),)
        band = "none"
    return Explanation(score, band, model.prior, steps, guards)


def _steps(a: dict[str, Any], b: dict[str, Any]) -> list[Step]:
    weights = {
        "number": (14.0, -6.0), "name": (9.0, -5.0), "born": (10.0, -5.0), "sex": (1.0, -6.0),
        "phone": (8.0, -1.0), "address": (5.0, -1.0), "card": (10.0, -3.0), "contact": (5.0, -1.0),
    }  # fmt: skip
    steps = []
    for field, (same, other) in weights.items():
        if not a[field] or not b[field]:
            steps.append(Step(field, "missing", 0.0, "缺失", "missing"))
        elif a[field] == b[field]:
            steps.append(Step(field, "same", same, "一致", "the same"))
        elif field == "name" and a["pinyin"] == b["pinyin"]:
            steps.append(Step(field, "sound", 6.0, "同音", "same sound"))
        else:
            steps.append(Step(field, "other", other, "不同", "different"))
    return steps


def score_pairs(model: Model, standardised: pl.DataFrame, left_rows: pl.Series, right_rows: pl.Series) -> pl.Series:
    """Scores of pairs of rows."""
    rows = standardised.rows(named=True)
    pairs = zip(left_rows, right_rows, strict=True)
    return pl.Series("score", [_explain(model, rows[i], rows[j]).score for i, j in pairs], dtype=pl.Float64)


def link(frame: pl.DataFrame, model: Model) -> pl.DataFrame:
    """The cluster of every record (row number of its first record), the score and reason of its strongest link."""
    standard = standardise(frame)
    keys = block_keys(standard).filter(pl.len().over("rule", "key") <= 200)
    pairs = keys.join(keys, on=["rule", "key"]).filter(pl.col("row") < pl.col("row_right"))
    pairs = pairs.select("row", "row_right").unique().sort("row", "row_right")
    pairs = pairs.with_columns(score=score_pairs(model, standard, pairs["row"], pairs["row_right"]))
    ordered = pairs.filter(pl.col("score") >= model.auto).sort(
        "score", "row", "row_right", descending=[True, False, False]
    )
    root = list(range(frame.height))
    held = [r["number"] if r["trust"] == identity.Trust.TRUSTED else "" for r in standard.iter_rows(named=True)]
    best: list[tuple[float, str]] = [(0.0, "")] * frame.height
    for i, j, score in ordered.iter_rows():
        a, b = sorted((_root(root, i), _root(root, j)))
        if a == b or (held[a] and held[b] and held[a] != held[b]):
            continue
        root[b], held[a] = a, held[a] or held[b]
        for row in (i, j):
            best[row] = max(best[row], (score, "auto"))
    clusters = [_root(root, i) for i in range(frame.height)]
    return pl.DataFrame(
        {
            "record": range(frame.height),
            "cluster": clusters,
            "score": [s for s, _ in best],
            "reason": [r for _, r in best],
        },
        schema={"record": pl.UInt32, "cluster": pl.UInt32, "score": pl.Float64, "reason": pl.String},
    )


def _root(root: list[int], i: int) -> int:
    while root[i] != i:
        root[i] = root[root[i]]
        i = root[i]
    return i
