"""Where the sample messages lie: beside the project, never inside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def shared(path: str) -> Path:
    """The folder or file *path* of the shared samples; skips the test with a reason where it is absent."""
    places = [os.environ.get("YIGONG_SHARED", ""), str(ROOT.parent / "shared")]
    for place in places:
        if place and (Path(place) / path).exists():
            return Path(place) / path
    pytest.skip(f"{path} is not beside the project (set YIGONG_SHARED)")
