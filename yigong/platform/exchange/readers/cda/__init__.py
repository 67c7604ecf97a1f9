"""Shared documents (CDA) of WS/T 500 and WS/T 483, read by their declarations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from yigong.kit.errors import Refused
from yigong.platform.exchange.batch import Batch, Unreadable
from yigong.platform.exchange.readers.cda.convert import take
from yigong.platform.exchange.readers.gather import Gathered, Source
from yigong.platform.exchange.readers.sentences import SENTENCES, reason
from yigong.platform.exchange.recognise import DOCUMENT_LIMIT
from yigong.platform.records import documents
from yigong.standards import api as standards

DOCUMENTS = 200  # of one batch: one transaction, some megabytes


def read(config: Mapping[str, Any], *, since: str | None = None, size: int = DOCUMENTS) -> Iterator[Batch]:
    """The documents of ``paths`` (files), for ``org_code`` where the configuration names one."""
    org_code = str(config.get("org_code") or "")
    yield from _batches(((Path(p), org_code) for p in config["paths"]), min(size, DOCUMENTS))


def again(raws: Sequence[Mapping[str, Any]], places: Sequence[str]) -> Iterator[Batch]:
    """Documents from quarantine, read from the kept originals; the clerk may have given another ``org_code``."""
    gathered = Gathered()
    for raw in raws:
        source = Source(str(raw["path"]), str(raw["sha256"]), str(raw.get("org_code") or ""))
        yield from _one(documents.place_of(source.sha256), source, gathered)
    yield from gathered.batches(places[0] if places else "")


def _batches(files: Iterable[tuple[Path, str]], size: int) -> Iterator[Batch]:
    gathered, count = Gathered(), 0
    for path, org_code in files:
        try:
            sha256 = documents.keep_file(path)
        except OSError as error:
            yield Unreadable(str(path), {"path": str(path)}, [reason("file_unreadable", because=error.strerror or "")])
            continue
        yield from _one(path, Source(str(path), sha256, org_code), gathered)
        count += 1
        if count % size == 0:
            yield from gathered.batches(str(path))
            gathered = Gathered()
    yield from gathered.batches("")


def _one(path: Path, source: Source, gathered: Gathered) -> Iterator[Unreadable]:
    """Take one document in; what cannot be read is said instead."""
    try:
        if (size := path.stat().st_size) > DOCUMENT_LIMIT:
            raise Refused("xml_too_large", size=size, limit=DOCUMENT_LIMIT)
        take(path.read_bytes(), source, gathered, standards.load())
    except Refused as refusal:
        if refusal.code not in SENTENCES:
            raise
        yield Unreadable(source.path, source.raw(), [reason(refusal.code, **refusal.facts)])
