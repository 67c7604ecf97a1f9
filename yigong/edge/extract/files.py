"""Files and watched folders: a file is read when its content is new, and known by hash, size and time of change."""

from __future__ import annotations

import hashlib
import importlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from yigong.edge.extract.frames import PLACE, acted
from yigong.edge.extract.settings import conditions
from yigong.edge.extract.source import Chunk, Source, State
from yigong.edge.extract.trouble import reading
from yigong.kit.errors import Fault, Refused

#: kind -> format module and the endings looked for in a folder
FORMATS = {
    "csv": ("yigong.edge.extract.formats.delimited", ("csv", "tsv", "txt")),
    "excel": ("yigong.edge.extract.formats.workbook", ("xlsx", "xlsm", "xls")),
    "parquet": ("yigong.edge.extract.formats.columnar", ("parquet",)),
    "xml": ("yigong.edge.extract.formats.markup", ("xml",)),
    "text": ("yigong.edge.extract.formats.lines", ("txt", "dat", "log")),
}
PART = 4 << 20


def open_files(config: Mapping[str, Any]) -> Source:
    """The file ``path`` or all files of ``folder``. Raises Refused exchange.config_missing."""
    if not config.get("path") and not config.get("folder"):
        raise Refused("exchange.config_missing", key="path")
    return Files(config)


class Files(Source):
    """Files of one format.

    State: ``{"files": {name: {"sha256", "size", "changed"}}}`` of what is stored. A single ``path`` is read in whole each time
    unless ``changed_only``; in a folder only what is new or changed is read. ``settle_seconds`` (default 2) lets a file rest that is
    still being written. ``deleted_when`` tells from a column which rows are void.
    """

    @property
    def place(self) -> str:
        return str(self.config.get("path") or self.config["folder"])

    @property
    def _kind(self) -> str:
        return str(self.config["kind"])

    def read(self, state: State, *, size: int) -> Iterator[Chunk]:
        known = dict(state.get("files", {}))
        for path in self._due(known):
            with reading(str(path)):
                facts = _facts(path) if self._remembers else {}
            if self._remembers and known.get(path.name, {}).get("sha256") == facts["sha256"]:
                continue  # touched, not changed
            yield from self._one(path, known, facts, size)

    def _one(self, path: Path, known: dict[str, Any], facts: dict[str, Any], size: int) -> Iterator[Chunk]:
        """The chunks of a file; it counts as known with its last one."""
        held: pl.DataFrame | None = None
        for frame in self._frames(path, size):
            if held is not None:
                yield Chunk(held, self._state(known), path.name)
            held = acted(frame, conditions(self.config.get("deleted_when")))
        known[path.name] = facts
        if held is not None:
            yield Chunk(held, self._state(known), path.name)

    def _frames(self, path: Path, size: int) -> Iterator[pl.DataFrame]:
        """The file as its format reads it. Raises a Fault of its kind for a file that went away or may not be read."""
        with reading(str(path)):
            yield from self._format().read(path, self.config, size=size)

    def _state(self, known: Mapping[str, Any]) -> State:
        return {"files": dict(known)} if self._remembers else {}

    @property
    def _remembers(self) -> bool:
        return bool(self.config.get("folder") or self.config.get("changed_only"))

    def _format(self) -> Any:
        return importlib.import_module(FORMATS[self._kind][0])

    def _due(self, known: Mapping[str, Any]) -> list[Path]:
        """Files to look at, the eldest first: those whose size or time differs from what is known, at rest."""
        if self.config.get("path"):
            path = Path(str(self.config["path"]))
            with reading(str(path)):
                there = path.is_file()
            if not there:
                raise Fault("exchange.file_missing", permanent=True, path=str(path))
            return [path]
        rest = time.time() - float(self.config.get("settle_seconds", 2))
        found = [(p.stat(), p) for p in self._listed()]
        due = [(s.st_mtime_ns, p) for s, p in found if s.st_mtime <= rest and _differs(s, known.get(p.name))]
        return [p for _at, p in sorted(due)]

    def _listed(self) -> list[Path]:
        folder = Path(str(self.config["folder"]))
        if not folder.is_dir():
            raise Fault("exchange.file_missing", permanent=False, path=str(folder))
        with reading(str(folder)):
            return self._found(folder)

    def _found(self, folder: Path) -> list[Path]:
        pattern = self.config.get("pattern")
        endings = FORMATS[self._kind][1]
        return [
            p
            for p in folder.glob(str(pattern or "*"))
            if p.is_file()
            and not p.name.startswith((".", "~$"))
            and (pattern or p.suffix.lower().lstrip(".") in endings)
        ]

    def sample(self, rows: int = 20) -> pl.DataFrame:
        paths = self._due({}) if self.config.get("path") else sorted(self._listed())[-1:]
        for path in paths:
            for frame in self._frames(path, rows):
                return acted(frame.head(rows))
        return pl.DataFrame(schema={PLACE: pl.String})


def _differs(stat: Any, known: Mapping[str, Any] | None) -> bool:
    return known is None or known.get("size") != stat.st_size or known.get("changed") != stat.st_mtime_ns


def _facts(path: Path) -> dict[str, Any]:
    digest, stat = hashlib.sha256(), path.stat()
    with path.open("rb") as source:
        while part := source.read(PART):
            digest.update(part)
    return {"sha256": digest.hexdigest(), "size": stat.st_size, "changed": stat.st_mtime_ns}
