"""Filter rules: which rows pass and which are blocked, each rule with its count. Pure.

``filter:`` of a mapping has ``drop_when`` and ``keep_when`` (column: values, or an expression), or ``rules``, a list of
``{name, when, then}``: the first rule whose condition holds decides (``pass`` or ``block``); ``otherwise`` says what becomes of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from yigong.edge.mapping.file import MappingFile
from yigong.edge.mapping.findings import NO_FINDINGS
from yigong.edge.mapping.mistakes import Mistakes
from yigong.kit.expression import Wrong, compile_text

FILTERED = "filtered"  # severity of the line that counts a rule


@dataclass(frozen=True, slots=True)
class Rule:
    """A named condition and what becomes of the rows that meet it."""

    name: str
    when: pl.Expr
    block: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """All rules of a mapping, in order."""

    rules: tuple[Rule, ...]
    block_rest: bool = False

    @property
    def columns(self) -> set[str]:
        """The source columns that the rules look at."""
        return {c for r in self.rules for c in r.when.meta.root_names()}

    def decided(self, raw: pl.DataFrame) -> pl.Series:
        """For each row the number of the rule that decides, -1 where none does."""
        choice = pl.lit(-1, dtype=pl.Int32)
        for at in reversed(range(len(self.rules))):
            choice = pl.when(self.rules[at].when.fill_null(False)).then(pl.lit(at, dtype=pl.Int32)).otherwise(choice)
        return (
            raw.select(choice.alias("rule")).to_series()
            if self.rules
            else pl.repeat(-1, raw.height, dtype=pl.Int32, eager=True)
        )

    def blocked(self, decided: pl.Series) -> pl.Series:
        """Which rows are left out."""
        out = [at for at, rule in enumerate(self.rules) if rule.block] + ([-1] if self.block_rest else [])
        return decided.is_in(out)

    def apply(self, raw: pl.DataFrame, *, spared: pl.Expr | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows that pass, and one finding (without row) for each that does not, so that every rule is counted.

        *spared* rows pass whatever the rules say: a deletion knows no more of its row than the key.
        """
        out, counted = self.judged(raw, spared)
        return (raw, counted) if out is None else (raw.filter(~out), counted)

    def judged(self, raw: pl.DataFrame, spared: pl.Expr | None = None) -> tuple[pl.Series | None, pl.DataFrame]:
        """Which rows are left out (None: no row is), with the findings that count them."""
        if not self.rules and not self.block_rest:
            return None, NO_FINDINGS
        decided = self.decided(raw)
        out = self.blocked(decided)
        if spared is not None:
            out = raw.select(pl.lit(out) & ~spared).to_series()
        return (out, self._counted(decided.filter(out))) if out.any() else (None, NO_FINDINGS)

    def _counted(self, decided: pl.Series) -> pl.DataFrame:
        names = {at: rule.name for at, rule in enumerate(self.rules)} | {-1: "otherwise"}
        name = decided.replace_strict(names, return_dtype=pl.String)
        frame = pl.DataFrame({"name": name}).select(
            pl.lit(None, dtype=NO_FINDINGS.schema["row"]).alias("row"),
            pl.lit("").alias("field"),
            (pl.lit("filter.") + pl.col("name")).str.slice(0, 60).alias("rule"),
            pl.lit(FILTERED).alias("severity"),
            pl.lit("").alias("value"),
            (pl.lit("过滤规则：") + pl.col("name")).alias("zh"),
            (pl.lit("filter rule: ") + pl.col("name")).alias("en"),
        )
        return frame.select(NO_FINDINGS.columns).cast(NO_FINDINGS.schema)  # type: ignore[arg-type]


def compile_filter(source: MappingFile, mistakes: Mistakes) -> Filter:
    """The filter of a mapping; what is wrong in it is added to *mistakes*."""
    rules = [Rule(column, pl.col(column).is_in(values), True) for column, values in source.drop_when]
    rules += [Rule(column, ~pl.col(column).is_in(values).fill_null(False), True) for column, values in source.keep_when]
    if source.drop_expr:
        rules += _rule("drop_when", source.drop_expr, True, source.lines.get("filter", 1), mistakes)
    for given in source.filter_rules:
        rules += _rule(given.name, given.when, given.then == "block", given.line, mistakes)
    return Filter(tuple(rules), source.filter_otherwise == "block")


def _rule(name: str, when: str, block: bool, line: int, mistakes: Mistakes) -> list[Rule]:
    try:
        return [Rule(name, compile_text(when).truth(), block)]
    except Wrong as wrong:
        mistakes.expression(line, f"过滤规则“{name}”", f"filter rule {name}", when, wrong)
        return []
