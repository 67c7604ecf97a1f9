"""Mappings as users set them: a draft that is edited and tried on sample rows, versions that are published, compared, gone back to."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl
from django.db import transaction

from yigong.edge.extract.api import PLACE, open_source
from yigong.edge.mapping.fields import field_kinds
from yigong.edge.mapping.mistakes import Mistake
from yigong.edge.mapping.plan import PERSON, Plan, compile_mapping
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange import editing, running, selectors, services, suggest
from yigong.platform.exchange.batch import RawBatch
from yigong.platform.exchange.models import Feed, Quarantined, RowState
from yigong.platform.exchange.models import Mapping as MappingVersion
from yigong.platform.exchange.readers.extracted import as_batch
from yigong.platform.exchange.stages import prepare
from yigong.platform.registry import api as registry
from yigong.security.api import audit
from yigong.standards import api as standards
from yigong.standards.api import DataSet

SAMPLE = 50
SHOWN = 20
FATES = ("rejected", "filtered", "in")


def text_of(feed: Feed) -> str:
    """The draft, else the newest version, else what a new mapping begins with."""
    if feed.draft:
        return feed.draft
    newest = feed.mappings.order_by("-version").first()
    if newest:
        return str(newest.text)
    key = editing.names(feed.config.get("key"))
    return editing.written({"data_set": feed.data_set, "source_system": feed.name[:20], "key": key, "fields": {}})


def draft_of(feed: Feed) -> editing.Draft:
    """The mapping under work, taken apart."""
    return editing.opened(text_of(feed))


def mistakes(text: str) -> list[Mistake]:
    """What is wrong with a mapping, each with its line; nothing when it can be used."""
    try:
        compile_mapping(text, field_kinds(), "")
    except Refused as refused:
        return list(refused.facts["mistakes"])  # type: ignore[call-overload]
    return []


@transaction.atomic
def save_draft(ctx: Ctx, feed: Feed, draft: editing.Draft) -> str:
    """Keep a draft; it may be unfinished."""
    ctx.must("exchange.map")
    text = editing.written(draft)
    Feed.objects.filter(pk=feed.pk).update(draft=text)
    feed.draft = text
    audit(ctx, "exchange.map", "feed", feed.pk, after={"draft": True})
    return text


@transaction.atomic
def save_text(ctx: Ctx, feed: Feed, text: str) -> None:
    """Keep a draft as somebody wrote it, comments and all."""
    ctx.must("exchange.map")
    Feed.objects.filter(pk=feed.pk).update(draft=text.replace("\r\n", "\n"))
    audit(ctx, "exchange.map", "feed", feed.pk, after={"draft": True})


@transaction.atomic
def publish(ctx: Ctx, feed: Feed, text: str | None = None) -> MappingVersion:
    """Make the draft (or *text*) the newest version. Raises Refused exchange.mapping_wrong."""
    ctx.must("exchange.map")
    given = text if text is not None else text_of(feed)
    plan = compile_mapping(given, field_kinds(), feed.name)
    services.next_version(ctx, feed, given)
    Feed.objects.filter(pk=feed.pk).update(draft="", data_set=plan.data_set)
    feed.draft = ""
    newest: MappingVersion = feed.mappings.order_by("-version")[0]
    audit(ctx, "exchange.map", "feed", feed.pk, after={"version": newest.version, "sha256": newest.sha256})
    return newest


@transaction.atomic
def discard_draft(ctx: Ctx, feed: Feed) -> None:
    """Give the draft up; the newest version stands."""
    ctx.must("exchange.map")
    Feed.objects.filter(pk=feed.pk).update(draft="")
    audit(ctx, "exchange.map", "feed", feed.pk, after={"draft": False})


def version(feed: Feed, number: int) -> MappingVersion:
    """One version. Raises Refused exchange.version_unknown."""
    found = feed.mappings.filter(version=number).first()
    if found is None:
        raise Refused("exchange.version_unknown", version=number)
    return found


def go_back(ctx: Ctx, feed: Feed, number: int) -> MappingVersion:
    """Make an old version the newest again; nothing between is lost. Raises Refused exchange.version_unknown."""
    return publish(ctx, feed, version(feed, number).text)


def sample(ctx: Ctx, feed: Feed, rows: int = SAMPLE) -> pl.DataFrame:
    """Some rows of the source as they would be read; the looking is audited. Raises Refused exchange.sample_missing."""
    ctx.must("exchange.map")
    audit(ctx, "exchange.map", "feed", feed.pk, after={"sample": rows})
    if feed.reader == "edge":
        from yigong.platform.exchange.edge.api import sample as taken_at_node  # an app above this one

        frame = taken_at_node(ctx, feed)
        if not frame.height:
            raise Refused("exchange.sample_missing")
        return frame
    with open_source({**running.config_of(feed), "kind": feed.reader}) as source:
        frame = source.sample(rows)
    if not frame.height:
        raise Refused("exchange.sample_missing")
    return frame


@dataclass(frozen=True, slots=True)
class Tried:
    """One sample row: as it came, as it would stand, and what became of it (``in filtered rejected``)."""

    place: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    fate: str
    said: Sequence[Mapping[str, Any]] = ()  # severity, field, zh, en, value


@dataclass(frozen=True, slots=True)
class Trial:
    """A test run: nothing of it is written anywhere."""

    rows: Sequence[Tried]
    counts: Mapping[str, int]
    columns: Sequence[str]  # of the standard
    looked: int = 0


def trial(ctx: Ctx, feed: Feed, text: str, raw: pl.DataFrame) -> Trial:
    """What the mapping makes of sample rows. Raises Refused exchange.mapping_wrong, exchange.columns_missing."""
    plan = compile_mapping(text, field_kinds(), "")
    known = {i.code for i in registry.institutions()}
    tried = [_tried(plan, raw[at : at + 1], feed.org_code, known) for at in range(min(raw.height, SAMPLE))]
    rows = sorted(tried, key=lambda r: FATES.index(r.fate))[:SHOWN]  # what goes wrong is what people look for
    return Trial(rows, Counter(r.fate for r in tried), [f.name for f in plan.source.fields], len(tried))


def _tried(plan: Plan, row: pl.DataFrame, org_code: str, known: set[str]) -> Tried:
    """One row by itself through the very stages of a run."""
    ready = prepare(as_batch_of(row), plan, org_code, known)
    mapped = plan.apply(row.drop("_op", strict=False), org_code).frame
    before = {c: v for c, v in row.row(0, named=True).items() if not c.startswith("_")}
    fate = "filtered" if ready.filtered else "rejected" if ready.rejected else "in"
    after = {
        c: v for c, v in (mapped.row(0, named=True) if mapped.height else {}).items() if not c.startswith(("_", "own "))
    }
    said = ready.findings.select("severity", "field", "value", "zh", "en").to_dicts()
    return Tried(str(row.row(0, named=True).get(PLACE, "")), before, after, fate, said)


def as_batch_of(row: pl.DataFrame) -> RawBatch:
    """A sample as the pipeline takes it."""
    from yigong.edge.extract.api import Chunk

    return as_batch(Chunk(row, {}, "sample"))


def filter_counts(text: str, raw: pl.DataFrame) -> dict[str, int]:
    """How many sample rows each filter rule decides, by its name; "" for the rest. Nothing when the mapping is wrong."""
    try:
        sieve = compile_mapping(text, field_kinds(), "").filter
        decided = sieve.decided(raw)
    except (Refused, pl.exceptions.PolarsError):
        return {}
    counted = Counter(decided.to_list())
    return {rule.name: counted.get(at, 0) for at, rule in enumerate(sieve.rules)} | {"": counted.get(-1, 0)}


def data_set(name: str) -> DataSet:
    """A data set of the standard. Raises Refused exchange.data_set_unknown."""
    found = standards.load().data_sets.get(name)
    if found is None:
        raise Refused("exchange.data_set_unknown")
    return found


def found_data_sets(text: str, *, most: int = 30) -> list[DataSet]:
    """Data sets whose name, pinyin or number holds *text*."""
    every = standards.load().data_sets.values()
    wanted = text.strip().lower()
    return [d for d in every if _holds(wanted, d.name_zh, d.name_en, d.code, d.identifier)][:most]


def found_fields(name: str, text: str, *, most: int = 200) -> list[Any]:
    """Fields of a data set whose name, pinyin initials or number holds *text*, in the order of the standard."""
    wanted = text.strip().lower()
    return [f for f in data_set(name).fields if _holds(wanted, f.name_zh, f.name_en, f.element_id, f.identifier)][:most]


def _holds(wanted: str, zh: str, *others: str) -> bool:
    return not wanted or wanted in zh.lower() or wanted in _short(zh) or any(wanted in o.lower() for o in others)


@cache
def _short(zh: str) -> str:
    from yigong.kit.text import initials

    return initials(zh).lower()


def field_hints(feed: Feed, columns: Sequence[str]) -> dict[str, list[suggest.Hint]]:
    """For each source column the fields it may hold."""
    draft = draft_of(feed)
    taken = set(draft.get("fields") or {})
    targets = [
        suggest.Target(f.identifier, f.name_zh, f.name_en)
        for f in data_set(str(draft.get("data_set"))).fields
        if f.identifier not in taken
    ]
    return {c: suggest.fields(c, "", targets) for c in columns}


@dataclass(frozen=True, slots=True)
class Word:
    """A value of the source with how often it stands in what was looked at, its code now, and what it may mean."""

    value: str
    count: int
    code: str
    hints: Sequence[suggest.Hint]


def words(feed: Feed, one: editing.Line, raw: pl.DataFrame) -> list[Word]:
    """The source's values of a coded field: those of the sample and those that wait in quarantine, the commonest first."""
    draft = draft_of(feed)
    counted = Counter(_values(raw, one)) + _unmapped(feed, one)
    table = (draft.get("codes") or {}).get(one.codes) or {}
    targets, unit = targets_of(str(draft.get("data_set")), one.name)
    hints = suggest.each(list(counted), targets, unit=unit)
    return [Word(v, n, str(table.get(v, "")), hints[v]) for v, n in counted.most_common(200)]


def _values(raw: pl.DataFrame, one: editing.Line) -> list[str]:
    column = one.source.split(",")[0].strip()
    return raw.get_column(column).drop_nulls().to_list() if one.how == "from" and column in raw.columns else []


def _unmapped(feed: Feed, one: editing.Line) -> Counter[str]:
    """Values that rows in quarantine wait for."""
    waiting = Quarantined.objects.filter(feed=feed, rule="code_unmapped", state=RowState.WAITING).values_list(
        "reasons", flat=True
    )[:5000]
    return Counter(
        r["value"]
        for reasons in waiting
        for r in reasons
        if r.get("rule") == "code_unmapped" and r.get("field") == one.name
    )


def targets_of(name: str, field: str) -> tuple[list[suggest.Target], bool]:
    """The codes that a field may have, and whether it is a unit of measurement."""
    if field in PERSON:
        field = {"sex_code": "sex_code", "ethnic_group_code": "ethnic_group_code"}.get(field, field)
    found = next((f for f in data_set(name).fields if f.identifier == field), None)
    if found is None:
        found = next(
            (
                f
                for d in standards.load().data_sets.values()
                for f in d.fields
                if f.identifier == field and f.value_set_id
            ),
            None,
        )
    if found is None:
        return [], False
    values = standards.load().value_sets.get(found.value_set_id)
    codes = values.codes.values() if values else []
    listed = [suggest.Target(c.code, c.name_zh, c.name_en, _wordings(c.other_wordings)) for c in codes]
    return listed, not listed and (found.identifier.endswith("_unit") or "单位" in found.name_zh)


def _wordings(text: str) -> tuple[str, ...]:
    return tuple(part.partition("=")[2] or part for part in text.split(";") if part)


def feeds_like(ctx: Ctx, feed: Feed) -> list[Feed]:
    """Other feeds of the same data set, to begin from."""
    return list(selectors.feeds(ctx).filter(data_set=feed.data_set).exclude(pk=feed.pk)[:20])


KEPT_SECONDS = 300.0
_kept: dict[int, tuple[float, str, pl.DataFrame]] = {}


def kept_sample(ctx: Ctx, feed: Feed, *, fresh: bool = False) -> pl.DataFrame:
    """The sample of a few minutes ago, in this process only, else a new one. Raises Refused, Fault as ``sample``."""
    config = repr(sorted(feed.config.items()))
    found = _kept.get(feed.pk)
    if found and not fresh and found[1] == config and time.monotonic() - found[0] < KEPT_SECONDS:
        audit(ctx, "exchange.map", "feed", feed.pk, after={"sample": found[2].height})
        return found[2]
    frame = sample(ctx, feed)
    if len(_kept) > 20:
        _kept.clear()
    _kept[feed.pk] = (time.monotonic(), config, frame)
    return frame
