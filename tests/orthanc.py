"""A real archive for tests: Orthanc with its DICOMweb plug-in on free ports of this machine, and images made for it."""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

PLUGINS = ("/usr/share/orthanc/plugins", "/usr/lib/orthanc")


@dataclass(frozen=True)
class Archive:
    """A running archive."""

    http_port: int
    dicom_port: int
    user: str
    password: str

    @property
    def dicomweb(self) -> str:
        """Root of its DICOMweb services."""
        return f"http://127.0.0.1:{self.http_port}/dicom-web/"

    def forget(self, study_uid: str) -> None:
        """Delete a study in the archive by its own interface."""
        rest = httpx.Client(base_url=f"http://127.0.0.1:{self.http_port}", auth=(self.user, self.password))
        found = rest.post("/tools/find", json={"Level": "Study", "Query": {"StudyInstanceUID": study_uid}}).json()
        for one in found:
            rest.delete(f"/studies/{one}")


def missing() -> str:
    """Why there can be no archive here; empty when there can."""
    if not shutil.which("Orthanc"):
        return "Orthanc is not installed (apt-get install orthanc orthanc-dicomweb)"
    if not any(Path(p, "libOrthancDicomWeb.so").exists() for p in PLUGINS):
        return "the DICOMweb plug-in of Orthanc is not installed (apt-get install orthanc-dicomweb)"
    return ""


@contextlib.contextmanager
def running(place: Path) -> Iterator[Archive]:
    """An archive whose data are under *place*."""
    archive = Archive(_free_port(), _free_port(), "yigong", secrets.token_urlsafe(12))
    plugin = next(Path(p, "libOrthancDicomWeb.so") for p in PLUGINS if Path(p, "libOrthancDicomWeb.so").exists())
    settings = {
        "Name": "yigong-test", "StorageDirectory": str(place / "db"), "IndexDirectory": str(place / "db"),
        "HttpPort": archive.http_port, "RemoteAccessAllowed": False, "DicomPort": archive.dicom_port,
        "DicomAlwaysAllowStore": True, "AuthenticationEnabled": True,
        "RegisteredUsers": {archive.user: archive.password}, "Plugins": [str(plugin)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}, "DefaultEncoding": "Utf8",
    }  # fmt: skip
    (place / "orthanc.json").write_text(json.dumps(settings), "utf-8")
    with (place / "orthanc.log").open("wb") as log:
        process = subprocess.Popen(["Orthanc", str(place / "orthanc.json")], stdout=log, stderr=log)
    try:
        _wait(archive, process)
        yield archive
    finally:
        process.terminate()
        process.wait(20)


def _wait(archive: Archive, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "Orthanc ended"
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(archive.dicomweb + "studies", auth=(archive.user, archive.password)).status_code in (200, 204):
                return
        time.sleep(0.1)
    raise AssertionError("Orthanc did not answer")


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def image(study_uid: str, number: int, **facts: Any) -> bytes:
    """A small CT image of a ball, with *facts* as further attributes."""
    from pydicom.uid import CTImageStorage

    y, x = np.mgrid[:64, :64]
    inside = (x - 32) ** 2 + (y - 32) ** 2 < (4 + 2 * number) ** 2
    own = {
        "Modality": "CT", "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15,
        "RescaleIntercept": -1024, "RescaleSlope": 1, "WindowCenter": 40, "WindowWidth": 400,
    }  # fmt: skip
    pixels = np.where(inside, 1064, 24).astype("<i2")
    return _made(CTImageStorage, study_uid, 1, number, pixels, PixelRepresentation=1, **{**own, **facts})


def moving(study_uid: str, frames: int, **facts: Any) -> bytes:
    """A small ultrasound of several frames: a bar that wanders from left to right."""
    from pydicom.uid import UltrasoundMultiFrameImageStorage

    pixels = np.zeros((frames, 48, 64), np.uint8)
    for n in range(frames):
        pixels[n, :, n * 64 // frames : (n + 1) * 64 // frames] = 220
    own = {
        "Modality": "US", "SeriesDescription": "动态", "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7,
        "NumberOfFrames": frames,
    }  # fmt: skip
    return _made(UltrasoundMultiFrameImageStorage, study_uid, 2, 1, pixels, PixelRepresentation=0, **{**own, **facts})


def _made(kind: str, study_uid: str, series: int, number: int, pixels: np.ndarray, **facts: Any) -> bytes:
    """The file of an image of one channel, with *facts* as its attributes."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = kind
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = f"{study_uid}.{series}.{number}"
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SpecificCharacterSet = "ISO_IR 192"
    data.StudyInstanceUID, data.SeriesInstanceUID = study_uid, f"{study_uid}.{series}"
    data.SeriesNumber, data.InstanceNumber = series, number
    data.StudyDate, data.StudyTime = "20261103", "091500"
    data.PatientName = data.PatientID = data.AccessionNumber = ""
    data.Rows, data.Columns = pixels.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    for name, value in facts.items():
        setattr(data, name, value)
    data.PixelData = pixels.tobytes()
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def send(archive: Archive, place: Path, images: list[bytes]) -> None:
    """Send images as a modality does: C-STORE by storescu (dcmtk)."""
    files = []
    for n, content in enumerate(images):
        files.append(place / f"{secrets.token_hex(4)}-{n}.dcm")
        files[-1].write_bytes(content)
    command = ["storescu", "127.0.0.1", str(archive.dicom_port), *map(str, files)]
    subprocess.run(command, check=True, capture_output=True)
