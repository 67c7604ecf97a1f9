"""Clauses compiled to SQL conditions over the index tables; values are always bound."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.platform.fhir.callers import Caller, visible
from yigong.platform.fhir.definitions.api import Parameter
from yigong.platform.fhir.indexing import values as form
from yigong.platform.fhir.indexing.units import UCUM, same
from yigong.platform.fhir.indexing.values import IDENTIFIER, OF_TYPE, system_number
from yigong.platform.fhir.official import numbers, only, parameter
from yigong.platform.fhir.search.asked import AnyOf, Chain, Clause, Has, OnResource, Simple, clause, unescaped
from yigong.platform.fhir.search.sets import codes_in

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
#: the sign after every other one, so that all texts with a prefix lie below prefix + this
LAST = "\U0010ffff"


class Compiler:
    """Compiles the clauses of one search and collects what is bound."""

    def __init__(self, caller: Caller, kinds: Sequence[str] = ()) -> None:
        self.caller = caller
        self.kinds = kinds  # where several types are searched at once
        self.params: dict[str, Any] = {}
        self.depth = 0

    def bind(self, value: Any) -> str:
        name = f"b{len(self.params)}"
        self.params[name] = value
        return f"%({name})s"

    def seen(self, alias: str, kind: str) -> str:
        """The condition of scope for a table of resources."""
        scope = visible(self.caller, alias, kind)
        self.params |= scope.params
        return scope.sql

    def narrowing(self, kind: str, act: str, alias: str = "r") -> str:
        """The condition that scopes with a query set on a type; true where a scope lets everything be seen."""
        queries = self.caller.scopes.queries(kind, act)
        return self.any_of(kind, queries, alias) if queries else "true"

    def any_of(self, kind: str, queries: Any, alias: str = "r") -> str:
        """Any of several queries holds."""
        parts = (" and ".join(self.where(clause(kind, n, v), alias) for n, v in query) for query in queries)
        return "(" + " or ".join(f"({part})" for part in parts) + ")"

    def where(self, clause: Clause, alias: str = "r") -> str:
        """The condition that a clause sets on the resource *alias*."""
        match clause:
            case OnResource():
                return self._on_resource(clause, alias)
            case Chain():
                return self._chain(clause, alias)
            case Has():
                return self._has(clause, alias)
            case AnyOf():
                return self._any(self._simple(part, alias) for part in clause.parts)
            case Simple():
                return self._simple(clause, alias)

    # ---- on the resource itself ----

    def _on_resource(self, clause: OnResource, alias: str) -> str:
        if clause.code == "_id":
            return f"{alias}.fhir_id = any({self.bind([unescaped(v) for v in clause.values])})"
        return self._any(self._updated(v, f"{alias}.last_updated") for v in clause.values)

    def _updated(self, value: str, column: str) -> str:
        """``_lastUpdated``: a comparison that the index of the column serves."""
        prefix, first, last = self._span(value, "_lastUpdated")
        low, high = (self.bind(EPOCH + timedelta(microseconds=m)) for m in (first, last))
        within = f"({column} >= {low} and {column} <= {high})"
        return {
            "eq": within,
            "ap": within,
            "ne": f"not {within}",
            "gt": f"{column} > {high}",
            "sa": f"{column} > {high}",
            "lt": f"{column} < {low}",
            "eb": f"{column} < {low}",
            "ge": f"{column} >= {low}",
            "le": f"{column} <= {high}",
        }[prefix]

    @staticmethod
    def _any(conditions: Any) -> str:
        return "(" + " or ".join(conditions) + ")"

    # ---- chains ----

    def _alias(self) -> str:
        self.depth += 1
        if self.depth > 8:
            raise Refused("fhir.too_deep")
        return f"c{self.depth}"

    def _chain(self, clause: Chain, alias: str) -> str:
        under = self.under("f", clause.parameter)
        parts = []
        for kind, inner in zip(clause.kinds, clause.inner, strict=True):
            if not self.caller.scopes.of(kind, "s"):
                continue
            other = self._alias()
            parts.append(f"""{alias}.id in (select f.resource_id from fhir_resource {other}
                join fhir_reference f on f.target = {other}.type || '/' || {other}.fhir_id and {under}
                where {other}.type = {self.bind(kind)} and not {other}.deleted and {self.seen(other, kind)}
                and {self.narrowing(kind, "s", other)} and {self.where(inner, other)})""")
        return self._any(parts) if parts else "false"

    def _has(self, clause: Has, alias: str) -> str:
        self.caller.scopes.must(clause.kind, "s")
        under = self.under("f", clause.parameter, kind=clause.kind)
        other = self._alias()
        return f"""{alias}.type || '/' || {alias}.fhir_id in (select f.target from fhir_resource {other}
            join fhir_reference f on f.resource_id = {other}.id and {under}
            where {other}.type = {self.bind(clause.kind)} and not {other}.deleted and {self.seen(other, clause.kind)}
            and {self.narrowing(clause.kind, "s", other)} and {self.where(clause.inner, other)})"""

    # ---- simple ----

    def _simple(self, clause: Simple, alias: str) -> str:
        known = clause.parameter
        table = {"number": "quantity"}.get(known.type, known.type)
        if known.type == "composite":
            return self._any(self._composite(known, v, alias) for v in clause.values)
        if clause.modifier == "missing":
            wanted = clause.values[0]
            if wanted not in ("true", "false"):
                raise Refused("fhir.parameter_value", name=f"{known.code}:missing", value=wanted[:60])
            no = "not " if wanted == "true" else ""
            return f"{no}exists (select 1 from fhir_{table} i where i.resource_id = {alias}.id and {self.under('i', known)})"
        if clause.modifier == "not":
            held = self._any(self._token(known, v) for v in clause.values)
            return f"""not exists (select 1 from fhir_token i where i.resource_id = {alias}.id
                and {self.under("i", known)} and {held})"""
        if clause.modifier in ("in", "not-in"):
            held = self._any(self._in_set(v) for v in clause.values)
            no = "not " if clause.modifier == "not-in" else ""
            return f"""{no}exists (select 1 from fhir_token i where i.resource_id = {alias}.id
                and {self.under("i", known)} and {held})"""
        if clause.modifier == "of-type":
            return self._rows(
                alias, "token", self.under("i", known, mark=OF_TYPE), (self._of_type(known, v) for v in clause.values)
            )
        if clause.modifier == "identifier":
            return self._rows(
                alias, "token", self.under("i", known, mark=IDENTIFIER), (self._token(known, v) for v in clause.values)
            )
        return self._rows(
            alias, table, self.under("i", known), (self.value(known, v, clause.modifier) for v in clause.values)
        )

    def _rows(self, alias: str, table: str, under: str, conditions: Any) -> str:
        return f"""{alias}.id in (select i.resource_id from fhir_{table} i
            where {under} and {self._any(conditions)})"""

    def under(self, row: str, known: Parameter, *, kind: str = "", mark: int = 0) -> str:
        """The condition that an index row holds a value of a parameter; *mark* asks for one of its further readings."""
        kind = kind or known.base
        if kind in self.kinds:
            return self._under_any(row, known, mark)
        found = [n ^ mark for n in numbers(kind, known.code)]
        held = f"{row}.param = {self.bind(found[0])}" if len(found) == 1 else f"{row}.param = any({self.bind(found)})"
        narrow = only(kind, known.code)
        return f"{held} and {row}.target like {self.bind(f'%{narrow}/%')}" if narrow and not mark else held

    def _under_any(self, row: str, known: Parameter, mark: int) -> str:
        """The same for a parameter that several types have: its numbers are others in each of them."""
        by_target: dict[str, set[int]] = {}
        for kind in self.kinds:
            other = parameter(kind, known.code)
            if other is not None and other.type == known.type:
                target = "" if mark else only(kind, known.code)
                by_target.setdefault(target, set()).update(n ^ mark for n in numbers(kind, known.code))
        parts = []
        for target, found in by_target.items():
            held = f"{row}.param = any({self.bind(sorted(found))})"
            parts.append(f"({held} and {row}.target like {self.bind(f'%{target}/%')})" if target else held)
        return self._any(parts)

    def value(self, known: Parameter, value: str, modifier: str = "") -> str:
        """The condition on a row of the index."""
        match known.type:
            case "token":
                return self._text_of(value) if modifier == "text" else self._token(known, value)
            case "string":
                return self._string(value, modifier)
            case "reference":
                return self._reference(known, value)
            case "date":
                return self._range(value, "i.low", "i.high", known.code)
            case "uri":
                return self._uri(value, modifier)
            case _:
                return self._quantity(known, value)

    def _token(self, known: Parameter, value: str) -> str:
        system, bar, code = _bars(value, 2)
        if not bar:
            return f"i.code = {self.bind(system)}"
        if not code:
            return f"i.system = {self.bind(system_number(system))}"
        return f"i.code = {self.bind(code)} and i.system = {self.bind(system_number(system))}"

    def _in_set(self, address: str) -> str:
        codes = codes_in(unescaped(address), self.caller.base)
        systems, names = self.bind([system_number(s) for s, _ in codes]), self.bind([c for _, c in codes])
        return f"(i.system, i.code) in (select * from unnest({systems}::bigint[], {names}::text[]))"

    def _of_type(self, known: Parameter, value: str) -> str:
        parts = value.split("|")
        if len(parts) != 3 or not all(parts[1:]):
            raise Refused("fhir.parameter_value", name=f"{known.code}:of-type", value=value[:60])
        code = f"{parts[1]}|{parts[2]}"
        return f"i.code = {self.bind(code)} and i.system = {self.bind(system_number(parts[0]))}"

    def _text_of(self, value: str) -> str:
        return f"lower(i.text) like {self.bind(_like(unescaped(value).lower()) + '%')}"

    def _string(self, value: str, modifier: str) -> str:
        text = unescaped(value)
        if modifier == "exact":
            return f"i.value = {self.bind(form.plain(text))} and i.exact = {self.bind(text[: form.LONGEST])}"
        if modifier == "contains":
            return f"i.value like {self.bind('%' + _like(form.plain(text)) + '%')}"
        start = form.plain(text)
        return f"i.value ~>=~ {self.bind(start)} and i.value ~<~ {self.bind(start + LAST)}"

    def _uri(self, value: str, modifier: str) -> str:
        text = unescaped(value)[: form.LONGEST]
        match modifier:
            case "below":
                return f"i.uri ~>=~ {self.bind(text)} and i.uri ~<~ {self.bind(text + LAST)}"
            case "above":
                return f"{self.bind(text)} like replace(replace(i.uri, '%%', '\\%%'), '_', '\\_') || '%%'"
            case "contains":
                return f"i.uri like {self.bind('%' + _like(text) + '%')}"
        return f"i.uri = {self.bind(text)}"

    def _reference(self, known: Parameter, value: str) -> str:
        text = form.target(unescaped(value), self.caller.base)
        if "/" in text or ":" in text:
            return f"i.target = {self.bind(text[: form.LONGEST])}"
        kinds = known.targets or ("Patient",)
        if known.code == "patient":
            kinds = ("Patient",)
        return f"i.target = any({self.bind([f'{k}/{text}' for k in kinds])})"

    @staticmethod
    def _span(value: str, name: str) -> tuple[str, int, int]:
        """Prefix, first and last microsecond of a moment that is asked about."""
        prefix, text = _prefixed(value)
        try:
            first, last = form.moments(text.replace(" ", "+"))  # a plus sign that an address turned into a space
        except (ValueError, OverflowError) as error:
            raise Refused("fhir.parameter_value", name=name, value=value[:60]) from error
        if prefix == "ap":
            margin = abs(int(now().timestamp() * 1_000_000) - first) // 10
            return prefix, first - margin, last + margin
        return prefix, first, last

    def _range(self, value: str, low: str, high: str, name: str) -> str:
        prefix, first, last = self._span(value, name)
        q, p = self.bind(first), self.bind(last)
        within = f"({low} >= {q} and {high} <= {p})"
        return {
            "eq": within,
            "ne": f"not {within}",
            "gt": f"{high} > {p}",
            "lt": f"{low} < {q}",
            "ge": f"({high} > {p} or {within})",
            "le": f"({low} < {q} or {within})",
            "sa": f"{low} > {p}",
            "eb": f"{high} < {q}",
            "ap": f"({low} <= {p} and {high} >= {q})",
        }[prefix]

    def _quantity(self, known: Parameter, value: str) -> str:
        parts = [unescaped(p) for p in value.split("|")]
        if len(parts) not in (1, 3) or (known.type == "number" and len(parts) != 1):
            raise Refused("fhir.parameter_value", name=known.code, value=value[:60])
        prefix, text = _prefixed(parts[0])
        exact, half = _number(text, known.code)
        if len(parts) == 3 and parts[1] == UCUM and (units := same(parts[2], exact, half)):
            return self._in_any_unit(prefix, units)
        conditions = [self._number(prefix, exact, half)]
        if len(parts) == 3 and parts[2]:
            if parts[1]:
                conditions.append(f"i.code = {self.bind(parts[2])} and i.system = {self.bind(system_number(parts[1]))}")
            else:
                unit = self.bind(parts[2])
                conditions.append(f"(i.code = {unit} or i.unit = {unit})")
        elif len(parts) == 3 and parts[1]:
            conditions.append(f"i.system = {self.bind(system_number(parts[1]))}")
        return "(" + " and ".join(conditions) + ")"

    def _in_any_unit(self, prefix: str, units: Sequence[tuple[str, Decimal, Decimal]]) -> str:
        """The same amount in each unit of its dimension."""
        held = (f"(i.code = {self.bind(code)} and {self._number(prefix, exact, half)})" for code, exact, half in units)
        return f"(i.system = {self.bind(system_number(UCUM))} and {self._any(held)})"

    def _number(self, prefix: str, exact: Decimal, half: Decimal) -> str:
        low, high = self.bind(float(exact - half)), self.bind(float(exact + half))
        value = self.bind(float(exact))
        match prefix:
            case "eq":
                return f"(i.low >= {low} and i.high < {high})"
            case "ne":
                return f"not (i.low >= {low} and i.high < {high})"
            case "ap":
                margin = abs(exact) / 10
                return f"(i.low <= {self.bind(float(exact + margin))} and i.high >= {self.bind(float(exact - margin))})"
            case "gt":
                return f"i.high > {value}"
            case "sa":
                return f"i.low > {value}"
            case "lt":
                return f"i.low < {value}"
            case "eb":
                return f"i.high < {value}"
            case "ge":
                return f"i.high >= {value}"
            case _:
                return f"i.low <= {value}"

    # ---- composites ----

    def _composite(self, known: Parameter, value: str, alias: str) -> str:
        texts = value.split("$")
        if len(texts) != len(known.components) or len(texts) != 2:
            raise Refused("fhir.parameter_value", name=known.code, value=value[:60])
        tables, conditions = [], []
        for number, (code, text) in enumerate(zip(known.components, texts, strict=True)):
            part = parameter(known.base, code)
            if part is None or part.type not in ("token", "quantity", "date", "string", "reference"):
                raise Refused("fhir.parameter_unknown", name=known.code, type=known.base, known=[])
            name = f"p{number}"
            tables.append((name, part.type))
            held = self.value(part, text).replace("i.", f"{name}.")
            conditions.append(f"{self.under(name, part)} and {held}")
        (a, first), (b, second) = tables
        if {first, second} <= {"token", "quantity"}:
            conditions.append(f"{a}.part = {b}.part")
        return f"""{alias}.id in (select {a}.resource_id from fhir_{first} {a} join fhir_{second} {b}
            on {b}.resource_id = {a}.resource_id where {" and ".join(conditions)})"""


def _bars(value: str, count: int) -> tuple[str, str, str]:
    """What stands before and after a bar that is not behind a backslash."""
    at = 0
    while (at := value.find("|", at)) >= 0:
        if at == 0 or value[at - 1] != "\\":
            return unescaped(value[:at]), "|", unescaped(value[at + 1 :])
        at += 1
    return unescaped(value), "", ""


def _prefixed(value: str) -> tuple[str, str]:
    return (value[:2], value[2:]) if value[:2] in PREFIXES else ("eq", value)


def _number(text: str, name: str) -> tuple[Decimal, Decimal]:
    """The number, and half of the width that its digits leave open."""
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise Refused("fhir.parameter_value", name=name, value=text[:60]) from error
    if not value.is_finite() or abs(value) > Decimal("1e300") or len(text) > 60:
        raise Refused("fhir.parameter_value", name=name, value=text[:60])
    exponent = int(value.as_tuple().exponent)
    if exponent < -300:
        raise Refused("fhir.parameter_value", name=name, value=text[:60])
    return value, Decimal(1).scaleb(exponent) / 2


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
