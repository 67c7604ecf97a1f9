"""What DICOM JSON says (PS3.18 annex F): values by tag, persons' names, moments, a study as facts. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from typing import Any

from yigong.kit.clock import COUNTY_ZONE

Dataset = Mapping[str, Any]
#: what a study is asked for (PS3.18 table 10.6.1-5): name -> tag
TAGS = {
    "StudyInstanceUID": "0020000D",
    "StudyDate": "00080020",
    "StudyTime": "00080030",
    "AccessionNumber": "00080050",
    "ModalitiesInStudy": "00080061",
    "InstitutionName": "00080080",
    "StudyDescription": "00081030",
    "PatientName": "00100010",
    "PatientID": "00100020",
    "IssuerOfPatientID": "00100021",
    "PatientBirthDate": "00100030",
    "PatientSex": "00100040",
    "NumberOfStudyRelatedSeries": "00201206",
    "NumberOfStudyRelatedInstances": "00201208",
}
#: sex of DICOM (PS3.3 C.7.1.1) -> GB/T 2261.1
SEXES = {"M": "1", "F": "2", "O": "9"}


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """A study as the archive tells it."""

    study_uid: str
    study_at: datetime
    patient_id: str
    issuer: str
    institution_name: str
    full_name: str
    sex_code: str
    born_on: date | None
    accession_no: str
    modalities: tuple[str, ...]
    description: str
    series_count: int
    instance_count: int

    @property
    def hash(self) -> int:
        """What it says, in 63 bits: the same hash, nothing to do."""
        digest = hashlib.blake2b(repr(sorted(asdict(self).items())).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") >> 1


def values(data: Dataset, name: str) -> list[Any]:
    """All values of an attribute, by keyword; empty when absent."""
    return list(data.get(TAGS.get(name, name), {}).get("Value", ()))


def text(data: Dataset, name: str) -> str:
    """The first value as text; empty when absent."""
    found = values(data, name)
    return str(found[0]).strip() if found and not isinstance(found[0], dict) else ""


def person_name(data: Dataset, name: str = "PatientName") -> str:
    """A name as it is written: the ideographic form, else the alphabetic one; family name first, without ``^``."""
    found = values(data, name)
    if not found:
        return ""
    forms = found[0] if isinstance(found[0], dict) else {"Alphabetic": str(found[0])}
    written = forms.get("Ideographic") or forms.get("Alphabetic") or ""
    parts = [p for p in str(written).split("^")[:3] if p]
    return ("" if any(c >= "\u4e00" for c in "".join(parts)) else " ").join(parts).strip()


def day(written: str) -> date | None:
    """A date of kind DA; None for what is none."""
    try:
        return datetime.strptime(written[:8], "%Y%m%d").date()  # noqa: DTZ007  - a day has no zone
    except ValueError:
        return None


def clock_time(written: str) -> time:
    """A time of kind TM; midnight for what is none."""
    digits = written.replace(":", "").partition(".")[0].ljust(6, "0")
    try:
        return time(int(digits[:2]), int(digits[2:4]), min(int(digits[4:6]), 59))
    except ValueError:
        return time()


def study(data: Dataset) -> StudyFacts | None:
    """A study of an answer of QIDO-RS; None when it lacks what nothing can be done without: its UID or its day."""
    uid, when = text(data, "StudyInstanceUID"), day(text(data, "StudyDate"))
    if not uid or when is None:
        return None
    return StudyFacts(
        study_uid=uid[:64],
        study_at=datetime.combine(when, clock_time(text(data, "StudyTime")), COUNTY_ZONE),
        patient_id=text(data, "PatientID")[:64],
        issuer=text(data, "IssuerOfPatientID"),
        institution_name=text(data, "InstitutionName"),
        full_name=person_name(data)[:60],
        sex_code=SEXES.get(text(data, "PatientSex").upper(), ""),
        born_on=day(text(data, "PatientBirthDate")),
        accession_no=text(data, "AccessionNumber")[:64],
        modalities=tuple(str(m) for m in values(data, "ModalitiesInStudy")),
        description=text(data, "StudyDescription")[:200],
        series_count=_number(data, "NumberOfStudyRelatedSeries"),
        instance_count=_number(data, "NumberOfStudyRelatedInstances"),
    )


def _number(data: Dataset, name: str) -> int:
    written = text(data, name)
    return int(written) if written.isdigit() else 0
