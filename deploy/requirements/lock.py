"""Writes the lock files beside this script from pyproject.toml (``make lock``).

``all.txt`` is what ``make setup`` installs; ``web.txt`` and ``ml.txt`` are for machines that do one thing only.
``cuda.txt`` is what the ordinary Linux build of torch needs on top and the CPU build does not; ``torch-cpu.txt`` names
the CPU build alone. Both builds' hashes are listed for torch in the others.
"""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LOCKS = {
    "all.txt": ["web", "embedded", "ml", "litert", "client", "test", "dev"],
    "web.txt": ["web"],
    "ml.txt": ["ml", "litert", "test-ml"],
}
# The resolver overlooks an upper bound of requires-python here: 1.3 is for Python before 3.11 only.
CONSTRAINTS = "backports-strenum<1.3\n"
CUDA_ONLY = re.compile(r"^(nvidia-|cuda-|triton\b)")
# torch 2.13.0+cpu for CPython 3.11 on x86-64 Linux, as published by the PyTorch project.
CPU_TORCH = "sha256:6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"


def compile_lock(extras: list[str], constraints: str) -> list[str]:
    """Resolve the extras; one string a package, hashes included."""
    command = ["uv", "pip", "compile", "pyproject.toml", "--python-version", "3.11", "--generate-hashes"]
    command += ["--python-platform", "x86_64-manylinux_2_31", "--no-annotate", "--no-header", "--quiet"]
    command += ["--no-emit-index-url", "--no-emit-find-links"]
    command += [part for extra in extras for part in ("--extra", extra)]
    command += ["--constraint", "-"]
    text = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, input=constraints).stdout
    return re.split(r"\n(?=\S)", text.strip())


def main() -> int:
    """Write every lock; the smaller ones are held to the versions of the whole."""
    cuda: list[str] = []
    whole = ""
    for name, extras in LOCKS.items():
        packages = compile_lock(extras, whole or CONSTRAINTS)
        cuda = cuda or [package for package in packages if CUDA_ONLY.match(package)]
        kept = [package for package in packages if not CUDA_ONLY.match(package)]
        kept = [f"{p} \\\n    --hash={CPU_TORCH}" if p.startswith("torch==") else p for p in kept]
        whole = whole or "\n".join(re.findall(r"^[\w.-]+==[^ ;]+", "\n".join([*kept, *cuda]), re.MULTILINE))
        (HERE / name).write_text("\n".join(kept) + "\n", encoding="utf-8")
    torch = next(package for package in packages if package.startswith("torch=="))
    (HERE / "torch-cpu.txt").write_text(f"{torch.split()[0]} --hash={CPU_TORCH}\n", encoding="utf-8")
    (HERE / "cuda.txt").write_text("\n".join(cuda) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
