"""The official definitions whole, by their canonical addresses: read one at a time from disk, so that no process holds them all. Pure."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

#: files of the package, the ones that decide first
FILES = ("profiles-types.json", "profiles-resources.json", "profiles-others.json", "extension-definitions.json",
         "valuesets.json", "v3-codesystems.json", "v2-tables.json")  # fmt: skip
KINDS = {"StructureDefinition", "ValueSet", "CodeSystem"}
#: changes when the form of the file does
FORM = "1"


class Shelf:
    """Official StructureDefinitions, ValueSets and CodeSystems of R4."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self.places: dict[str, list[int]] = orjson.loads(file.readline())
            self.start = file.tell()

    def get(self, kind: str, url: str) -> dict[str, Any] | None:
        """The definition of a kind with this address (without version); None where R4 has none."""
        raw = self._raw(f"{kind} {url}")
        return orjson.loads(raw) if raw is not None else None

    def _raw(self, key: str) -> bytes | None:
        found = self.places.get(key)
        if found is None:
            return None
        with self.path.open("rb") as file:
            file.seek(self.start + found[0])
            return file.read(found[1])


@lru_cache(maxsize=2)
def shelf(folder: Path, cache: Path) -> Shelf:
    """The shelf of the package's *folder*, written into *cache* on first use. Raises FileNotFoundError when the package is absent."""
    sizes = "".join(f"{name}{(folder / name).stat().st_size}" for name in FILES)
    place = cache / f"fhir-r4-shelf-{hashlib.sha256(f'{FORM}{sizes}'.encode()).hexdigest()[:16]}.json"
    if not place.exists():
        _write(folder, place)
    return Shelf(place)


def _write(folder: Path, place: Path) -> None:
    """One line that says where each definition lies, then the definitions."""
    place.parent.mkdir(parents=True, exist_ok=True)
    places: dict[str, tuple[int, int]] = {}
    parts: list[bytes] = []
    at = 0
    for name in FILES:
        for entry in orjson.loads((folder / name).read_bytes())["entry"]:
            resource = entry["resource"]
            key = f"{resource['resourceType']} {resource.get('url')}"
            if resource["resourceType"] not in KINDS or key in places:
                continue
            raw = orjson.dumps({k: v for k, v in resource.items() if k != "text"})
            places[key] = (at, len(raw))
            parts.append(raw)
            at += len(raw)
    new = place.with_suffix(f".{os.getpid()}.new")
    with new.open("wb") as file:
        file.write(orjson.dumps(places) + b"\n")
        file.writelines(parts)
    new.replace(place)
