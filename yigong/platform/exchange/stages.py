"""The stages of a batch that need no database: filter, map, check. Pure columnar work, fit to run ahead of the load."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from yigong.edge.mapping.convert import Output, as_kind, failure
from yigong.edge.mapping.fields import field_kinds
from yigong.edge.mapping.findings import NO_FINDINGS, found, merged, reasons_by_row, rejected_rows
from yigong.edge.mapping.plan import NO_KEYS, TROUBLE, Plan, deletes
from yigong.edge.mapping.rules import quality_findings
from yigong.kit.errors import Refused
from yigong.platform.exchange import troubles
from yigong.platform.exchange.batch import (
    DOCUMENT,
    KEY,
    LINE,
    OP,
    PLACE,
    RAW,
    REQUIRED,
    Batch,
    DocumentFacts,
    MatterFacts,
    MergeFacts,
    RawBatch,
    Reason,
    StandardBatch,
    Unreadable,
)
from yigong.standards import api as standards

_NAMES = {
    "org_code": ("机构代码", "institution code"),
    "source_system": ("来源系统", "source system"),
    "source_key": ("主键", "source key"),
    "local_id": ("患者号", "patient number"),
    "event_at": ("发生时间", "time of the event"),
}
OP_UNKNOWN = Reason("op_unknown", OP, "不认识的操作，只有 upsert 和 delete", "no such operation: upsert or delete")
INSTITUTION = Reason("institution_unknown", "org_code", "机构代码没有登记", "the institution is not registered")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row on its way to quarantine."""

    place: str
    raw: Mapping[str, Any]
    reasons: Sequence[Mapping[str, Any]]
    org_code: str = ""
    data_set: str = ""

    @property
    def rule(self) -> str:
        """The rule of the first reason."""
        return str(self.reasons[0]["rule"]) if self.reasons else ""


@dataclass(slots=True)
class Prepared:
    """A batch after filter, map and check: what may go in, and what may not."""

    data_set: str
    place: str
    watermark: str | None
    read: int
    filtered: int
    frame: pl.DataFrame
    registrations: pl.DataFrame
    leads: bool  # the registrations are the source's own list of persons: they bring known ones up to date
    rejected: list[Rejected]
    findings: pl.DataFrame
    documents: Sequence[DocumentFacts] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    adds: bool = False
    matters: Sequence[MatterFacts] = ()
    merges: Sequence[MergeFacts] = ()
    left: pl.DataFrame = field(default_factory=lambda: NO_KEYS)  # keys of the filtered rows


def prepare(batch: Batch, plan: Plan | None, org_code: str, institutions: Collection[str]) -> Prepared:
    """The batch after filter, map and check. Raises Refused exchange.mapping_missing, exchange.columns_missing."""
    match batch:
        case Unreadable():
            return _unreadable(batch, org_code)
        case RawBatch():
            if plan is None:
                raise Refused("exchange.mapping_missing", feed=batch.place)
            return _raw(batch, plan, org_code, institutions)
        case StandardBatch():
            return _standard(batch, institutions)


def _unreadable(batch: Unreadable, org_code: str) -> Prepared:
    line = Rejected(batch.place, batch.raw, [r.as_json() for r in batch.reasons], org_code, batch.data_set)
    empty = pl.DataFrame()
    return Prepared(batch.data_set, batch.place, None, 1, 0, empty, empty, False, [line], NO_FINDINGS)


def _raw(batch: RawBatch, plan: Plan, org_code: str, institutions: Collection[str]) -> Prepared:
    started = time.perf_counter()
    mapped = plan.apply(batch.frame, org_code)
    mapped_at = time.perf_counter()
    first = [troubles.findings(mapped.kept, plan.used), mapped.findings]
    findings = _findings(plan.data_set, mapped.frame, merged(first), institutions)
    out = rejected_rows(findings)
    good, rejected = _parted(mapped.frame, mapped.kept, findings, out, plan.data_set, batch.place)
    seconds = {"map": mapped_at - started, "check": time.perf_counter() - mapped_at}
    return Prepared(
        plan.data_set, batch.place, batch.watermark, batch.frame.height, mapped.filtered, good,
        plan.registrations(good), plan.leads, rejected, _shifted(findings, out), (), seconds, left=mapped.left,
    )  # fmt: skip


def _standard(batch: StandardBatch, institutions: Collection[str]) -> Prepared:
    started = time.perf_counter()
    frame, first = _cast(batch.data_set, batch.frame) if batch.data_set else (batch.frame, NO_FINDINGS)
    findings = _findings(batch.data_set, frame, first, institutions) if frame.height else NO_FINDINGS
    out = rejected_rows(findings)
    source = batch.frame if batch.sent is None else batch.sent
    good, rejected = _parted(frame, source, findings, out, batch.data_set, batch.place)
    if "person_system" not in good.columns and good.width:
        good = good.with_columns(pl.col("source_system").alias("person_system"))
    seconds = {"check": time.perf_counter() - started}
    return Prepared(
        batch.data_set, batch.place, batch.watermark, frame.height, 0, good, batch.registrations,
        batch.leads, rejected, _shifted(findings, out), batch.documents, seconds, batch.adds, batch.matters, batch.merges,
    )  # fmt: skip


def _cast(data_set: str, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Columns that came as text, in the kinds the data set asks for, and findings for what cannot be."""
    kinds = {name: (kind.type, kind.name, kind.name_en) for name, kind in field_kinds()[data_set].items()} | {
        "event_at": ("datetime", "", "")
    }
    wanted = [
        Output(
            name,
            as_kind(pl.col(name), kinds[name][0]),
            pl.col(name),
            kinds[name][0],
            label=kinds[name][1],
            label_en=kinds[name][2],
        )
        for name, dtype in frame.schema.items()
        if name in kinds and dtype == pl.String and kinds[name][0] != "text"
    ]
    if not wanted:
        return frame, NO_FINDINGS
    ready = frame.with_columns(o.expr.alias(o.name) for o in wanted)
    broken = [found(failure(o), frame[o.name].is_not_null() & ready[o.name].is_null(), frame[o.name]) for o in wanted]
    return ready, merged(broken)


def _findings(data_set: str, frame: pl.DataFrame, so_far: pl.DataFrame, institutions: Collection[str]) -> pl.DataFrame:
    """All that is wrong with the rows; of a row that deletes only its key matters."""
    wrong = merged([
        so_far,
        _required(frame, so_far),
        _institutions(frame, institutions),
        standards.check_batch(_declared(data_set), frame),
        quality_findings(data_set, frame),
    ])  # fmt: skip
    if OP not in frame.columns:
        return wrong
    said = frame.get_column(OP)
    ending = frame.select(deletes(frame)).to_series().arg_true().cast(pl.UInt32)
    mattering = pl.col("row").is_null() | ~pl.col("row").is_in(ending.implode()) | pl.col("field").is_in(KEY)
    return merged(
        [wrong.filter(mattering), found(OP_UNKNOWN, said.is_not_null() & ~said.is_in(["upsert", "delete"]), said)]
    )


def _declared(data_set: str) -> standards.DataSet:
    return standards.load().data_sets[data_set]


def _required(frame: pl.DataFrame, so_far: pl.DataFrame) -> pl.DataFrame:
    """Rows without one of the columns that the waist cannot do without, unless a finding says so already."""
    said = set(so_far.get_column("field").unique())
    parts = []
    for name in REQUIRED:
        if name in said:
            continue
        zh, en = _NAMES[name]
        reason = Reason(f"{name}_missing", name, f"没有{zh}", f"there is no {en}")
        empty = frame.get_column(name).is_null() if name in frame.columns else pl.repeat(True, frame.height, eager=True)
        parts.append(found(reason, empty))
    return merged(parts)


def _institutions(frame: pl.DataFrame, institutions: Collection[str]) -> pl.DataFrame:
    if "org_code" not in frame.columns:
        return NO_FINDINGS
    column = frame.get_column("org_code")
    unknown = set(column.drop_nulls().unique()) - set(institutions)
    return found(INSTITUTION, column.is_in(list(unknown)), column) if unknown else NO_FINDINGS


def _parted(
    frame: pl.DataFrame, source: pl.DataFrame, findings: pl.DataFrame, out: pl.Series, data_set: str, place: str
) -> tuple[pl.DataFrame, list[Rejected]]:
    """The rows that may go in, and the others as they came with their reasons."""
    if not len(out):
        return frame, []
    at = pl.int_range(frame.height, dtype=pl.UInt32, eager=True)
    reasons = dict(reasons_by_row(findings).select("row", "reasons").iter_rows())
    gone = source[out.cast(pl.Int64)]
    org = frame.get_column("org_code").gather(out) if "org_code" in frame.columns else [""] * len(out)
    places = _places(gone, place)
    rejected = [
        Rejected(str(where), _told(json.loads(raw)), json.loads(reasons[row]), code or "", data_set)
        for row, where, raw, code in zip(out, places, _as_json(gone), org, strict=True)
    ]
    return frame.filter(~at.is_in(out.implode())), rejected


def _told(raw: dict[str, Any]) -> dict[str, Any]:
    """A row without what only its neighbours made its frame bear: it is the same row whatever came beside it."""
    return {k: v for k, v in raw.items() if (k, v) not in ((TROUBLE, None), (OP, None), (OP, "upsert"))}


def _places(rows: pl.DataFrame, place: str) -> Sequence[str]:
    if PLACE in rows.columns:
        return rows.get_column(PLACE).to_list()
    return [f"{place} 第 {n} 行" for n in rows.get_column(LINE)] if LINE in rows.columns else [place] * rows.height


def _as_json(rows: pl.DataFrame) -> list[str]:
    if RAW in rows.columns:
        return rows.get_column(RAW).to_list()
    # the reader's word stays with the row: sent again as it is, it is still not well read
    kept = [c for c in rows.columns if c not in (PLACE, LINE, DOCUMENT)]
    return rows.select(pl.struct(pl.col(kept).cast(pl.String)).struct.json_encode()).to_series().to_list()


def _shifted(findings: pl.DataFrame, out: pl.Series) -> pl.DataFrame:
    """All findings with ``kept`` telling whether the row went in."""
    return findings.with_columns((~pl.col("row").is_in(out.implode())).alias("kept"))


__all__ = ["Prepared", "Rejected", "prepare"]
