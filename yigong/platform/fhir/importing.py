"""Bulk import of NDJSON and bundles: parsed and indexed ahead in a thread, written by COPY, one transaction for each chunk.

A resource with an id that is there already is updated by the way of single writes; what cannot be read or indexed is
reported with its place, and the rest goes in.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
from django.db import IntegrityError, connection, transaction

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.platform.fhir import anchors, db, patients, store, validating
from yigong.platform.fhir.answers import told
from yigong.platform.fhir.bodies import JSON, new_id, read, stamped
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.indexing.values import TABLES, Sink
from yigong.platform.fhir.official import compiled, definitions
from yigong.platform.fhir.store import Draft
from yigong.security.api import audit

CHUNK = 5000
#: rejections told one by one; the rest is counted
TOLD = 100
Source = tuple[str, JSON | Refused]
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


@dataclass(slots=True)
class _Chunk:
    """A chunk made ready for COPY."""

    new: list[Draft]
    again: list[tuple[str, Draft]]  # there already: place and draft
    wanted: dict[int, list[str]]
    tables: dict[str, bytes]
    rejected: list[tuple[str, Refused]]


def import_paths(
    caller: Caller, paths: Iterable[Path], *, check: bool = False, progress: Callable[[Report], None] | None = None
) -> Report:
    """Take in files and folders; Patients first where files are of one type each."""
    collecting = gc.isenabled()
    gc.disable()  # trees of JSON hold no cycles; looking through them again and again costs as much as reading them
    try:
        return _imported(caller, paths, check, progress)
    finally:
        if collecting:
            gc.enable()


def _imported(caller: Caller, paths: Iterable[Path], check: bool, progress: Callable[[Report], None] | None) -> Report:
    report, started = Report(), time.perf_counter()
    sources = _sources(_files(paths))
    with ThreadPoolExecutor(1, thread_name_prefix="fhir-import") as pool:
        coming = pool.submit(_ready, caller, list(islice(sources, CHUNK)), check)
        while True:
            chunk = coming.result()
            if not (chunk.new or chunk.again or chunk.rejected):
                break
            coming = pool.submit(_ready, caller, list(islice(sources, CHUNK)), check)
            _write(caller, chunk, report)
            if progress:
                progress(report)
        pool.submit(lambda: connection.close()).result()  # noqa: PLW0108  - the connection of that thread
    _adopt(caller.base)
    audit(caller.ctx, "fhir.write", "fhir", "import", after={"read": report.read, "created": report.created})
    report.seconds = time.perf_counter() - started
    return report


# ---- reading files ----


def _files(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        found += sorted(p for p in path.rglob("*") if p.suffix in (".json", ".ndjson")) if path.is_dir() else [path]
    order = {"Organization": 0, "Location": 0, "Practitioner": 0, "Patient": 1}
    return sorted(found, key=lambda p: order.get(p.name.partition(".")[0], 2))


def _sources(files: Iterable[Path]) -> Iterator[Source]:
    """Resources with their places, or why they cannot be read."""
    for path in files:
        if not path.is_file():
            yield str(path), Refused("fhir.not_json", why="no such file")
        elif path.suffix == ".ndjson":
            with path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield f"{path.name}:{number}", _parsed(line)
        else:
            yield from _of_document(path)


def _parsed(raw: bytes) -> JSON | Refused:
    try:
        return read(raw)
    except Refused as refused:
        return refused


def _of_document(path: Path) -> Iterator[Source]:
    found = _parsed(path.read_bytes())
    if isinstance(found, Refused) or found["resourceType"] != "Bundle" or found.get("type") in ("document", "message"):
        yield path.name, found
        return
    entries = [e for e in found.get("entry", ()) if isinstance(e, dict) and isinstance(e.get("resource"), dict)]
    known: dict[str, str] = {}
    for entry in entries:
        resource = entry["resource"]
        resource.setdefault("id", new_id())
        if entry.get("fullUrl"):
            known[entry["fullUrl"]] = f"{resource.get('resourceType')}/{resource['id']}"
    for number, entry in enumerate(entries, 1):
        _relink(entry["resource"], known)
        yield f"{path.name} entry {number}", entry["resource"]


def _relink(value: Any, known: dict[str, str]) -> None:
    stack = [value]
    while stack:
        one = stack.pop()
        if type(one) is dict:
            reference = one.get("reference")
            if type(reference) is str and reference in known:
                one["reference"] = known[reference]
            stack.extend(v for v in one.values() if type(v) is dict or type(v) is list)
        else:
            stack.extend(v for v in one if type(v) is dict or type(v) is list)


# ---- making ready (in the thread) ----


def _ready(caller: Caller, sources: Sequence[Source], check: bool) -> _Chunk:
    rejected = [(place, s) for place, s in sources if isinstance(s, Refused)]
    drafts: list[tuple[str, Draft]] = []
    for place, resource in sources:
        if not isinstance(resource, Refused):
            try:
                drafts.append((place, _draft(resource, check)))
            except Refused as refused:
                rejected.append((place, refused))
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
    return _Chunk(kept, again, wanted, {name: _text(name, rows) for name, rows in sink.tables().items()}, rejected)


def _draft(resource: JSON, check: bool) -> Draft:
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or kind not in definitions().parameters:
        raise Refused("fhir.type_unknown", type=str(kind)[:60])
    if check:
        validating.must_conform(resource)
    fhir_id = resource.get("id") or new_id()
    if not isinstance(fhir_id, str) or len(fhir_id) > 64:
        raise Refused("fhir.id_malformed", id=str(fhir_id)[:80])
    return Draft(kind, resource, fhir_id)


def _there(drafts: Sequence[Draft]) -> set[tuple[str, str]]:
    sql = """select type, fhir_id from fhir_resource
        where (type, fhir_id) in (select * from unnest(%(kinds)s::text[], %(ids)s::text[]))"""
    return set(db.rows(sql, {"kinds": [d.kind for d in drafts], "ids": [d.fhir_id for d in drafts]}))


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


def _write(caller: Caller, chunk: _Chunk, report: Report) -> None:
    report.read += len(chunk.new) + len(chunk.again) + len(chunk.rejected)
    for place, refused in chunk.rejected:
        report.reject(place, refused)
    try:
        with transaction.atomic():
            _anchor(caller, chunk)
            _copy(caller, chunk)
        report.created += len(chunk.new)
    except IntegrityError:  # another wrote one of them meanwhile: each by itself then
        chunk.again += [(f"{d.kind}/{d.fhir_id}", Draft(d.kind, d.resource, d.fhir_id)) for d in chunk.new]
    for place, draft in chunk.again:
        try:
            store.save(caller, [draft])
        except Refused as refused:
            report.reject(place, refused)
        else:
            report.created += draft.outcome == "created"
            report.updated += draft.outcome == "updated"
            report.unchanged += draft.outcome == "unchanged"


def _anchor(caller: Caller, chunk: _Chunk) -> None:
    coming = [d for d in chunk.new if d.kind == "Patient"]
    given = patients.register(caller, [(d.fhir_id, d.resource or {}) for d in coming])
    here = {d.fhir_id: r for d, r in zip(coming, given, strict=True)}
    anchors.place(chunk.new, chunk.wanted, here, caller.ctx.org_code)


def _copy(caller: Caller, chunk: _Chunk) -> None:
    if not chunk.new:
        return
    org, system, moment = caller.ctx.org_code, caller.source_system, chunk.new[0].moment
    tail = f"\t1\t{moment:%Y-%m-%d %H:%M:%S.%f+00}\tf\t{org}\t{system}\t"
    lines = "\n".join(_line(d, tail) for d in chunk.new) + "\n"
    columns = ("id", "type", "fhir_id", "version", "last_updated", "deleted", "org_code", "source_system",
               "registration_id", "others", "hash", "origin", "body")  # fmt: skip
    db.copy("fhir_resource", columns, lines.encode())
    for name, text in chunk.tables.items():
        if text:
            db.copy(f"fhir_{name}", ("resource_id", *TABLES[name]), text)
    db.copy("fhir_pending", ("resource_id", "version"), "".join(f"{d.resource_id}\t1\n" for d in chunk.new).encode())


def _line(d: Draft, tail: str) -> str:
    person = d.registration_id if d.registration_id is not None else "\\N"
    others = "{" + ",".join(map(str, d.others)) + "}" if d.others else "\\N"
    body = d.body.decode()
    if "\\" in body:
        body = body.replace("\\", "\\\\")
    return f"{d.resource_id}\t{d.kind}\t{d.fhir_id}{tail}{person}\t{others}\t{d.number}\tfhir\t{body}"


def _adopt(base: str) -> None:
    """Anchor what was read before its patient."""
    sql = """select distinct substr(f.target, 9) from fhir_reference f join fhir_resource r on r.id = f.resource_id
        join fhir_resource p on p.type = 'Patient' and f.target = 'Patient/' || p.fhir_id
        where r.registration_id is null and p.registration_id is not null and f.target like 'Patient/%%'"""
    absent = [row[0] for row in db.rows(sql, {})]
    store.adopt(absent, base)
