"""Files of a folder that cannot be read as they are: set aside with the reason, so that no other waits for them.

A file that was set aside is looked at again when it is another (its size, its time, its place on the disk), or when what is asked of
it is (the configuration of the source, the columns that the mapping needs). Until then it is not read and not told again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from yigong.edge.extract.frames import SERVICE
from yigong.kit.errors import Fault, Refused

#: what is wrong with one file alone, and stays so until it is mended or asked otherwise
OF_ONE_FILE = (
    "exchange.file_misfit", "exchange.columns_twice", "exchange.sheet_unknown", "exchange.file_broken", "exchange.quotes_unpaired",
    "exchange.encoding_wrong",
)  # fmt: skip
TOLD = 12  # columns that are named


def asked(config: Mapping[str, Any]) -> str:
    """A digest of what is asked of the files."""
    said = {k: v for k, v in config.items() if k not in ("store", "settle_seconds")}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:16]


def record(
    stat: Any, config: Mapping[str, Any], error: Fault | Refused, before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What is remembered of a file that is set aside; fit for JSON. *before*: what was, so that the same is as old as it is."""
    facts = json.loads(json.dumps(error.facts, default=str))
    same = before is not None and (before["code"], before["facts"]) == (error.code, facts)
    at = before["at"] if before is not None and same else int(time.time())
    return {
        "size": stat.st_size, "changed": stat.st_mtime_ns, "entry": stat.st_ctime_ns, "config": asked(config),
        "code": error.code, "facts": facts, "at": at,
    }  # fmt: skip


def still(stat: Any, known: Mapping[str, Any] | None, config: Mapping[str, Any]) -> bool:
    """Whether a file and what is asked of it are as when it was set aside."""
    return known is not None and (known["size"], known["changed"], known["entry"], known["config"]) == (
        stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, asked(config),
    )  # fmt: skip


def fitting(frame: pl.DataFrame, needs: Sequence[str], place: str) -> None:
    """Raises Refused exchange.file_misfit for a file or sheet without the columns that a mapping needs, naming those it has instead."""
    missing = [c for c in needs if c not in frame.columns]
    if missing:
        others = [c for c in frame.columns if c not in needs and c not in SERVICE]
        raise Refused("exchange.file_misfit", path=place, columns=missing[:TOLD], others=others[:TOLD] or ["—"])
