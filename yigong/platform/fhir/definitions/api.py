"""The doors of the definitions: ``load(package, cache)``."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from yigong.platform.fhir.definitions import compiling
from yigong.platform.fhir.definitions.model import MANY, Definitions, Element, Parameter, Type

__all__ = ["MANY", "Definitions", "Element", "NoDefinitions", "Parameter", "Type", "load"]
#: changes when the form of the compiled file does
FORM = "2"


class NoDefinitions(RuntimeError):  # noqa: N818  - reads as a sentence
    """The package with the official definitions is not installed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} is not there: run `make setup`, which installs the official FHIR definitions by package.json. "
            "缺少 FHIR 官方定义包，请先运行 make setup。"
        )


@lru_cache(maxsize=2)
def load(folder: Path, cache: Path) -> Definitions:
    """The definitions from the package's *folder* of JSON files, compiled on first use into *cache*.

    Raises NoDefinitions.
    """
    return _built(orjson.loads(_compact(folder, cache).read_bytes()))


def _compact(folder: Path, cache: Path) -> Path:
    if not all((folder / name).exists() for name in compiling.FILES):
        raise NoDefinitions(folder)
    sizes = "".join(f"{name}{(folder / name).stat().st_size}" for name in compiling.FILES)
    digest = hashlib.sha256(f"{FORM}{sizes}".encode()).hexdigest()[:16]
    place = cache / f"fhir-r4-{digest}.json"
    if not place.exists():
        cache.mkdir(parents=True, exist_ok=True)
        new = place.with_suffix(f".{os.getpid()}.new")
        new.write_bytes(orjson.dumps(compiling.compiled(folder)))
        new.replace(place)
    return place


def _built(plain: dict[str, Any]) -> Definitions:
    types = {name: _type(name, facts) for name, facts in plain["types"].items()}
    parameters = {base: {c: _parameter(base, c, p) for c, p in of.items()} for base, of in plain["parameters"].items()}
    common = parameters.pop("Resource", {}) | parameters.pop("DomainResource", {})
    resources = [n for n, t in types.items() if t.kind == "resource" and not t.abstract]
    return Definitions(
        plain["version"],
        types,
        {base: common | parameters.get(base, {}) for base in resources},
        {url: {c: tuple(s) for c, s in codes.items()} for url, codes in plain["value_sets"].items()},
        {name: tuple(codes) for name, codes in plain["patient_compartment"].items()},
    )


def _type(name: str, facts: dict[str, Any]) -> Type:
    elements = {n: _element(e) for n, e in facts["elements"].items()}
    constraints = tuple(tuple(c) for c in facts["constraints"])
    return Type(name, facts["kind"], elements, constraints, facts.get("abstract", False), facts["pattern"])


def _element(facts: dict[str, Any]) -> Element:
    types = tuple((code, tuple(targets)) for code, targets in facts["types"])
    constraints = tuple(tuple(c) for c in facts["constraints"])
    return Element(**{**facts, "types": types, "constraints": constraints})


def _parameter(base: str, code: str, facts: dict[str, Any]) -> Parameter:
    lists = {k: tuple(facts[k]) for k in ("targets", "components")}
    return Parameter(base=base, code=code, **{**facts, **lists})
