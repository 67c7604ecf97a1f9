"""The contents of the tabs of a person and of the dock beside the timeline."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.dicom import api as dicom
from yigong.platform.documents import api as made
from yigong.platform.empi import api as empi
from yigong.platform.records import api as records
from yigong.platform.registry import api as registry
from yigong.security import api as security
from yigong.sharing import charts, domain, words
from yigong.sharing.selectors import Banner

PAGE = 60


def listed(ctx: Ctx, who: Banner, chosen: str) -> list[dict[str, Any]]:
    """The tabs with the number of things behind each."""
    s = who.summary
    numbers: dict[str, int | None] = {
        "laboratory": _count(s, "laboratory"),
        "imaging": _count(s, "imaging"),
        "medication": len(s.medications),
        "documents": s.documents,
        "follow_up": _count(s, "follow_up"),
    }
    return [
        {"key": key, "label": label, "count": numbers.get(key), "active": key == chosen}
        for key, label in words.TABS.items()
        if key != "ledger" or ctx.may("person.ledger")
    ]


def head(who: Banner) -> dict[str, Any]:
    """What the banner shows besides the person."""
    abnormal = [r for r in who.summary.latest if r.is_abnormal]
    return {
        "who": who,
        "abnormal": abnormal,
        "figures": (abnormal + [r for r in who.summary.latest if not r.is_abnormal])[:3],
        "dosed": {c.subject for c in who.summary.contradictions if c.kind == "dose"},
    }


def _count(summary: records.PersonSummary, group: str) -> int:
    return sum(summary.counts.get(k, 0) for k in domain.KINDS_OF[group])


def laboratory(ctx: Ctx, who: Banner, asked: Mapping[str, str]) -> dict[str, Any]:
    """The newest result of each item, and the history of the one chosen."""
    items = who.summary.latest
    item = asked.get("item") or next((r.item_code for r in items if r.series > 1), items[0].item_code if items else "")
    series = records.trend(ctx, who.person_id, item) if item else []
    return {"items": items, "item": item, "series": series, "chart": charts.trend(series) if series else None}


def imaging(ctx: Ctx, who: Banner, asked: Mapping[str, str]) -> dict[str, Any]:
    """Imaging examinations with what was seen and concluded."""
    context = _events(ctx, who, "imaging", asked)
    return context | {"studies": dicom.of_person(ctx, who.person_id), "has_archive": dicom.is_configured()}


def follow_up(ctx: Ctx, who: Banner, asked: Mapping[str, str]) -> dict[str, Any]:
    """Follow-ups, examinations and vaccinations of public health."""
    return _events(ctx, who, "follow_up", asked)


def _events(ctx: Ctx, who: Banner, group: str, asked: Mapping[str, str]) -> dict[str, Any]:
    events = records.timeline(ctx, who.person_id, kinds=domain.KINDS_OF[group], limit=300)
    opened = asked.get("event", "")
    chosen = next((e for e in events if security.opaque_id(e.id) == opened), events[0] if events else None)
    content: dict[str, Any] = {"events": events, "event": chosen}
    if chosen:
        newer, older, place = domain.walk([e.id for e in events], chosen.id)
        content |= {"newer": newer, "older": older, "place": place, "shown": len(events)}
        content |= event_content(ctx, who.person_id, chosen)
    return content


def medication(ctx: Ctx, who: Banner, asked: Mapping[str, str]) -> dict[str, Any]:
    """Medication in use over all institutions, and everything prescribed in the last two years."""
    return {
        "medications": who.summary.medications,
        "history": records.medications(ctx, who.person_id, days=730)[:300],
        "doses": [c for c in who.summary.contradictions if c.kind == "dose"],
    }


def documents(ctx: Ctx, who: Banner, asked: Mapping[str, str]) -> dict[str, Any]:
    """Documents, newest first, or those that hold the words asked for."""
    text = asked.get("text", "").strip()[:60]
    return {"documents": records.documents(ctx, who.person_id, text=text, limit=300), "text": text}


def identity(ctx: Ctx, who: Banner, asked: Mapping[str, str]) -> dict[str, Any]:
    """The registrations that are this person, and the decisions that say so."""
    return {
        "registrations": empi.registrations(ctx, who.person_id),
        "decisions": empi.decisions(ctx, who.person_id),
    }


def ledger(ctx: Ctx, who: Banner, asked: Mapping[str, str]) -> dict[str, Any]:
    """Who read this person, for which institution and why, and who may read now."""
    return {
        "readings": security.readings(who.registration_ids, limit=300),
        "grants": security.open_grants(who.registration_ids),
    }


CONTENTS: dict[str, Callable[[Ctx, Banner, Mapping[str, str]], dict[str, Any]]] = {
    "laboratory": laboratory,
    "imaging": imaging,
    "medication": medication,
    "documents": documents,
    "follow_up": follow_up,
    "identity": identity,
    "ledger": ledger,
}


def event_content(ctx: Ctx, person_id: int, event: records.Event) -> dict[str, Any]:
    """What the dock shows of an event: its document where there is one, else its standard records."""
    found = records.document(ctx, event.document_id) if event.document_id else None
    if event.data_set and event.group_key:
        rows = records.rows(ctx, event.data_set, person_id, event.group_key, org_code=event.org_code)
    else:
        rows = []
    content: dict[str, Any] = {"rows": rows, "row_document": found[0] if found else None}
    if any(row.version > 1 for row in rows):
        content["corrections"] = records.corrections(ctx, event.data_set, rows)
    if event.kind == "laboratory":
        content["results"] = records.report(ctx, person_id, event.group_key, event.org_code)
    elif event.kind == "prescription" and event.data_set == "western_prescription":
        content["prescribed"] = records.prescription(ctx, person_id, event.group_key, event.org_code)
    elif found:
        content["view"] = records.document_view(ctx, found[0].id)
    return content


def own_document(ctx: Ctx, person_id: int, document_id: int) -> records.DocumentRow:
    """A document of this very person. Raises Refused no_such_document for any other."""
    found = records.document(ctx, document_id)
    if found is None or found[0].registration_id not in security.registration_ids(person_id):
        raise Refused("not_found")
    return found[0]


def document_content(ctx: Ctx, person_id: int, document_id: int) -> dict[str, Any]:
    """A document with its sections, versions and findings."""
    row = own_document(ctx, person_id, document_id)
    return {
        "signed": _signed(ctx, document_id),
        "row_document": row,
        "view": records.document_view(ctx, document_id),
        "versions": records.versions(ctx, person_id, row.org_code, row.set_id),
        "documents": records.documents(ctx, person_id, limit=300),
    }


def _signed(ctx: Ctx, document_id: int) -> made.Signed | None:
    """The signature of a document that was made here; one whose original is gone has no true one."""
    try:
        return made.signed(document_id, records.original(ctx, document_id))
    except (FileNotFoundError, LookupError):
        return made.signed(document_id, b"")


def original_bytes(ctx: Ctx, document_id: int) -> bytes:
    """The original of a document. Raises Refused no_original when the store does not hold it."""
    try:
        return records.original(ctx, document_id)
    except (FileNotFoundError, LookupError) as error:
        raise Refused("sharing.no_original") from error


def csv_table(ctx: Ctx, who: Banner, kind: str) -> str:
    """A table of the person as CSV; the last line says who took it, for whom and when."""
    sheet = io.StringIO()
    write = csv.writer(sheet).writerow
    sheet.write("\ufeff")
    for line in _TABLES.get(kind, _laboratory_lines)(ctx, who):
        write([_safe(cell) for cell in line])
    write([_("由 %(who)s（%(org)s）于 %(at)s 导出，已留痕，编号 %(id)s") % {
        "who": ctx.actor_name, "org": _org(ctx.org_code), "at": f"{now():%Y-%m-%d %H:%M} UTC", "id": ctx.request_id,
    }])  # fmt: skip
    return sheet.getvalue()


def _safe(cell: object) -> str:
    """A cell that a spreadsheet takes as text, never as a formula."""
    text = "" if cell is None else str(cell)
    return "'" + text if text[:1] in ("=", "+", "@", "\t") or (text[:1] == "-" and not text[1:2].isdigit()) else text


def _org(code: str) -> str:
    found = registry.institution(code)
    return found.name if found else code


def _laboratory_lines(ctx: Ctx, who: Banner) -> list[list[object]]:
    head: list[object] = [_("项目"), _("结果"), _("单位"), _("参考范围"), _("判断"), _("日期"), _("机构")]
    lines = [head]
    for r in records.results(ctx, who.person_id):
        value = records.plain(r.value) if r.value is not None else r.text
        limits = f"{records.plain(r.low)}-{records.plain(r.high)}" if r.low is not None or r.high is not None else ""
        lines.append([r.name, value, r.unit, limits, r.flag, r.at.date(), _org(r.source.org_code)])
    return lines


def _medication_lines(ctx: Ctx, who: Banner) -> list[list[object]]:
    head: list[object] = [_("药品"), _("规格"), _("次剂量"), _("频次"), _("开立日期"), _("天数"), _("机构")]
    return [head] + [
        [m.name, m.specification, records.dose_text(m), records.frequency_word(m.frequency_code), m.started_on, m.days,
         _org(m.source.org_code)]
        for m in records.medications(ctx, who.person_id, days=730)
    ]  # fmt: skip


def _document_lines(ctx: Ctx, who: Banner) -> list[list[object]]:
    head: list[object] = [_("文书"), _("类别"), _("版本"), _("作者"), _("日期"), _("机构"), "SHA-256"]
    return [head] + [
        [d.title, d.document_code, d.version, d.author_name, d.authored_at, _org(d.org_code), d.sha256]
        for d in records.documents(ctx, who.person_id, limit=2000)
    ]


_TABLES = {"laboratory": _laboratory_lines, "medication": _medication_lines, "documents": _document_lines}
