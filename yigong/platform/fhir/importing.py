"""Bulk import of NDJSON and bundles: several processes take chunks from one queue, each written by COPY in one transaction.

A resource with an id that is there already is updated by the way of single writes; what cannot be read or indexed is
reported with its place, and the rest goes in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from yigong.platform.fhir import db, store
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.import_chunk import Report, Taken, take, take_again
from yigong.platform.fhir.import_crew import Crew
from yigong.platform.fhir.import_sources import chunks, size_of, stages
from yigong.platform.fhir.official import definitions
from yigong.security.api import audit

#: bytes of files from which on further processes are worth their start
LARGE = 16_000_000
Progress = Callable[[Report], None]


def import_paths(
    caller: Caller, paths: Iterable[Path], *, check: bool = False, progress: Progress | None = None
) -> Report:
    """Take in files and folders; Patients first where files are of one type each.

    Where an id stands in more than one chunk, the resource that comes last in the files is the one that stays.
    """
    report, started = Report(), time.perf_counter()
    groups = stages(paths)
    files = [file for group in groups for file in group]
    with Crew(take, large=size_of(files) >= LARGE) as crew:
        marks: list[np.ndarray[tuple[int], np.dtype[np.uint64]]] = []

        def note(taken: Taken) -> None:
            report.add(taken.report)
            marks.append(taken.marks)
            if progress:
                progress(report)

        for group in groups:
            crew.work(((caller, chunk, check) for chunk in chunks(group)), note)
        if crew.abreast and (several := _in_several(marks)).size:
            for chunk in chunks(files):
                take_again(caller, chunk, several)
    _adopt(caller.base)
    audit(caller.ctx, "fhir.write", "fhir", "import", after={"read": report.read, "created": report.created})
    report.seconds = time.perf_counter() - started
    return report


def _in_several(
    marks: list[np.ndarray[tuple[int], np.dtype[np.uint64]]],
) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """The marks that more than one chunk has."""
    if not marks:
        return np.array([], np.uint64)
    found, counts = np.unique(np.concatenate([np.unique(m) for m in marks]), return_counts=True)
    return found[counts > 1]


def _adopt(base: str) -> None:
    """Anchor what was read before its patient: looked for among the resources of nobody alone."""
    sql = """with absent as materialized (
            select id from fhir_resource where registration_id is null and type = any(%(kinds)s))
        select distinct p.fhir_id from absent a join fhir_reference f on f.resource_id = a.id
        join fhir_resource p on p.type = 'Patient' and f.target = 'Patient/' || p.fhir_id
        where p.registration_id is not null and f.target like 'Patient/%%'"""
    kinds = [kind for kind in definitions().patient_compartment if kind != "Patient"]
    store.adopt([row[0] for row in db.rows(sql, {"kinds": kinds})], base)
