"""Every command of ``yigong`` says what it does when it is asked, and does nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from yigong.portal import cli, postgres, wiring
from yigong.portal.env import ROOT

OWN = ("serve", "work", "stop", "migrate", "manage")
YIGONG = "from yigong.portal.cli import main; import sys; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("name", [*OWN, *wiring.COMMANDS])
def test_every_command_answers_help(
    name: str, flag: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own usage, exit code 0, and nothing is started: neither the database nor a server nor a worker."""

    def started(*_arguments: object) -> str:
        raise AssertionError(f"yigong {name} {flag} starts something")

    monkeypatch.setattr(postgres, "ensure", started)
    monkeypatch.setattr(postgres, "stop", started)
    monkeypatch.setattr(os, "execv", started)
    try:
        done = cli.main([name, flag])
    except SystemExit as ended:
        done = int(ended.code or 0)
    said = capsys.readouterr().out
    assert done == 0
    assert said.startswith("usage: yigong") or (name == "manage" and "Type 'yigong manage help <subcommand>'" in said)
    assert name == "manage" or name in said.splitlines()[0]


@pytest.mark.parametrize("name", ["work", "stop", "warehouse"])
def test_asked_as_a_process_a_command_leaves_the_installation_alone(name: str, tmp_path: Path) -> None:
    """On a machine without a database it answers at once and makes none."""
    environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"} | {"YIGONG_LOCAL": str(tmp_path)}
    command = [sys.executable, "-c", YIGONG, name, "--help"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.split()[:3]) == (0, ["usage:", "yigong", name]), done.stderr
    assert not list(tmp_path.glob("*postgres*")) and not (tmp_path / "serve.pid").exists()


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """``yigong help`` leaves none out."""
    assert cli.main(["help"]) == 0
    said = capsys.readouterr().out
    assert [name for name in (*OWN, *wiring.COMMANDS) if f"yigong {name}" not in said] == []
