"""What makes registrations comparable: standard form, block keys, scores of the engine, rules that decide by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from yigong.kit.text import initials, pinyin
from yigong.platform.empi import alike, rules
from yigong.platform.empi.bands import AUTO, NONE, PLACEHOLDER, REVIEW, UNKNOWN
from yigong.platform.empi.clusters import CERTAIN
from yigong.platform.empi.engine import api as engine
from yigong.platform.empi.engine import link, standard
from yigong.platform.empi.engine.pairs import Pairs, key_frame, keys_of, score_between
from yigong.platform.empi.engine.score import UNIT
from yigong.platform.empi.identity import one_form, trust_word
from yigong.platform.empi.questions import Asked
from yigong.platform.empi.rules import model

#: so many registrations are read and compared one by one sooner than by columns
_FEW = 50
#: groups larger than this are not compared as wholes in every pair
_CROSS = 400
_CLIP = 14.0
_MOMENT = {"registered_at": pl.Datetime("us", "UTC")}
_ENGINE_COLUMNS = [
    "full_name", "sex_code", "born_on", "id_no", "phone", "address", "health_card_no", "contact_name",
    "registered_at",
]  # fmt: skip


def thresholds() -> tuple[float, float]:
    """Bits from which on a pair is joined by itself, and from which on a person is asked."""
    held = rules.current()
    return held.auto, held.review


def standardise(frame: pl.DataFrame) -> pl.DataFrame:
    """An arranged frame with ``name_key, name_initials, id_trust, village_code`` and numbers in one form."""
    names = frame.get_column("full_name").to_list()
    sounds = {n: (pinyin(n).replace(" ", "") or None, initials(n) or None) for n in set(names) if n is not None}
    told = [sounds.get(n, (None, None)) for n in names]
    digits = pl.col("phone", "contact_phone").str.replace_all(r"\D", "").str.replace(r"^(0086|86)(1\d{10})$", "$2")
    made = frame.with_columns(
        pl.Series("name_key", [key for key, _ in told], dtype=pl.String),
        pl.Series("name_initials", [letters for _, letters in told], dtype=pl.String),
        digits,
        one_form(frame.get_column("id_no")),
        pl.col("division_code").alias("village_code"),
        pl.lit("").alias("id_trust"),  # the engine sees every number before it is judged
    )
    return made.with_columns(_trust(made))


def _trust(frame: pl.DataFrame) -> pl.Series:
    states = standard.number_states(rows_of(frame), model()).tolist()
    numbers, kinds = frame.get_column("id_no"), frame.get_column("id_type_code")
    return pl.Series("id_trust", list(map(trust_word, states, numbers, kinds)), dtype=pl.String)


def rows_of(frame: pl.DataFrame) -> NDArray[np.int64]:
    """Registrations in the engine's form."""
    if frame.height > _FEW:
        return standard.rows_of(comparable(frame), model())
    return alike.rows_of(alike.of_frame(frame), model())


def comparable(frame: pl.DataFrame) -> pl.DataFrame:
    """What the engine may see: no number that has lost its trust, no name that is none."""
    name = pl.when(~pl.col("full_name").str.contains(UNKNOWN)).then("full_name").alias("full_name")
    number = pl.when(pl.col("id_trust") != "shared").then("id_no").alias("id_no")
    day = pl.col("registered_at").dt.convert_time_zone("Asia/Shanghai").dt.date().alias("registered_at")
    return frame.with_columns(name, number, day).select(
        pl.col(column).cast(pl.String).fill_null("") for column in _ENGINE_COLUMNS
    )


def block_keys(frame: pl.DataFrame) -> pl.DataFrame:
    """``row, rule, key``: registrations that share a rule and key are compared."""
    if frame.height <= _FEW:
        return _few_block_keys(frame)
    made = key_frame(rows_of(frame), model())
    return made.select(pl.col("row").cast(pl.UInt32), pl.col("rule").cast(pl.Int16), "key").unique()


def _few_block_keys(frame: pl.DataFrame) -> pl.DataFrame:
    rows = rows_of(frame).reshape(-1, model().width)
    found = [(n, *key) for n, row in enumerate(rows) for key in keys_of(row, model())]
    return pl.DataFrame(found, schema={"row": pl.UInt32, "rule": pl.Int16, "key": pl.Int64}, orient="row")


class Board:
    """Registrations in the engine's form, ready to be compared in any pairs and as groups."""

    def __init__(self, ids: Iterable[int], rows: NDArray[np.int64]) -> None:
        self.place = {one: n for n, one in enumerate(ids)}
        self.rows = rows

    @classmethod
    def of(cls, facts: pl.DataFrame) -> Board:
        """The board of a frame."""
        return cls(facts.get_column("registration_id"), rows_of(facts))

    def scores(self, left: Iterable[int], right: Iterable[int]) -> NDArray[np.float64]:
        """Bits for pairs of registrations."""
        a = np.fromiter((self.place[one] for one in left), np.uint32)
        b = np.fromiter((self.place[one] for one in right), np.uint32)
        return score_between(self.rows, model(), a, b).scores / UNIT

    def clusters(
        self, left: ArrayLike, right: ArrayLike, scores: ArrayLike
    ) -> tuple[dict[int, int], list[tuple[float, int, int]]]:
        """What a bulk run makes of these registrations along pairs that score so many bits: for each registration the one
        that stands for its cluster, and the best pairs (score, left, right) that joined, the strongest first."""
        ends = [np.asarray(end, np.int64).tolist() for end in (left, right)]
        if not ends[0]:
            return {one: one for one in self.place}, []
        ids = list(self.place)
        a, b = (np.fromiter(map(self.place.__getitem__, end), np.uint32, len(end)) for end in ends)
        scores = np.round(np.asarray(scores, np.float64) * UNIT).astype(np.int32)
        made = link.clusters(self.rows, model(), Pairs(a, b, score_between(self.rows, model(), a, b).levels, scores))
        best = [(float(made.pairs.scores[n] / UNIT), int(made.pairs.left[n]), int(made.pairs.right[n]))
                for n in np.unique(made.reason[made.reason > 0] - 1).tolist()]  # fmt: skip
        root = {one: ids[place] for one, place in zip(ids, made.root.tolist(), strict=True)}
        return root, [(score, ids[x], ids[y]) for score, x, y in sorted(best, reverse=True)]

    def agree(self, members: Mapping[int, list[int]]) -> Callable[[int, int], bool]:
        """Whether two groups fit as wholes: the mean over all cross pairs, with the loudest voices clipped."""

        def fits(left: int, right: int) -> bool:
            ones, others = members.get(left, [-left]), members.get(right, [-right])
            if len(ones) * len(others) in (0, 1):
                return True
            pairs = [(a, b) for a in ones for b in others][:_CROSS]
            scores = self.scores([a for a, _ in pairs], [b for _, b in pairs])
            return float(np.clip(scores, -_CLIP, _CLIP).sum()) >= 0

        return fits


def score(pairs: pl.DataFrame, board: Board) -> pl.DataFrame:
    """Adds ``score`` and ``band`` to pairs whose columns stand twice, the second time with the ending ``_right``."""
    auto, review = thresholds()
    bits = board.scores(pairs.get_column("left"), pairs.get_column("right"))
    if pairs.height <= _FEW:
        return _few_scored(pairs, bits.tolist(), (auto, review))
    scored = pairs.with_columns(pl.Series("score", bits, dtype=pl.Float64))
    certain = _certain() & ~_clash()
    scored = scored.with_columns(
        pl.when(certain).then(pl.max_horizontal("score", pl.lit(CERTAIN))).otherwise("score").alias("score")
    )
    band = (
        pl.when(_clash()).then(pl.when(_twin_like()).then(pl.lit(REVIEW)).otherwise(pl.lit(NONE)))
        .when((pl.col("score") >= auto) & ~_unnamed()).then(pl.lit(AUTO))
        .when(pl.col("score") >= review).then(pl.lit(REVIEW))
        .otherwise(pl.lit(NONE))
    )  # fmt: skip
    return scored.with_columns(band.alias("band"))


def _few_scored(pairs: pl.DataFrame, bits: list[float], bounds: tuple[float, float]) -> pl.DataFrame:
    ones, others = alike.of_frame(pairs), alike.of_frame(pairs, "_right")
    told = [alike.judged(a, b, bit, bounds) for a, b, bit in zip(ones, others, bits, strict=True)]
    return pairs.with_columns(
        pl.Series("score", [score for score, _ in told], dtype=pl.Float64),
        pl.Series("band", [band for _, band in told], dtype=pl.String),
    )


def _same(name: str) -> pl.Expr:
    return (pl.col(name) == pl.col(f"{name}_right")).fill_null(value=False)


def _either(expression: Callable[[str], pl.Expr]) -> pl.Expr:
    return expression("") | expression("_right")


def _clash() -> pl.Expr:
    both = (pl.col("id_trust") == "trusted") & (pl.col("id_trust_right") == "trusted")
    return (both & (pl.col("id_no") != pl.col("id_no_right"))).fill_null(value=False)


def _certain() -> pl.Expr:
    """A rule that needs no weights: the same sound number under the same name."""
    sound = pl.col("id_trust").is_in(["trusted", "other"]) & pl.col("id_trust_right").is_in(["trusted", "other"])
    return sound & _same("id_no") & _same("name_key") & ~_unnamed() & ~_placeholder()


def _twin_like() -> pl.Expr:
    return _same("name_key") & _same("born_on") & (_same("phone") | _same("address"))


def _placeholder() -> pl.Expr:
    return _either(lambda end: pl.col(f"full_name{end}").str.contains(PLACEHOLDER).fill_null(value=True))


def _unnamed() -> pl.Expr:
    return _either(lambda end: pl.col(f"full_name{end}").str.contains(UNKNOWN).fill_null(value=True))


def sort_of_question(pairs: pl.DataFrame) -> list[Asked]:
    """Pairs as questions for the review queue; a high risk is a grave mistake if joined wrongly."""
    held = rules.current()
    risk = pl.col("kind").replace_strict(dict(held.risk), default=1, return_dtype=pl.Int16)
    least = pl.col("kind").replace_strict(dict(held.ask_from), default=None, return_dtype=pl.Float64)
    asked = pairs.with_columns(_kind().alias("kind")).filter(least.is_null() | (pl.col("score") >= least))
    return asked.select("left", "right", "score", "kind", risk.alias("risk")).rows()


def kind_of(pair: pl.DataFrame) -> str:
    """The kind of one pair."""
    return str(pair.select(_kind()).item())


def _kind() -> pl.Expr:
    same_birth = _same("born_on")
    untrusted = _either(lambda end: pl.col(f"id_trust{end}").is_in(["bad", "doubtful", "shared"]))
    return (
        pl.when(_clash() & same_birth).then(pl.lit("twins"))
        .when(_clash()).then(pl.lit("numbers"))
        .when(_placeholder()).then(pl.lit("newborn"))
        .when(_same("id_no") & ~_same("name_key")).then(pl.lit("borrowed"))
        .when(untrusted).then(pl.lit("doubtful"))
        .when(_same("name_key") & ~_same("full_name")).then(pl.lit("homophone"))
        .when(~same_birth).then(pl.lit("birth"))
        .otherwise(pl.lit("alike"))
    )  # fmt: skip


def explain(left: Any, right: Any) -> engine.Explanation:
    """Why two registrations are or are not alike, weight by weight."""
    both = pl.DataFrame([asdict(left), asdict(right)], schema_overrides=_MOMENT, infer_schema_length=None, strict=False)
    facts = comparable(both)
    return engine.compare(model(), *facts.to_dicts())
