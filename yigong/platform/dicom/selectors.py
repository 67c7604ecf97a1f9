"""Studies of the archives within the reader's reach."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core import signing
from django.db import connection

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.dicom import client
from yigong.platform.dicom.models import Pacs, Study
from yigong.platform.dicom.reading import Dataset, text
from yigong.security.api import is_in_reach, persons_in_reach

FRAMES, NUMBER, DESCRIPTION, MODALITY = "00280008", "00200013", "0008103E", "00080060"
SERIES_UID, INSTANCE_UID, CENTER, WIDTH = "0020000E", "00080018", "00281050", "00281051"
MOST_FRAMES = 2000  # of one image that are shown


@dataclass(frozen=True, slots=True)
class StudyRow:
    """A study in a list."""

    id: int
    study_at: datetime
    org_code: str
    modalities: tuple[str, ...]
    description: str
    accession_no: str
    series_count: int
    instance_count: int
    pacs_name: str

    @property
    def title(self) -> str:
        """What was examined, in one line."""
        return " ".join(p for p in ("/".join(self.modalities), self.description) if p) or "—"


_ROWS = """select s.id, s.study_at, s.org_code, s.modalities, s.description, s.accession_no, s.series_count,
        s.instance_count, a.name
    from dicom_study s join dicom_pacs a on a.id = s.pacs_id join empi_registration r on r.id = s.registration_id"""


def of_person(ctx: Ctx, person_id: int, *, limit: int = 200) -> list[StudyRow]:
    """The studies of a person over all archives, newest first; none out of reach."""
    reach = persons_in_reach(ctx, "r.person_id")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""{_ROWS} where r.person_id = %(person)s and s.gone_at is null and {reach.sql}
                order by s.study_at desc limit %(limit)s""",
            {"person": person_id, "limit": limit, **reach.params},
        )
        return [_row(row) for row in cursor.fetchall()]


def _row(row: Sequence[Any]) -> StudyRow:
    kinds = json.loads(row[3]) if isinstance(row[3], str) else row[3] or ()
    return StudyRow(row[0], row[1], row[2], tuple(kinds), row[4], row[5], row[6], row[7], row[8])


def study(ctx: Ctx, study_id: int) -> tuple[Study, int]:
    """A study and the person it is of. Raises Refused dicom.no_such_study, not_related when the person is out of reach."""
    found = Study.objects.select_related("pacs").filter(pk=study_id, registration_id__isnull=False).first()
    if found is None:
        raise Refused("dicom.no_such_study")
    with connection.cursor() as cursor:
        cursor.execute("select person_id from empi_registration where id = %s", [found.registration_id])
        row = cursor.fetchone()
    if row is None:
        raise Refused("dicom.no_such_study")
    if not is_in_reach(ctx, row[0]):
        raise Refused("not_related", person_id=row[0])
    return found, int(row[0])


@dataclass(frozen=True, slots=True)
class Image:
    """An image of a series, or a frame of one: its number, and the sealed words by which it is asked for."""

    number: int
    seal: str
    frame: int = 0  # from 1; 0 where the image has one


@dataclass(frozen=True, slots=True)
class Series:
    """A series of a study as the archive tells it now."""

    uid: str
    number: int
    modality: str
    description: str
    images: tuple[Image, ...]
    window: tuple[int, int] | None = None  # centre and width that its first image names

    @property
    def middle(self) -> Image | None:
        """The image that stands for the series."""
        return self.images[len(self.images) // 2] if self.images else None


def contents(found: Study) -> list[Series]:
    """The series and images of a study, in their order. Raises Fault when the archive does not answer."""
    by_series: dict[str, list[Dataset]] = {}
    for one in client.instances(found.pacs, found.study_uid):
        by_series.setdefault(text(one, SERIES_UID), []).append(one)
    listed = [
        Series(
            uid, _int(text(s, "00200011")), text(s, MODALITY), text(s, DESCRIPTION),
            tuple(_images(found, uid, by_series.get(uid, ()))), _window(by_series.get(uid, ())),
        )
        for s in client.series(found.pacs, found.study_uid)
        if (uid := text(s, SERIES_UID))
    ]  # fmt: skip
    return sorted(listed, key=lambda s: (s.number, s.uid))


def _images(found: Study, series_uid: str, listed: Sequence[Dataset]) -> Iterator[Image]:
    numbered = sorted(
        (_int(text(i, NUMBER)), uid, _int(text(i, FRAMES))) for i in listed if (uid := text(i, INSTANCE_UID))
    )
    for number, uid, frames in numbered:
        if frames > 1:
            for frame in range(1, min(frames, MOST_FRAMES) + 1):
                yield Image(number, seal(found.pk, series_uid, uid, frame), frame)
        else:
            yield Image(number, seal(found.pk, series_uid, uid))


def _window(listed: Sequence[Dataset]) -> tuple[int, int] | None:
    """Centre and width as the images name them; None where they name none."""
    for one in listed:
        if text(one, CENTER) and (width := _int(text(one, WIDTH))) > 0:
            return _int(text(one, CENTER)), width
    return None


def seal(study_id: int, series_uid: str, instance_uid: str, frame: int = 0) -> str:
    """The address of an image: only images that were listed for this study can be asked for."""
    return signing.dumps([study_id, series_uid, instance_uid, frame], salt="dicom.image", compress=True)


def opened(study_id: int, sealed: str) -> tuple[str, str, int]:
    """Series, instance and frame behind an address. Raises Refused dicom.no_such_image."""
    try:
        study_of, series_uid, instance_uid, frame = signing.loads(sealed, salt="dicom.image", max_age=12 * 3600)
    except (signing.BadSignature, ValueError) as error:
        raise Refused("dicom.no_such_image") from error
    if study_of != study_id:
        raise Refused("dicom.no_such_image")
    return series_uid, instance_uid, frame


def _int(written: str) -> int:
    return int(float(written)) if written.replace(".", "", 1).lstrip("-").isdigit() else 0


def archives() -> list[dict[str, Any]]:
    """The archives with how many studies each has in the index, and how many wait for their person."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select pacs_id, count(*) filter (where gone_at is null),
                   count(*) filter (where registration_id is null and gone_at is null)
               from dicom_study group by pacs_id"""
        )
        counted = {pacs: (held, waiting) for pacs, held, waiting in cursor.fetchall()}
    return [
        {"pacs": p, "held": counted.get(p.pk, (0, 0))[0], "waiting": counted.get(p.pk, (0, 0))[1]}
        for p in Pacs.objects.order_by("code")
    ]


def is_configured() -> bool:
    """Whether any archive is registered."""
    return Pacs.objects.filter(is_active=True).exists()


__all__ = [
    "Image",
    "Series",
    "StudyRow",
    "archives",
    "contents",
    "is_configured",
    "of_person",
    "opened",
    "seal",
    "study",
]
