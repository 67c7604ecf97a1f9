"""Terminology operations over the code systems and value sets that are kept: $expand, $validate-code, $lookup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.http import HttpRequest, HttpResponse

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.platform.fhir import acts, reading
from yigong.platform.fhir.answers import is_lenient, json_answer
from yigong.platform.fhir.bodies import JSON, instant, read
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.operations import asked_of
from yigong.platform.fhir.search.asked import only, whole
from yigong.platform.fhir.search.running import ids_of
from yigong.platform.fhir.views import fhir
from yigong.security.api import audit

#: codes in one answer, and value sets within value sets
MOST, DEEPEST = 1000, 10
Codes = dict[tuple[str, str], str]  # system, code -> display


@fhir("fhir.read")
def expand(request: HttpRequest, caller: Caller, fhir_id: str = "") -> HttpResponse:
    """The codes of a value set, page by page, those whose code or display holds the filter."""
    given = only("$expand", asked_of(request), ("url", "filter", "offset", "count"), lenient=is_lenient(request))
    value_set = _asked(caller, "ValueSet", given, "expand", fhir_id)
    wanted = given.get("filter", "").lower()
    found = [(s, c, d) for (s, c), d in _codes(caller, value_set).items() if wanted in c.lower() or wanted in d.lower()]
    offset, count = whole("offset", given.get("offset", "0")), min(whole("count", given.get("count", str(MOST))), MOST)
    contains = [{"system": s, "code": c, **({"display": d} if d else {})} for s, c, d in found[offset : offset + count]]
    expansion = {"timestamp": instant(now()), "total": len(found), "offset": offset, "contains": contains}
    return json_answer(
        {**{k: v for k, v in value_set.items() if k not in ("text", "compose")}, "expansion": _full(expansion)}
    )


def _full(expansion: JSON) -> JSON:
    return {k: v for k, v in expansion.items() if v != []}


@fhir("fhir.read")
def validate_code(request: HttpRequest, caller: Caller, kind: str, fhir_id: str = "") -> HttpResponse:
    """Whether a code is one of a value set or code system, and how it is called there."""
    known = ("url", "code", "system", "display")
    given = only("$validate-code", asked_of(request), known, lenient=is_lenient(request))
    code, system, display = (given.get(name, "") for name in ("code", "system", "display"))
    if not code:
        raise Refused("fhir.operation_input", name="validate-code", parameter="code")
    within = _codes_of(caller, _asked(caller, kind, given, "validate-code", fhir_id))
    hits = {d for (s, c), d in within.items() if c == code and system in ("", s)}
    good = bool(hits) and (not display or display in hits)
    answer: list[JSON] = [{"name": "result", "valueBoolean": good}]
    if not good:
        said = f"代码 {code[:60]} 的名称不是 {display[:60]}" if hits else f"代码 {code[:60]} 不在其中"
        answer.append({"name": "message", "valueString": said})
    answer += [{"name": "display", "valueString": one} for one in sorted(hits)[:1] if one]
    return json_answer({"resourceType": "Parameters", "parameter": answer})


@fhir("fhir.read")
def lookup(request: HttpRequest, caller: Caller) -> HttpResponse:
    """What a code of a system means."""
    given = only("$lookup", asked_of(request), ("system", "code"), lenient=is_lenient(request))
    system = _asked(caller, "CodeSystem", {"url": given.get("system", "")}, "lookup")
    code = given.get("code", "")
    found = next((c for c in _concepts(system) if c.get("code") == code), None)
    if found is None:
        raise Refused("fhir.code_unknown", system=str(system.get("url"))[:120], given=code[:60])
    answer = [
        ("name", system.get("title") or system.get("name")),
        ("version", system.get("version")),
        ("display", found.get("display") or code),
    ]
    return json_answer({
        "resourceType": "Parameters", "parameter": [{"name": n, "valueString": str(v)} for n, v in answer if v],
    })  # fmt: skip


# ---- what is kept ----


def _asked(caller: Caller, kind: str, given: Mapping[str, str], operation: str, fhir_id: str = "") -> JSON:
    """The resource of an operation, by its id or by ``url``. Raises Refused fhir.operation_input, fhir.not_found."""
    caller.scopes.must(kind, "r")
    if not fhir_id and not given.get("url"):
        raise Refused("fhir.operation_input", name=operation, parameter="system" if operation == "lookup" else "url")
    one = reading.read(caller, kind, acts.good_id(fhir_id) if fhir_id else _by_url(caller, kind, given["url"]))
    audit(caller.ctx, "fhir.read", "fhir", one.place)
    return read(one.body)


def _by_url(caller: Caller, kind: str, url: str) -> str:
    found = ids_of(caller, kind, [("url", url.partition("|")[0])], limit=1)
    if not found:
        raise Refused("fhir.not_found", type=kind, id=f"?url={url[:200]}")
    return found[0][1]


def _codes_of(caller: Caller, resource: JSON) -> Codes:
    return _of_system(resource) if resource["resourceType"] == "CodeSystem" else _codes(caller, resource)


def _of_system(system: JSON) -> Codes:
    url = str(system.get("url", ""))
    return {(url, str(c.get("code"))): str(c.get("display", "")) for c in _concepts(system)}


def _concepts(system: JSON) -> Iterator[JSON]:
    """All concepts of a code system, those inside others too."""
    waiting = list(reversed(system.get("concept") or ()))
    while waiting:
        one = waiting.pop()
        yield one
        waiting += reversed(one.get("concept") or ())


def _codes(caller: Caller, value_set: JSON, depth: int = 0) -> Codes:
    """The codes of a value set. Raises Refused fhir.value_set for what is defined by a filter, or too deep."""
    if depth > DEEPEST:
        raise Refused("fhir.value_set", url=str(value_set.get("url"))[:120])
    compose = value_set.get("compose") or {}
    found: Codes = {}
    for part in compose.get("include") or ():
        found |= _of_part(caller, value_set, part, depth)
    for part in compose.get("exclude") or ():
        for key in _of_part(caller, value_set, part, depth):
            found.pop(key, None)
    return found


def _of_part(caller: Caller, value_set: JSON, part: JSON, depth: int) -> Codes:
    if part.get("filter"):
        raise Refused("fhir.value_set", url=str(value_set.get("url"))[:120])
    system = str(part.get("system", ""))
    ways: list[Codes] = []
    if listed := part.get("concept"):
        ways.append({(system, str(c.get("code"))): str(c.get("display", "")) for c in listed})
    elif system:
        caller.scopes.must("CodeSystem", "r")
        ways.append(_of_system(read(reading.read(caller, "CodeSystem", _by_url(caller, "CodeSystem", system)).body)))
    for url in part.get("valueSet") or ():
        inner = read(reading.read(caller, "ValueSet", _by_url(caller, "ValueSet", str(url))).body)
        ways.append(_codes(caller, inner, depth + 1))
    return {key: d for key, d in ways[0].items() if all(key in way for way in ways[1:])} if ways else {}
