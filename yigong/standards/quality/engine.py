"""The engine: all rules of a data set over a frame in one pass, every failing row listed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from yigong.standards.quality import functions, scan
from yigong.standards.quality.language import Scope, Term, compiled
from yigong.standards.quality.leaves import Alone, Leaf
from yigong.standards.quality.model import Rule
from yigong.standards.quality.subjects import DTYPES, Subject, subject
from yigong.standards.quality.terms import ALWAYS, ZONE, day_of

FAILURES = {
    "row": pl.UInt32, "rule": pl.String, "field": pl.String, "severity": pl.String,
    "value": pl.String, "score": pl.Float64,
}  # fmt: skip
ALMOST = 1e-9  # figures are compared with this much patience


@dataclass(frozen=True)
class Plan:
    """A rule made ready for one data set: which rows it looks at, what passes, what is measured."""

    rule: Rule
    looked: Term | None
    passes: Term
    score: Term | None
    strict: pl.Expr | None  # what passes under the strictest thresholds the rule allows
    reads: frozenset[str]
    leaves: Mapping[str, Leaf | Alone]

    @property
    def failed(self) -> pl.Expr:
        """Whether a row is looked at and does not pass."""
        return self._within(~self.passes.expr)

    @property
    def judged(self) -> pl.Expr:
        """Whether a row is looked at and what is asked is known."""
        return self._within(self.passes.expr.is_not_null())

    @property
    def kept(self) -> pl.Expr:
        """Whether a row would fail under the strictest thresholds."""
        return self.failed if self.strict is None else self._within(~self.strict)

    def _within(self, condition: pl.Expr) -> pl.Expr:
        said = condition.fill_null(False)
        return said if self.looked is None else said & self.looked.expr.fill_null(False)

    @property
    def needs(self) -> frozenset[str]:
        """The columns without which the rule judges no row."""
        return self.passes.through if self.looked is None else self.passes.through | self.looked.through

    def sql(self) -> str | None:
        """The statement that lists the failing rows; None where SQL cannot say the rule."""
        if self.passes.sql is None or (self.looked is not None and self.looked.sql is None):
            return None
        failing = f"not {self.passes.sql}"
        return failing if self.looked is None else f"{self.looked.sql} and {failing}"


def plan(rule: Rule, data_set: str, context: Mapping[str, Any]) -> Plan:
    """The rule made ready for a data set. Raises Wrong."""
    about = subject(data_set)
    plain = Scope(about, context)
    looked = looked_at(rule, plain)
    keys = _keys(rule, plain, looked)
    scope = Scope(about, context, keys, plain.leaves)
    if rule.needs:
        enough = compiled(f"rows() >= {rule.needs}", scope)
        looked = enough if looked is None else _and(looked, enough)
    if not rule.measure:
        passes = functions.need(compiled(rule.holds, scope), "flag")
        return Plan(rule, looked, passes, None, None, _reads(passes, looked, keys), scope.leaves)
    score = functions.need(compiled(rule.measure, scope), "number")
    passes = score.like("flag", _bounded(score.expr, rule, strict=False), _bounded_sql(score.sql, rule))
    return Plan(
        rule, looked, passes, score, _bounded(score.expr, rule, strict=True), _reads(passes, looked, keys), scope.leaves
    )


def looked_at(rule: Rule, scope: Scope) -> Term | None:
    """Which rows a rule looks at, whatever its groups; None: all."""
    terms = [functions.need(compiled(rule.when, scope), "flag")] if rule.when else []
    for said, sign in ((rule.effective_from, ">="), (rule.effective_to, "<=")):
        if said is not None and scope.subject.kind("event_at"):
            terms.append(_since(said, sign, scope))
    if not terms:
        return None
    found = terms[0]
    for term in terms[1:]:
        found = _and(found, term)
    return found


def _since(day: date, sign: str, scope: Scope) -> Term:
    """Rows of the time in which the rule holds; a row without a time is looked at."""
    at = day_of(compiled("event_at", scope))
    inside = at.expr >= day if sign == ">=" else at.expr <= day
    return at.like("flag", inside.fill_null(True), f"coalesce({at.sql} {sign} date '{day}', true)", knows=True)


def _keys(rule: Rule, scope: Scope, looked: Term | None) -> list[Term] | None:
    """The keys of the groups: within one institution, only rows that are looked at."""
    if not rule.per:
        return None
    keys = [compiled(k, scope) for k in dict.fromkeys(("org_code", *rule.per))]
    return keys if looked is None else [*keys, looked.like("flag", looked.expr, looked.sql and f"({looked.sql})")]


def _and(a: Term, b: Term) -> Term:
    """Both; for what is looked at, unknown is as good as no."""
    return Term.joined("flag", a.expr & b.expr, f"({a.sql} and {b.sql})" if a.sql and b.sql else None, a, b)


def _reads(*terms: Term | Sequence[Term] | None) -> frozenset[str]:
    flat = [t for term in terms if term is not None for t in ([term] if isinstance(term, Term) else term)]
    return frozenset().union(*(t.reads for t in flat))


def _bounded(score: pl.Expr, rule: Rule, *, strict: bool) -> pl.Expr:
    parts = []
    if rule.least is not None:
        parts.append(score >= (rule.least.highest if strict else rule.least.at) - ALMOST)
    if rule.most is not None:
        parts.append(score <= (rule.most.lowest if strict else rule.most.at) + ALMOST)
    return parts[0] if len(parts) == 1 else parts[0] & parts[1]


def _bounded_sql(score: str | None, rule: Rule) -> str | None:
    if score is None:
        return None
    least = [f"{score} >= {rule.least.at:g}"] if rule.least else []
    most = [f"{score} <= {rule.most.at:g}"] if rule.most else []
    return f"({' and '.join([*least, *most])})"


class Checker:
    """Rules made ready for one data set; used again for batch after batch."""

    def __init__(self, data_set: str, rules: Iterable[Rule], context: Mapping[str, Any]) -> None:
        self.subject: Subject = subject(data_set)
        self.plans = [plan(r, data_set, context) for r in rules]
        self.reads: frozenset[str] = frozenset().union(*(p.reads for p in self.plans))

    def check(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The failing rows of each rule, in the order of the rules: `row rule field severity value score`."""
        plans = self._telling(frame)
        if frame.is_empty() or not plans:
            return pl.DataFrame(schema=FAILURES)
        wanted = [p.failed.alias(f"f{i}") for i, p in enumerate(plans)]
        wanted += [p.score.expr.alias(f"s{i}") for i, p in enumerate(plans) if p.score]
        return _listed(plans, frame, self._ready(frame, plans).select(wanted).collect(), "f")

    def judge(self, frame: pl.DataFrame) -> Judged:
        """Everything the rules say of the frame: for counts, scores and thresholds."""
        telling = set(map(id, self._telling(frame)))
        wanted, never = [], pl.repeat(False, pl.len(), dtype=pl.Boolean)
        for i, p in enumerate(self.plans):
            tells = id(p) in telling
            for mark, said in (("f", p.failed), ("j", p.judged), ("k", p.kept)):
                wanted.append((said if tells else never).alias(f"{mark}{i}"))
            if p.score:
                wanted.append((p.score.expr if tells else pl.lit(None, pl.Float64)).alias(f"s{i}"))
        plans = [p for p in self.plans if id(p) in telling]
        return Judged(self.plans, frame, self._ready(frame, plans).select(wanted).collect())

    def _telling(self, frame: pl.DataFrame) -> list[Plan]:
        """The rules that have something to say: nothing they cannot do without is missing in all rows."""
        void = {ALWAYS} | {name for name in self.reads if _is_void(name, frame)}
        return [p for p in self.plans if not (p.needs & void or _blind(p, frame))]

    def _ready(self, frame: pl.DataFrame, plans: Sequence[Plan]) -> pl.LazyFrame:
        """The frame with all that the plans read: columns in their kinds, and the answers of the leaves."""
        reads = frozenset[str]().union(*(p.reads for p in plans))
        leaves = {name: leaf for p in plans for name, leaf in p.leaves.items()}
        given = {n: e for n in sorted(reads) if (e := _column(n, self.subject, frame)) is not None}
        scan.expect(frame.height)
        if not scan.is_many(frame.height):
            tests = [leaf.slow().alias(n) for n, leaf in leaves.items()]
            return frame.lazy().with_columns(given.values()).with_columns(tests)
        void = {n: e for n, e in given.items() if e.meta.is_literal(allow_aliasing=True)}  # nothing is recorded there
        made = [e for n, e in given.items() if n not in void]
        ready = frame.with_columns(made) if made else frame
        marks = scan.marks(ready, leaves.values(), void)
        return pl.DataFrame([*ready.get_columns(), *marks]).lazy().with_columns(void.values())


def _is_void(name: str, frame: pl.DataFrame) -> bool:
    """Whether nothing is recorded in a column."""
    if name in frame.columns:
        return frame.get_column(name).null_count() == frame.height
    if name.startswith("extra."):
        return "extra" not in frame.columns
    return name != "patient"


def _blind(p: Plan, frame: pl.DataFrame) -> bool:
    """Whether a rule asks for the registered person and the frame does not bring him along."""
    return any(name.startswith("person.") and name not in frame.columns for name in p.reads)


def _column(name: str, about: Subject, frame: pl.DataFrame) -> pl.Expr | None:
    """What must be added so that the frame has the column in its kind; None when it is there already."""
    dtype = DTYPES[about.kind(name) or "text"]
    had = frame.schema.get(name)
    if had == dtype:
        return None
    if had is not None and had != pl.Null:
        return _cast(pl.col(name), had, dtype).alias(name)
    if name == "patient":
        return _patient(frame).alias(name)
    if name.startswith("extra.") and frame.schema.get("extra") == pl.String:
        return pl.col("extra").str.json_path_match(f"$.{name.removeprefix('extra.')}").alias(name)
    return pl.lit(None, dtype).alias(name)


def _cast(column: pl.Expr, had: Any, wanted: Any) -> pl.Expr:
    if wanted == DTYPES["instant"] and isinstance(had, pl.Datetime) and had.time_zone is None:
        return column.dt.replace_time_zone(ZONE, ambiguous="earliest", non_existent="null").cast(wanted)
    if wanted == pl.Date and isinstance(had, pl.Datetime) and had.time_zone is not None:
        return column.dt.convert_time_zone(ZONE).dt.date()
    return column.cast(wanted, strict=False)


def _patient(frame: pl.DataFrame) -> pl.Expr:
    if "registration_id" in frame.columns:
        return pl.col("registration_id").cast(pl.String)
    if "local_id" in frame.columns:
        return pl.col("local_id")
    return pl.lit(None, pl.String)


def _listed(plans: Sequence[Plan], frame: pl.DataFrame, marks: pl.DataFrame, mark: str) -> pl.DataFrame:
    """The failing rows of all rules: positions first, then what is shown of them, a column at a time."""
    rows = [scan.rows_of(marks.get_column(f"{mark}{i}")) for i in range(len(plans))]
    hit = [(p, r, f"s{i}") for i, (p, r) in enumerate(zip(plans, rows, strict=True)) if len(r)]
    if not hit:
        return pl.DataFrame(schema=FAILURES)
    which = pl.Series(np.repeat(np.arange(len(hit), dtype=np.uint32), [len(r) for _, r, _ in hit]))
    said = {
        "rule": [p.rule.code for p, _, _ in hit], "field": [p.rule.fields[0] for p, _, _ in hit],
        "severity": [p.rule.severity.value for p, _, _ in hit],
    }  # fmt: skip
    return pl.DataFrame(
        {
            "row": pl.concat([r for _, r, _ in hit]),
            **{name: pl.Series(texts).gather(which) for name, texts in said.items()},
            "value": pl.concat([_shown(frame, p.rule.fields[0], r) for p, r, _ in hit]),
            "score": pl.concat([_measured(marks, p, r, score) for p, r, score in hit]),
        }
    )


def _shown(frame: pl.DataFrame, name: str, rows: pl.Series) -> pl.Series:
    if name not in frame.columns:
        return pl.Series("value", [None], pl.String).new_from_index(0, len(rows))
    return frame.get_column(name)[rows].cast(pl.String).alias("value")


def _measured(marks: pl.DataFrame, p: Plan, rows: pl.Series, score: str) -> pl.Series:
    if p.score is None:
        return pl.Series("score", [None], pl.Float64).new_from_index(0, len(rows))
    return marks.get_column(score)[rows].cast(pl.Float64).alias("score")


@dataclass(frozen=True)
class Judged:
    """What the rules said of a frame."""

    plans: Sequence[Plan]
    frame: pl.DataFrame
    marks: pl.DataFrame

    def failures(self, *, kept: bool = False) -> pl.DataFrame:
        """The failing rows; with *kept* also those that would fail under the strictest thresholds."""
        return _listed(self.plans, self.frame, self.marks, "k" if kept else "f")

    def scores(self) -> pl.DataFrame:
        """The measured value of every row that a measuring rule judged: `row rule score`."""
        parts = [
            self.marks.lazy()
            .select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"), rule=pl.lit(p.rule.code), score=f"s{i}")
            .filter(self.marks.get_column(f"j{i}"))
            for i, p in enumerate(self.plans)
            if p.score
        ]
        schema = {"row": pl.UInt32, "rule": pl.String, "score": pl.Float64}
        return pl.concat(parts).collect() if parts else pl.DataFrame(schema=schema)

    def tally(self, by: Sequence[pl.Series]) -> pl.DataFrame:
        """For each rule and group of *by*: `rule, rows, judged, failed`."""
        sums = [pl.col(f"{mark}{i}").sum().cast(pl.Int64) for i in range(len(self.plans)) for mark in "jf"]
        names = [s.name for s in by]
        counted = self.marks.with_columns(by).group_by(names).agg(pl.len().cast(pl.Int64).alias("rows"), *sums)
        parts = [
            counted.select(*names, "rows", rule=pl.lit(p.rule.code), judged=pl.col(f"j{i}"), failed=pl.col(f"f{i}"))
            for i, p in enumerate(self.plans)
        ]
        return pl.concat(parts)

    def spread(self, by: Sequence[pl.Series]) -> pl.DataFrame:
        """How the measured values fall, from which any threshold on the grid can be counted: `rule, bin, count`.

        With the rule's step, bin 2n is the value n*step itself and 2n+1 what lies between it and the next.
        """
        names = [s.name for s in by]
        parts = [
            self.marks.with_columns(by)
            .filter(f"j{i}")
            .group_by(*names, bin_of(pl.col(f"s{i}"), p.rule.step).alias("bin"))
            .agg(pl.len().cast(pl.Int64).alias("count"))
            .select(*names, pl.lit(p.rule.code).alias("rule"), "bin", "count")
            for i, p in enumerate(self.plans)
            if p.score
        ]
        return pl.concat(parts) if parts else pl.DataFrame()


def bin_of(score: pl.Expr, step: float) -> pl.Expr:
    """The bin of a measured value."""
    grid = (score / step).round(6)
    return (grid.floor() * 2 + (grid != grid.floor()).cast(pl.Float64)).cast(pl.Int64)


def fails_beyond(rule: Rule, bin_column: str = "bin") -> pl.Expr:
    """Whether the values of a bin fail under the thresholds of the rule."""
    edge = pl.lit(False)
    if rule.most is not None:
        edge = edge | (pl.col(bin_column) > round(rule.most.at / rule.step) * 2)
    if rule.least is not None:
        edge = edge | (pl.col(bin_column) < round(rule.least.at / rule.step) * 2)
    return edge


_PLACES = re.compile(r"\{(value|score|least|most)\}")


def sentence(said: str, rule: Rule) -> pl.Expr:
    """What a rule says of each failing row, over the columns `value` and `score` of the failures."""
    limits = {"least": rule.least, "most": rule.most}
    parts: list[pl.Expr] = []
    for at, text in enumerate(_PLACES.split(said)):
        if at % 2 == 0:
            parts.append(pl.lit(text))
        elif text == "value":
            parts.append(pl.col("value").fill_null("—"))
        elif text == "score":
            parts.append(plain_number(pl.col("score")).fill_null("—"))
        else:
            limit = limits[text]
            parts.append(pl.lit("—" if limit is None else f"{limit.at:g}"))
    return pl.concat_str(parts)


def plain_number(number: pl.Expr) -> pl.Expr:
    """A figure with at most two decimals and no trailing zeros."""
    return number.round(2).cast(pl.String).str.strip_suffix(".0")
