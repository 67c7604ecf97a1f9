"""Compiles kernels and makes tables at set-up, so that no first user waits: ``python -m yigong.platform.empi.engine.warm``."""

from __future__ import annotations

import polars as pl

from yigong.platform.empi.engine import api


def main() -> None:
    """Links two records with every shipped model."""
    api.link(
        pl.DataFrame({"name": ["王秀兰", "王秀蓝"], "dob": ["1950-03-08"] * 2}), api.load_model("county"), train=False
    )


if __name__ == "__main__":
    main()
