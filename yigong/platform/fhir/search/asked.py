"""Reads the parameters of a search into clauses. Pure but for the definitions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from yigong.kit.errors import Refused
from yigong.platform.fhir.definitions.api import Parameter
from yigong.platform.fhir.official import definitions, parameter, supported

Pairs = Sequence[tuple[str, str]]
#: kind of parameter -> modifiers that are answered
MODIFIERS = {
    "token": {"missing", "not", "text", "of-type", "in", "not-in"},
    "string": {"missing", "exact", "contains"},
    "reference": {"missing", "identifier"},
    "uri": {"missing", "below", "above", "contains"},
    "date": {"missing"},
    "quantity": {"missing"},
    "number": {"missing"},
    "composite": set(),
}
#: controls of the answer, not of what matches
CONTROLS = {"_sort", "_count", "_include", "_revinclude", "_summary", "_elements", "_total", "_format", "_pretty",
            "_page", "_from", "_after"}  # fmt: skip
MOST, USUAL = 1000, 50
#: bounds of one search: references followed within a parameter, clauses with all alternatives of their targets, sort keys
MOST_HOPS, MOST_CLAUSES, MOST_KEYS = 4, 120, 8
_SPLIT = re.compile(r"(?<!\\),")


@dataclass(frozen=True, slots=True)
class Simple:
    """A parameter with its modifier and alternatives."""

    parameter: Parameter
    modifier: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """A reference to a resource for which another clause holds."""

    parameter: Parameter
    kinds: tuple[str, ...]  # of the target
    inner: tuple[Clause, ...]  # one for each of kinds


@dataclass(frozen=True, slots=True)
class Has:
    """A resource of another type points here, and a clause holds for it."""

    kind: str
    parameter: Parameter
    inner: Clause


@dataclass(frozen=True, slots=True)
class OnResource:
    """``_id`` or ``_lastUpdated``."""

    code: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several clauses holds."""

    parts: tuple[Simple, ...]


Clause = Simple | Chain | Has | OnResource | AnyOf


@dataclass(frozen=True, slots=True)
class Include:
    """What goes along: from *kind* by a parameter (* for all) to *target* (empty for any)."""

    kind: str
    code: str
    target: str = ""
    iterate: bool = False


@dataclass(slots=True)
class Asked:
    """A search as it was understood."""

    kind: str  # empty where several types are searched at once
    kinds: tuple[str, ...] = ()  # those
    clauses: list[Clause] = field(default_factory=list)
    sort: list[tuple[str, bool]] = field(default_factory=list)  # code, descending
    count: int = USUAL
    includes: list[Include] = field(default_factory=list)
    revincludes: list[Include] = field(default_factory=list)
    summary: str = ""  # true text data count
    elements: tuple[str, ...] = ()
    total: str = ""
    page: str = ""  # key of a kept order
    start: int = 0
    after: int = 0
    used: list[tuple[str, str]] = field(default_factory=list)  # what was understood, for the self link
    ignored: list[str] = field(default_factory=list)


#: how an answer is written; ``_totalMethod`` is how fhirpy says to a server of its own how to count, and changes no answer
PASSED_OVER = ("_format", "_pretty", "_totalMethod")


def read(kind: str, pairs: Iterable[tuple[str, str]], *, lenient: bool = False) -> Asked:
    """The search. Raises Refused fhir.parameter_unknown, fhir.parameter_value, fhir.modifier_unknown."""
    asked = Asked(kind)
    for name, value in pairs:
        if name in PASSED_OVER or (name, value) == ("_contained", "false"):
            continue
        if name.partition(":")[0] in CONTROLS:
            _control(asked, name, value)
        elif value == "" or not _understood(asked, lambda n, v: clause(kind, n, v), name, value, lenient=lenient):
            continue
        asked.used.append((name, value))
    return _bounded(asked)


def read_all(kinds: Sequence[str], pairs: Iterable[tuple[str, str]], *, lenient: bool = False) -> Asked:
    """A search of several types at once, by what all of them have. Raises what ``read`` does, fhir.parameter_unserved."""
    asked = Asked("", kinds=tuple(kinds))
    for name, value in pairs:
        if name == "_type":
            asked.used.append((name, value))
        elif name in PASSED_OVER or (name, value) == ("_contained", "false"):
            continue
        elif name.partition(":")[0] in CONTROLS:
            _common_control(asked, name, value)
            asked.used.append((name, value))
        elif value and _understood(asked, lambda n, v: _common(kinds, n, v), name, value, lenient=lenient):
            asked.used.append((name, value))
    return _bounded(asked)


def _understood(asked: Asked, read_one: Callable[[str, str], Clause], name: str, value: str, *, lenient: bool) -> bool:
    """Whether a parameter became a clause; one that nobody knows is passed over where that is allowed. Raises Refused."""
    try:
        asked.clauses.append(read_one(name, value))
    except Refused as refused:
        if not lenient or refused.code != "fhir.parameter_unknown":
            raise
        asked.ignored.append(name)
        return False
    return True


def _common_control(asked: Asked, name: str, value: str) -> None:
    """What all types can be sorted by is on the resource itself; what goes along names its type."""
    sorts = [one.lstrip("-") for one in value.split(",") if one] if name == "_sort" else []
    if not {"_id", "_lastUpdated"}.issuperset(sorts):
        raise Refused("fhir.parameter_unserved", where="_sort", name=value[:60], known=["_id", "_lastUpdated"])
    if name.partition(":")[0] in ("_include", "_revinclude") and value == "*":
        raise Refused("fhir.parameter_unserved", where=name, name="*", known=["Type:parameter"])
    if sorts:
        asked.sort = [(one.lstrip("-"), one.startswith("-")) for one in value.split(",") if one]
    else:
        _control(asked, name, value)


def _common(kinds: Sequence[str], name: str, value: str) -> Clause:
    """A parameter that all these types have, in one form. Raises Refused fhir.parameter_unknown."""
    code = name.partition(".")[0].partition(":")[0]
    if code in ("_has", "_id", "_lastUpdated"):
        return clause(kinds[0], name, value)
    found = [p for k in kinds if (p := parameter(k, code)) is not None and p in supported(k)]
    if len(found) < len(kinds) or len({p.type for p in found}) > 1 or found[0].type == "composite":
        common = set.intersection(*({(p.code, p.type) for p in supported(k) if p.type != "composite"} for k in kinds))
        raise Refused(
            "fhir.parameter_unknown", name=code, type=", ".join(kinds[:10]), known=sorted(c for c, _ in common)
        )
    targets = tuple(dict.fromkeys(t for p in found for t in p.targets))
    return clause(kinds[0], name, value, known=replace(found[0], targets=targets))


def _bounded(asked: Asked) -> Asked:
    """The search, if a database can plan it in good time. Raises Refused fhir.search_too_large."""
    if (size := sum(weight(c) for c in asked.clauses)) > MOST_CLAUSES:
        raise Refused("fhir.search_too_large", size=size, limit=MOST_CLAUSES)
    if len(asked.sort) > MOST_KEYS:
        raise Refused("fhir.search_too_large", size=len(asked.sort), limit=MOST_KEYS)
    return asked


def weight(one: Clause) -> int:
    """How many clauses one stands for, with those inside."""
    match one:
        case Chain():
            return 1 + sum(weight(inner) for inner in one.inner)
        case Has():
            return 1 + weight(one.inner)
        case AnyOf():
            return len(one.parts)
    return 1


def clause(kind: str, name: str, value: str, known: Parameter | None = None) -> Clause:
    """One parameter (*known* where it was found already) as a clause; chained names and ``_has`` go on inside. Raises Refused fhir.search_too_large and others."""
    if (hops := name.count(".") + name.count("_has:")) > MOST_HOPS:
        raise Refused("fhir.search_too_large", size=hops, limit=MOST_HOPS)
    if name.startswith("_has:"):
        return _has(kind, name, value)
    first, dot, rest = name.partition(".")
    code, _, modifier = first.partition(":")
    if code in ("_id", "_lastUpdated") and not dot:
        return OnResource(code, split(value))
    if known is None:
        known = parameter(kind, code)
        if known is None or known not in supported(kind):
            raise Refused("fhir.parameter_unknown", name=code, type=kind, known=[p.code for p in supported(kind)])
    if dot:
        return _chain(known, modifier, rest, value)
    if known.type == "reference" and modifier in definitions().types and modifier[:1].isupper():
        return Simple(known, "", tuple(v if "/" in v else f"{modifier}/{v}" for v in split(value)))
    if modifier and modifier not in MODIFIERS[known.type]:
        raise Refused("fhir.modifier_unknown", name=name, modifier=modifier, known=sorted(MODIFIERS[known.type]))
    return Simple(known, modifier, split(value))


def _chain(known: Parameter, modifier: str, rest: str, value: str) -> Chain:
    if known.type != "reference":
        raise Refused("fhir.parameter_unknown", name=f"{known.code}.{rest}", type=known.base, known=[])
    targets = (modifier,) if modifier else known.targets
    code = rest.partition(".")[0].partition(":")[0]
    kinds = [
        t for t in targets if t in definitions().parameters and (code in ("_id", "_lastUpdated") or _answers(t, rest))
    ]
    if not kinds:
        raise Refused("fhir.parameter_unknown", name=f"{known.code}.{rest}", type=known.base, known=sorted(targets))
    return Chain(known, tuple(kinds), tuple(clause(k, rest, value) for k in kinds))


def _answers(kind: str, rest: str) -> bool:
    code = rest.partition(".")[0].partition(":")[0]
    return code == "_has" or any(p.code == code for p in supported(kind))


def _has(kind: str, name: str, value: str) -> Has:
    parts = name.split(":", 3)
    if len(parts) != 4 or parts[1] not in definitions().parameters:
        raise Refused("fhir.parameter_unknown", name=name, type=kind, known=["_has:Type:parameter:name"])
    _, other, code, rest = parts
    known = parameter(other, code)
    if known is None or known.type != "reference" or known not in supported(other):
        raise Refused("fhir.parameter_unknown", name=name, type=other, known=[p.code for p in supported(other)])
    return Has(other, known, clause(other, rest, value))


def split(value: str) -> tuple[str, ...]:
    """The alternatives of a value; a comma after a backslash is none."""
    return tuple(_SPLIT.split(value))


def unescaped(value: str) -> str:
    r"""The text behind ``\,`` ``\|`` ``\$`` and ``\\``."""
    return re.sub(r"\\([,|$\\])", r"\1", value)


def only(where: str, pairs: Pairs, known: Sequence[str], *, lenient: bool = False) -> dict[str, str]:
    """The parameters of an operation or history by name. Raises Refused fhir.parameter_unserved for one that would be passed over."""
    given = {name: value for name, value in pairs if name not in ("_format", "_pretty")}
    for name in () if lenient else given:
        if name not in known:
            raise Refused("fhir.parameter_unserved", where=where, name=name[:60], known=list(known))
    return given


def _control(asked: Asked, name: str, value: str) -> None:
    head, _, modifier = name.partition(":")
    match head:
        case "_sort":
            asked.sort = [_sort(asked.kind, one) for one in value.split(",") if one]
        case "_count":
            asked.count = min(whole(name, value), MOST)
        case "_include" | "_revinclude":
            into = asked.includes if head == "_include" else asked.revincludes
            into.append(_include(asked.kind, head, value, iterate=modifier in ("iterate", "recurse")))
        case "_summary":
            asked.summary = _one_of(name, value, ("true", "text", "data", "count", "false"))
        case "_elements":
            asked.elements = tuple(e.strip().rpartition(".")[2] for e in value.split(",") if e.strip())
        case "_total":
            asked.total = _one_of(name, value, ("none", "estimate", "accurate"))
        case "_page":
            asked.page = value
        case "_from":
            asked.start = whole(name, value)
        case "_after":
            asked.after = whole(name, value)


def whole(name: str, value: str) -> int:
    """A whole number that is not negative. Raises Refused fhir.parameter_value."""
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise Refused("fhir.parameter_value", name=name, value=value[:60])
    return int(value)


def _one_of(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise Refused("fhir.parameter_value", name=name, value=value[:60])
    return value


def _sort(kind: str, text: str) -> tuple[str, bool]:
    code = text.lstrip("-")
    known = parameter(kind, code)
    if known is None or known not in supported(kind) or known.type == "composite":
        raise Refused(
            "fhir.parameter_unknown", name=f"_sort={code}", type=kind, known=[p.code for p in supported(kind)]
        )
    return code, text.startswith("-")


def _include(kind: str, head: str, value: str, *, iterate: bool) -> Include:
    parts = value.split(":")
    if value == "*":
        return Include(kind, "*", "", iterate)
    if len(parts) not in (2, 3) or parts[0] not in definitions().parameters:
        raise Refused("fhir.parameter_value", name=head, value=value[:60])
    known = parameter(parts[0], parts[1])
    if parts[1] != "*" and (known is None or known.type != "reference"):
        raise Refused("fhir.parameter_unknown", name=f"{head}={value}"[:80], type=parts[0],
                      known=[p.code for p in supported(parts[0]) if p.type == "reference"])  # fmt: skip
    return Include(parts[0], parts[1], parts[2] if len(parts) == 3 else "", iterate)
