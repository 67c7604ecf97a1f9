"""``yigong warehouse refresh``."""

from __future__ import annotations

import sys

from yigong.platform.warehouse.extracts import refresh


def main(arguments: list[str]) -> int:
    """Write the Parquet files anew and say how many rows each has."""
    if arguments != ["refresh"]:
        print("yigong warehouse refresh", file=sys.stderr)
        return 2
    for done in refresh():
        print(f"{done.table:20} {done.rows:>10,} rows {done.seconds:>7.2f} s")
    return 0
