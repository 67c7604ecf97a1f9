"""Terminology operations over the code systems and value sets that are kept: $expand, $validate-code, $lookup, $subsumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.platform.fhir import acts, db, reading
from yigong.platform.fhir.answers import is_lenient, json_answer
from yigong.platform.fhir.bodies import JSON, instant, read
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.library import Library
from yigong.platform.fhir.official import official_shelf
from yigong.platform.fhir.operations import given_parameters
from yigong.platform.fhir.search.asked import only, whole
from yigong.platform.fhir.search.asked import read as search_read
from yigong.platform.fhir.search.running import conditions
from yigong.platform.fhir.terms.sets import Codes, Entry, Terminology
from yigong.platform.fhir.terms.systems import Concept, System, Unknown, Unusable
from yigong.platform.fhir.views import fhir
from yigong.security.api import audit

#: codes in one answer
MOST = 1000
EXPAND = (
    "url",
    "valueSet",
    "valueSetVersion",
    "filter",
    "offset",
    "count",
    "activeOnly",
    "includeDesignations",
    "excludeNested",
)
VALIDATE = (
    "url",
    "valueSet",
    "valueSetVersion",
    "codeSystem",
    "version",
    "code",
    "system",
    "display",
    "coding",
    "codeableConcept",
)
LOOKUP = ("system", "version", "code", "coding", "property")
SUBSUMES = ("system", "version", "codeA", "codeB", "codingA", "codingB")
Given = Mapping[str, Any]


# ---- what is kept ----


class _Kept:
    """Definitions by their addresses, as far as a caller may read them."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def find(self, kind: str, canonical: str) -> JSON | None:
        """The newest of an address and, where it is asked for, version. Raises Refused fhir.scope."""
        self.caller.scopes.must(kind, "r")
        url, _, version = canonical.partition("|")
        asked = search_read(kind, [("url", url), *([("version", version)] if version else [])])
        where, compiler = conditions(self.caller, asked)
        sql = f"select r.body from fhir_resource r where {where} order by r.last_updated desc, r.id desc limit 1"
        for (body,) in db.rows(sql, compiler.params, raw_text=True):
            return read(body)
        own = official_shelf().get(kind, url)
        return own if own is not None and version in ("", own.get("version")) else None


def _terminology(caller: Caller) -> Terminology:
    return Terminology(Library(_Kept(caller).find))


def _asked(caller: Caller, kind: str, given: Given, operation: str, fhir_id: str = "") -> JSON:
    """The resource of an operation: by its id, brought along, or by address. Raises Refused fhir.operation_input, fhir.not_found."""
    caller.scopes.must(kind, "r")
    if isinstance(brought := given.get("valueSet" if kind == "ValueSet" else "codeSystem"), dict):
        return acts.checked(caller, kind, brought)
    name = "system" if operation in ("lookup", "subsumes") else "url"
    if fhir_id:
        one = reading.read(caller, kind, acts.good_id(fhir_id))
        audit(caller.ctx, "fhir.read", "fhir", one.place)
        return read(one.body)
    url = str(given.get(name) or "")
    if not url:
        raise Refused("fhir.operation_input", name=operation, parameter=name)
    version = given.get("valueSetVersion" if kind == "ValueSet" else "version")
    found = _Kept(caller).find(kind, f"{url}|{version}" if version and "|" not in url else url)
    if found is None:
        raise Refused("fhir.not_found", type=kind, id=f"?url={url[:200]}")
    audit(caller.ctx, "fhir.read", "fhir", f"{kind}/{found.get('id')}"[:80])
    return found


def _worked_out(caller: Caller, value_set: JSON) -> Codes:
    """The codes of a value set. Raises Refused fhir.value_set, fhir.value_set_costly, fhir.definition_unknown."""
    url = str(value_set.get("url"))[:200]
    try:
        return _terminology(caller).codes(value_set)
    except Unusable as error:
        raise Refused(
            "fhir.value_set_costly" if error.costly else "fhir.value_set", url=url, zh=error.zh, en=error.en
        ) from error
    except Unknown as error:
        raise Refused("fhir.definition_unknown", url=url, kind=error.kind, missing=error.url[:200]) from error


# ---- $expand ----


@fhir("fhir.read")
def expand(request: HttpRequest, caller: Caller, fhir_id: str = "") -> HttpResponse:
    """The codes of a value set, page by page, those whose code or display holds all words of the filter."""
    given = _given(request, "$expand", EXPAND)
    value_set = _asked(caller, "ValueSet", given, "expand", fhir_id)
    found = [e for e in _worked_out(caller, value_set).values() if _wanted(e, given)]
    paged = "count" in given or "offset" in given
    if not paged and len(found) > MOST:
        zh, en = (
            f"共 {len(found):,} 个代码，请用 count 与 offset 分页，或用 filter 缩小",
            f"it has {len(found):,} codes; page by count and offset, or narrow by filter",
        )
        raise Refused("fhir.value_set_costly", url=str(value_set.get("url"))[:200], zh=zh, en=en)
    offset, count = (
        whole("offset", str(given.get("offset", 0))),
        min(whole("count", str(given.get("count", MOST))), MOST),
    )
    contains = [_contained(e, _is_true(given, "includeDesignations")) for e in found[offset : offset + count]]
    parameters = [
        {"name": n, "valueString": str(given[n])} for n in ("filter", "activeOnly", "offset", "count") if n in given
    ]
    expansion = {
        "identifier": f"urn:yigong:expansion:{now().timestamp():.6f}", "timestamp": instant(now()), "total": len(found),
        "offset": offset, "parameter": parameters, "contains": contains,
    }  # fmt: skip
    kept = {k: v for k, v in value_set.items() if k not in ("text", "compose", "expansion")}
    return json_answer({**kept, "expansion": {k: v for k, v in expansion.items() if v != []}})


def _wanted(entry: Entry, given: Given) -> bool:
    words = str(given.get("filter") or "").lower().split()
    text = f"{entry.code} {entry.display}".lower()
    return all(w in text for w in words) and (entry.active or not _is_true(given, "activeOnly"))


def _contained(entry: Entry, designations: bool) -> JSON:
    found: JSON = {"system": entry.system, "code": entry.code}
    if entry.display:
        found["display"] = entry.display
    if not entry.active:
        found["inactive"] = True
    if entry.abstract:
        found["abstract"] = True
    if designations and entry.designations:
        found["designation"] = list(entry.designations)
    return found


def _is_true(given: Given, name: str) -> bool:
    return str(given.get(name, "")).lower() == "true"


# ---- $validate-code ----


@fhir("fhir.read")
def validate_code(request: HttpRequest, caller: Caller, kind: str, fhir_id: str = "") -> HttpResponse:
    """Whether a code, or one of the codings of a concept, is one of a value set or code system, and how it is called there."""
    given = _given(request, "$validate-code", VALIDATE)
    codings = _codings(given)
    if not codings:
        raise Refused("fhir.operation_input", name="validate-code", parameter="code")
    resource = _asked(caller, kind, given, "validate-code", fhir_id)
    within = _held(caller, resource) if kind == "CodeSystem" else _worked_out(caller, resource)
    verdicts = [_verdict(within, *coding) for coding in codings]
    good, said, display = next((v for v in verdicts if v[0]), verdicts[0])
    answer: list[JSON] = [{"name": "result", "valueBoolean": good}]
    answer += [{"name": "message", "valueString": said}] if said else []
    answer += [{"name": "display", "valueString": display}] if display else []
    return json_answer({"resourceType": "Parameters", "parameter": answer})


def _held(caller: Caller, resource: JSON) -> Codes:
    """The codes of a code system. Raises Refused fhir.definition_unknown for one of which only the name is here."""
    return {(c.url, k): Entry(c.url, k, one.display) for c in [_system(resource)] for k, one in c.concepts.items()}


def _system(resource: JSON) -> System:
    url = str(resource.get("url"))[:200]
    if not resource.get("concept"):
        raise Refused("fhir.definition_unknown", url=url, kind="CodeSystem.concept", missing=url)
    return System(resource)


def _codings(given: Given) -> list[tuple[str, str, str]]:
    """(system, code, display) of what is asked about."""
    concept, coding = given.get("codeableConcept"), given.get("coding")
    found: list[Any] = [coding] if isinstance(coding, dict) else []
    found += [c for c in concept.get("coding") or () if isinstance(c, dict)] if isinstance(concept, dict) else []
    found += [given] if given.get("code") else []
    return [(str(c.get("system") or ""), str(c["code"]), str(c.get("display") or "")) for c in found if c.get("code")]


def _verdict(within: Codes, system: str, code: str, display: str) -> tuple[bool, str, str]:
    hits = [e.display for (s, c), e in within.items() if c == code and system in ("", s)]
    known = next((h for h in sorted(hits) if h), "")
    if not hits:
        return False, f"代码 {code[:60]} 不在其中", ""
    if display and display not in hits:
        return False, f"代码 {code[:60]} 的名称不是 {display[:60]}", known
    return True, "", known


# ---- $lookup and $subsumes ----


@fhir("fhir.read")
def lookup(request: HttpRequest, caller: Caller) -> HttpResponse:
    """What a code of a system means: its name, properties, and what it is part of."""
    given = _of_coding(_given(request, "$lookup", LOOKUP), "coding", "code")
    resource = _asked(caller, "CodeSystem", given, "lookup")
    system, code = _system(resource), str(given.get("code") or "")
    found = system.find(code)
    if found is None:
        raise Refused("fhir.code_unknown", system=system.url[:120], given=code[:60])
    answer = [("name", system.name), ("version", system.version), ("display", found.display or code)]
    told: list[JSON] = [{"name": n, "valueString": v} for n, v in answer if v]
    told += [_designation(d) for d in found.facts.get("designation") or ()]
    return json_answer({"resourceType": "Parameters", "parameter": told + _properties(system, found)})


def _properties(system: System, found: Concept) -> list[JSON]:
    told = [("parent", {"valueCode": code}) for code in found.parents]
    told += [("child", {"valueCode": code}) for code in system.children.get(found.code, ())]
    told += [("definition", {"valueString": d})] if (d := found.facts.get("definition")) else []
    told += [
        (str(p.get("code")), {k: v for k, v in p.items() if k.startswith("value")})
        for p in found.facts.get("property") or () if p.get("code") not in ("parent", "child")
    ]  # fmt: skip
    return [{"name": "property", "part": [{"name": "code", "valueCode": n}, {"name": "value", **v}]} for n, v in told]


def _designation(one: Mapping[str, Any]) -> JSON:
    parts: list[JSON] = [{"name": "language", "valueCode": one["language"]}] if one.get("language") else []
    parts += [{"name": "use", "valueCoding": one["use"]}] if one.get("use") else []
    return {"name": "designation", "part": [*parts, {"name": "value", "valueString": str(one.get("value", ""))}]}


@fhir("fhir.read")
def subsumes(request: HttpRequest, caller: Caller, fhir_id: str = "") -> HttpResponse:
    """Whether one code of a system holds another."""
    given = _given(request, "$subsumes", SUBSUMES)
    given = _of_coding(_of_coding(given, "codingA", "codeA"), "codingB", "codeB")
    one, other = (str(given.get(n) or "") for n in ("codeA", "codeB"))
    if not one or not other:
        raise Refused("fhir.operation_input", name="subsumes", parameter="codeB" if one else "codeA")
    system = _system(_asked(caller, "CodeSystem", given, "subsumes", fhir_id))
    for code in (one, other):
        if system.find(code) is None:
            raise Refused("fhir.code_unknown", system=system.url[:120], given=code[:60])
    outcome = {"name": "outcome", "valueCode": system.subsumes(one, other)}
    return json_answer({"resourceType": "Parameters", "parameter": [outcome]})


def _of_coding(given: Given, name: str, code: str) -> Given:
    """The parameters with those that stand in a Coding among them."""
    coding = given.get(name)
    if not isinstance(coding, dict):
        return given
    return {"system": coding.get("system"), "version": coding.get("version"), code: coding.get("code")} | {
        k: v for k, v in given.items() if k != name and v
    }


def _given(request: HttpRequest, where: str, known: Sequence[str]) -> Given:
    """The parameters of an operation by name. Raises Refused fhir.parameter_unserved."""
    pairs = given_parameters(request)
    only(where, [(name, "") for name, _ in pairs], known, lenient=is_lenient(request))
    return dict(pairs)
