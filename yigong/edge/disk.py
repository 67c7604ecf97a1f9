"""The disk under a node: a full one is said by its name, and a piece of it is kept aside."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from yigong.kit.errors import Fault


def set_aside(path: Path, size: int) -> bool:
    """Whether a file of that size could be laid down."""
    try:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError:
        path.unlink(missing_ok=True)
        return False
    return True


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """A full disk by its own name: raises Fault edge.disk_full."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        text = str(error).lower()
        if "full" in text or "no space" in text or "disk i/o" in text:
            raise Fault("edge.disk_full", permanent=False) from error
        raise
