"""Parquet files, read group by group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from yigong.edge.extract.frames import as_text, placed
from yigong.kit.errors import Fault


def read(path: Path, config: Mapping[str, Any], *, size: int) -> Iterator[pl.DataFrame]:
    """Frames of the file."""
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise Fault("exchange.file_broken", permanent=True, path=str(path), reason=str(error)) from error
    first = 1
    for rows in file.iter_batches(batch_size=size):
        frame = as_text(pl.DataFrame(rows))
        yield placed(frame, path.name, first)
        first += frame.height
