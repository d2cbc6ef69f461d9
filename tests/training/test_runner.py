"""The supervisor of one child: what it hears, and that nothing it started lives on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.training.nights_kit import ROOT
from training.ml.contract import ProgressLine
from training.runner import children
from training.runner.children import Order, StageDiedError, StageProblemError, run_child

QUICK = {"PATH": os.environ["PATH"]}


def order(folder: Path, code: str, *, limit_s: float = 30) -> Order:
    return Order("fit", [sys.executable, "-c", code], folder, QUICK, folder / "fit.log", limit_s)


def be_quiet() -> None:
    """A lease that is never lost."""


def run(
    folder: Path, code: str, *, beat: Callable[[], None] = be_quiet, limit_s: float = 30
) -> tuple[children.Ended, list[ProgressLine]]:
    heard: list[ProgressLine] = []
    return run_child(order(folder, code, limit_s=limit_s), hear=heard.append, beat=beat), heard


def is_gone(pid: int, *, within_s: float = 5) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_a_child_that_lacks_photos_says_so_in_another_way_than_one_that_refuses(tmp_path: Path) -> None:
    line = {"event": "problem", "what": "Gone", "value": "p-1", "allowed": "all", "do": "Bring it."}
    with pytest.raises(children.PhotosMissingError, match="Gone"):
        run(tmp_path, f"print({json.dumps(line)!r}); raise SystemExit(3)")
    with pytest.raises(StageProblemError) as caught:
        run(tmp_path, f"print({json.dumps(line)!r}); raise SystemExit(2)")
    assert not isinstance(caught.value, children.PhotosMissingError)


def test_a_child_is_heard_counted_and_its_chatter_logged(tmp_path: Path) -> None:
    lines = [
        {"event": "progress", "stage": "fit", "step": 2, "total": 5, "eta_s": 1.5, "message": "epoch 2"},
        {"event": "notice", "stage": "fit", "message": "No start weights."},
        {"event": "result", "stage": "fit", "result": {}},
    ]
    said = [json.dumps(line) for line in lines]
    code = f"for line in {said!r}: print(line)\nprint('a library speaks')\nsum(range(10**7))"
    ended, heard = run(tmp_path, code)
    assert heard == [ProgressLine("fit", 2, 5, 1.5, "epoch 2")]
    assert ended.notices == ["No start weights."]
    assert (tmp_path / "fit.log").read_text() == "a library speaks\n"
    assert 0.05 < ended.cpu_seconds <= ended.seconds * 2


def test_a_problem_is_told_in_words(tmp_path: Path) -> None:
    problem = {
        "event": "problem",
        "what": "The weights are corrupted",
        "value": "w.bin",
        "allowed": "safetensors",
        "do": "Copy them.",
    }
    with pytest.raises(
        StageProblemError, match=r"The weights are corrupted \(w.bin\). Allowed: safetensors. Copy them."
    ):
        run(tmp_path, f"import sys; print({json.dumps(problem)!r}); sys.exit(2)")


def test_a_crash_carries_the_end_of_the_log(tmp_path: Path) -> None:
    with pytest.raises(StageDiedError, match=r"fit broke off with status 1.*ZeroDivisionError"):
        run(tmp_path, "1 / 0")


def test_a_killed_child_is_said_to_be_killed(tmp_path: Path) -> None:
    with pytest.raises(StageDiedError, match=r"was killed \(signal 9\); the machine may have run out of memory"):
        run(tmp_path, "import os; os.kill(os.getpid(), 9)")


def test_a_child_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(StageDiedError, match="took longer than 1 s"):
        run(tmp_path, "import time; time.sleep(60)", limit_s=1)


@pytest.mark.slow
def test_when_the_lease_is_lost_child_and_grandchild_end(tmp_path: Path) -> None:
    """Also one that does not listen to SIGTERM."""
    pids = tmp_path / "pids"
    code = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{other.pid}}')\n"
        "time.sleep(60)"
    )

    def lose() -> None:
        if pids.exists() and pids.read_text().count(" "):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run(tmp_path, code, beat=lose)
    assert all(is_gone(int(pid)) for pid in pids.read_text().split())


def test_a_child_dies_with_its_supervisor(tmp_path: Path) -> None:
    pids = tmp_path / "pid"
    code = f"import os, time; open({str(pids)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    supervise = (
        "import sys; from pathlib import Path; from training.runner.children import Order, run_child\n"
        "folder = Path(sys.argv[1])\n"
        "order = Order('fit', [sys.executable, '-c', sys.argv[2]], folder, {}, folder / 'log', 60)\n"
        "run_child(order, hear=print, beat=lambda: None)"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", supervise, str(tmp_path), code], cwd=ROOT)
    until = time.monotonic() + 20
    while not (pids.exists() and pids.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.wait()
    assert is_gone(int(pids.read_text()))


def test_a_stage_gets_no_secret_and_leaves_its_scratch_in_the_work_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "REDIS_URL", "HUB_KEY_FILE", "API_TOKEN"):
        monkeypatch.setenv(name, "hidden")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    given = children.environment_for(tmp_path, code=ROOT, threads=2)
    assert "hidden" not in given.values()
    assert given["CUDA_VISIBLE_DEVICES"] == "0"
    assert given["TMPDIR"] == str(tmp_path / "tmp")
