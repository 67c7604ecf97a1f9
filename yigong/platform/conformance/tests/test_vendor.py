"""The desk against a vendor's own endpoint: an independent process without a line of this house in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from yigong.platform.bus.tests.receivers import free_port
from yigong.platform.conformance import command
from yigong.platform.conformance.models import Run

VENDOR = Path(__file__).parent / "vendor.py"
SECRET = "vendors-own-secret"


@pytest.fixture
def vendor() -> Iterator[Callable[..., str]]:
    """Starts a vendor's endpoint; its address."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> str:
        command_line = [sys.executable, "-I", str(VENDOR), str(free_port()), "his-vendor", SECRET, *words]
        running.append(subprocess.Popen(command_line, stdout=subprocess.PIPE))
        out = running[-1].stdout
        assert out is not None
        return f"http://127.0.0.1:{int(out.readline().split()[1])}/any/path"

    yield start
    for one in running:
        one.terminate()
        one.wait(10)
        assert one.stdout is not None
        one.stdout.close()


def ask(url: str, folder: Path) -> tuple[int, dict[str, Any]]:
    """The desk's command at that address; its exit code and the report."""
    (folder / "secret").write_text(SECRET, "utf-8")
    out = folder / "report.json"
    words = ["services", "--url", url, "--exact", "--app", "his-vendor", "--secret-file", str(folder / "secret")]
    code = command.main([*words, "--only", "EHR-PL-01", "--out", str(out)])
    return code, json.loads(out.read_text("utf-8"))


def words(report: dict[str, Any]) -> dict[str, str]:
    """Case -> pass or fail."""
    return {c["id"]: c["word"] for i in report["items"] for c in i["cases"]}


@pytest.mark.feature("C22", "C24")
@pytest.mark.django_db
def test_a_careful_vendor_passes_and_a_careless_one_is_told_what_it_lets_in(
    vendor: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One address for everything, the vendor's own WSDL and faults; what the careless one takes in fails by name, and the run is on the desk."""
    code, report = ask(vendor(), tmp_path)
    assert (code, set(words(report).values())) == (0, {"pass"}), capsys.readouterr().out
    code, report = ask(vendor("careless"), tmp_path)
    assert code == 1 and words(report)["EHR-PL-01-2"] == "fail"
    assert "缺少 PatientID 时拒绝并说明：应答 AA，应为 AE 或 AR" in capsys.readouterr().out
    assert Run.objects.count() == 2


@pytest.mark.feature("C24")
@pytest.mark.django_db
def test_a_vendor_that_is_away_fails_every_case_and_is_told_so(tmp_path: Path) -> None:
    """Nothing is raised: each case says that there was no answer."""
    code, report = ask(f"http://127.0.0.1:{free_port()}/", tmp_path)
    assert code == 1 and set(words(report).values()) == {"fail"}
