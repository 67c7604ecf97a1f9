"""Compiles the loops of large frames at set-up, so that no first batch waits: ``python -m yigong.standards.quality.warm``."""

from __future__ import annotations

import polars as pl

from yigong.standards.quality import scan
from yigong.standards.quality.leaves import Alone, Leaf


def main() -> None:
    """Judges as many rows as make a frame large, where this installation has machine code at all."""
    if not scan.load():
        return
    frame = pl.DataFrame({"text": ["x"]}).select(pl.col("text").repeat_by(scan.MANY).explode())
    given, _alone = scan.marks(frame, [Leaf("text", "given"), Alone(("text",))])
    scan.rows_of(given)


if __name__ == "__main__":
    main()
