"""Parquet files, read group by group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from yigong.kit.errors import Fault
from yigong.platform.exchange.batch import RawBatch
from yigong.platform.exchange.readers.delimited import _file
from yigong.platform.exchange.readers.rows import again, as_text, placed

__all__ = ["again", "read"]


def read(config: Mapping[str, Any], *, since: str | None, size: int) -> Iterator[RawBatch]:
    """Batches of the file ``path``."""
    path = _file(config)
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise Fault("exchange.file_broken", permanent=True, path=str(path), reason=str(error)) from error
    first = 1
    for rows in file.iter_batches(batch_size=size):
        frame = as_text(pl.DataFrame(rows))
        yield RawBatch(placed(frame, path.name, first), path.name)
        first += frame.height
