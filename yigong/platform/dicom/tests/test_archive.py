"""The image service against a real archive (Orthanc), images sent by a real sender (dcmtk)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from tests import orthanc
from yigong.kit.ctx import Purpose, Reach, system
from yigong.kit.errors import Fault
from yigong.platform.dicom import api as dicom
from yigong.platform.dicom import client
from yigong.platform.dicom.models import Pacs, Study
from yigong.platform.empi import api as empi
from yigong.platform.records import api as records
from yigong.platform.registry import api as registry
from yigong.security import api as security

pytestmark = pytest.mark.django_db
HOSPITAL, TOWN = "12345678AB", "87654321CD"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[orthanc.Archive]:
    if reason := orthanc.missing() or ("" if shutil.which("storescu") else "dcmtk is not installed"):
        pytest.skip(reason)
    with orthanc.running(tmp_path_factory.mktemp("orthanc")) as found:
        yield found


@pytest.fixture
def pacs(archive: orthanc.Archive, settings: Any) -> Pacs:
    settings.SECRET_OF = lambda _name: archive.password
    client._session.cache_clear()
    rows = [
        {"year": 2026, "code": HOSPITAL, "name": "青禾县人民医院", "short_name": "县医", "kind": "county_hospital"},
        {"year": 2026, "code": TOWN, "name": "柳河镇卫生院", "short_name": "柳河", "kind": "township_centre"},
    ]
    registry.save_institutions(system(), pl.DataFrame(rows))
    return dicom.save_pacs(system(), "orthanc", name="影像中心", base_url=archive.dicomweb, login_name=archive.user)


def _person(org: str, local_id: str, name: str) -> int:
    frame = pl.DataFrame([{"org_code": org, "source_system": "HIS", "local_id": local_id, "full_name": name}])
    return int(empi.register(system(), frame).get_column("person_id")[0])


@pytest.mark.feature("C15", "B04")
def test_a_study_stands_in_the_history_of_its_person(archive: orthanc.Archive, pacs: Pacs, tmp_path: Path) -> None:
    """A study sent to the archive is found through DICOMweb and stands once in the history of whom its institution calls so."""
    person = _person(HOSPITAL, "P100", "周桂英")
    facts = {"PatientID": "P100", "PatientName": "周^桂英", "InstitutionName": "青禾县人民医院", "StudyDescription": "胸部平扫", "AccessionNumber": "A100"}  # fmt: skip
    orthanc.send(archive, tmp_path, [orthanc.image("1.2.826.0.1.100", n, **facts) for n in (1, 2, 3)])
    first = dicom.sweep(system(), pacs)
    again = dicom.sweep(system(), pacs)
    events = [e for e in records.timeline(system(), person) if e.kind == "imaging"]
    assert (first.new, again.new, again.changed) == (first.found, 0, 0)
    assert [(e.title, e.org_code, e.summary["images"]) for e in events] == [("CT 胸部平扫", HOSPITAL, 3)]
    assert [(s.title, s.instance_count) for s in dicom.of_person(system(), person)] == [("CT 胸部平扫", 3)]
    archive.forget("1.2.826.0.1.100")


@pytest.mark.feature("C15", "C07")
def test_images_that_come_later_and_studies_that_go_are_followed(
    archive: orthanc.Archive, pacs: Pacs, tmp_path: Path
) -> None:
    """More images change the count of the study; a study deleted in the archive leaves the history."""
    person = _person(HOSPITAL, "P200", "李建国")
    facts = {"PatientID": "P200", "IssuerOfPatientID": HOSPITAL, "StudyDescription": "头颅"}
    orthanc.send(archive, tmp_path, [orthanc.image("1.2.826.0.1.200", 1, **facts)])
    dicom.sweep(system(), pacs)
    orthanc.send(archive, tmp_path, [orthanc.image("1.2.826.0.1.200", 2, **facts)])
    changed = dicom.sweep(system(), pacs)
    assert (changed.new, changed.changed) == (0, 1)
    assert [e.summary["images"] for e in records.timeline(system(), person)] == [2]
    archive.forget("1.2.826.0.1.200")
    assert dicom.sweep(system(), pacs).gone == 1
    assert records.timeline(system(), person) == []


@pytest.mark.feature("C15", "A22")
def test_an_unknown_patient_is_registered_and_a_nameless_institution_waits(
    archive: orthanc.Archive, pacs: Pacs, tmp_path: Path
) -> None:
    """A patient number nobody knows becomes a registration of its institution; without an institution the study waits and is found later."""
    unknown = {"PatientID": "N1", "PatientName": "赵^六", "PatientSex": "M", "PatientBirthDate": "19700102", "InstitutionName": "柳河镇卫生院"}  # fmt: skip
    orthanc.send(archive, tmp_path, [orthanc.image("1.2.826.0.1.300", 1, **unknown)])
    orthanc.send(archive, tmp_path, [orthanc.image("1.2.826.0.1.301", 1, PatientID="N2", InstitutionName="别处医院")])
    swept = dicom.sweep(system(), pacs)
    study = Study.objects.get(study_uid="1.2.826.0.1.300")
    found = empi.lookup(system(), "local_id", "N1", org_code=TOWN, source_system="PACS")
    assert [(i.registration_id, i.full_name) for i in found] == [(study.registration_id, "赵六")]
    assert swept.waiting == 1 and Study.objects.get(study_uid="1.2.826.0.1.301").waiting == "no_institution"
    dicom.save_pacs(system(), "orthanc", name="影像中心", base_url=pacs.base_url, login_name=pacs.login_name, org_code=TOWN)  # fmt: skip
    pacs.refresh_from_db()
    assert dicom.sweep(system(), pacs).waiting == 0
    for uid in ("1.2.826.0.1.300", "1.2.826.0.1.301"):
        archive.forget(uid)


def _reader(name: str, org: str) -> Client:
    security.make_role("reader", "医师", actions=["person.view", "person.search", "dicom.view", "home.view"], reach=Reach.OWN, purpose=Purpose.TREATMENT)  # fmt: skip
    user = security.make_user(name, name, password="Gu3ss-me-not!", role="reader", org_code=org)
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.mark.feature("C15", "B15")
def test_images_are_shown_to_those_in_reach_and_to_nobody_else(
    archive: orthanc.Archive, pacs: Pacs, tmp_path: Path
) -> None:
    """A reader of the institution sees the images and leaves a trace; a reader of another sees none, nor by a borrowed address."""
    _person(HOSPITAL, "P400", "王秀兰")
    facts = {"PatientID": "P400", "InstitutionName": "青禾县人民医院"}
    orthanc.send(archive, tmp_path, [orthanc.image("1.2.826.0.1.400", n, **facts) for n in (1, 2)])
    dicom.sweep(system(), pacs)
    study = Study.objects.get(study_uid="1.2.826.0.1.400")
    ours, theirs = _reader("ours", HOSPITAL), _reader("theirs", TOWN)
    page = ours.get(reverse("dicom:study", args=[study.pk]))
    assert page.status_code == 200
    images = [i for s in page.context["series"] for i in s.images]
    assert [i.number for i in images] == [1, 2]
    address = reverse("dicom:image", args=[study.pk, images[0].seal])
    drawn = ours.get(address, {"window": "40,80,linear"})
    assert drawn.status_code == 200 and drawn["Content-Type"].startswith("image/") and len(drawn.content) > 200
    assert theirs.get(reverse("dicom:study", args=[study.pk])).status_code == 302
    assert theirs.get(address).status_code == 403
    assert ours.get(reverse("dicom:image", args=[study.pk, images[0].seal[:-2] + "xx"])).status_code >= 400
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from security_audit where action = 'dicom.view' and registration_id = %s", [study.registration_id])  # fmt: skip
        assert cursor.fetchone() == (1,)
    archive.forget("1.2.826.0.1.400")


@pytest.mark.feature("C15", "B15")
def test_every_frame_of_a_moving_image_is_an_image(archive: orthanc.Archive, pacs: Pacs, tmp_path: Path) -> None:
    """A study of slices and of one image with four frames: both series with all their images, each frame drawn by itself, the window as the slices name it."""
    _person(HOSPITAL, "P500", "王秀兰")
    facts = {"PatientID": "P500", "InstitutionName": "青禾县人民医院"}
    slices = [orthanc.image("1.2.826.0.1.500", n, **facts) for n in (2, 1)]
    orthanc.send(archive, tmp_path, [*slices, orthanc.moving("1.2.826.0.1.500", 4, **facts)])
    dicom.sweep(system(), pacs)
    study = Study.objects.get(study_uid="1.2.826.0.1.500")
    reader = _reader("ours", HOSPITAL)
    page = reader.get(reverse("dicom:study", args=[study.pk]))
    told = [(s.modality, [(i.number, i.frame) for i in s.images], s.window) for s in page.context["series"]]
    assert told == [("CT", [(1, 0), (2, 0)], (40, 400)), ("US", [(1, 1), (1, 2), (1, 3), (1, 4)], None)]
    assert "王秀兰" in page.content.decode() and "WL 40 · WW 400" in page.content.decode()
    frames = [reader.get(reverse("dicom:image", args=[study.pk, i.seal])) for i in page.context["series"][1].images]
    assert [f.status_code for f in frames] == [200] * 4 and len({f.content for f in frames}) == 4
    archive.forget("1.2.826.0.1.500")


@pytest.mark.feature("C15", "C19")
def test_a_study_of_an_archive_that_is_away_says_so(archive: orthanc.Archive, pacs: Pacs, tmp_path: Path) -> None:
    """The page keeps the person and says in a sentence that the archive does not answer; so does each image."""
    _person(HOSPITAL, "P600", "王秀兰")
    facts = {"PatientID": "P600", "InstitutionName": "青禾县人民医院"}
    orthanc.send(archive, tmp_path, [orthanc.image("1.2.826.0.1.600", 1, **facts)])
    dicom.sweep(system(), pacs)
    study = Study.objects.get(study_uid="1.2.826.0.1.600")
    reader = _reader("ours", HOSPITAL)
    seal = reader.get(reverse("dicom:study", args=[study.pk])).context["series"][0].images[0].seal
    Pacs.objects.filter(pk=pacs.pk).update(base_url="http://127.0.0.1:9/dicom-web/")
    page, image = (
        reader.get(reverse("dicom:study", args=[study.pk])),
        reader.get(reverse("dicom:image", args=[study.pk, seal])),
    )
    assert page.status_code == 200 and "影像暂时打不开" in page.content.decode() and "王秀兰" in page.content.decode()
    assert image.status_code == 502 and "影像中心" in image.content.decode()
    archive.forget("1.2.826.0.1.600")


@pytest.mark.feature("C15", "C19")
def test_an_archive_that_is_away_is_said_and_the_index_stays(pacs: Pacs) -> None:
    """When the archive does not answer, what is known stays, and its page says since when and why."""
    Pacs.objects.filter(pk=pacs.pk).update(base_url="http://127.0.0.1:9/dicom-web/")
    pacs.refresh_from_db()
    with pytest.raises(Fault):
        dicom.sweep(system(), pacs)
    pacs.refresh_from_db()
    assert pacs.error["code"] == "dicom.away" and "没有应答" in pacs.error["zh"]
    assert dicom.turn(system()) == 0


@pytest.mark.feature("C15", "C19")
def test_a_wrong_password_is_said(pacs: Pacs, settings: Any) -> None:
    """An archive that refuses the platform's password is told apart from one that is away."""
    settings.SECRET_OF = lambda _name: "wrong"
    with pytest.raises(Fault) as refused:
        dicom.sweep(system(), pacs)
    assert refused.value.code == "dicom.not_let_in"
