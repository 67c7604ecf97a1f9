"""Mappings compiled to Polars expressions: raw columns in, columns of one standard data set out. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import polars as pl

from yigong.edge.extract.frames import CELL_ERRORS, unsound
from yigong.edge.mapping import forms
from yigong.edge.mapping.convert import Output, as_kind, failure, looked_up
from yigong.edge.mapping.file import MappingFile, Spec, parse
from yigong.edge.mapping.filtering import Filter, compile_filter
from yigong.edge.mapping.findings import NO_FINDINGS, found
from yigong.edge.mapping.mistakes import Mistakes
from yigong.edge.mapping.rows import KEY, LINE, OP, PLACE, WAIST
from yigong.kit.errors import Refused
from yigong.kit.expression import Wrong, compile_text

TROUBLE = "_trouble"  # a reader's own word against a row, such as "encoding" or "short:10:12"
SERVICE = (PLACE, LINE, TROUBLE, OP)
NO_KEYS = pl.DataFrame(schema=dict.fromkeys(KEY, pl.String))
OWN = "own "  # prefix while the registration's columns travel beside those of the data set


@dataclass(frozen=True, slots=True)
class FieldKind:
    """What a mapping must know of a field of the standard."""

    type: str  # text number date datetime time boolean
    name: str = ""
    name_en: str = ""
    codes: Mapping[str, str] | None = None  # name -> code, of its value set


@dataclass(frozen=True, slots=True)
class Mapped:
    """A raw frame after filtering and mapping; rows of *frame*, *findings* and *kept* count from the kept rows."""

    frame: pl.DataFrame
    kept: pl.DataFrame  # the raw rows that were not filtered
    findings: pl.DataFrame
    filtered: int
    left: pl.DataFrame  # keys of the filtered rows: what was in under them belongs there no longer


@dataclass(frozen=True, slots=True)
class Plan:
    """A mapping, checked and ready to be applied to raw frames."""

    data_set: str
    source: MappingFile
    outputs: tuple[Output, ...]
    person: tuple[Output, ...]
    filter: Filter
    used: frozenset[str]

    @property
    def leads(self) -> bool:
        """Whether the rows know enough of a person to bring a known registration up to date."""
        said = {s.name for s in self.source.person}
        return self.source.person_leads if self.source.person_leads is not None else _enough(said)

    def apply(self, raw: pl.DataFrame, org_code: str) -> Mapped:
        """Filter and map *raw*; what could not be converted is in the findings, its value null in the frame."""
        self._columns_present(raw)
        out, left_out = self.filter.judged(raw, spared(raw, self.filter.columns))
        kept = raw if out is None else raw.filter(~out)
        outputs = (*self.outputs, *self.person)
        frame = kept.select(
            *(o.expr.alias(o.name) for o in outputs),
            *self._places(raw),
            *self._extra(raw),
            *(_value(s).alias(f"extra.{s.name}") for s in self.source.extra),  # the index of events reads them
            *self._org(org_code),
        )
        findings = pl.concat([_failures(kept, frame, outputs), left_out])
        left = NO_KEYS if out is None else self._left(raw, out, org_code)
        return Mapped(frame, kept, findings, raw.height - kept.height, left)

    def _left(self, raw: pl.DataFrame, out: pl.Series, org_code: str) -> pl.DataFrame:
        """The keys of the rows that the filter left *out*, but for those of which a later row passes: the last word counts."""
        own = [o.expr.alias(o.name) for o in self.outputs if o.name in KEY]
        keys = raw.select(*own, *self._org(org_code), pl.int_range(pl.len()).alias("_at"), out.alias("_out"))
        left = keys.filter("_out").drop_nulls(KEY)
        passed = keys.filter(~pl.col("_out")).group_by(KEY).agg(pl.col("_at").max().alias("_later"))
        last = left.join(passed, on=KEY, how="left").filter(~(pl.col("_later") > pl.col("_at")).fill_null(False))
        return last.select(KEY).unique()

    def registrations(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The registrations named by rows of a mapped frame, one row each; the last row with facts speaks."""
        own = [c for c in frame.columns if c.startswith(OWN)]
        keys = [pl.col("org_code"), pl.col("person_system").alias("source_system"), pl.col("local_id")]
        facts = [pl.col(c).alias(c.removeprefix(OWN)) for c in own]
        if not own:  # nothing is said but the keys, and those stand in the frame
            return pl.DataFrame()
        came = frame.filter(~deletes(frame)) if OP in frame.columns else frame
        return came.select(*keys, *facts).unique(["org_code", "source_system", "local_id"], keep="last")

    def keys(self, raw: pl.DataFrame) -> pl.Series:
        """The keys of raw rows, as their records bear them."""
        return raw.select(_joined(self.source.key).alias("source_key")).to_series()

    def _columns_present(self, raw: pl.DataFrame) -> None:
        missing = sorted(self.used - set(raw.columns))
        if missing:
            mistakes = Mistakes(self.source.file)
            for name in missing:
                mistakes.unknown(self._line_of(name), "column", name, [c for c in raw.columns if c not in SERVICE])
            raise Refused("exchange.columns_missing", columns=missing, mistakes=mistakes.found)

    def _line_of(self, column: str) -> int:
        specs = (*self.source.fields, *self.source.person, *self.source.extra, self.source.event_at)
        return next((s.line for s in specs if column in s.columns), self.source.lines.get("key", 1))

    def _places(self, raw: pl.DataFrame) -> list[pl.Expr]:
        return [pl.col(name) for name in SERVICE if name in raw.columns]

    def _org(self, org_code: str) -> list[pl.Expr]:
        return [] if self.source.org_code else [pl.lit(org_code or None, dtype=pl.String).alias("org_code")]

    def _extra(self, raw: pl.DataFrame) -> list[pl.Expr]:
        named = [_translated(s).alias(s.name) for s in self.source.extra]
        rest = [c for c in raw.columns if c not in self.used and c not in SERVICE] if self.source.keep_unmapped else []
        parts = [*named, *(pl.col(c) for c in rest)]
        return [pl.struct(parts).struct.json_encode().alias("extra")] if parts else []


def deletes(frame: pl.DataFrame) -> pl.Expr:
    """The rows that say that their record is withdrawn."""
    return pl.col(OP).eq_missing(pl.lit("delete")) if OP in frame.columns else pl.lit(False)


def spared(frame: pl.DataFrame, judged: Collection[str]) -> pl.Expr:
    """The rows that no filter judges: a deletion knows no more than its key, and what a reader could not read well says nothing sure.

    A row with an error in a cell is judged unless that cell is in a *judged* column.
    """
    if TROUBLE not in frame.columns:
        return deletes(frame)
    return deletes(frame) | unsound() | cell_errors(frame, judged)


def troubled(frame: pl.DataFrame, used: Collection[str]) -> pl.Expr:
    """The rows of which a reader complained, as far as the *used* columns are concerned; of a row that deletes its key alone is."""
    if TROUBLE not in frame.columns:
        return pl.lit(False)
    return (unsound() | cell_errors(frame, used)) & ~deletes(frame)


def cell_errors(frame: pl.DataFrame, used: Collection[str]) -> pl.Expr:
    """The rows with an error of a spreadsheet in one of the *used* columns."""
    cells = [pl.col(c).is_in(CELL_ERRORS) for c in sorted(used) if c in frame.columns]
    if TROUBLE not in frame.columns or not cells:
        return pl.lit(False)
    return pl.col(TROUBLE).str.starts_with("cell_error:").fill_null(False) & pl.any_horizontal(cells).fill_null(False)


def _translated(spec: Spec) -> pl.Expr:
    """The value of a line of ``extra``, looked up in its code table where it names one."""
    return _value(spec) if spec.codes is None else looked_up(_value(spec), spec.codes)


def _enough(said: set[str]) -> bool:
    return "full_name" in said and bool(said & {"id_no", "born_on"})


def _failures(kept: pl.DataFrame, frame: pl.DataFrame, outputs: tuple[Output, ...]) -> pl.DataFrame:
    """Findings for values that are there but could not be converted."""
    fallible = [o for o in outputs if o.given is not None]
    if not fallible:
        return NO_FINDINGS
    marks = kept.select((o.given.is_not_null()).alias(o.name) for o in fallible).with_columns(  # type: ignore[union-attr]
        (pl.col(o.name) & frame.get_column(o.name).is_null()) for o in fallible
    )
    broken = [o for o in fallible if marks.get_column(o.name).any()]
    return pl.concat([NO_FINDINGS, *(_failed(o, marks.get_column(o.name), kept) for o in broken)])


def _failed(output: Output, mask: pl.Series, kept: pl.DataFrame) -> pl.DataFrame:
    assert output.given is not None
    return found(failure(output), mask, kept.select(output.given).to_series(), severity=output.severity)


def compile_mapping(
    text: str, fields: Mapping[str, Mapping[str, FieldKind]], file: str = "mapping.yaml", *, kept: bool = False
) -> Plan:
    """The plan of a mapping. *fields* are the data sets by identifier with their fields.

    *kept*: a version that was saved before forms of dates were checked; it runs on, beside a wrong form there may be a right one.

    Raises Refused exchange.mapping_wrong with every mistake, its file and line, and the nearest right name.
    """
    source, mistakes = parse(text, file), Mistakes(file)
    if source.data_set not in fields:
        mistakes.unknown(source.lines["data_set"], "data set", source.data_set, fields)
        mistakes.stop()
    known = fields[source.data_set]
    outputs = [*_waist(source), *(_field(s, known, mistakes) for s in source.fields)]
    person = [_person(s, mistakes) for s in source.person]
    sieve = compile_filter(source, mistakes)
    if not kept:
        _forms(source, known, mistakes)
    mistakes.stop()
    used = {c for o in (*outputs, *person) for c in o.expr.meta.root_names()}
    used |= {c for s in source.extra for c in _value(s).meta.root_names()}
    return Plan(source.data_set, source, tuple(outputs), tuple(person), sieve, frozenset(used | sieve.columns))


def _forms(source: MappingFile, known: Mapping[str, FieldKind], mistakes: Mistakes) -> None:
    """Note every form of dates and times that is none."""
    forms.check(source.event_at, "datetime", mistakes)
    for spec in source.fields:
        if spec.name in known:
            forms.check(spec, spec.kind or known[spec.name].type, mistakes)
    for spec in source.person:
        forms.check(spec, spec.kind or PERSON_KINDS.get(spec.name, "text"), mistakes)


def _waist(source: MappingFile) -> list[Output]:
    spec = source.event_at
    given = _value(spec)
    key = _joined(source.key)
    outputs = [
        Output("source_key", key),
        Output("group_key", _joined(source.group) if source.group else key),
        Output("event_at", as_kind(given, "datetime", spec.parse), given, "datetime", spec.parse),
        Output("local_id", _value(source.local_id)),
        Output("source_system", _value(source.source_system)),
        Output("person_system", _value(source.person_system)),
    ]
    if source.encounter:
        outputs.append(Output("encounter_key", _joined(source.encounter)))
    if source.org_code:
        outputs.append(Output("org_code", _value(source.org_code)))
    return outputs


def _joined(columns: tuple[str, ...]) -> pl.Expr:
    """One key of several columns; null when all are empty. A bar inside a part is doubled, so keys never collide."""
    if len(columns) == 1:
        return pl.col(columns[0])
    parts = [pl.col(c).str.replace_all("|", "||", literal=True).fill_null("") for c in columns]
    empty = pl.all_horizontal(pl.col(c).is_null() for c in columns)
    return pl.when(empty).then(None).otherwise(pl.concat_str(parts, separator="|"))


def _field(spec: Spec, known: Mapping[str, FieldKind], mistakes: Mistakes) -> Output:
    if spec.name not in known:
        if spec.name in WAIST:
            mistakes.add(
                spec.line,
                f"“{spec.name}”不是数据集的字段，它有自己的段落，请移到顶层",
                f"{spec.name} is no field of the data set, it has a section of its own; move it to the top level",
            )
        else:
            mistakes.unknown(spec.line, "field", spec.name, known)
        return Output(spec.name, pl.lit(None))
    kind = known[spec.name]
    if spec.by_name and not kind.codes:
        mistakes.add(
            spec.line,
            f"“{spec.name}”没有值域，不能按名称对照（codes: names），请改写代码表或去掉 codes",
            f"{spec.name} has no value set to look names up in (codes: names); write a code table or leave codes out",
        )
    return _output(spec, spec.kind or kind.type, mistakes, kind.codes, (kind.name, kind.name_en))


#: kinds of the columns of a registration that are not text
PERSON_KINDS = {"born_on": "date", "registered_at": "datetime"}
PERSON = (
    "full_name", "sex_code", "born_on", "id_type_code", "id_no", "phone", "address", "division_code", "health_card_no",
    "contact_name", "contact_phone", "ethnic_group_code", "registered_at", "facts",
)  # fmt: skip


def _person(spec: Spec, mistakes: Mistakes) -> Output:
    if spec.name not in PERSON:
        mistakes.unknown(spec.line, "field", spec.name, PERSON)
    output = _output(spec, spec.kind or PERSON_KINDS.get(spec.name, "text"), mistakes, None, ("", ""))
    return replace(output, name=OWN + spec.name)


def _output(
    spec: Spec, kind: str, mistakes: Mistakes, names: Mapping[str, str] | None, labels: tuple[str, str]
) -> Output:  # fmt: skip
    try:
        given = _value(spec)
    except Wrong as wrong:
        mistakes.expression(spec.line, f"“{spec.name}”", spec.name, spec.expr, wrong)
        return Output(spec.name, pl.lit(None))
    table = names if spec.by_name else spec.codes
    value = given if table is None else looked_up(given, table)
    expr = as_kind(value, kind, spec.parse)
    fallible = spec.value is None and (table is not None or kind != "text")
    severity = "error" if spec.strict else "warning"
    maker = given if fallible else None
    return Output(spec.name, expr, maker, kind, spec.parse, table is not None, *labels, severity)


def _value(spec: Spec) -> pl.Expr:
    if spec.expr:
        expr = compile_text(spec.expr).text()
    elif spec.value is not None:
        expr = pl.lit(spec.value)
    elif len(spec.columns) == 1:
        expr = pl.col(spec.columns[0])
    else:
        expr = pl.coalesce(*spec.columns)
    return expr if spec.default is None else expr.fill_null(spec.default)
