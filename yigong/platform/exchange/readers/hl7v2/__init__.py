"""HL7 v2: own parser, writer, and what messages say in the words of the standard."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from yigong.kit.errors import Refused
from yigong.kit.hl7v2.parse import split_messages
from yigong.platform.exchange.batch import Batch, Unreadable
from yigong.platform.exchange.readers.gather import Source
from yigong.platform.exchange.readers.hl7v2.convert import USED, take
from yigong.platform.exchange.readers.hl7v2.taken import Gatherings
from yigong.platform.exchange.readers.sentences import SENTENCES, reason
from yigong.platform.records import documents

MESSAGES = 1000  # of one batch

__all__ = ["USED", "again", "read", "taken"]


def read(config: Mapping[str, Any], *, since: str | None = None, size: int = MESSAGES) -> Iterator[Batch]:
    """The messages of ``paths`` (files), for ``org_code`` where the configuration names one."""
    org_code = str(config.get("org_code") or "")
    gathered, count = Gatherings(), 0
    for name in config["paths"]:
        path = Path(name)
        try:
            with _mapped(path) as content:
                for number, (_, data) in enumerate(split_messages(content), start=1):
                    yield from _one(data, str(path), number, org_code, gathered)
                    count += 1
                    if count % min(size, MESSAGES) == 0:
                        yield from gathered.batches(str(path))
                        gathered = Gatherings()
        except OSError as error:
            yield Unreadable(str(path), {"path": str(path)}, [reason("file_unreadable", because=error.strerror or "")])
    yield from gathered.batches("")


def again(raws: Sequence[Mapping[str, Any]], places: Sequence[str]) -> Iterator[Batch]:
    """Messages from quarantine, read from the kept originals; the clerk may have given another ``org_code``."""
    gathered = Gatherings()
    for raw in raws:
        data = documents.place_of(str(raw["sha256"])).read_bytes()
        yield from _one(data, str(raw["path"]), int(raw.get("offset", 1)), str(raw.get("org_code") or ""), gathered)
    yield from gathered.batches(places[0] if places else "")


def taken(messages: Sequence[tuple[bytes, str, str]]) -> Iterator[Batch]:
    """Messages in hand: (bytes, name, institution or empty where the message names it)."""
    gathered = Gatherings()
    for data, path, org_code in messages:
        yield from _one(data, path, 1, org_code, gathered)
    yield from gathered.batches("")


def _one(data: bytes, path: str, number: int, org_code: str, gathered: Gatherings) -> Iterator[Unreadable]:
    source = Source(path, documents.keep(data), org_code, offset=number)
    try:
        take(data, source, gathered)
    except Refused as refusal:
        if refusal.code not in SENTENCES:
            raise
        place = f"{path} 第 {number} 条消息"
        yield Unreadable(place, source.raw(), [reason(refusal.code, **refusal.facts)])


@contextmanager
def _mapped(path: Path) -> Iterator[Any]:
    """The file's bytes without reading them: a batch may be larger than memory."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content
