"""Shared documents read and judged, beside the parsing and schema validation of lxml, on the same documents.

``python -m benchmarks.bench_cda``; needs the shared samples beside the project (YIGONG_SHARED). Closes with one line of JSON.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from lxml import etree

from yigong.standards.api import load
from yigong.standards.cda.check import check_document

ROUNDS = 60  # of 13 and 7 milliseconds: the best of few is chance


def main() -> None:
    """Measure both sides in turn and say the best round of each."""
    root = Path(os.environ.get("YIGONG_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "samples"
    if not root.exists():
        raise SystemExit("the shared samples are not beside the project (set YIGONG_SHARED)")
    documents = [path.read_bytes() for path in sorted((root / "cda").glob("*.xml"))]
    schema = etree.XMLSchema(etree.parse(root / "cda_xsd/sdschemas/SDA.xsd"))
    standards = load()
    ours, peer = 0.0, 0.0
    for _ in range(ROUNDS):
        ours = max(ours, _rate(documents, lambda data: check_document(data, standards)))
        peer = max(peer, _rate(documents, lambda data: schema.validate(etree.fromstring(data))))
    print(f"{len(documents)} documents: ours {ours:.0f}/s, lxml with schema {peer:.0f}/s")
    figures = {"documents": len(documents), "ours_per_s": round(ours, 1), "lxml_per_s": round(peer, 1)}
    print(json.dumps({"name": "cda", "ratios": {"lxml": round(ours / peer, 3)}, "figures": figures}))


def _rate(documents: list[bytes], act: Callable[[bytes], object]) -> float:
    """Documents in a second."""
    started = time.perf_counter()
    for data in documents:
        act(data)
    return len(documents) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
