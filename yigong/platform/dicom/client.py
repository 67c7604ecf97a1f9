"""Asks an archive through DICOMweb (PS3.18): studies, series and images found, images drawn by the archive."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from django.conf import settings

from yigong.kit.errors import Fault
from yigong.platform.dicom.models import Pacs
from yigong.platform.dicom.reading import TAGS, Dataset

log = logging.getLogger("yigong.dicom")
PAGE = 200
SECONDS = 20.0
#: an image larger than this is not passed on
IMAGE_BYTES = 16 << 20


@lru_cache(maxsize=8)
def _session(base_url: str, login_name: str, password: str) -> httpx.Client:
    return httpx.Client(
        base_url=base_url.rstrip("/") + "/", timeout=SECONDS, auth=(login_name, password) if login_name else None,
        limits=httpx.Limits(max_connections=8), follow_redirects=False, trust_env=False,
    )  # fmt: skip


def _ask(pacs: Pacs, path: str, params: list[tuple[str, str]], accept: str) -> httpx.Response:
    """One answer. Raises Fault dicom.away when the archive does not give one."""
    password = settings.SECRET_OF(f"pacs_{pacs.code}") if pacs.login_name else ""
    try:
        session = _session(pacs.base_url, pacs.login_name, password)
        answer = session.get(f"{path}?{urlencode(params, safe=',')}", headers={"Accept": accept})
    except httpx.HTTPError as error:
        raise Fault("dicom.away", permanent=False, pacs=pacs.name, reason=type(error).__name__) from error
    if answer.status_code in (401, 403):
        raise Fault("dicom.not_let_in", permanent=True, pacs=pacs.name)
    if answer.status_code >= 400:
        raise Fault("dicom.away", permanent=False, pacs=pacs.name, reason=f"HTTP {answer.status_code}")
    return answer


def _find(pacs: Pacs, path: str, params: list[tuple[str, str]]) -> list[Dataset]:
    answer = _ask(pacs, path, params, "application/dicom+json")
    if answer.status_code == 204:
        return []
    try:
        found = answer.json()
    except ValueError as error:
        raise Fault("dicom.away", permanent=False, pacs=pacs.name, reason="JSON") from error
    return [d for d in found if isinstance(d, dict)] if isinstance(found, list) else []


def studies(pacs: Pacs, *, since: date | None = None, until: date | None = None, **wanted: str) -> Iterator[Dataset]:
    """Studies between two days (both in) and with these attributes (``PatientID="…"``), page by page."""
    days = f"{since:%Y%m%d}" if since else ""
    span = [("StudyDate", f"{days}-{until:%Y%m%d}" if until else f"{days}-")] if since or until else []
    asked = [*span, *wanted.items(), *(("includefield", tag) for tag in TAGS.values())]
    offset = 0
    while True:
        found = _find(pacs, "studies", [*asked, ("limit", str(PAGE)), ("offset", str(offset))])
        yield from found
        if len(found) < PAGE:
            return
        offset += len(found)


def series(pacs: Pacs, study_uid: str) -> list[Dataset]:
    """The series of a study."""
    return _find(pacs, f"studies/{quote(study_uid)}/series", [("includefield", "0008103E"), ("limit", "500")])


def instances(pacs: Pacs, study_uid: str) -> list[Dataset]:
    """The images of all series of a study in one answer, with their frames and their window."""
    fields = [("includefield", t) for t in ("00200013", "00280008", "00080018", "0020000E", "00281050", "00281051")]
    return _find(pacs, f"studies/{quote(study_uid)}/instances", [*fields, ("limit", "10000")])


def drawn(
    pacs: Pacs, study_uid: str, series_uid: str, instance_uid: str, frame: int = 0, **how: Any
) -> tuple[bytes, str]:
    """An image, or one of its frames (from 1), as JPEG or PNG, drawn by the archive; *how*: ``window="center,width,linear"``, ``viewport="256,256"``.

    Raises Fault dicom.away, dicom.too_large.
    """
    place = f"studies/{quote(study_uid)}/series/{quote(series_uid)}/instances/{quote(instance_uid)}"
    place += f"/frames/{frame}/rendered" if frame else "/rendered"
    answer = _ask(pacs, place, [(k, str(v)) for k, v in how.items() if v], "image/jpeg")
    if len(answer.content) > IMAGE_BYTES:
        raise Fault("dicom.too_large", permanent=True, pacs=pacs.name)
    return answer.content, answer.headers.get("content-type", "image/jpeg")
