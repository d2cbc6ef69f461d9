"""Start weights: torchvision's own download, a safetensors file, or none. Whatever comes from outside is checked.

A download is hash-checked, loaded with ``weights_only=True`` and converted once to safetensors in a cache folder
(``DAYBREAK_WEIGHTS_CACHE``, else ``~/.cache/daybreak/weights``). It is given up after ten seconds without a byte.
"""

import hashlib
import io
import os
import queue
import re
import tempfile
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.ml import torchvision_door
from training.ml.architectures import ARCHITECTURES, build_backbone
from training.ml.contract import ARCHES, Progress, RunSpec, a_problem
from training.ml.workspace import sha256_of

SILENCE_S = 10.0
Weights = dict[str, Tensor]


class DownloadFailedError(Exception):
    """No network, no answer in time, or bytes that are not torchvision's."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A backbone's weights and where they come from."""

    backbone: Weights
    source: str  # "imagenet" or the file's name
    sha256: str  # of the safetensors file


def load_pretrained(spec: RunSpec, progress: Progress) -> Pretrained | None:
    """The backbone's start weights, or None for a start from scratch; a notice says so where nobody asked for it.

    Raises ``ProblemsFoundError`` for a file that is missing, corrupted, or of another network.
    """
    if spec.pretrained == "scratch":
        return None
    if spec.pretrained != "imagenet":
        path = Path(spec.pretrained)
        return Pretrained(read_backbone(path, spec.arch), path.name, sha256_of(path))
    if not ARCHITECTURES[spec.arch].imagenet:
        progress.notice(
            f"torchvision has no ImageNet weights for {spec.arch}, so training starts from scratch: it takes longer "
            "and needs more photos. Give a .safetensors file of your own with --pretrained, or choose a network that "
            f"has them: {', '.join(arch for arch, known in ARCHITECTURES.items() if known.imagenet)}."
        )
        return None
    try:
        path = _imagenet_file(spec.arch, progress)
    except DownloadFailedError as error:
        progress.notice(
            f"ImageNet weights for {spec.arch} could not be had ({error}), so training starts from scratch: it takes "
            "longer and needs more photos. Give a .safetensors file with --pretrained to avoid this."
        )
        return None
    return Pretrained(read_backbone(path, spec.arch), "imagenet", sha256_of(path))


def read_backbone(path: Path, arch: str) -> Weights:
    """The backbone's part of a safetensors file. Raises ``ProblemsFoundError`` as ``load_pretrained`` says."""
    try:
        found = load_file(path)
    except FileNotFoundError:
        raise a_problem("The weights file is missing", path, "a .safetensors file", "Correct the path.") from None
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise a_problem(
            "The weights file is corrupted or not safetensors", f"{path}: {error}", "a whole .safetensors file",
            "Copy or download it again.",
        ) from error  # fmt: skip
    ours = _part_of(found, arch)
    if not _fits(ours, arch):
        looks = next((other for other in ARCHES if _fits(_part_of(found, other), other)), None)
        raise a_problem(
            f"The weights file is not of {arch}", f"{path}, which looks like {looks or 'no network known here'}",
            f"torchvision's names and shapes of {arch}", f"Choose {looks} as the network, or give other weights."
            if looks else "Give other weights.",
        )  # fmt: skip
    for name, tensor in ours.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise a_problem("The weights file holds numbers that are not finite", f"{path}: {name}", "finite numbers")
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in ours.items()}


def cache_folder() -> Path:
    """Where converted downloads are kept."""
    named = os.environ.get("DAYBREAK_WEIGHTS_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(base) / "daybreak" / "weights"


def download(url: str, progress: Progress, *, silence_s: float = SILENCE_S) -> bytes:
    """The bytes at ``url``. Raises ``DownloadFailedError`` after ``silence_s`` without one, name look-up included."""
    pieces: queue.Queue[bytes | Exception] = queue.Queue()
    # A daemon thread, because a name look-up knows no timeout of its own.
    threading.Thread(target=_fetch, args=(url, pieces, silence_s), daemon=True).start()
    received = bytearray()
    while True:
        try:
            piece = pieces.get(timeout=silence_s)
        except queue.Empty:
            raise DownloadFailedError(f"no answer for {silence_s:.0f} s") from None
        if isinstance(piece, Exception):
            raise DownloadFailedError(str(piece)) from piece
        if not piece:
            return bytes(received)
        received += piece
        progress.report(len(received), 0, "downloading ImageNet weights")


def _fetch(url: str, pieces: "queue.Queue[bytes | Exception]", silence_s: float) -> None:
    try:
        with urllib.request.urlopen(url, timeout=silence_s) as answer:  # noqa: S310 - torchvision's own https address
            while piece := answer.read(1 << 16):
                pieces.put(piece)
        pieces.put(b"")
    except Exception as error:  # noqa: BLE001 - handed to the waiting side, which raises it
        pieces.put(error)


def _imagenet_file(arch: str, progress: Progress) -> Path:
    path = cache_folder() / f"{arch}-imagenet1k.safetensors"
    if path.is_file():
        return path
    url = str(torchvision_door.models().get_model_weights(arch).IMAGENET1K_V1.url)
    data = download(url, progress)
    # torchvision puts the first digits of the sha256 into the file's name.
    expected = re.search(r"-([0-9a-f]{8,})\.pth$", url)
    if expected is None or not hashlib.sha256(data).hexdigest().startswith(expected[1]):
        raise DownloadFailedError("what came is not what torchvision published")
    _convert(data, path)
    return path


def _convert(data: bytes, path: Path) -> None:
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            save_file({name: tensor.contiguous() for name, tensor in state.items()}, part.name)
        Path(part.name).replace(path)
    except OSError as error:
        raise DownloadFailedError(f"{path.parent} cannot be written: {error}") from error


def _part_of(found: Weights, arch: str) -> Weights:
    """The tensors that torchvision's files keep for the backbone, by their names inside it."""
    prefix = ARCHITECTURES[arch].part + "."
    return {name.removeprefix(prefix): tensor for name, tensor in found.items() if name.startswith(prefix)}


def _fits(weights: Weights, arch: str) -> bool:
    with torch.device("meta"):
        expected = build_backbone(arch).state_dict()
    return weights.keys() == expected.keys() and all(weights[name].shape == expected[name].shape for name in weights)
