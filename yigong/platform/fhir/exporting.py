"""Bulk Data export: asked for, fetched, deleted; ``export_work`` writes the files (HL7 Bulk Data Access 1.0 and 2.0)."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.platform.fhir import db, reading
from yigong.platform.fhir.bodies import JSON, instant, read
from yigong.platform.fhir.callers import Caller, visible
from yigong.platform.fhir.export_asked import Narrowed
from yigong.platform.fhir.indexing.values import moments
from yigong.platform.fhir.models import Export, ExportState
from yigong.platform.fhir.official import definitions
from yigong.platform.fhir.search.compiling import Compiler
from yigong.security.api import audit

KEPT = timedelta(hours=24)
FORMATS = ("", "application/fhir+ndjson", "application/ndjson", "ndjson")
#: how the file that tells of a type's deletions is called
GONE = "deleted-"
#: how the file is called that tells what of a request was passed over
PASSED = "passed-over"
Given = Mapping[str, Sequence[str]]


def root() -> Path:
    """Where all exports lie."""
    return Path(settings.LOCAL) / "fhir-exports"


def folder(key: str) -> Path:
    """Where the files of an export lie."""
    return root() / key


def ask(caller: Caller, level: str, given: Given, narrowed: Narrowed, url: str, group: str = "") -> Export:
    """Accept an export of a level (system, patient, group). Raises Refused fhir.operation_input, fhir.scope, fhir.not_found."""
    if _one(given, "_outputFormat") not in FORMATS:
        raise Refused("fhir.operation_input", name="export", parameter="_outputFormat")
    kinds = narrowed.types
    if not kinds and not caller.scopes.kinds("r", definitions().resources):
        raise Refused("fhir.scope", act="r", type="*")
    export = Export.objects.create(
        key=secrets.token_urlsafe(18), application_id=caller.application_id, request_url=url, level=level, types=kinds,
        since=_since(_one(given, "_since")), scopes=str(caller.scopes), asked_at=now(),
        registrations=_wanted(caller, level, given.get("patient", ()), group),
        filters=narrowed.filters, elements=narrowed.elements, passed=narrowed.passed,
    )  # fmt: skip
    audit(caller.ctx, "fhir.export", "fhir", export.key, after={"level": level, "types": kinds, "group": group})
    return export


def _one(given: Given, name: str) -> str:
    """The value of a parameter that is given once. Raises Refused fhir.operation_input."""
    values = given.get(name, ())
    if len(values) > 1:
        raise Refused("fhir.operation_input", name="export", parameter=name)
    return values[0] if values else ""


def _since(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromtimestamp(moments(text.replace(" ", "+"))[0] / 1e6, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Refused("fhir.operation_input", name="export", parameter="_since") from error


# ---- whose data ----


def _wanted(caller: Caller, level: str, patients: Sequence[str], group: str) -> list[int] | None:
    """Registrations of the Patients that were named, of the group's members, or of both; None where nobody is named."""
    if level == "system":
        return None
    named = [_patient_id(caller, one) for one in patients]
    members = _members(caller, group) if level == "group" else named
    if level == "patient" and not named:
        return None
    caller.scopes.must("Patient", "r")
    seen = _registrations(caller, {*members, *named})
    for one in named:
        if one not in seen or one not in members:
            raise Refused("fhir.not_found", type="Patient", id=one[:64])
    return sorted({seen[one] for one in named or members if one in seen})


def _patient_id(caller: Caller, reference: str) -> str:
    kind, _, fhir_id = reference.removeprefix(caller.base).partition("/")
    if kind != "Patient" or not fhir_id:
        raise Refused("fhir.operation_input", name="export", parameter=f"patient={reference[:60]}")
    return fhir_id


def _members(caller: Caller, group: str) -> list[str]:
    """Logical ids of the Patients that are members of a Group today. Raises Refused fhir.not_found, fhir.scope."""
    caller.scopes.must("Group", "r")
    members = read(reading.read(caller, "Group", group).body).get("member") or ()
    references = [str((m.get("entity") or {}).get("reference", "")) for m in members if _is_in(m)]
    local = (r.removeprefix(caller.base) for r in references)
    return [r.removeprefix("Patient/") for r in local if r.startswith("Patient/")]


def _is_in(member: JSON) -> bool:
    """Whether a member has not left."""
    end = (member.get("period") or {}).get("end")
    return member.get("inactive") is not True and not (end and moments(str(end))[1] < now().timestamp() * 1e6)


def _registrations(caller: Caller, fhir_ids: set[str]) -> dict[str, int]:
    """The registrations of the Patients among these that the caller may read."""
    compiler = Compiler(caller)
    scope = visible(caller, "r", "Patient")
    sql = f"""select r.fhir_id, r.registration_id from fhir_resource r where r.type = 'Patient' and not r.deleted
        and r.fhir_id = any({compiler.bind(sorted(fhir_ids))}) and r.registration_id is not null
        and {scope.sql} and {compiler.narrowing("Patient", "r")}"""
    return dict(db.rows(sql, {**compiler.params, **scope.params}))


# ---- what came of it ----


def mine(caller: Caller, key: str) -> Export:
    """An export of this application whose files still stand. Raises Refused fhir.export_kept."""
    found = Export.objects.filter(key=key, application_id=caller.application_id).first()
    if found is None or found.state == ExportState.CANCELLED or (found.ended_at and expires(found) <= now()):
        raise Refused("fhir.export_kept", key=key[:40])
    return found


def expires(export: Export) -> datetime:
    """When the files of an ended export go."""
    assert export.ended_at is not None
    return export.ended_at + KEPT


def cancel(caller: Caller, key: str) -> None:
    """Forget an export and its files; one that is being written stops at its next type."""
    export = mine(caller, key)
    Export.objects.filter(pk=export.pk).update(state=ExportState.CANCELLED, ended_at=now())
    shutil.rmtree(folder(key), ignore_errors=True)
    audit(caller.ctx, "fhir.export", "fhir", key, after={"state": "cancelled"})


def manifest(export: Export, base: str) -> dict[str, Any]:
    """What a finished export offers."""
    assert export.transaction_time is not None
    here = f"{base}export/{export.key}/"
    return {
        "transactionTime": instant(export.transaction_time),
        "request": export.request_url,
        "requiresAccessToken": True,
        "output": [{"type": f["type"], "url": f"{here}{f['type']}.ndjson", "count": f["count"]} for f in export.files],
        "deleted": [{"type": "Bundle", "url": f"{here}{GONE}{f['type']}.ndjson", "count": f["count"]} for f in export.gone],
        "error": [{"type": "OperationOutcome", "url": f"{here}{PASSED}.ndjson", "count": 1}] if export.passed else [],
    }  # fmt: skip


def file_of(caller: Caller, key: str, kind: str) -> Path:
    """The file of a type, or of its deletions. Raises Refused fhir.export_kept."""
    export = mine(caller, key)
    known = (
        {f["type"] for f in export.files}
        | {GONE + f["type"] for f in export.gone}
        | {PASSED for _ in export.passed[:1]}
    )
    if kind not in known:
        raise Refused("fhir.export_kept", key=f"{key[:40]}/{kind[:40]}")
    return folder(key) / f"{kind}.ndjson"
