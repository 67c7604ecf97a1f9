"""Files of resources, cut into chunks that any process can read by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from yigong.kit.errors import Refused
from yigong.platform.fhir.bodies import JSON, new_id, read

#: bytes of a chunk: at most some 2,500 results, and of few files so little that all processes have work
MOST_BYTES, LEAST_BYTES, SHARES = 2_000_000, 400_000, 8
Source = tuple[str, JSON | Refused]
_FIRST = {"Organization": 0, "Location": 0, "Practitioner": 0, "Patient": 1}


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of whole lines of an NDJSON file, or a whole file of one document (``size`` 0)."""

    path: Path
    offset: int = 0
    size: int = 0
    line: int = 1  # number of the first line


Chunk = tuple[Part, ...]


def stages(paths: Iterable[Path]) -> list[list[Path]]:
    """Files and those of folders in groups: what others refer to comes before, Patients before what tells of them."""
    found: list[Path] = []
    for path in paths:
        found += sorted(p for p in path.rglob("*") if p.suffix in (".json", ".ndjson")) if path.is_dir() else [path]
    ordered = sorted(found, key=_place)
    return [list(files) for _, files in groupby(ordered, key=_place)]


def _place(path: Path) -> int:
    return _FIRST.get(path.name.partition(".")[0], 2)


def size_of(files: Iterable[Path]) -> int:
    """Bytes of the files that are there."""
    return sum(f.stat().st_size for f in files if f.is_file())


def chunks(files: Sequence[Path]) -> Iterator[Chunk]:
    """The files in order: stretches of lines one by one, small documents together."""
    most = max(LEAST_BYTES, min(MOST_BYTES, size_of(files) // SHARES))
    documents: list[Part] = []
    gathered = 0
    for path in files:
        if path.suffix == ".ndjson" and path.is_file():
            yield from _stretches(path, most)
            continue
        documents.append(Part(path))
        gathered += size_of([path])
        if gathered >= most:
            yield tuple(documents)
            documents, gathered = [], 0
    if documents:
        yield tuple(documents)


def _stretches(path: Path, most: int) -> Iterator[Chunk]:
    offset, line = 0, 1
    with path.open("rb") as file:
        while block := file.read(most):
            block += file.readline()
            yield (Part(path, offset, len(block), line),)
            offset, line = offset + len(block), line + block.count(b"\n")


def resources(chunk: Chunk) -> Iterator[Source]:
    """The resources of a chunk with their places, or why they cannot be read."""
    for part in chunk:
        if not part.path.is_file():
            yield str(part.path), Refused("fhir.not_json", why="no such file")
        elif part.size:
            yield from _of_lines(part)
        else:
            yield from _of_document(part.path)


def _of_lines(part: Part) -> Iterator[Source]:
    with part.path.open("rb") as file:
        file.seek(part.offset)
        lines = file.read(part.size).split(b"\n")
    for number, line in enumerate(lines, part.line):
        if line and not line.isspace():
            yield f"{part.path.name}:{number}", _parsed(line)


def _parsed(raw: bytes) -> JSON | Refused:
    try:
        return read(raw)
    except Refused as refused:
        return refused


def _of_document(path: Path) -> Iterator[Source]:
    found = _parsed(path.read_bytes())
    if isinstance(found, Refused) or found["resourceType"] != "Bundle" or found.get("type") in ("document", "message"):
        yield path.name, found
        return
    entries = [e for e in found.get("entry", ()) if isinstance(e, dict) and isinstance(e.get("resource"), dict)]
    known: dict[str, str] = {}
    for entry in entries:
        resource = entry["resource"]
        resource.setdefault("id", new_id())
        if entry.get("fullUrl"):
            known[entry["fullUrl"]] = f"{resource.get('resourceType')}/{resource['id']}"
    for number, entry in enumerate(entries, 1):
        _relink(entry["resource"], known)
        yield f"{path.name} entry {number}", entry["resource"]


def _relink(value: Any, known: dict[str, str]) -> None:
    stack = [value]
    while stack:
        one = stack.pop()
        if type(one) is dict:
            reference = one.get("reference")
            if type(reference) is str and reference in known:
                one["reference"] = known[reference]
            stack.extend(v for v in one.values() if type(v) is dict or type(v) is list)
        else:
            stack.extend(v for v in one if type(v) is dict or type(v) is list)
