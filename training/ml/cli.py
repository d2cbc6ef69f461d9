"""The command: one stage, or all of them on a bare machine. Libraries are loaded by the stage that needs them.

stdout carries JSON lines and nothing else; what libraries print goes to stderr.
"""

import argparse
import dataclasses
import errno
import importlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

from training.ml.contract import (
    EXIT_PHOTOS,
    EXIT_PROBLEM,
    STAGES,
    Problem,
    ProblemsFoundError,
    Progress,
    RunSpec,
    a_problem,
    read_spec,
    write_json,
)  # fmt: skip
from training.ml.problems import PhotosMissingError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # full, over quota, over the limit of a file's size
NO_ROOM_SAID = re.compile(rf"os error ({'|'.join(map(str, NO_ROOM))})\b|{'|'.join(map(os.strerror, NO_ROOM))}")
WHAT = {
    "choose": "which of several networks to teach, by accuracy and cost",
    "start": "the weights to begin with, checked",
    "embed": "features of the train photos, by the pretrained backbone",
    "fit": "the model: a head on features, more blocks where that helps, or a whole network",
    "evaluate": "the model and production's on the golden photos",
    "compress": "Core ML (fp16, 8-bit) and ONNX files",
    "litert": "LiteRT files (float32, 8-bit)",
    "verify": "every file on the golden photos, as a phone would run it",
    "all": "every stage in turn, each into WORK/<stage>",
    "picture": "no stage: photos of the manifest beside versions that the capture profile allows",
}


class Parser(argparse.ArgumentParser):
    """Says a wrong command the way a stage says a wrong input."""

    def error(self, message: str) -> NoReturn:
        """Raises instead of printing usage."""
        raise a_problem("The command is not usable", message, self.format_usage().strip(), "See --help.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status that ``contract`` names."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    human = "--human" in given
    progress = Progress(given[0] if given and given[0] in WHAT else "all", human=human)
    try:
        chosen = _parser().parse_args(given)
        progress.out = sys.stderr if human else _keep_stdout_clean()
        if chosen.stage == "all":
            return _run_all(chosen)
        out = chosen.out or chosen.work / chosen.stage
        run_stage(chosen.stage, chosen.spec, chosen.work, out, progress, threads=chosen.threads)
    except ProblemsFoundError as error:
        for problem in error.problems:
            progress.problem(problem)
        return EXIT_PHOTOS if isinstance(error, PhotosMissingError) else EXIT_PROBLEM
    except Exception as error:
        if _is_no_room(error):
            progress.problem(Problem("There is no room on the disk", str(error), "", "Make room, then start again."))
        elif isinstance(error, OSError) and error.errno is not None and error.filename:
            progress.problem(Problem("A file cannot be read or written", str(error), "", "Correct the path."))
        else:
            raise
        return EXIT_PROBLEM
    return 0


def _is_no_room(error: Exception) -> bool:
    """Whether a disk is full, over quota or over a file's limit; not every library says so by an OSError."""
    return (isinstance(error, OSError) and error.errno in NO_ROOM) or NO_ROOM_SAID.search(str(error)) is not None


def run_stage(
    name: str, spec_path: Path, work: Path, out: Path, progress: Progress, *, threads: int | None = None
) -> dict[str, Any]:
    """Runs one stage in this process and writes its ``result.json`` last. Raises ``ProblemsFoundError``."""
    spec = read_spec(spec_path)
    if threads is not None:
        spec = RunSpec.from_json(dataclasses.replace(spec, threads=threads).to_json())
    if not work.is_dir():
        raise a_problem("The work folder is missing", work, "a folder with snapshot/ and photos/", "Check --in.")
    out.mkdir(parents=True, exist_ok=True)
    done = out / "result.json"
    done.unlink(missing_ok=True)  # a stage killed half-way through a second try must not look finished
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(spec.threads)
    from training.ml.workspace import Work  # after the thread counts are set

    stage = importlib.import_module(f"training.ml.{name}")
    _settle(spec)
    result: dict[str, Any] = {"stage": name, **stage.run(Work(work).settle(spec), Work(work), out, progress)}
    write_json(done, result)
    progress.result(result)
    return result


def _settle(spec: RunSpec) -> None:
    """Threads and seed of PyTorch, where the stage has loaded it: not every stage needs those seconds."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(spec.threads)
        torch.manual_seed(spec.seed)


def _run_all(chosen: argparse.Namespace) -> int:
    """Each stage in a process of its own, as the supervisor does it; LiteRT's may have another interpreter."""
    if chosen.out is not None:
        raise a_problem(
            "--out is for a single stage", chosen.out, "WORK/<stage>, which is where all writes", "Leave it out."
        )
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    for name in STAGES:
        command = [_interpreter(name), "-m", "training.ml", name, "--spec", str(chosen.spec), "--in", str(chosen.work)]
        command += ["--threads", str(chosen.threads)] if chosen.threads else []
        command += ["--human"] if chosen.human else []
        stdout = _kept[0].fileno() if _kept else None
        # Nothing has started threads here, which is what makes preexec_fn unsafe.
        finished = subprocess.run(command, check=False, env=environment, stdout=stdout, preexec_fn=_die_with_parent)
        if finished.returncode:
            return finished.returncode
    return 0


def _interpreter(stage: str) -> str:
    return (stage == "litert" and os.environ.get("TRAINING_LITERT_PYTHON")) or sys.executable


def _parser() -> Parser:
    lines = "\n".join(f"  {name:<9} {what}" for name, what in WHAT.items())
    parser = Parser(
        prog="python -m training.ml", description="Folder in, folder out: one stage of a night's training.",
        epilog=f"stages:\n{lines}\n\nexit status: 0 finished, 2 bad input, 3 photos are missing, else a fault of ours",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("stage", choices=[*STAGES, "all", "picture"], metavar="STAGE", help="one of the stages below")
    parser.add_argument("--spec", type=Path, required=True, help="what to do: spec.json")
    parser.add_argument("--in", dest="work", type=Path, required=True, metavar="WORK", help="snapshot, photos, stages")
    parser.add_argument("--out", type=Path, help="where this stage writes (default WORK/STAGE)")
    parser.add_argument("--threads", type=int, help="processor threads (default: the spec's)")
    parser.add_argument("--human", action="store_true", help="progress as sentences on stderr, no JSON lines")
    return parser


_kept: list[TextIO] = []


def _keep_stdout_clean() -> TextIO:
    """A stream to the real stdout, which is then pointed at stderr for whatever a library prints, C code included."""
    if not _kept:
        sys.stdout.flush()
        _kept.append(os.fdopen(os.dup(1), "w", encoding="utf-8"))
        os.dup2(2, 1)
    return _kept[0]


def _die_with_parent() -> None:
    """Linux: this child is killed when its parent goes, however it goes."""
    import ctypes

    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
