"""``yigong warehouse refresh``."""

from __future__ import annotations

import argparse

from yigong.platform.warehouse.extracts import refresh


def main(arguments: list[str]) -> int:
    """Write the Parquet files anew and say how many rows each has."""
    parser = argparse.ArgumentParser(prog="yigong warehouse", description="数据仓库 / the warehouse")
    parser.add_argument("what", choices=["refresh"], help="重写各表 / write the tables anew")
    parser.parse_args(arguments)
    for done in refresh():
        print(f"{done.table:20} {done.rows:>10,} rows {done.seconds:>7.2f} s")
    return 0
