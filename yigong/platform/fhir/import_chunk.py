"""One chunk of an import: read, indexed, written by COPY in one transaction; in whichever process it is given to."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import polars as pl
from django.db import IntegrityError, transaction

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.platform.fhir import anchors, db, patients, store, validating
from yigong.platform.fhir.acts import good_id
from yigong.platform.fhir.answers import told
from yigong.platform.fhir.bodies import JSON, new_id, stamped
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.holding import Judge
from yigong.platform.fhir.import_sources import Chunk, Source, resources
from yigong.platform.fhir.indexing.values import TABLES, Sink
from yigong.platform.fhir.official import compiled, definitions
from yigong.platform.fhir.store import Draft

#: rejections told one by one; the rest is counted
TOLD = 100
#: integers of the index tables; what is neither that nor a real number is text
_WHOLE = {"resource_id", "param", "part", "system", "low", "high"}
_UNSAFE = r"[\\\t\n\r]"


@dataclass(slots=True)
class Report:
    """What became of the resources."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    reasons: list[tuple[str, str, str]] = field(default_factory=list)  # place, Chinese, English
    seconds: float = 0.0

    def reject(self, place: str, refused: Refused) -> None:
        """Count what is not taken in."""
        self.rejected += 1
        if len(self.reasons) < TOLD:
            self.reasons.append((place, *told(refused)))

    def add(self, other: Report) -> None:
        """Count what became of further resources."""
        self.read += other.read
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.rejected += other.rejected
        self.reasons += other.reasons[: TOLD - len(self.reasons)]


@dataclass(slots=True)
class Taken:
    """What became of a chunk, and the marks of the resources that it names."""

    report: Report
    marks: np.ndarray[Any, np.dtype[np.uint64]]


@dataclass(slots=True)
class _Ready:
    """A chunk made ready for COPY."""

    new: list[Draft]
    again: list[tuple[str, Draft]]  # there already: place and draft
    wanted: dict[int, list[str]]
    tables: dict[str, bytes]
    rejected: list[tuple[str, Refused]]


def take(caller: Caller, chunk: Chunk, check: bool) -> Taken:
    """Take in a chunk; *check* refuses what does not conform to the structure definitions."""
    with _no_collecting():
        return _taken(caller, chunk, check)


def _taken(caller: Caller, chunk: Chunk, check: bool) -> Taken:
    report = Report()
    rejected, drafts = _drafts(resources(chunk), check)
    marks = marked([d for _, d in drafts])
    _write(caller, _ready(caller, drafts, rejected), report)
    return Taken(report, marks)


def take_again(caller: Caller, chunk: Chunk, marks: np.ndarray[Any, np.dtype[np.uint64]]) -> None:
    """Of a chunk that was taken in and counted, write the resources with these marks once more, one after the other."""
    _, drafts = _drafts(resources(chunk), check=False)
    held = np.isin(marked([d for _, d in drafts]), marks)
    for (place, draft), again in zip(drafts, held, strict=True):
        if again:
            _save(caller, place, draft, Report())


def marked(drafts: Sequence[Draft]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """A number for each type and id, the same in every process."""
    return pl.Series("key", [f"{d.kind}/{d.fhir_id}" for d in drafts], pl.String).hash(seed=1).to_numpy()


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Trees of JSON hold no cycles; looking through them again and again costs as much as reading them."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


# ---- making ready ----


def _drafts(sources: Iterable[Source], check: bool) -> tuple[list[tuple[str, Refused]], list[tuple[str, Draft]]]:
    rejected: list[tuple[str, Refused]] = []
    drafts: list[tuple[str, Draft]] = []
    for place, resource in sources:
        if isinstance(resource, Refused):
            rejected.append((place, resource))
            continue
        try:
            drafts.append((place, _draft(resource, check)))
        except Refused as refused:
            rejected.append((place, refused))
    return rejected, _holding(drafts, rejected) if check else drafts


def _holding(drafts: Sequence[tuple[str, Draft]], rejected: list[tuple[str, Refused]]) -> list[tuple[str, Draft]]:
    """Those that keep what they claim in ``meta.profile``."""
    judge, kept = Judge(d.resource or {} for _, d in drafts), []
    for place, draft in drafts:
        try:
            judge.must_hold(draft.resource or {})
            kept.append((place, draft))
        except Refused as refused:
            rejected.append((place, refused))
    return kept


def _ready(caller: Caller, drafts: Sequence[tuple[str, Draft]], rejected: list[tuple[str, Refused]]) -> _Ready:
    there = _there([d for _, d in drafts])
    seen: set[tuple[str, str]] = set()
    new: list[tuple[str, Draft]] = []
    again: list[tuple[str, Draft]] = []
    for place, draft in drafts:
        key = (draft.kind, draft.fhir_id)
        (again if key in there or key in seen else new).append((place, draft))
        seen.add(key)
    kept, sink = _indexed(caller, new, rejected)
    wanted = anchors.wanted(kept, sink)
    return _Ready(kept, again, wanted, {name: _text(name, rows) for name, rows in sink.tables().items()}, rejected)


def _draft(resource: JSON, check: bool) -> Draft:
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or kind not in definitions().parameters:
        raise Refused("fhir.type_unknown", type=str(kind)[:60])
    if check:
        validating.must_conform(resource)
    return Draft(kind, resource, good_id(resource.get("id") or new_id()))


def _there(drafts: Sequence[Draft]) -> set[tuple[str, str]]:
    """Those that are there already. Ids go as one text: a list is bound sign by sign."""
    sql = """select type, fhir_id from fhir_resource
        where (type, fhir_id) in (select e ->> 0, e ->> 1 from jsonb_array_elements(%(keys)s::jsonb) e)"""
    keys = [(d.kind, d.fhir_id) for d in drafts if "\x00" not in d.fhir_id]
    return set(db.rows(sql, {"keys": orjson.dumps(keys).decode()}))


def _indexed(
    caller: Caller, given: Sequence[tuple[str, Draft]], rejected: list[tuple[str, Refused]]
) -> tuple[list[Draft], Sink]:
    """Drafts with ids, texts and index rows; one that cannot be indexed leaves no rows behind."""
    sink, kept, moment = Sink(caller.base), [], now()
    lists = list(sink.tables().values())
    for (place, draft), resource_id in zip(given, db.new_ids(len(given)) if given else (), strict=True):
        draft.resource_id = sink.resource_id = resource_id
        marks = [len(rows) for rows in lists]
        try:
            resource = draft.resource or {}
            draft.body, draft.number = stamped(resource, draft.fhir_id, 1, moment)
            if b"\\u0000" in draft.body or "\x00" in draft.fhir_id:
                raise ValueError("the sign zero")
            compiled(draft.kind).extract(resource, sink)
        except (Refused, ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
            for rows, mark in zip(lists, marks, strict=True):
                del rows[mark:]
            why = {"type": draft.kind, "id": draft.fhir_id, "why": str(error)[:120]}
            rejected.append((place, error if isinstance(error, Refused) else Refused("fhir.unindexable", **why)))
            continue
        draft.moment = moment
        kept.append(draft)
    return kept, sink


def _text(name: str, rows: list[Any]) -> bytes:
    """Rows of an index table as PostgreSQL's COPY text, in the order of the index by value."""
    if not rows:
        return b""
    names = ("resource_id", *TABLES[name])
    reals = {"low", "high"} if name == "quantity" else set()
    columns = zip(*rows, strict=True)
    kinds = [pl.Float64 if n in reals else pl.Int64 if n in _WHOLE else pl.String for n in names]
    frame = pl.DataFrame([pl.Series(n, c, k, strict=False) for n, c, k in zip(names, columns, kinds, strict=True)])
    by = [c for c in names[1:] if c not in ("text", "exact", "unit", "part")]
    return copy_text(frame.sort(by))


def copy_text(frame: pl.DataFrame) -> bytes:
    """A frame as COPY text: tabs between, ``\\N`` for null, signs that mean something behind a backslash."""
    texts = [n for n, kind in frame.schema.items() if kind == pl.String]
    unsafe = [n for n in texts if frame.get_column(n).str.contains(_UNSAFE).any()]
    if unsafe:
        frame = frame.with_columns(_escaped(n) for n in unsafe)
    if frame.width and frame.null_count().sum_horizontal().item():
        frame = frame.with_columns(pl.all().cast(pl.String).fill_null("\\N"))
    return frame.write_csv(separator="\t", include_header=False, quote_style="never").encode()


def _escaped(name: str) -> pl.Expr:
    text = pl.col(name).str.replace_all("\\", "\\\\", literal=True).str.replace_all("\t", "\\t", literal=True)
    return text.str.replace_all("\n", "\\n", literal=True).str.replace_all("\r", "\\r", literal=True)


# ---- writing ----


def _write(caller: Caller, ready: _Ready, report: Report) -> None:
    report.read += len(ready.new) + len(ready.again) + len(ready.rejected)
    for place, refused in ready.rejected:
        report.reject(place, refused)
    try:
        with transaction.atomic():
            _copy_index(ready)  # first: from the registering of Patients on others wait for this transaction
            _anchor(caller, ready)
            _copy(caller, ready)
        report.created += len(ready.new)
    except IntegrityError:  # another wrote one of them meanwhile: each by itself then
        ready.again += [(f"{d.kind}/{d.fhir_id}", Draft(d.kind, d.resource, d.fhir_id)) for d in ready.new]
    for place, draft in ready.again:
        _save(caller, place, draft, report)


def _save(caller: Caller, place: str, draft: Draft, report: Report) -> None:
    try:
        store.save(caller, [draft])
    except Refused as refused:
        report.reject(place, refused)
    else:
        report.created += draft.outcome == "created"
        report.updated += draft.outcome == "updated"
        report.unchanged += draft.outcome == "unchanged"


def _anchor(caller: Caller, ready: _Ready) -> None:
    coming = [d for d in ready.new if d.kind == "Patient"]
    given = patients.register(caller, [(d.fhir_id, d.resource or {}) for d in coming])
    here = {d.fhir_id: r for d, r in zip(coming, given, strict=True)}
    anchors.place(ready.new, ready.wanted, here, caller.ctx.org_code)


def _copy_index(ready: _Ready) -> None:
    for name, text in ready.tables.items():
        if text:
            db.copy(f"fhir_{name}", ("resource_id", *TABLES[name]), text)


def _copy(caller: Caller, ready: _Ready) -> None:
    if not ready.new:
        return
    org, system, moment = caller.ctx.org_code, _safe(caller.source_system), ready.new[0].moment
    tail = f"\t1\t{moment:%Y-%m-%d %H:%M:%S.%f+00}\tf\t{org}\t{system}\t"
    columns = ("id", "type", "fhir_id", "version", "last_updated", "deleted", "org_code", "source_system",
               "registration_id", "others", "hash", "origin", "body")  # fmt: skip
    db.copy("fhir_resource", columns, b"".join(_line(d, tail) for d in ready.new))
    db.copy("fhir_pending", ("resource_id", "version"), "".join(f"{d.resource_id}\t1\n" for d in ready.new).encode())


def _safe(text: str) -> str:
    """A text as COPY takes it."""
    for sign, written in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(sign, written)
    return text


def _line(d: Draft, tail: str) -> bytes:
    person = d.registration_id if d.registration_id is not None else "\\N"
    others = "{" + ",".join(map(str, d.others)) + "}" if d.others else "\\N"
    head = f"{d.resource_id}\t{d.kind}\t{d.fhir_id}{tail}{person}\t{others}\t{d.number}\tfhir\t"
    body = d.body.replace(b"\\", b"\\\\") if b"\\" in d.body else d.body
    return b"%b%b\n" % (head.encode(), body)
