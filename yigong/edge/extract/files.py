"""Files and watched folders: a file is read when its content is new, and known by hash, size and time of change."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from yigong.edge.extract import aside
from yigong.edge.extract.frames import OP, PLACE, SERVICE, acted
from yigong.edge.extract.settings import conditions
from yigong.edge.extract.source import Chunk, Source, State
from yigong.edge.extract.trouble import FILE_GONE, reading
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

    State: ``{"files": {name: {"sha256", "size", "changed", "entry"}}}`` of what is stored (name: the way from the folder on) and, for XML,
    ``"columns"`` that files had so far: where nobody has a telephone the element is not there, and the column still is. A single ``path`` is read in whole each time
    unless ``changed_only``; in a folder only what is new or changed is read. A file of a folder that is broken, or lacks the columns that
    ``needs`` names, is set aside: ``"aside"`` of the state has why, the others are read (module ``aside``). ``settle_seconds`` (default 2) lets a file rest that is
    still being written. ``deleted_when`` tells from a column which rows are void.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._columns: Sequence[str] = ()
        self._aside: dict[str, Any] = {}

    @property
    def place(self) -> str:
        return str(self.config.get("path") or self.config["folder"])

    @property
    def _kind(self) -> str:
        return str(self.config["kind"])

    def read(self, state: State, *, size: int) -> Iterator[Chunk]:
        known = dict(state.get("files", {}))
        self._columns, self._aside = list(state.get("columns", [])), dict(state.get("aside", {}))
        wrong: list[Fault | Refused] = []
        for path in self._due(known):
            try:
                yield from self._read(path, known, size)
            except (Fault, Refused) as error:
                if self.config.get("path"):
                    raise
                if error.code in aside.OF_ONE_FILE and path.exists():
                    before = self._aside.get(self._name(path))
                    self._aside[self._name(path)] = aside.record(path.stat(), self.config, error, before)
                else:
                    wrong.append(error)  # one bad file keeps no other back
        if self._aside != state.get("aside", {}):
            yield self._empty(known)
        if wrong:
            raise wrong[0]

    def _empty(self, known: Mapping[str, Any]) -> Chunk:
        """A chunk that brings no rows but what is remembered: of files that are set aside, or no longer are."""
        columns = dict.fromkeys([*self._needs, PLACE, OP], pl.String)
        return Chunk(pl.DataFrame(schema=columns), self._state(known), self.place)

    @property
    def _needs(self) -> list[str]:
        return list(self.config.get("needs") or ())

    def _read(self, path: Path, known: dict[str, Any], size: int) -> Iterator[Chunk]:
        """The chunks of a file, unless it is known by its content."""
        try:
            with reading(str(path)):
                facts = _facts(path) if self._remembers else {}
                if not self._remembers or known.get(self._name(path), {}).get("sha256") != facts["sha256"]:
                    yield from self._one(path, known, facts, size)
                else:
                    self._aside.pop(self._name(path), None)  # what was read once stands there again
        except Fault as fault:
            if fault.code != FILE_GONE or self.config.get("path"):
                raise
            # else it was taken away since the folder was listed, and nothing of it was read
        except OSError as error:
            raise Fault("exchange.file_broken", permanent=False, path=str(path), reason=str(error.strerror)) from error

    def _one(self, path: Path, known: dict[str, Any], facts: dict[str, Any], size: int) -> Iterator[Chunk]:
        """The chunks of a file; it counts as known with its last one. Raises Fault exchange.file_changed where it is written meanwhile."""
        held, begun = None, path.stat()
        for frame in self._fitting(path, size):
            if held is not None:
                yield Chunk(held, self._state(known), path.name)
            if _is_other(path, begun):
                raise Fault("exchange.file_changed", permanent=False, path=str(path))
            held = acted(frame, conditions(self.config.get("deleted_when")))
            self._columns = list(dict.fromkeys([*self._columns, *(c for c in frame.columns if c not in SERVICE)]))
        known[self._name(path)] = facts
        self._aside.pop(self._name(path), None)
        if held is not None:
            yield Chunk(held, self._state(known), path.name)

    def _fitting(self, path: Path, size: int) -> Iterator[pl.DataFrame]:
        """The frames of a file; of a folder none before all have the columns that are needed: a workbook has many sheets."""
        checked = (self._checked(frame, path) for frame in self._frames(path, size))
        yield from list(checked) if self._kind == "excel" and self._needs else checked

    def _checked(self, frame: pl.DataFrame, path: Path) -> pl.DataFrame:
        if not self.config.get("path") and frame.height:
            aside.fitting(frame, self._needs, str(frame.item(0, PLACE)).rpartition(" 第 ")[0] or path.name)
        return frame

    def _asked(self) -> Mapping[str, Any]:
        """The configuration for the format, with the columns that files of this feed had before."""
        return (
            {**self.config, "columns": [*self.config.get("columns", ()), *self._columns]}
            if self._kind == "xml"
            else self.config
        )

    def _frames(self, path: Path, size: int) -> Iterator[pl.DataFrame]:
        """The file as its format reads it. Raises a Fault of its kind for a file that went away or may not be read."""
        with reading(str(path)):
            yield from self._format().read(path, self._asked(), size=size)

    def _state(self, known: Mapping[str, Any]) -> State:
        if not self._remembers:
            return {}
        more = {"columns": list(self._columns)} if self._kind == "xml" else {}
        return {"files": dict(known), **more, **({"aside": dict(self._aside)} if self._aside else {})}

    def _name(self, path: Path) -> str:
        """What a file is known by: two of one name in two folders are two."""
        return path.relative_to(str(self.config["folder"])).as_posix() if self.config.get("folder") else path.name

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
        settle, now = float(self.config.get("settle_seconds", 2)), time.time()
        due, listed = [], self._listed()
        for gone in self._aside.keys() - {self._name(p) for p in listed}:
            del self._aside[gone]
        for path in listed:
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                # a time to come is that of a wrong clock, and no reason to wait for ever
                at_rest = stat.st_mtime <= now - settle or stat.st_mtime > now + settle
                resting = aside.still(stat, self._aside.get(self._name(path)), self.config)
                if at_rest and not resting and _differs(stat, known.get(self._name(path))):
                    due.append((stat.st_mtime_ns, path))
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
            and p.resolve().is_relative_to(
                folder.resolve()
            )  # a link out of the folder would show what nobody put there
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
    if known is None or known.get("size") != stat.st_size or known.get("changed") != stat.st_mtime_ns:
        return True
    return known.get("entry", stat.st_ctime_ns) != stat.st_ctime_ns  # replaced by one of the same size and time


def _is_other(path: Path, begun: os.stat_result) -> bool:
    """Whether the file that is being read was written meanwhile; one put in its place leaves what we read as it was."""
    try:
        now = path.stat()
    except FileNotFoundError:
        return False
    return now.st_ino == begun.st_ino and (now.st_size, now.st_mtime_ns) != (begun.st_size, begun.st_mtime_ns)


def _facts(path: Path) -> dict[str, Any]:
    digest, stat = hashlib.sha256(), path.stat()
    with path.open("rb") as source:
        while part := source.read(PART):
            digest.update(part)
    return {"sha256": digest.hexdigest(), "size": stat.st_size, "changed": stat.st_mtime_ns, "entry": stat.st_ctime_ns}
