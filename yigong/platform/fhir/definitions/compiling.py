"""Reads the official JSON files of R4 and leaves out what nobody here asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: the files of the package, under dist/fhir/r4
FILES = ("profiles-types.json", "profiles-resources.json", "search-parameters.json", "valuesets.json",
         "v3-codesystems.json", "v2-tables.json", "compartmentdefinition-patient.json", "version.info")  # fmt: skip
_CORE = "http://hl7.org/fhir/StructureDefinition/"
_PRIMITIVE = "http://hl7.org/fhirpath/System."
VERSION = "4.0.1"
_REGEX = "http://hl7.org/fhir/StructureDefinition/regex"
#: constraints that the structure itself expresses, or that hold for everything that parses
TRIVIAL = {"ele-1"}


def compiled(folder: Path) -> dict[str, Any]:
    """Types, parameters, value sets and compartment as plain JSON. Raises FileNotFoundError when a file is absent."""
    structures = [*_entries(folder / FILES[0]), *_entries(folder / FILES[1])]
    types: dict[str, Any] = {}
    for one in structures:
        if one["resourceType"] != "StructureDefinition" or one.get("derivation") == "constraint":
            continue
        if one.get("fhirVersion") == VERSION:  # the package brings a type of R4B besides
            types |= _type(one)
    wanted = {e["value_set"] for t in types.values() for e in t["elements"].values() if e.get("value_set")}
    compartment = json.loads((folder / FILES[6]).read_text("utf-8"))
    return {
        "version": VERSION,
        "types": types,
        "parameters": _parameters(folder / FILES[2], types),
        "value_sets": _value_sets(folder, wanted),
        "patient_compartment": {r["code"]: r["param"] for r in compartment["resource"] if r.get("param")},
    }


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    for entry in json.loads(path.read_text("utf-8"))["entry"]:
        yield entry["resource"]


# ---- types ----


def _type(definition: dict[str, Any]) -> dict[str, Any]:
    """The type and the parts inside it, by name."""
    name = definition["type"]
    kind = {"complex-type": "complex", "primitive-type": "primitive"}.get(definition["kind"], definition["kind"])
    found: dict[str, Any] = {}
    for element in definition["snapshot"]["element"]:
        path = element["path"]
        if "." not in path:
            found[name] = {"kind": kind, "elements": {}, "abstract": definition.get("abstract", False),
                           "constraints": _constraints(element), "pattern": ""}  # fmt: skip
            continue
        owner, _, last = path.rpartition(".")
        if kind == "primitive" and last == "value":
            found[name]["pattern"] = _pattern(element)
            continue
        part = _element(element, last, path)
        if part["types"] and part["types"][0][0] in ("BackboneElement", "Element") and not part["choice"]:
            found[path] = {"kind": "part", "elements": {}, "constraints": part["constraints"], "pattern": ""}
            part["types"] = [[path, []]]
        found.setdefault(owner, {"kind": "part", "elements": {}, "constraints": [], "pattern": ""})
        found[owner]["elements"][part["name"]] = part
    return found


def _element(element: dict[str, Any], last: str, path: str) -> dict[str, Any]:
    if reference := element.get("contentReference"):
        types: list[Any] = [[reference.lstrip("#"), []]]
    else:
        types = [_type_of(t) for t in element.get("type", ())]
    binding = element.get("binding", {})
    required = binding.get("strength") == "required"
    return {
        "name": last.removesuffix("[x]"),
        "least": element["min"],
        "most": -1 if element["max"] == "*" else int(element["max"]),
        "types": types,
        "choice": last.endswith("[x]"),
        "value_set": binding.get("valueSet", "").partition("|")[0] if required else "",
        "constraints": _constraints(element),
        "summary": element.get("isSummary", False),
        "short": element.get("short", ""),
    }


def _type_of(one: dict[str, Any]) -> list[Any]:
    code = one["code"]
    if code.startswith(_PRIMITIVE):
        said = next((e.get("valueUrl") for e in one.get("extension", ()) if "fhir-type" in e["url"]), None)
        code = said or code.removeprefix(_PRIMITIVE).lower()
    targets = [t.removeprefix(_CORE) for t in one.get("targetProfile", ())]
    return [code, targets if code in ("Reference", "canonical") else []]


def _constraints(element: dict[str, Any]) -> list[list[str]]:
    return [
        [c["key"], c["severity"], c["human"], c["expression"]]
        for c in element.get("constraint", ())
        if c.get("expression") and c["key"] not in TRIVIAL
    ]


def _pattern(element: dict[str, Any]) -> str:
    for one in element.get("type", ()):
        for extension in one.get("extension", ()):
            if extension["url"] == _REGEX:
                return str(extension["valueString"])
    return ""


# ---- search parameters ----


def _parameters(path: Path, types: dict[str, Any]) -> dict[str, Any]:
    all_of = list(_entries(path))
    by_url = {p["url"]: p["code"] for p in all_of}
    found: dict[str, dict[str, Any]] = {}
    for one in all_of:
        if not one.get("expression") or one["type"] == "special":
            continue
        for base in one["base"]:
            expression = (
                one["expression"] if base in ("Resource", "DomainResource") else _share(one["expression"], base)
            )
            if expression:
                found.setdefault(base, {})[one["code"]] = {
                    "type": one["type"],
                    "expression": expression,
                    "targets": one.get("target", []),
                    "components": [by_url.get(c["definition"], "") for c in one.get("component", ())],
                    "url": one["url"],
                    "description": _words(one["description"], base),
                }
    return found


def _share(expression: str, base: str) -> str:
    """The branches of a union that speak of *base*."""
    branches = [b.strip() for b in _branches(expression)]
    mine = [b for b in branches if b.lstrip("(").startswith((f"{base}.", f"{base} "))]
    return " | ".join(mine) if mine else (expression if len(branches) == 1 else "")


def _branches(expression: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for at, sign in enumerate(expression):
        depth += (sign == "(") - (sign == ")")
        if sign == "|" and not depth:
            parts.append(expression[start:at])
            start = at + 1
    return [*parts, expression[start:]]


def _words(description: str, base: str) -> str:
    """The line about *base* of a description that speaks of many types."""
    for line in description.splitlines():
        if f"[{base}]" in line:
            return line.partition(": ")[2].strip()
    return description.strip().partition("\n")[0]


# ---- value sets ----


def _value_sets(folder: Path, wanted: set[str]) -> dict[str, Any]:
    systems: dict[str, list[str]] = {}
    sets: dict[str, dict[str, Any]] = {}
    for file in FILES[3:6]:
        for one in _entries(folder / file):
            if one["resourceType"] == "CodeSystem":
                systems[one["url"]] = list(_codes(one.get("concept", ())))
            elif one["resourceType"] == "ValueSet":
                sets[one["url"]] = one
    listed = {url: _listed(url, sets, systems, ()) for url in wanted}
    return {url: codes for url, codes in listed.items() if codes}


def _codes(concepts: Any) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _codes(concept.get("concept", ()))


def _listed(url: str, sets: dict[str, Any], systems: dict[str, list[str]], seen: tuple[str, ...]) -> Any:
    """Code -> systems of a value set; None when it cannot be listed from what the package holds."""
    if url not in sets or url in seen:
        return None
    found: dict[str, list[str]] = {}
    for include in sets[url].get("compose", {}).get("include", ()):
        if include.get("filter"):
            return None
        for inner in include.get("valueSet", ()):
            more = _listed(inner.partition("|")[0], sets, systems, (*seen, url))
            if more is None:
                return None
            for code, where in more.items():
                found.setdefault(code, []).extend(where)
        if system := include.get("system"):
            codes = [c["code"] for c in include["concept"]] if "concept" in include else systems.get(system)
            if not codes:
                return None
            for code in codes:
                found.setdefault(code, []).append(system)
    return found
