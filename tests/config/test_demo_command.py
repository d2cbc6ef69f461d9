"""``python -m config.demo``: wrong calls are answered before anything starts."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from config.demo import demo

ROOT = Path(demo.__file__).resolve().parents[2]


def call(home: Path, *arguments: str, timeout_s: float = 60) -> "subprocess.CompletedProcess[str]":
    """The command as ``make demo`` runs it, in a home of its own."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DAYBREAK")}
    return subprocess.run(
        [sys.executable, "-m", "config.demo", *arguments],
        check=False,
        cwd=ROOT,
        env={**ours, "DAYBREAK_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )


def test_help_says_what_there_is(tmp_path: Path) -> None:
    done = call(tmp_path, "--help")
    assert done.returncode == 0
    for option in ("--photos", "--no-serve", "--json", "--port", "--volunteers", "--seed", "--pretrained"):
        assert option in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", "0"),
        ("--port", "99999"),
        ("--port", "web"),
        ("--volunteers", "2"),
        ("--seed", "-1"),
        ("--photo-album",),
    ],
)
def test_a_wrong_option_names_what_is_allowed(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        demo.main(arguments)
    assert caught.value.code == 2
    assert "usage: make demo" in capsys.readouterr().err


def test_a_missing_folder_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    done = call(tmp_path / "home", "--photos", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "no such folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home").exists()


def test_figures_that_could_not_be_written_are_refused_beforehand(tmp_path: Path) -> None:
    done = call(tmp_path / "home", "--json", str(tmp_path / "nowhere" / "demo.json"))
    assert done.returncode == 2
    assert "folder that exists" in done.stderr
    assert not (tmp_path / "home").exists()


def test_too_little_disk_space_is_said_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Usage(NamedTuple):
        total: int = 10**10
        used: int = 10**10 - 5_000_000
        free: int = 5_000_000

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage())
    assert demo.main([]) == 2
    said = capsys.readouterr().err
    assert "5 MB free" in said
    assert "1,500 MB or more" in said


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = call(tmp_path / "home", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr
