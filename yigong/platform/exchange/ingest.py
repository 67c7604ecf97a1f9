"""Files and folders taken in: each recognised by its content, carried by its reader, and accounted for by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
from django.db import DatabaseError
from django.db.models import Q

from yigong.edge.mapping.fields import field_kinds
from yigong.edge.mapping.plan import Plan, compile_mapping
from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Fault, Refused
from yigong.platform.exchange import pipeline
from yigong.platform.exchange.batch import DOCUMENT, PLACE, Batch, StandardBatch, Unreadable
from yigong.platform.exchange.models import Feed, FeedState, Job, Quarantined, RowState
from yigong.platform.exchange.models import Mapping as MappingVersion
from yigong.platform.exchange.readers import BATCH_ROWS, reader
from yigong.platform.exchange.recognise import Recognised, recognise
from yigong.platform.exchange.sentences import sentence
from yigong.platform.records import documents

#: (files done, files in all, name of the file at hand)
Progress = Callable[[int, int, str], None]
KINDS = {
    "cda": ("共享文档 CDA", "shared document (CDA)"),
    "hl7v2": ("HL7 v2 消息", "HL7 v2 messages"),
    "csv": ("文本表格", "delimited table"),
    "excel": ("Excel 工作簿", "Excel workbook"),
    "none": ("未识别", "not readable"),
}


@dataclass(frozen=True, slots=True)
class Why:
    """Why something of a file is not loaded: place, rule, sentence."""

    place: str
    rule: str
    zh: str
    en: str


@dataclass(slots=True)
class FileReport:
    """What became of one file."""

    path: str
    kind: str
    title: str = ""
    read: int = 0
    loaded: int = 0
    waiting: int = 0  # rows or documents in quarantine
    documents: int = 0
    state: str = "pending"  # loaded partly kept waiting not_read unfinished
    reasons: list[Why] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    sha256: str = ""

    @property
    def handled(self) -> bool:
        """Whether the file is loaded, or listed with its reasons."""
        return self.state != "unfinished" and (self.loaded + self.documents > 0 or bool(self.reasons))


@dataclass(slots=True)
class Report:
    """What became of all files."""

    files: list[FileReport] = field(default_factory=list)
    totals: pipeline.Totals = field(default_factory=pipeline.Totals)
    trouble: Why | None = None  # what ended the run early

    @property
    def complete(self) -> bool:
        """Whether every file was handled."""
        return self.trouble is None and all(f.handled for f in self.files)

    def as_json(self) -> dict[str, Any]:
        """The report for a machine."""
        return {"complete": self.complete, **asdict(self)}


def ingest(
    ctx: Ctx,
    paths: Iterable[Path | str],
    *,
    org_code: str | None = None,
    mapping: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Take in files and folders; a file is never lost: it is loaded, waits in quarantine, or is listed with the reason.

    Raises Refused when the mapping itself is wrong, before anything is read.
    """
    ctx.must("exchange.ingest")
    plan = compile_mapping(mapping.read_text("utf-8"), field_kinds(), mapping.name) if mapping else None
    report = Report()
    sorted_out = [_recognised(path, report) for path in _files(paths, report)]
    run = _Ingest(ctx, report, org_code or "", mapping, plan, progress, len(sorted_out))
    try:
        for kind in ("cda", "hl7v2"):
            run.documents(kind, [f for f in sorted_out if f.kind == kind])
        for file in sorted_out:
            if file.kind in ("csv", "excel"):
                run.table(file)
    except (Fault, DatabaseError) as error:
        code, facts = (error.code, error.facts) if isinstance(error, Fault) else ("exchange.database_away", {})
        report.trouble = Why("", code, *sentence(code, facts))
        for file in report.files:
            if file.state == "pending":
                file.state = "unfinished"
    return report


def _files(paths: Iterable[Path | str], report: Report) -> Iterator[Path]:
    """Every file, folders entered; what is not there is listed."""
    seen: set[Path] = set()
    for given in map(Path, paths):
        found = sorted(p for p in given.rglob("*") if p.is_file()) if given.is_dir() else [given]
        for path in found:
            if not path.is_file():
                why = Why(str(path), "missing", "找不到这个文件，请核对路径", "there is no such file; check the path")
                report.files.append(FileReport(str(path), "none", state="not_read", reasons=[why]))
            elif path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def _recognised(path: Path, report: Report) -> FileReport:
    """The file in the report with its kind; one that no reader takes keeps its original and says why."""
    try:
        found = recognise(path)
    except OSError as error:
        said = error.strerror or type(error).__name__
        found = Recognised(
            "none", rule="unreadable", zh=f"文件无法打开：{said}", en=f"the file cannot be opened: {said}"
        )
    file = FileReport(str(path), found.kind)
    report.files.append(file)
    if found.kind == "none":
        file.state = "not_read"
        file.reasons.append(Why(str(path), found.rule, found.zh, found.en))
        if found.rule not in ("unreadable", "empty"):
            file.sha256 = documents.keep_file(path)
    return file


class _Ingest:
    """One run over the files of a report."""

    def __init__(
        self,
        ctx: Ctx,
        report: Report,
        org_code: str,
        mapping: Path | None,
        plan: Plan | None,
        progress: Progress | None,
        count: int,
    ) -> None:
        self.ctx = ctx
        self.report = report
        self.org_code = org_code
        self.mapping = mapping
        self.plan = plan
        self.progress = progress
        self.count = count
        self.taken: set[str] = set()  # digests of the documents that were read
        self.done = sum(f.kind == "none" for f in report.files)

    def documents(self, kind: str, files: list[FileReport]) -> None:
        """Carry all documents or messages in, on account of one job."""
        if not files:
            return
        by_path = {file.path: file for file in files}
        feed = _feed(f"文件采集 {KINDS[kind][0]}", kind, "")
        job = _job(feed)
        config = {"paths": list(by_path), "org_code": self.org_code}
        batches = reader(kind).read(config, since=None, size=BATCH_ROWS)
        self._carry(job, self._counted(batches, by_path), None)
        _account(job, by_path)
        _settled_now(job, self.taken)

    def table(self, file: FileReport) -> None:
        """Carry one table in by the mapping."""
        if self.plan is None or self.mapping is None:
            file.state = "not_read"
            file.sha256 = documents.keep_file(Path(file.path))
            zh, en = "表格需要映射文件：请用 --mapping 指定", "a table needs a mapping: give it with --mapping"
            file.reasons.append(Why(file.path, "mapping_missing", zh, en))
            return
        file.sha256 = documents.keep_file(Path(file.path))
        feed = _feed(
            f"文件采集 {self.plan.data_set} {self.org_code}".strip(), file.kind, self.org_code, self.plan.data_set
        )
        job = _job(feed, _version(feed, self.mapping))
        try:
            batches = reader(file.kind).read({"path": file.path}, since=None, size=BATCH_ROWS)
            totals = self._carry(job, batches, self.plan)
        except (Refused, Fault) as error:
            if error.code == "exchange.database_away":
                raise
            file.state = "not_read"
            file.reasons.append(Why(file.path, error.code, *sentence(error.code, error.facts)))
            _end(job, FeedState.FAILED)
            return
        file.read, file.loaded, file.title = totals.read, totals.loaded, self.plan.data_set
        _reasons(file, Quarantined.objects.filter(job=job))
        file.waiting = totals.rejected
        _settle(file)
        if not file.reasons and not file.loaded:
            file.reasons.append(
                Why(
                    file.path,
                    "no_rows",
                    f"没有可入库的行（筛除 {totals.filtered} 行）",
                    f"no rows to load ({totals.filtered} filtered)",
                )
            )
        self._step(file.path)

    def _carry(self, job: Job, batches: Iterable[Batch], plan: Plan | None) -> pipeline.Totals:
        so_far = pipeline.Totals()

        def note(totals: pipeline.Totals) -> None:
            nonlocal so_far
            so_far = replace(totals)

        try:
            totals = pipeline.carry_all(self.ctx, job.pk, batches, plan, progress=note)
        except Exception:
            self.report.totals.add(so_far)  # whole batches are in, whatever ended the run
            _end(job, FeedState.FAILED)
            raise
        self.report.totals.add(totals)
        _end(job, FeedState.PARTIAL if totals.rejected else FeedState.SUCCEEDED)
        return totals

    def _counted(self, batches: Iterable[Batch], by_path: Mapping[str, FileReport]) -> Iterator[Batch]:
        """The same batches, noted down by file on their way."""
        seen: set[str] = set()
        for batch in batches:
            match batch:
                case StandardBatch():
                    touched = _note(batch, by_path)
                    self.taken |= {str(d.raw.get("sha256")) for d in batch.documents}
                case Unreadable():
                    touched = {str(batch.raw.get("path", batch.place))}
                    for path in touched & by_path.keys():
                        by_path[path].read += 1
                case _:
                    touched = set()
            for path in sorted((touched & by_path.keys()) - seen):
                seen.add(path)
                self._step(path)
            yield batch

    def _step(self, name: str) -> None:
        self.done += 1
        if self.progress:
            self.progress(min(self.done, self.count), self.count, name)


def _note(batch: StandardBatch, by_path: Mapping[str, FileReport]) -> set[str]:
    """Write down for each file what a batch holds of it; the paths."""
    paths = {d.key: d.original_path for d in batch.documents}
    for document in batch.documents:
        file = by_path.get(document.original_path)
        if file is None:
            continue
        file.title = file.title or document.title
        if not batch.data_set:
            file.documents += 1
            file.read += 1
        if not any(f.get("document") == document.key for f in file.findings):
            file.findings += [{**f, "document": document.key} for f in document.findings]
    if batch.frame.height:
        for key, count in batch.frame.group_by(DOCUMENT).agg(pl.col(PLACE).len()).iter_rows():
            if file := by_path.get(paths.get(key, "")):
                file.read += count
                file.loaded += count
    return set(paths.values())


def _feed(name: str, kind: str, org_code: str, data_set: str = "") -> Feed:
    facts = {"reader": kind, "org_code": org_code[:10], "data_set": data_set, "created_at": now(), "active": False}
    return Feed.objects.get_or_create(name=name[:80], defaults=facts)[0]


def _version(feed: Feed, mapping: Path) -> MappingVersion:
    """This text of the mapping as a version of the feed's."""
    text = mapping.read_text("utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    known = feed.mappings.filter(sha256=digest).first()
    facts = {"text": text, "sha256": digest, "created_at": now()}
    return known or MappingVersion.objects.create(feed=feed, version=feed.mappings.count() + 1, **facts)


def _job(feed: Feed, mapping: MappingVersion | None = None) -> Job:
    at = now()
    return Job.objects.create(
        feed=feed, mapping=mapping, kind="ingest", state=FeedState.RUNNING, started_at=at, beat_at=at
    )


def _end(job: Job, state: FeedState) -> None:
    """Write down how a job ended; where the database is away the next run finds it cut short."""
    try:
        Job.objects.filter(pk=job.pk).update(state=state, ended_at=now())
        Feed.objects.filter(pk=job.feed_id).update(state=state)
    except DatabaseError:
        return


def _account(job: Job, by_path: Mapping[str, FileReport]) -> None:
    """What quarantine holds of each file, taken from what was read."""
    theirs = Q(job=job) | Q(feed=job.feed, state__in=[RowState.MENDED, RowState.DISCARDED])
    rows = Quarantined.objects.filter(theirs, raw__path__in=list(by_path))
    waiting: dict[str, list[Quarantined]] = {}
    for row in rows:
        waiting.setdefault(row.raw["path"], []).append(row)
    for path, file in by_path.items():
        own = waiting.get(path, [])
        file.waiting = len(own)
        with_rows = sum(1 for row in own if row.data_set)
        file.loaded = max(file.loaded - with_rows, 0)
        file.documents = max(file.documents - sum(1 for row in own if not row.data_set), 0)
        _reasons(file, own)
        _settle(file)
        if not file.read:
            file.state = "not_read"
            file.reasons.append(
                Why(path, "nothing_found", "文件中没有可读取的内容", "nothing in the file could be read")
            )


def _settled_now(job: Job, taken: set[str]) -> None:
    """What waited since an earlier run and went in with this one waits no longer."""
    waiting = Quarantined.objects.filter(feed=job.feed, state=RowState.WAITING).exclude(job=job)
    waiting.filter(raw__sha256__in=sorted(taken)).update(state=RowState.RESENT, changed_at=now())


def _reasons(file: FileReport, rows: Iterable[Quarantined]) -> None:
    for row in rows:
        for why in row.reasons:
            zh, en = str(why.get("zh", "")), str(why.get("en", ""))
            if value := why.get("value"):
                zh, en = f"{zh}（{value}）", f"{en} ({value})"
            file.reasons.append(Why(row.place, str(why.get("rule", row.rule)), zh, en))


def _settle(file: FileReport) -> None:
    """The state of a file from what came of it."""
    if file.loaded:
        file.state = "partly" if file.waiting else "loaded"
    elif file.documents:
        file.state = "kept"
    else:
        file.state = "waiting"
