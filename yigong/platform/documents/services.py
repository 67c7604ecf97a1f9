"""Issues a document: written, signed for its institution, kept; a later version takes the place of the one before."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.outbox import api as outbox
from yigong.platform.documents import domain, enveloping, sealing
from yigong.platform.documents.events import DocumentIssued
from yigong.platform.documents.models import IssuedDocument
from yigong.platform.documents.selectors import Draft, compose
from yigong.platform.records import api as records
from yigong.security import api as security

LEAST_REASON = 4  # signs


def keys() -> Path:
    """Where the keys of the institutions lie: never in the database, never in the project."""
    return Path(settings.LOCAL) / "keys" / "documents"


@transaction.atomic
def issue(ctx: Ctx, person_id: int, event_id: int, code: str, *, reason: str = "") -> int:
    """Make, sign and keep the document of a kind from the records of an event; the id of the stored document.

    A document with errors is issued only by who may overrule (``document.overrule``) and says why. Raises Refused as
    ``compose`` does, documents.other_institution, documents.unchanged, documents.has_errors, documents.key_open.
    """
    ctx.must("document.issue")
    draft = compose(ctx, person_id, event_id, code)
    org = draft.event.org_code
    if org not in ctx.orgs:
        raise Refused("documents.other_institution", org=org)
    with connection.cursor() as cursor:  # of two who issue at once the second sees the version of the first
        cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"documents {draft.set_id}"])
    draft = compose(ctx, person_id, event_id, code)
    if draft.is_unchanged and draft.before:
        raise Refused("documents.unchanged", version=draft.before.version)
    return _kept(ctx, draft, _overruled(ctx, draft, reason))


def _overruled(ctx: Ctx, draft: Draft, reason: str) -> str:
    """Why a document with errors is issued; empty where it has none."""
    errors = [found for found in draft.report.findings if found.severity == "error"]
    if not errors:
        return ""
    told = " ".join(reason.split())[:500]
    if len(told) < LEAST_REASON or not ctx.may("document.overrule"):
        raise Refused("documents.has_errors", errors=len(errors), first=errors[0].zh)
    return told


def _kept(ctx: Ctx, draft: Draft, reason: str) -> int:
    event, head = draft.event, draft.facts["head"]
    key = sealing.key_of(keys(), event.org_code)
    seal = sealing.seal(key, draft.data)
    proof = enveloping.sign(sealing.copy_key_of(keys(), event.org_code), draft.data)
    document_id = records.save_document(ctx, draft.data, {
        "registration_id": event.registration_id, "document_code": draft.document.code,
        "title": draft.document.name_zh, "media_type": "text/xml", "org_code": event.org_code,
        "authored_at": head.get("authored_at"), "author_name": head.get("author_name", ""), "set_id": draft.set_id,
        "version": draft.version, "encounter_key": event.encounter_key,
        "findings": [f.as_json() for f in draft.report.findings if f.severity != "info"], "text": "",
        "original_path": f"{draft.set_id}.{draft.version}.xml",
    })  # fmt: skip
    before = draft.before
    IssuedDocument.objects.create(
        document_id=document_id, registration_id=event.registration_id, org_code=event.org_code,
        document_code=draft.document.code, event_id=event.id, set_id=draft.set_id, version=draft.version,
        replaces_id=before.document_id if before else None, facts_sha256=domain.digest(draft.facts),
        losses=[[loss.data_set, loss.row, loss.field, loss.because] for loss in draft.losses],
        key_id=seal.key_id, public_key=seal.public_key, signature=seal.signature, signed_by=ctx.actor_name,
        signed_at=now(), xml_public_key=proof.public_key, xml_signature=proof.value, reason=reason,
    )  # fmt: skip
    told = {"code": draft.document.code, "set_id": draft.set_id, "version": draft.version, "key": seal.key_id}
    if reason:
        told |= {"reason": reason, "errors": draft.report.count("error")}
    action = "document.overrule" if reason else "document.issue"
    security.audit(ctx, action, "document", document_id, registration_id=event.registration_id, after=told)
    outbox.say(DocumentIssued(
        document_id, event.registration_id, event.org_code, draft.document.code, draft.set_id, draft.version,
        before.document_id if before else 0,
    ))  # fmt: skip
    return document_id
