"""The ways data come in: one module for each kind of source, imported on first use."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

from yigong.kit.errors import Refused
from yigong.platform.exchange.batch import Batch

#: rows of one batch, so that memory stays flat however long the source is
BATCH_ROWS = 100_000

#: kinds that the extraction reads, at the centre and at a node alike
EXTRACTED = (
    "csv", "excel", "xml", "text", "parquet", "postgresql", "mysql", "mariadb", "mssql", "oracle", "sqlite", "database",
)  # fmt: skip
#: kind of source -> module with the functions of Reader
READERS = dict.fromkeys(EXTRACTED, "yigong.platform.exchange.readers.extracted") | {
    "cda": "yigong.platform.exchange.readers.cda",
    "hl7v2": "yigong.platform.exchange.readers.hl7v2",
    "edge": "yigong.platform.exchange.readers.edge",
    "fhir": "yigong.platform.fhir.quarantined",
}


class Reader(Protocol):
    """What a reader offers."""

    def read(self, config: Mapping[str, Any], *, since: str | None, size: int) -> Iterator[Batch]:
        """Batches of at most *size* rows, in a stable order; only what is newer than *since* where it is given.

        Raises Refused (the configuration cannot work) or Fault (the source does not answer).
        """

    def again(self, raws: Sequence[Mapping[str, Any]], places: Sequence[str]) -> Iterator[Batch]:
        """The same rows again, from what quarantine kept of them."""


def reader(kind: str) -> Reader:
    """The reader for a kind of source. Raises Refused exchange.reader_unknown."""
    if kind not in READERS:
        raise Refused("exchange.reader_unknown", kind=kind, known=sorted(READERS))
    module = importlib.import_module(READERS[kind])
    return cast(Reader, module.Extracted(kind) if kind in EXTRACTED else module)
