"""The door of the engine that decides who is who: models, standard form, keys, comparison, clusters. Pure: no Django, no database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from yigong.platform.empi.engine import pairs, standard
from yigong.platform.empi.engine.explain import Explanation, Guard, Step, band_of, compare, explain
from yigong.platform.empi.engine.identity import IdentityNumber, Trust, check_sign, trust, upgrade
from yigong.platform.empi.engine.identity import read as read_identity
from yigong.platform.empi.engine.link import link
from yigong.platform.empi.engine.model import KeyRule, Model, WrongModel, load_model
from yigong.platform.empi.engine.score import UNIT

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "Explanation",
    "Guard",
    "IdentityNumber",
    "KeyRule",
    "Model",
    "Step",
    "Trust",
    "WrongModel",
    "band_of",
    "block_keys",
    "check_sign",
    "compare",
    "explain_rows",
    "link",
    "load_model",
    "read_identity",
    "score_pairs",
    "standardise",
    "trust",
    "upgrade",
]


def standardise(frame: pl.DataFrame, model: Model | None = None) -> pl.DataFrame:
    """The standard form: one row of whole numbers per record, aligned with the frame. Columns are found by the model's names."""
    return standard.standardise(frame, model or load_model())


def block_keys(frame: pl.DataFrame, model: Model | None = None) -> pl.DataFrame:
    """``row, rule, key``: records that share a (rule, key) are worth comparing. Takes raw or standard records."""
    model = model or load_model()
    return pairs.key_frame(standard.rows_of(frame, model), model)


def score_pairs(model: Model, standardised: pl.DataFrame, left_rows: pl.Series, right_rows: pl.Series) -> pl.Series:
    """Scores in bits of pairs of rows of a standard (or raw) frame, the same numbers that ``compare`` gives."""
    rows = standard.rows_of(standardised, model)
    import polars as pl

    made = pairs.score_between(rows, model, _places(left_rows), _places(right_rows))
    return pl.Series("score", made.scores / UNIT)


def explain_rows(model: Model, standardised: pl.DataFrame, left: int, right: int) -> Explanation:
    """The waterfall of two rows of a standard (or raw) frame."""
    rows = standard.rows_of(standardised, model)
    made = pairs.score_between(rows, model, np.array([left], np.uint32), np.array([right], np.uint32))
    return explain(model, int(made.levels[0]))


def _places(rows: pl.Series) -> np.ndarray:
    return np.ascontiguousarray(rows.to_numpy().astype(np.uint32))
