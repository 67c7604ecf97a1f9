"""Documents given out: foreseen (does it exist, is it permitted), listed, fetched, shown."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from django.db import connection
from django.urls import NoReverseMatch, reverse

from yigong.kit.clock import COUNTY_ZONE
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.kit.moments import NotAMoment, is_blank, moment
from yigong.platform.hl7v3.message import Request
from yigong.platform.hl7v3.models import Application, Kept
from yigong.platform.hl7v3.replies import Answer
from yigong.platform.hl7v3.works import common
from yigong.platform.hl7v3.works.common import Identity
from yigong.platform.records import api as records
from yigong.security.api import audit, audit_many, opaque_id, registrations_in_reach, revealed

REPOSITORY = "YIGONG"
LIMIT = 200


@dataclass(frozen=True, slots=True)
class Held:
    """A document as it is listed, with what its message said of it."""

    id: int
    registration_id: int
    code: str
    title: str
    media_type: str
    org_code: str
    authored_at: datetime | None
    author: str
    version: int
    person_id: int
    said: Mapping[str, str]


def address(document_id: int) -> str:
    """Where a person who is logged in sees the document."""
    try:
        return reverse("sharing:document", args=[document_id])
    except NoReverseMatch:
        return ""


def persons_of(ctx: Ctx, application: Application, request: Request, *, everywhere: bool = False) -> list[Identity]:
    """The persons whom a request is about, by the caller's number or by identity and card number."""
    numbers = {"id_no": request.get("IDCardNo"), "health_card_no": request.get("HealthCardCode")}
    if not request.get("PatientID") and not any(numbers.values()):
        names = ("PatientID", "IDCardNo", "HealthCardCode")
        raise Refused("v3.no_criterion", fields=request.all_words([n for n in names if request.place(n)]))
    own = common.mine(ctx, application, request.get("PatientID")) if request.get("PatientID") else None
    return [own] if own else common.by_numbers(ctx, **numbers, everywhere=everywhere)


def documents_of(person_ids: Sequence[int], *, title: str = "", code: str = "", ids: Sequence[int] = ()) -> list[Held]:
    """Documents of persons, newest first, with what their messages said."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select d.id, d.registration_id, d.document_code, d.title, d.media_type, d.org_code, d.authored_at, d.author_name,
                      d.version, r.person_id, coalesce(k.fields, '{}')
               from records_document d join empi_registration r on r.id = d.registration_id
               left join lateral (select k.fields from hl7v3_kept k where k.document_id = d.id order by k.id desc limit 1) k on true
               where r.person_id = any(%(persons)s) and (%(title)s = '' or d.title = %(title)s)
                 and (%(code)s = '' or d.document_code = %(code)s) and (%(all)s or d.id = any(%(ids)s))
               order by d.authored_at desc nulls last, d.id desc limit %(limit)s""",
            {
                "persons": list(person_ids),
                "title": title,
                "code": code,
                "ids": list(ids),
                "all": not ids,
                "limit": LIMIT,
            },
        )
        return [Held(*[*row[:10], _json(row[10])]) for row in cursor.fetchall()]


def _json(value: Any) -> Mapping[str, str]:
    return json.loads(value) if isinstance(value, str) else value


def search(ctx: Ctx, application: Application, request: Request) -> Answer:
    """The documents of a person by title, type and time. Raises Refused v3.no_criterion, v3.nothing_found."""
    return _listed(ctx, application, request, form="documents")


def catalogue(ctx: Ctx, application: Application, request: Request) -> Answer:
    """The catalogue of a person's documents. Raises as searching does."""
    return _listed(ctx, application, request, form="documents")


def _listed(ctx: Ctx, application: Application, request: Request, *, form: str) -> Answer:
    people = persons_of(ctx, application, request)
    found = documents_of(
        [p.person_id for p in people], title=request.get("Title"), code=request.get("DocumentTypeCode")
    )
    since, until = _bounds(request)
    found = [
        d
        for d in found
        if (not since or (d.authored_at and d.authored_at >= since))
        and (not until or (d.authored_at and d.authored_at <= until))
    ]
    audit(
        ctx,
        "hl7v3.call",
        "document_list",
        request.spec.key,
        registration_id=people[0].registration_id if people else None,
    )
    if not found:
        raise Refused("v3.nothing_found")
    shown = common.cut(request, found)
    query_id = request.get("QueryId") or request.head.message_id
    facts = {"response_code": "OK", "query_id": query_id, **common.counts(request, len(found), len(shown))}
    return Answer("AA", f"查询成功，共 {len(found)} 份文档", form=form, facts=facts, rows=[_row(ctx, d) for d in shown])


def _bounds(request: Request) -> tuple[datetime | None, datetime | None]:
    low = request.moment("StartTime") or request.moment("DEffectiveTimeLow")
    return low, request.moment("EndTime") or request.moment("DEffectiveTimeHigh")


def prejudge(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Whether there is something, and whether the caller may have it; nothing is given out.

    Raises Refused v3.nothing_found (there is nothing) or v3.not_permitted (there is, for others).
    """
    everywhere = persons_of(ctx, application, request, everywhere=True)
    held = documents_of([p.person_id for p in everywhere], title=request.get("Title"))
    open_to = {p.person_id for p in persons_of(ctx, application, request)}
    mine = [d for d in held if d.person_id in open_to]
    audit(ctx, "hl7v3.call", "document_prejudge", request.spec.key, after={"held": len(held), "open": len(mine)})
    if not held:
        raise Refused("v3.nothing_found")
    if not mine:
        raise Refused("v3.not_permitted", count=len(held))
    rows = [_row(ctx, d) for d in mine]
    return Answer("AA", f"存在 {len(mine)} 份可调阅的档案", form="prejudged", rows=rows)


def _row(ctx: Ctx, d: Held) -> dict[str, Any]:
    """A document under the names of both editions."""
    said = d.said
    person = _name_of(d)
    ours = {
        "document_id": opaque_id(d.id), "repository_id": REPOSITORY, "title": d.title, "created": _iso(d.authored_at),
        "author": d.author or said.get("AuthorName", ""), "local_id": said.get("PatientID", ""), "full_name": said.get("PatientName") or person,
        "org_name": common.org_name(d.org_code), "episode": said.get("EpisodeID", ""), "began": _iso_text(said.get("InTime", "")),
        "ended": _iso_text(said.get("OutTime", "")), "department": said.get("AdmissionDepart", ""), "doctor": said.get("AdmissionDoctor", ""),
        "kind": said.get("AdmissionType", ""), "diagnosis": said.get("DiagnosisResult", ""), "url": address(d.id),
        "media_type": "text/xml" if "xml" in d.media_type else d.media_type,
    }  # fmt: skip
    newer = {
        "DocumentId": said.get("DocumentId") or ours["document_id"], "DocumentTypeCode": d.code, "DocumentTypeCodeName": d.title,
        "EffectiveTime": _compact(d.authored_at), "VersionNumber": str(d.version), "PatientID": ours["local_id"],
        "PatientName": ours["full_name"], "ProviderOrganizationId": d.org_code, "ProviderOrganizationName": ours["org_name"],
        "AssignedAuthorName": ours["author"], "RepresentedOrganizationCode": d.org_code, "RepresentedOrganizationName": ours["org_name"],
    }  # fmt: skip
    return {**{n: v for n, v in said.items() if n not in newer}, **ours, **newer}


def _name_of(d: Held) -> str:
    with connection.cursor() as cursor:
        cursor.execute("select full_name from empi_registration where id = %s", [d.registration_id])
        row = cursor.fetchone()
    return str(row[0] or "") if row else ""


def _iso(at: datetime | None) -> str:
    return at.astimezone(COUNTY_ZONE).strftime("%Y-%m-%dT%H:%M:%S") if at else ""


def _iso_text(text: str) -> str:
    try:
        return "" if is_blank(text) else _iso(moment(text))
    except NotAMoment:
        return ""


def _compact(at: datetime | None) -> str:
    return at.astimezone(COUNTY_ZONE).strftime("%Y%m%d%H%M%S") if at else ""


def _wanted(ctx: Ctx, names: Sequence[str]) -> list[Held]:
    """Documents in reach under our id or any name that their senders gave them."""
    ids = [number for name in names if (number := _number(name)) is not None]
    named = list(
        Kept.objects.filter(kind="document", names__has_any_keys=list(names)).values_list("document_id", flat=True)[
            :LIMIT
        ]
    )
    reach = registrations_in_reach(ctx, "d.registration_id")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""select d.id, r.person_id from records_document d join empi_registration r on r.id = d.registration_id
                where d.id = any(%(ids)s) and {reach.sql}""",
            {"ids": [*ids, *(n for n in named if n)], **reach.params},
        )
        rows = cursor.fetchall()
    return documents_of([p for _d, p in rows], ids=[d for d, _p in rows]) if rows else []


def _number(name: str) -> int | None:
    try:
        return revealed(name)
    except ValueError:
        return None


def fetch(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Documents by the names of the request, with their content. Raises Refused v3.missing, v3.no_document."""
    asked = request.groups.get("DocumentRequest") or ()
    if not asked:
        raise Refused("v3.missing", field="文档请求", place="/RetrieveDocumentSetRequest/DocumentRequest")
    found = [one for wanted in asked for one in _asked(ctx, wanted)]
    return _given(ctx, request, found, [records.original(ctx, d.id) for d in found])


def _asked(ctx: Ctx, wanted: Mapping[str, str]) -> list[Held]:
    """One request: by the platform's id, by the sender's number, or by number and kind of document."""
    document, repository = wanted.get("DocumentUniqueId", ""), wanted.get("RepositoryUniqueId", "")
    places = [n for n in (document, repository) if n and n != REPOSITORY]
    found = _wanted(ctx, places)
    by_kind = [
        d for d in found if document in (d.code, d.said.get("UniqueId", "")) and repository not in ("", REPOSITORY)
    ]
    exact = [d for d in by_kind if repository in (d.said.get("SourceId"), d.said.get("DocumentId"), opaque_id(d.id))]
    own = [d for d in found if opaque_id(d.id) in places]
    chosen = own or exact or ([] if by_kind else found)
    if not chosen:
        raise Refused("v3.no_document", number=(document or repository)[:40])
    return chosen[:1] if own or exact else chosen


def _given(ctx: Ctx, request: Request, found: Sequence[Held], contents: Sequence[bytes]) -> Answer:
    audit_many(ctx, "hl7v3.call", "document", [(d.id, d.registration_id) for d in found])
    coded = [base64.b64encode(content).decode() for content in contents]
    rows = [{**_row(ctx, d), "content": text, "OriginalText": text} for d, text in zip(found, coded, strict=True)]
    facts = {"total": len(rows), "response_code": "OK", "query_id": request.get("QueryId") or request.head.message_id}
    return Answer("AA", f"调阅成功，共 {len(rows)} 份", form="fetched", facts=facts, rows=rows)


def fetch_newer(ctx: Ctx, application: Application, request: Request) -> Answer:
    """A document of the hospital set by number, or the newest of a kind of a person. Raises Refused v3.no_document."""
    if number := request.get("DocumentId"):
        found = _wanted(ctx, [number])[:1]
    else:
        people = persons_of(ctx, application, request)
        found = documents_of([p.person_id for p in people], code=request.get("DocumentTypeCode"))[:1]
    if not found:
        raise Refused(
            "v3.no_document", number=(request.get("DocumentId") or request.get("DocumentTypeCode") or "—")[:40]
        )
    return _given(ctx, request, found, [records.original(ctx, d.id) for d in found])


def display(ctx: Ctx, application: Application, request: Request) -> Answer:
    """Documents as they are shown, as HTML. Raises as fetching does."""
    asked = request.groups.get("DocumentRequest") or ()
    found = [one for wanted in asked for one in _asked(ctx, wanted)]
    if not found:
        raise Refused("v3.missing", field="文档请求", place="/RetrieveDocumentSetRequest/DocumentRequest")
    answer = _given(ctx, request, found, [_html(ctx, d) for d in found])
    return Answer(
        "AA",
        answer.detail,
        form="fetched",
        facts=answer.facts,
        rows=[{**r, "media_type": "text/html"} for r in answer.rows],
    )


def _html(ctx: Ctx, d: Held) -> bytes:
    """A document as a page of its own: words only, everything escaped."""
    view = records.document_view(ctx, d.id)
    if view is None:
        return (
            f"<!doctype html><meta charset=utf-8><title>{escape(d.title)}</title><p>原件不是可展示的共享文档".encode()
        )
    parts = [f"<!doctype html><meta charset=utf-8><title>{escape(view.title)}</title><h1>{escape(view.title)}</h1>"]
    for section in view.sections:
        parts.append(f"<h2>{escape(section.title_zh)}</h2>")
        parts += [f"<p>{escape(str(p))}</p>" for p in section.paragraphs]
        parts += [f"<p><b>{escape(str(e.label))}</b> {escape(str(e.value))}</p>" for e in section.entries]
        for table in section.tables:
            rows = "".join("<tr>" + "".join(f"<td>{escape(str(c))}</td>" for c in r) + "</tr>" for r in table.rows)
            parts.append(f"<table border=1>{rows}</table>")
    return "".join(parts).encode()


ACTIONS = {"RecordPrejudge": prejudge, "RecordCatalogue": catalogue, "RecordFetch": fetch}
