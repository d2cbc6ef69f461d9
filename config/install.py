"""``make setup``: one virtual environment with everything, from the lock. Standard library only: it runs first.

Says beforehand how much it downloads and needs on disk; does nothing where the environment is already as the lock says.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "deploy" / "requirements"
# Megabytes, measured with the lock of this commit on x86-64 Linux.
DOWNLOAD_MB, DISK_MB = 1_010, 3_100
CUDA_DOWNLOAD_MB, CUDA_DISK_MB = 3_000, 6_000


def main() -> int:
    """Set the environment up. Returns the process's exit code."""
    parser = argparse.ArgumentParser(prog="make setup", description=__doc__)
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="where the environment goes (default .venv)")
    parser.add_argument("--lock", default="all.txt", help="which lock to install: all.txt, web.txt or ml.txt")
    options = parser.parse_args()
    venv: Path = options.venv.absolute()
    lock = LOCKS / options.lock
    if not lock.is_file():
        return complain(f"There is no lock {options.lock!r}. Allowed: all.txt, web.txt, ml.txt.")
    stamp = venv / "daybreak-lock.sha256"
    digest = hashlib.sha256(lock.read_bytes() + (LOCKS / "cuda.txt").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return 0
    return prepare(venv) or install(venv, lock, stamp, digest)


def prepare(venv: Path) -> int:
    """Check Python and disk, say what is coming, and make the environment."""
    if sys.version_info < (3, 11):  # noqa: UP036 -- this file meets whatever Python the machine has
        return complain(
            f"Python is {sys.version.split()[0]}; Daybreak needs 3.11 or later. Try: make setup PYTHON=python3.11"
        )
    parent = next(path for path in [venv, *venv.parents] if path.exists())
    free_mb = shutil.disk_usage(parent).free // 1_000_000
    print(
        f"Setting up {venv}: about {DOWNLOAD_MB:,} MB to download and {DISK_MB:,} MB on disk with the CPU build of "
        "torch.\n"
        f"Where pip finds only the ordinary (CUDA) build, about {CUDA_DOWNLOAD_MB:,} MB more to download "
        f"and {CUDA_DISK_MB:,} MB more on disk.\nFree here: {free_mb:,} MB.",
        flush=True,
    )
    if free_mb < DISK_MB:
        return complain(
            f"Only {free_mb:,} MB are free under {parent}; {DISK_MB:,} MB are needed. Free some space, or name another "
            "place with: make setup ARGS='--venv /other/place' and link it as .venv"
        )
    if not (venv / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    return 0


def install(venv: Path, lock: Path, stamp: Path, digest: str) -> int:
    """Install the lock, then torch's CUDA libraries if its ordinary build was chosen. Nothing is resolved anew."""
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    pip += ["--require-hashes", "--no-deps", "--progress-bar", "on" if sys.stdout.isatty() else "off"]
    if not sys.stdout.isatty():
        pip.append("--quiet")
    print("Installing (a few minutes; pip keeps what it downloads for next time) ...", flush=True)
    if finds_cpu_torch(venv):
        # First and alone: among candidates pip prefers one whose index states an allowed hash, so a CPU wheel from a
        # folder or a plain index would lose against the ordinary build that the whole lock allows too.
        subprocess.run([*pip, "-r", str(LOCKS / "torch-cpu.txt")], check=True)
    if subprocess.run([*pip, "-r", str(lock)], check=False).returncode:
        return complain("pip could not install the lock; its message is above. Run make setup again to go on.")
    if needs_cuda(venv):
        print("torch's ordinary build was chosen: installing the CUDA libraries it needs ...", flush=True)
        if subprocess.run([*pip, "-r", str(LOCKS / "cuda.txt")], check=False).returncode:
            return complain("pip could not install torch's CUDA libraries. Run make setup again to go on.")
    stamp.write_text(digest, encoding="utf-8")
    print("Set-up is done.")
    return 0


def finds_cpu_torch(venv: Path) -> bool:
    """Whether pip, as it is configured here, would choose a CPU build of torch. Downloads at most metadata."""
    wanted = (LOCKS / "torch-cpu.txt").read_text(encoding="utf-8").split()[0]
    ask = ["-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed", "--report", "-", wanted]
    answer = subprocess.run([venv / "bin" / "python", *ask], check=False, capture_output=True, text=True)
    return answer.returncode == 0 and "+cpu" in json.loads(answer.stdout)["install"][0]["metadata"]["version"]


def needs_cuda(venv: Path) -> bool:
    """Whether the installed torch asks for CUDA libraries. False where there is no torch."""
    question = (
        "import importlib.metadata as m, json\n"
        "try: r = m.requires('torch') or []\n"
        "except m.PackageNotFoundError: r = []\n"
        "print(json.dumps([x for x in r if x.startswith(('nvidia', 'cuda', 'triton'))]))"
    )
    answer = subprocess.run([venv / "bin" / "python", "-c", question], check=True, capture_output=True, text=True)
    return sys.platform == "linux" and bool(json.loads(answer.stdout))


def complain(sentence: str) -> int:
    """Say what is wrong on stderr; 2 is the exit code of a call that must be changed."""
    print(sentence, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
