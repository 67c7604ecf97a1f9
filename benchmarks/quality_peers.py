"""The three sides of the quality benchmark: each a call that runs, and a reading of what it found by rule."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import polars as pl

from benchmarks.quality_rows import DATA_SET, RULES, Asked

Side = tuple[Callable[[], Any], Callable[[Any], dict[str, frozenset[int]]]]


def ours(rows: pl.DataFrame) -> Side:
    """Our engine."""
    from yigong.standards.quality import api as quality

    checker = quality.checker(DATA_SET, [r.rule() for r in RULES])
    return lambda: checker.check(rows), _by_rule


def _by_rule(found: pl.DataFrame) -> dict[str, frozenset[int]]:
    return {str(k[0]): frozenset(part["row"].to_list()) for k, part in found.group_by("rule")}


# ---- pandera ----


def pandera(rows: pl.DataFrame) -> Side:
    """pandera with its Polars backend, all failure cases collected."""
    import pandera.errors
    import pandera.polars as pa

    by_column: dict[str, list[Any]] = {c: [] for c in rows.columns}
    wide, unique, nullable = [], [], dict.fromkeys(rows.columns, True)
    for asked in RULES:
        if asked.kind == "given":
            nullable[asked.column] = False
        elif asked.kind == "unique":
            unique.append(asked.column)
        elif asked.kind == "at_most":
            wide.append(_pair(pa, asked))
        else:
            by_column[asked.column].append(_check(pa, asked))
    schema = pa.DataFrameSchema(
        {c: pa.Column(nullable=nullable[c], checks=checks, unique=c in unique) for c, checks in by_column.items()},
        checks=wide,
    )

    def run() -> pl.DataFrame:
        try:
            schema.validate(rows, lazy=True)
        except pandera.errors.SchemaErrors as error:
            return error.failure_cases
        raise AssertionError("nothing was found")

    return run, _pandera_found


def _check(pa: Any, asked: Asked) -> Any:
    facts = asked.facts
    match asked.kind:
        case "isin":
            return pa.Check.isin(facts["values"], name=asked.code)
        case "between":
            return pa.Check.in_range(facts["low"], facts["high"], name=asked.code)
        case "matches":
            return pa.Check.str_matches(facts["pattern"], name=asked.code)
    return pa.Check.str_length(facts["low"], facts["high"], name=asked.code)


def _pair(pa: Any, asked: Asked) -> Any:
    a, b = asked.column, asked.facts["other"]
    return pa.Check(lambda data: data.lazyframe.select(pl.col(a) <= pl.col(b)), name=asked.code)


def _pandera_found(cases: pl.DataFrame) -> dict[str, frozenset[int]]:
    found: dict[str, frozenset[int]] = {}
    for (check, column), part in cases.group_by("check", "column"):
        rows = frozenset(part["index"].drop_nulls().to_list())
        if check == "not_nullable":
            code = next(r.code for r in RULES if r.kind == "given" and r.column == column)
        elif check == "field_uniqueness":
            code = next(r.code for r in RULES if r.kind == "unique")
        else:
            code = str(check) if str(check) in {r.code for r in RULES} else _of(str(check), str(column))
        found[code] = rows
    return found


def _of(check: str, column: str) -> str:
    kinds = {"isin": "isin", "in_range": "between", "str_matches": "matches", "str_length": "length"}
    kind = next(k for name, k in kinds.items() if check.startswith(name))
    return next(r.code for r in RULES if r.kind == kind and r.column == column)


# ---- Great Expectations ----


def great_expectations(rows: pl.DataFrame) -> Side:
    """Great Expectations with complete results, the row numbers of everything unexpected."""
    import great_expectations as gx

    gx_context = gx.get_context(mode="ephemeral")
    gx_context.variables.progress_bars = {"globally": False}
    frame = (
        rows.with_row_index("row")
        .with_columns(pl.col("event_at", "specimen_collected_at").dt.replace_time_zone(None))
        .to_pandas()
    )
    suite = gx_context.suites.add(gx.ExpectationSuite(name="rows", expectations=[_expected(gx, r) for r in RULES]))
    batch = _batch(gx_context, frame)
    asks = {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": ["row"],
        "return_unexpected_index_query": False,
    }

    def run() -> Any:
        return batch.validate(suite, result_format=asks)

    return run, _expected_found


def _batch(context: Any, frame: Any) -> Any:
    if os.environ.get("GX_ENGINE") == "sqlite":
        import sqlalchemy

        path = f"/tmp/quality-{os.getpid()}.db"
        frame.to_sql("rows", sqlalchemy.create_engine(f"sqlite:///{path}"), index=False, if_exists="replace")
        source = context.data_sources.add_sqlite("db", connection_string=f"sqlite:///{path}")
        return source.add_table_asset("rows", table_name="rows").add_batch_definition_whole_table("all").get_batch()
    definition = (
        context.data_sources.add_pandas("frames")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("all")
    )
    return definition.get_batch(batch_parameters={"dataframe": frame})


def _expected(gx: Any, asked: Asked) -> Any:
    e, facts, note = gx.expectations, asked.facts, {"code": asked.code}
    match asked.kind:
        case "given":
            return e.ExpectColumnValuesToNotBeNull(column=asked.column, meta=note)
        case "isin":
            return e.ExpectColumnValuesToBeInSet(column=asked.column, value_set=facts["values"], meta=note)
        case "between":
            return e.ExpectColumnValuesToBeBetween(
                column=asked.column, min_value=facts["low"], max_value=facts["high"], meta=note
            )
        case "matches":
            return e.ExpectColumnValuesToMatchRegex(column=asked.column, regex=facts["pattern"], meta=note)
        case "length":
            return e.ExpectColumnValueLengthsToBeBetween(
                column=asked.column, min_value=facts["low"], max_value=facts["high"], meta=note
            )
        case "at_most":
            return e.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=facts["other"],
                column_B=asked.column,
                or_equal=True,
                ignore_row_if="either_value_is_missing",
                meta=note,
            )
    return e.ExpectColumnValuesToBeUnique(column=asked.column, meta=note)


def _expected_found(result: Any) -> dict[str, frozenset[int]]:
    return {
        one.expectation_config.meta["code"]: frozenset(int(x["row"]) for x in one.result["unexpected_index_list"])
        for one in result.results
    }
