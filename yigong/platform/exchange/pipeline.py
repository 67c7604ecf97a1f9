"""The way of a batch: filter, map, check, identify, load, index, announce; one transaction for each batch."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from yigong.edge.extract import trouble
from yigong.edge.mapping.plan import Plan, deletes
from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Fault
from yigong.platform.empi import api as empi
from yigong.platform.exchange import booking, following, quarantine, settling
from yigong.platform.exchange.batch import DOCUMENT, OP, Batch, DocumentFacts, RawBatch
from yigong.platform.exchange.booking import Totals, alike
from yigong.platform.exchange.lanes import Turn, side_by_side
from yigong.platform.exchange.models import BatchRun, Feed, Job
from yigong.platform.exchange.stages import INSTITUTION, Prepared, Rejected, prepare
from yigong.platform.records import api as records
from yigong.platform.registry import api as registry

log = logging.getLogger("yigong.exchange")
Progress = Callable[["Totals"], None]
PERSON = ("org_code", "source_system", "local_id")
ATTEMPTS = (1, 2, 4, 8)  # seconds to wait before a batch is tried again when the platform's database is away
PLATFORM = "PostgreSQL"  # the platform's own database, as a place
REMEMBERED = 500_000  # registrations that a run keeps in mind
NOBODY = pl.DataFrame(schema={**dict.fromkeys(PERSON, pl.String), "registration_id": pl.Int64})
_NONE = pl.Series("none", [], pl.String)


@dataclass(slots=True)
class _Run:
    """What stays the same from batch to batch."""

    ctx: Ctx
    feed: Feed
    job_id: int
    plan: Plan | None
    institutions: frozenset[str]
    lent: bool  # the connection is in a transaction of the caller
    waiting: settling.Waiting  # rows of quarantine that this run may bring in
    totals: Totals = field(default_factory=Totals)
    persons: pl.DataFrame = field(default_factory=lambda: NOBODY)  # registrations met so far: their ids never change


def carry_all(
    ctx: Ctx, job_id: int, batches: Iterable[Batch], plan: Plan | None, *, progress: Progress | None = None
) -> Totals:
    """Carry *batches* in, in order, on account of an open job; a RawBatch needs the *plan* compiled from a mapping.

    Each batch is one transaction that holds its rows, events, counts and quarantine together, so that whatever ends
    the run leaves only whole batches; running again changes nothing that is in already.
    """
    job = Job.objects.select_related("feed").get(pk=job_id)
    known = frozenset(i.code for i in registry.institutions())
    waiting = settling.waiting(job, plan)
    run = _Run(ctx, job.feed, job_id, plan, known, lent=connection.in_atomic_block, waiting=waiting)
    first = BatchRun.objects.filter(job_id=job_id).count()
    with closing(_ahead(run, batches)) as ahead:  # whatever ends the run, its source is let go of
        numbered = enumerate(ahead, start=first + 1)
        for totals in _alone(run, numbered) if run.lent else _two_abreast(run, numbered):
            run.totals.add(totals)
            if progress:
                progress(run.totals)
    return run.totals


def _alone(run: _Run, numbered: Iterable[tuple[int, Prepared]]) -> Iterator[Totals]:
    """One batch after the other, within the transaction of the caller."""
    for number, ready in numbered:
        yield _carry(run, number, ready, Turn())


def _two_abreast(run: _Run, numbered: Iterable[tuple[int, Prepared]]) -> Iterator[Totals]:
    """A batch is written while the one before it is, and commits after it."""
    for totals in side_by_side(numbered, lambda one, turn: _carry(run, *one, turn), lambda one: _turn(one[1])):
        hang_up_if_lost()  # before anybody is told, who may ask the database
        yield totals
    hang_up_if_lost()


def hang_up_if_lost() -> None:
    """The caller's own connection rests meanwhile; where it broke, the next statement opens another."""
    if connection.connection is not None and not connection.is_usable():
        connection.close()


def _turn(ready: Prepared) -> Turn:
    if ready.frame.is_empty():
        return Turn(keys=_NONE, groups=_NONE)
    group = ready.frame.get_column("group_key") if "group_key" in ready.frame.columns else _NONE
    return Turn(keys=ready.frame.get_column("source_key"), groups=group)


def _ahead(run: _Run, batches: Iterable[Batch]) -> Generator[Prepared, None, None]:
    """Batches made ready one ahead of the load, in a thread of their own: the source is read while PostgreSQL writes."""
    waiting = iter(batches)

    def one() -> Prepared | None:
        started = time.perf_counter()
        batch = next(waiting, None)
        if batch is None:
            return None
        read = time.perf_counter() - started
        ready = prepare(batch, run.plan, run.feed.org_code, run.institutions)
        ready.seconds["read"] = read
        return ready

    with ThreadPoolExecutor(1, thread_name_prefix="prepare") as pool:
        try:
            coming: Future[Prepared | None] = pool.submit(one)
            while (ready := coming.result()) is not None:
                coming = pool.submit(one)
                yield ready
        finally:
            pool.submit(getattr(waiting, "close", lambda: None))  # the source is closed in the thread that opened it


def _carry(run: _Run, number: int, ready: Prepared, turn: Turn) -> Totals:
    """One batch; when the platform's database goes away it is tried again, and a commit that was not heard of is found.

    So it is when another job wrote a row of the same key in the meantime: tried again, the row is found.
    """
    for wait in (*ATTEMPTS, None):
        try:
            return _done_before(run, number) or _carry_once(run, number, ready, turn)
        except (OperationalError, InterfaceError, IntegrityError) as error:
            log.warning("batch %s of job %s: %s", number, run.job_id, type(error).__name__)
            if connection.in_atomic_block:  # the caller's own transaction is lost with it
                raise
            turn.wait()
            if wait is None and isinstance(error, IntegrityError):
                raise
            connection.close()
            if (full := trouble.system_fault(error, place=PLATFORM)) is not None:
                raise full from error
            if wait is None:
                raise Fault("exchange.database_away", permanent=False) from error
            time.sleep(wait)
    raise AssertionError("unreachable")


def _done_before(run: _Run, number: int) -> Totals | None:
    done = BatchRun.objects.filter(job_id=run.job_id, number=number).values(*asdict(Totals())).first()
    return Totals(**done) if done else None


@transaction.atomic
def _carry_once(run: _Run, number: int, ready: Prepared, turn: Turn) -> Totals:
    clock = _Clock(ready.seconds)
    if ready.documents or ready.leads:
        turn.wait()
    with clock.stage("identify"):
        frame = _identified(run, ready, turn)
        documents, homeless = _documents(run, ready)
        frame = _with_documents(frame, documents)
        if not ready.data_set:
            told = [documents[d.key] for d in ready.documents if d.event and d.key in documents]
            records.index_documents(run.ctx, told)
    batch = BatchRun.objects.create(
        job_id=run.job_id, number=number, data_set=ready.data_set, place=ready.place[:200], committed_at=now()
    )
    loaded = _loaded(run, batch.pk, ready, frame, turn, clock)
    with clock.stage("wait"):
        turn.wait()
    rejected = [*ready.rejected, *homeless, *following.follow(run.ctx, ready, documents, run.institutions)]
    with clock.stage("account"):
        run.waiting.settle(frame)
        quarantine.keep(run.feed.pk, run.job_id, rejected)
        totals = booking.book(run.feed, batch, ready, frame, loaded, rejected)
    BatchRun.objects.filter(pk=batch.pk).update(**asdict(totals), seconds=clock.seconds)
    return totals


def _loaded(
    run: _Run, batch_id: int, ready: Prepared, frame: pl.DataFrame, turn: Turn, clock: _Clock
) -> records.Loaded:  # fmt: skip
    """Rows and events, beside the batch before as long as neither a row nor an event is in both."""
    if frame.is_empty():
        turn.wait()
        turn.locked.set()
        return records.Loaded()
    data_set = ready.data_set
    if turn.meets("keys"):
        turn.wait()
    turn.wait_for_locks()
    records.lock(run.ctx, data_set, frame, shared=not run.lent)
    turn.locked.set()
    with clock.stage("load"):
        frame = records.fill(run.ctx, data_set, frame) if ready.adds else frame
        loaded = records.load(run.ctx, data_set, frame, batch_id=batch_id, locked=True)
    if turn.meets("groups") or loaded.gone.height:
        turn.wait()
    with clock.stage("index"):
        records.index(run.ctx, data_set, loaded.touched, loaded.gone, alone=turn.wait)
    return loaded


class _Clock:
    """How long each stage of a batch took."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = {k: round(v, 3) for k, v in seconds.items()}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done inside under *name*."""
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)


def _identified(run: _Run, ready: Prepared, turn: Turn) -> pl.DataFrame:
    """The rows with ``registration_id``: known ones looked up, unknown ones registered; a deletion needs none."""
    frame = ready.frame
    if frame.is_empty():
        return frame
    theirs = frame.with_columns(pl.col("person_system").fill_null(pl.col("source_system")))
    coming = theirs.filter(~deletes(theirs)) if OP in theirs.columns else theirs
    names = {"org_code": "org_code", "source_system": "person_system", "local_id": "local_id"}
    differing = [n for n in PERSON if n == "local_id" or not alike(theirs.get_column(names[n]))]
    keys = coming.select(pl.col(names[n]).alias(n) for n in PERSON).unique(differing)
    ids = _registered(run, keys, ready.registrations, ready.leads, turn)
    joined = theirs.join(
        ids.select(*(pl.col(n).alias(names[n]) for n in differing), "registration_id"),
        on=[names[n] for n in differing], how="left", maintain_order="left",
    )  # fmt: skip
    return joined.drop("person_system")


def _registered(run: _Run, keys: pl.DataFrame, facts: pl.DataFrame, leads: bool, turn: Turn) -> pl.DataFrame:
    """``registration_id`` for each key. What is known stays as it is, unless the source leads."""
    ids = _known(run, keys)
    if ids.get_column("registration_id").null_count() and turn.before is not None:
        turn.wait()  # the batch before may be the one that makes them known
        ids = _known(run, keys)
    wanted = keys if leads else ids.filter(pl.col("registration_id").is_null()).select(PERSON)
    if wanted.is_empty():
        return ids
    people = wanted.join(facts, on=PERSON, how="left") if facts.width else wanted
    people = people.unique(PERSON, keep="last", maintain_order=True)
    given = empi.register(run.ctx, people)
    new = people.select(PERSON).with_columns(given.get_column("registration_id"))
    return pl.concat([ids.join(new, on=PERSON, how="anti"), new.select(ids.columns)])


def _known(run: _Run, keys: pl.DataFrame) -> pl.DataFrame:
    """``registration_id`` of each key, null where unknown; what was met before is not asked for again."""
    ids = keys.join(run.persons, on=PERSON, how="left")
    missing = ids.filter(pl.col("registration_id").is_null()).select(PERSON)
    if missing.is_empty():
        return ids
    asked = missing.with_columns(empi.known(missing).to_series().alias("registration_id"))
    found = asked.drop_nulls("registration_id")
    if found.height and not run.lent:
        run.persons = pl.concat([run.persons, found]).unique(PERSON) if run.persons.height < REMEMBERED else found
    return pl.concat([ids.drop_nulls("registration_id"), asked])


def _documents(run: _Run, ready: Prepared) -> tuple[dict[str, int], list[Rejected]]:
    """Stored documents by key, and those that belong to nobody we know."""
    if not ready.documents:
        return {}, []
    homes = [d for d in ready.documents if d.org_code in run.institutions and d.local_id]
    # a document with rows waits in quarantine as its rows; one without waits as itself
    homeless = [] if ready.data_set else [_homeless(d) for d in ready.documents if d not in homes]
    if not homes:
        return {}, homeless
    keys = pl.DataFrame([(d.org_code, d.source_system, d.local_id) for d in homes], schema=dict.fromkeys(PERSON, pl.String), orient="row").unique()  # fmt: skip
    ids = {
        row[:3]: row[3]
        for row in _registered(run, keys, ready.registrations, ready.leads, Turn())
        .select(*PERSON, "registration_id")
        .iter_rows()
    }
    stored = {
        d.key: records.save_document(run.ctx, d.original, _facts(d, ids[d.org_code, d.source_system, d.local_id]))
        for d in homes
    }
    return stored, homeless


def _facts(d: DocumentFacts, registration_id: int) -> dict[str, Any]:
    facts = {name: getattr(d, name) for name in DocumentFacts.__slots__ if name not in ("key", "original")}
    return {**facts, "registration_id": registration_id}


def _homeless(d: DocumentFacts) -> Rejected:
    reason = INSTITUTION.as_json() | {"value": d.org_code}
    if not d.local_id:
        reason = {
            "rule": "local_id_missing",
            "field": "local_id",
            "value": "",
            "zh": "没有患者号",
            "en": "there is no patient number",
        }
    raw = d.raw or {"path": d.original_path, "text": d.original.decode("utf-8", errors="replace")}
    return Rejected(d.original_path or d.title, raw, [reason], d.org_code)


def _with_documents(frame: pl.DataFrame, documents: Mapping[str, int]) -> pl.DataFrame:
    if not documents or DOCUMENT not in frame.columns:
        return frame.drop(DOCUMENT, strict=False)
    ids = pl.col(DOCUMENT).replace_strict(documents, default=None, return_dtype=pl.Int64).alias("document_id")
    return frame.with_columns(ids).drop(DOCUMENT)


__all__ = ["Progress", "RawBatch", "Totals", "carry_all"]
