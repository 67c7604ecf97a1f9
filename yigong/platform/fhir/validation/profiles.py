"""Checks resources against profiles: cardinality, types, fixed values and patterns, bindings, slices, extensions, rules. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from yigong.platform.fhir.definitions.model import MANY, Definitions
from yigong.platform.fhir.terms.sets import Terminology
from yigong.platform.fhir.terms.systems import Unknown
from yigong.platform.fhir.terms.systems import Unusable as NoSet
from yigong.platform.fhir.validation import invariants
from yigong.platform.fhir.validation.findings import Finding, found
from yigong.platform.fhir.validation.items import Item, codes_of, equal, holds_pattern, inside
from yigong.platform.fhir.validation.slicing import Matcher, target_kind
from yigong.platform.fhir.validation.trees import CORE, Forest, Node, Profile, Unusable, found_at

ENOUGH = 200
#: profiles inside profiles while one resource is checked
DEEPEST = 12


class ProfileChecker:
    """Checks one resource against as many profiles as are asked for."""

    def __init__(self, definitions: Definitions, forest: Forest, terminology: Terminology) -> None:
        self.definitions, self.forest, self.terminology = definitions, forest, terminology
        self.matcher = Matcher(definitions, forest, terminology, self.conforms)
        self.out: list[Finding] = []
        self.resource: Mapping[str, Any] = {}
        self.depth = 0
        self._met: set[tuple[str, str]] = set()
        self._known = invariants.known(definitions)

    def check(
        self, resource: Mapping[str, Any], urls: Sequence[str], unknown: str = "error", place: str = ""
    ) -> list[Finding]:
        """Findings against the profiles of these addresses; one that is unknown is a finding of the severity *unknown*.

        *place* is where the resource lies, for one inside another.
        """
        self.resource = resource
        kind = str(resource["resourceType"])
        for url in urls:
            self._profile(Item(resource, kind, place or kind), url, unknown)
        return list(dict.fromkeys(self.out))[:ENOUGH]

    def extensions(self, resource: Mapping[str, Any]) -> list[Finding]:
        """Findings about all extensions whose definitions are known."""
        self.resource = resource
        kind = str(resource["resourceType"])
        self._extensions(Item(resource, kind, kind), 0)
        return list(dict.fromkeys(self.out))[:ENOUGH]

    def conforms(self, item: Item, url: str) -> bool:
        """Whether an element has no error against a profile."""
        kept, self.out = self.out, []
        met, self._met = self._met, set()
        try:
            self._profile(item, url, "error")
            return not any(f.severity == "error" for f in self.out)
        finally:
            self.out, self._met = kept, met

    # ---- one profile ----

    def _profile(self, item: Item, url: str, unknown: str) -> None:
        if (url, item.place) in self._met or self.depth > DEEPEST or len(self.out) > ENOUGH:
            return
        self._met.add((url, item.place))
        try:
            profile = self.forest.profile(url)
        except Unusable as error:
            self._say("profile_unusable", item.place, "error", url=error.url, why=(error.zh, error.en))
            return
        if profile is None:
            self._say("profile_unknown", item.place, unknown, url=url, type=item.kind)
        elif profile.type != item.kind:
            self._say("profile_type", item.place, "error", type=profile.type, value=item.kind, profile=profile.name)
        else:
            self.depth += 1
            self._element(profile, profile.root, item)
            self.depth -= 1

    def _say(self, rule: str, place: str, severity: str, *, key: str = "", **facts: Any) -> None:
        self.out.append(found(rule, place, severity, key=key, **facts))

    def _element(self, profile: Profile, node: Node, item: Item) -> None:
        self._value(profile, node, item)
        self._bound(profile, node, item)
        self._rules(profile, node, item)
        self._typed(profile, node, item)
        for child in self._children(profile, node).values():
            if len(self.out) > ENOUGH:
                return
            self._child(profile, child, item)

    def _children(self, profile: Profile, node: Node) -> Mapping[str, Node]:
        if not node.children and (reference := node.facts.get("contentReference")):
            source = found_at(profile.root, str(reference).rpartition("#")[2])
            return source.children if source else {}
        return node.children

    # ---- how many, and of which slice ----

    def _child(self, profile: Profile, child: Node, item: Item) -> None:
        items = inside(self.definitions, item, child.name)
        at = f"{item.place}.{child.name}"
        self._counted(profile, child, at, len(items), self._base(item.kind, child.name))
        for one in items:
            self._element(profile, child, one)
        if child.slices:
            self._sliced(profile, child, at, items)

    def _base(self, kind: str, name: str) -> tuple[int, int]:
        """How often R4 itself wants an element and lets it be, which is checked elsewhere."""
        known = self.definitions.types.get(kind)
        element = known.elements.get(name) if known else None
        return (element.least, element.most) if element else (0, MANY)

    def _counted(self, profile: Profile, node: Node, at: str, count: int, base: tuple[int, int] = (0, MANY)) -> None:
        least, most = node.facts.get("min", 0), str(node.facts.get("max", "*"))
        name = f"{node.name}:{node.slice_name}" if node.slice_name else node.name
        if count < least and not (base[0] and not count):
            self._say("profile_min", at, "error", name=name, least=least, count=count, profile=profile.name)
        if most.isdigit() and count > int(most) and not (base[1] != MANY and count > base[1]):
            self._say("profile_max", at, "error", name=name, most=most, count=count, profile=profile.name)

    def _sliced(self, profile: Profile, node: Node, at: str, items: Sequence[Item]) -> None:
        slicing = node.facts.get("slicing") or {}
        of = [self.matcher.slice_of(node, one) for one in items]
        rules, names = slicing.get("rules", "open"), list(node.slices)
        for one, item in zip(of, items, strict=True):
            if one is not None:
                self._element(profile, one, item)
                if one.slices:
                    self._sliced(profile, one, item.place, [item])
            elif rules == "closed":
                self._say(
                    "slice_closed", item.place, "error", name=node.name, set=", ".join(names), profile=profile.name
                )
        for name, one in node.slices.items():
            if "/" not in name:
                self._counted(profile, one, at, sum(o is one for o in of))
        self._ordered(profile, node, at, [names.index(o.slice_name) if o else -1 for o in of], rules, slicing)

    def _ordered(
        self, profile: Profile, node: Node, at: str, order: list[int], rules: str, slicing: Mapping[str, Any]
    ) -> None:
        named = [o for o in order if o >= 0]
        tail = order[next((n for n, o in enumerate(order) if o < 0), len(order)) :]
        if (slicing.get("ordered") and named != sorted(named)) or (rules == "openAtEnd" and any(o >= 0 for o in tail)):
            self._say("slice_order", at, "error", name=node.name, set=", ".join(node.slices), profile=profile.name)

    # ---- the value ----

    def _value(self, profile: Profile, node: Node, item: Item) -> None:
        said = {"name": node.name, "profile": profile.name}
        if item.value is None:
            return
        if (fixed := node.valued("fixed")) and not equal(item.value, fixed[1]):
            self._say("profile_fixed", item.place, "error", **said, value=_shown(item.value), wanted=_shown(fixed[1]))
        if (pattern := node.valued("pattern")) and not holds_pattern(item.value, pattern[1]):
            self._say("profile_pattern", item.place, "error", **said, wanted=_shown(pattern[1]))
        longest = node.facts.get("maxLength")
        if longest and isinstance(item.value, str) and len(item.value) > longest:
            self._say("profile_length", item.place, "error", **said, most=longest, count=len(item.value))
        for kind, rule, beyond in (("minValue", "profile_least", -1), ("maxValue", "profile_most", 1)):
            if (bound := node.valued(kind)) and _compared(item.value, bound[1]) == beyond:
                self._say(rule, item.place, "error", **said, value=_shown(item.value), wanted=_shown(bound[1]))

    def _typed(self, profile: Profile, node: Node, item: Item) -> None:
        """Type, kind of resource that is pointed to, and profiles that the type names."""
        entries = [t for t in node.facts.get("type", ()) if t.get("code")]
        if node.choice and entries and item.kind not in node.types:
            self._say("profile_types", item.place, "error", name=node.name, value=item.kind, set=", ".join(node.types), profile=profile.name)  # fmt: skip
            return
        mine = [t for code, t in zip(node.types, entries, strict=False) if code == item.kind]
        targets = {str(p) for t in mine for p in t.get("targetProfile", ())}
        if item.kind == "Reference" and targets:
            self._target(profile, node, item, targets)
        named = [str(p) for t in mine for p in t.get("profile", ()) if str(p) != CORE + item.kind]
        if len(named) == 1:
            self._profile(item, named[0], "warning")
        elif named and not any(self.conforms(item, p) for p in named):
            self._say("profile_none", item.place, "error", name=node.name, set=", ".join(named), profile=profile.name)

    def _target(self, profile: Profile, node: Node, item: Item, targets: set[str]) -> None:
        kind = self._contained_kind(item) or target_kind(item)
        wanted = {self._kind_of(t) for t in targets}
        if kind and "" not in wanted and not wanted & {kind, "Resource", "DomainResource"}:
            self._say("profile_target", item.place, "error", name=node.name, value=kind, set=", ".join(sorted(wanted)), profile=profile.name)  # fmt: skip

    def _contained_kind(self, item: Item) -> str:
        text = str(item.holder.get("reference") or "")
        held = self.resource.get("contained") if text.startswith("#") else None
        return next(
            (str(c.get("resourceType")) for c in held or () if isinstance(c, dict) and f"#{c.get('id')}" == text), ""
        )

    def _kind_of(self, url: str) -> str:
        """The type of resource of a profile; empty where it is not known."""
        name = url.removeprefix(CORE)
        if name in self.definitions.types or name == "Resource":
            return name
        try:
            profile = self.forest.profile(url)
        except Unusable:
            return ""
        return profile.type if profile else ""

    # ---- bindings ----

    def _bound(self, profile: Profile, node: Node, item: Item) -> None:
        binding = node.facts.get("binding") or {}
        strength, url = binding.get("strength"), str(binding.get("valueSet") or "")
        if (
            strength not in ("required", "extensible")
            or not url
            or url.partition("|")[0] in self.definitions.value_sets
        ):
            return  # what R4 itself requires is checked elsewhere
        codes = codes_of(item)
        if not codes and not (strength == "required" and item.kind == "CodeableConcept"):
            return
        said = {"name": node.name, "set": url, "profile": profile.name}
        try:
            if any(self.terminology.holds(url, s, c) for s, c in codes):
                return
        except Unknown as error:
            self._say("set_unknown", item.place, "information", **said, value=error.url)
            return
        except NoSet as error:
            self._say("set_unusable", item.place, "information", **said, why=(error.zh, error.en))
            return
        severity = "error" if strength == "required" else "warning"
        self._say(f"profile_code_{strength}", item.place, severity, **said, value=codes[0][1] if codes else "—")

    # ---- rules ----

    def _rules(self, profile: Profile, node: Node, item: Item) -> None:
        if item.value is None:
            return
        for one in node.facts.get("constraint", ()):
            key, expression = str(one.get("key")), str(one.get("expression") or "")
            if expression and key not in invariants.LEFT and (key, expression) not in self._known:
                human = f"{one.get('human', '')} ({profile.name})"
                self.out += invariants.judged(item.value, item.kind, self.resource, item.place, (key, str(one.get("severity")), human, expression))  # fmt: skip

    # ---- extensions ----

    def _extensions(self, item: Item, depth: int, typed: str = "") -> None:
        """Those on an element and in what is inside; *typed* is the element as its type has it, as ``HumanName.family``."""
        known = self.definitions.types.get(item.kind)
        if known is None or depth > 40 or len(self.out) > ENOUGH:
            return
        for name, element in known.elements.items():
            if not any(n in item.holder or f"_{n}" in item.holder for n in element.json_names):
                continue
            for one in inside(self.definitions, item, name):
                if one.kind == "Extension":
                    self._extension(one, name, item, typed)
                elif isinstance(one.value, dict) or one.beside:
                    self._extensions(one, depth + 1, f"{item.kind}.{name}")

    def _extension(self, item: Item, name: str, on: Item, typed: str) -> None:
        url = str(item.holder.get("url") or "")
        if not url.startswith(("http:", "https:", "urn:")):
            return  # part of an extension, which its own definition speaks of
        try:
            profile = self.forest.profile(url)
        except Unusable:
            profile = None
            self._profile(item, url, "error")
        if profile is not None:
            self._profile(item, url, "error")
            if not _may_stand(profile.contexts, on, typed):
                places = ", ".join(expression for _, expression in profile.contexts)
                self._say("extension_place", item.place, "warning", name=profile.name, set=places)
        elif name == "modifierExtension":
            self._say("extension_unknown", item.place, "warning", url=url)


def _may_stand(contexts: Sequence[tuple[str, str]], on: Item, typed: str) -> bool:
    """Whether an extension may stand on an element, as far as its definition says so by elements."""
    path = re.sub(r"\[\d+\]", "", on.place)
    names = {on.kind, typed, path, "Element", *(() if typed else ("Resource", "DomainResource"))}
    names |= {"BackboneElement"} if "." in on.kind else set()
    return not contexts or any(kind != "element" or expression in names for kind, expression in contexts)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        inner = value.get("coding") or ()
        first = inner[0] if isinstance(inner, list) and inner and isinstance(inner[0], dict) else value
        return "|".join(str(first[k]) for k in ("system", "code") if first.get(k)) or str(value)[:80]
    return str(value)[:80]


def _compared(value: Any, bound: Any) -> int:
    """-1, 0 or 1 as a value is less, equal or more than a bound; 0 where they cannot be compared."""
    if isinstance(value, dict) and isinstance(bound, dict):
        same = value.get("code") == bound.get("code")
        return _compared(value.get("value"), bound.get("value")) if same else 0
    if isinstance(value, str) and isinstance(bound, str):
        shorter = min(len(value), len(bound))  # dates to the precision of the coarser
        return (value[:shorter] > bound[:shorter]) - (value[:shorter] < bound[:shorter])
    try:
        one, other = Decimal(str(value)), Decimal(str(bound))
    except InvalidOperation:
        return 0
    return (one > other) - (one < other)
