"""Studies of the archives within the reader's reach."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core import signing
from django.db import connection

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.dicom import client
from yigong.platform.dicom.models import Pacs, Study
from yigong.platform.dicom.reading import text
from yigong.security.api import is_in_reach, persons_in_reach

FRAMES, NUMBER, DESCRIPTION, MODALITY = "00280008", "00200013", "0008103E", "00080060"
SERIES_UID, INSTANCE_UID = "0020000E", "00080018"


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
    """An image of a series: its number, and the sealed words by which it is asked for."""

    number: int
    seal: str


@dataclass(frozen=True, slots=True)
class Series:
    """A series of a study as the archive tells it now."""

    uid: str
    number: int
    modality: str
    description: str
    images: tuple[Image, ...]


def contents(found: Study) -> list[Series]:
    """The series and images of a study, in their order. Raises Fault when the archive does not answer."""
    listed = [
        Series(uid, _int(text(s, "00200011")), text(s, MODALITY), text(s, DESCRIPTION), _images(found, uid))
        for s in client.series(found.pacs, found.study_uid)
        if (uid := text(s, SERIES_UID))
    ]
    return sorted(listed, key=lambda s: (s.number, s.uid))


def _images(found: Study, series_uid: str) -> tuple[Image, ...]:
    listed = client.instances(found.pacs, found.study_uid, series_uid)
    numbered = sorted((_int(text(i, NUMBER)), uid) for i in listed if (uid := text(i, INSTANCE_UID)))
    return tuple(Image(n, seal(found.pk, series_uid, uid)) for n, uid in numbered)


def seal(study_id: int, series_uid: str, instance_uid: str) -> str:
    """The address of an image: only images that were listed for this study can be asked for."""
    return signing.dumps([study_id, series_uid, instance_uid], salt="dicom.image", compress=True)


def opened(study_id: int, sealed: str) -> tuple[str, str]:
    """Series and instance behind an address. Raises Refused dicom.no_such_image."""
    try:
        study_of, series_uid, instance_uid = signing.loads(sealed, salt="dicom.image", max_age=12 * 3600)
    except signing.BadSignature as error:
        raise Refused("dicom.no_such_image") from error
    if study_of != study_id:
        raise Refused("dicom.no_such_image")
    return series_uid, instance_uid


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
