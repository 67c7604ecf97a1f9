"""Answers to searches and histories: bundles of stored bytes with links that stay good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from yigong.kit.errors import Refused
from yigong.platform.fhir import reading
from yigong.platform.fhir.answers import JSON_TYPE, bundle, entry, history_entry, is_lenient, issue, outcome
from yigong.platform.fhir.bodies import instant, written
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.definitions.api import Parameter
from yigong.platform.fhir.indexing.values import moments
from yigong.platform.fhir.official import definitions, parameter
from yigong.platform.fhir.projecting import projected
from yigong.platform.fhir.reading import Stored
from yigong.platform.fhir.search import asked as asking
from yigong.platform.fhir.search.asked import Asked, Chain, Simple, whole
from yigong.platform.fhir.search.running import Found, search
from yigong.security.api import audit, audit_many

Pairs = Sequence[tuple[str, str]]


def search_answer(request: HttpRequest, caller: Caller, kind: str, pairs: Pairs, patient: str = "") -> HttpResponse:
    """A searchset."""
    asked = asking.read(kind, pairs, lenient=is_lenient(request))
    if patient:
        asked.clauses.append(_in_compartment(kind, patient))
    found = search(caller, asked)
    note_reading(caller, kind, [*found.matches, *found.along])
    path = f"{caller.base}Patient/{patient}/{kind}" if patient else f"{caller.base}{kind}"
    return HttpResponse(searchset(caller, found, path), content_type=JSON_TYPE)


def search_all_answer(request: HttpRequest, caller: Caller, pairs: Pairs) -> HttpResponse:
    """A searchset over several types: those of ``_type``, else all that the token lets be searched."""
    named = [t for name, value in pairs if name == "_type" for t in value.split(",") if t]
    for kind in named:
        if kind not in definitions().parameters:
            raise Refused("fhir.type_unknown", type=kind[:60])
    kinds = list(dict.fromkeys(named)) or caller.scopes.kinds("s", definitions().resources)
    if not kinds:
        raise Refused("fhir.scope", act="s", type="*")
    found = search(caller, asking.read_all(kinds, pairs, lenient=is_lenient(request)))
    note_reading(caller, ",".join(named) or "*", [*found.matches, *found.along])
    return HttpResponse(searchset(caller, found, caller.base.rstrip("/")), content_type=JSON_TYPE)


def searchset(caller: Caller, found: Found, path: str) -> bytes:
    """The Bundle of one page."""
    asked = found.asked
    entries = [entry(caller.base, one, "match", _part(asked, one)) for one in found.matches]
    entries += [entry(caller.base, one, "include") for one in found.along]
    if asked.ignored:
        entries.append(_ignored(asked))
    links = [("self", address(path, asked.used))]
    if found.following:
        added = {name for name, _ in found.following}
        kept = [p for p in asked.used if p[0] not in added]
        links.append(("next", address(path, [*kept, *found.following])))
    return bundle("searchset", entries, links=links, total=found.total)


def _part(asked: Asked, one: Stored) -> bytes | None:
    if not asked.elements and asked.summary in ("", "false"):
        return None
    return projected(one.body, one.type, asked.summary, ",".join(asked.elements))


def _ignored(asked: Asked) -> bytes:
    names = ", ".join(asked.ignored)
    said = issue("warning", "not-supported", f"未处理的检索参数：{names}", f"Parameters that were ignored: {names}")
    return b'{"resource":' + written(outcome([said])) + b',"search":{"mode":"outcome"}}'


def address(path: str, pairs: Pairs) -> str:
    """An address with its parameters."""
    return f"{path}?{urlencode(list(pairs))}" if pairs else path


def note_reading(caller: Caller, kind: str, seen: Sequence[Stored]) -> None:
    """One audit line for the search, and one for each person whose data were shown."""
    persons = list(dict.fromkeys(s.registration_id for s in seen if s.registration_id))
    if persons:
        audit_many(caller.ctx, "fhir.search", "fhir", [(kind, p) for p in persons])
    else:
        audit(caller.ctx, "fhir.search", "fhir", kind)


def _in_compartment(kind: str, patient: str) -> asking.Clause:
    """A resource of the type points to this patient by any of the compartment's parameters."""
    codes = definitions().patient_compartment.get(kind, ())
    known: list[Parameter] = [p for c in codes if (p := parameter(kind, c))]
    if kind == "Patient":
        return asking.OnResource("_id", (patient,))
    if not known:
        raise Refused("fhir.type_unknown", type=f"Patient/{patient}/{kind}")
    parts = tuple(Simple(p, "", (f"Patient/{patient}",)) for p in known)
    return parts[0] if len(parts) == 1 else asking.AnyOf(parts)


__all__ = ["Chain", "address", "history_answer", "note_reading", "search_answer", "searchset"]

# ---- history ----


def history_answer(request: HttpRequest, caller: Caller, kind: str = "", fhir_id: str = "") -> HttpResponse:
    """A Bundle of versions, newest first."""
    if kind:
        caller.scopes.must(kind, "r")
    asking.only(
        "_history",
        [(n, str(v)) for n, v in request.GET.items()],
        ("_count", "_since", "_before"),
        lenient=is_lenient(request),
    )
    count = min(whole("_count", request.GET.get("_count", "50")), 1000)
    since = _moment(request.GET.get("_since"))
    before = _place(request.GET.get("_before"))
    found = reading.history(caller, kind, fhir_id, since=since, before=before, limit=count + 1)
    page = found[:count]
    note_reading(caller, kind or "_history", page)
    path = caller.base + "/".join(p for p in (kind, fhir_id, "_history") if p)
    links = [("self", request.build_absolute_uri())]
    if len(found) > count and page:
        last = page[-1]
        pairs = [("_count", str(count)), ("_before", f"{int(last.last_updated.timestamp() * 1e6)}-{last.id}")]
        links.append(("next", address(path, [*pairs, *([("_since", instant(since))] if since else [])])))
    total = len(page) if len(found) <= count and before is None else None
    entries = [history_entry(caller.base, one) for one in page]
    return HttpResponse(bundle("history", entries, links=links, total=total), content_type=JSON_TYPE)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromtimestamp(moments(text.replace(" ", "+"))[0] / 1e6, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Refused("fhir.parameter_value", name="_since", value=text[:60]) from error


def _place(text: str | None) -> tuple[datetime, int] | None:
    if not text:
        return None
    micro, _, number = text.partition("-")
    if not (micro.isdigit() and number.isdigit() and len(micro) <= 17 and len(number) <= 18):
        raise Refused("fhir.parameter_value", name="_before", value=text[:60])
    return datetime.fromtimestamp(int(micro) / 1e6, UTC), int(number)
