"""Photos through a backbone, decoding included: ours against PyTorch and ONNX Runtime in the same decode loop.

The two rivals do only what must be done: decode, stack, run, keep the rows. PyTorch runs eagerly, channels last, with
its batch norms folded; ONNX Runtime runs the same folded network. All use the same cores, take turns, and the best of
ROUNDS rounds counts. Multiply-adds a second are set against the rate of a large float32 matrix product measured in the
same run. EMBEDDING_PHOTOS says how many photos, EMBEDDING_ARCHES which networks.
"""

import hashlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.lines import emit
from training.ml.contract import ARCHES, InputContract, ManifestPhoto
from training.ml.cost import count_multiply_adds, measure
from training.ml.embed import embed_photos
from training.ml.engine import open_engine, write_features
from training.ml.lines import Progress
from training.ml.networks import Network, ready_to_export
from training.ml.photos import BATCH, read_batches
from training.ml.session import open_session

PHOTOS = int(os.environ.get("EMBEDDING_PHOTOS", "384"))
CHOSEN = tuple(filter(None, os.environ.get("EMBEDDING_ARCHES", "").split(","))) or ARCHES
CORES = os.cpu_count() or 1
ROUNDS = 3
LEAST = 0.9
SIZE = 224
SIDES = (1600, 1200)  # of a photo as the normaliser leaves it
MATRIX = 2048
Embed = Callable[[Path, Sequence[ManifestPhoto]], object]


def main() -> bool:
    """Prints each network's figures; returns whether ours was fast enough for all of them."""
    torch.set_num_threads(CORES)
    gemm = _multiply_adds_of_a_product()
    emit("embedding: G multiply-adds a second of a float32 matrix product", round(gemm / 1e9, 1))
    with tempfile.TemporaryDirectory(prefix="daybreak-embedding-") as folder:
        photos = draw(Path(folder), PHOTOS)
        decoding = _seconds(lambda: sum(len(part) for part, _ in read_batches(Path(folder), photos, _contract())))
        met = [_measure(arch, Path(folder), photos, decoding, gemm) for arch in CHOSEN]
        return all(met)


def _measure(arch: str, folder: Path, photos: Sequence[ManifestPhoto], decoding: float, gemm: float) -> bool:
    network = Network(arch, _contract(), 10)
    work = count_multiply_adds(network, SIZE)
    ways: dict[str, Embed] = {
        "ours": lambda where, which: list(_ours(network, where, which)),
        "PyTorch": _eager(network),
        "ONNX Runtime": _onnx(network),
    }
    seconds = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            seconds[name] = min(seconds[name], _seconds(lambda way=way: way(folder, photos)))  # type: ignore[misc]  # mypy cannot infer such a lambda
    a_second = {name: len(photos) / taken for name, taken in seconds.items()}
    rival = max(a_second["PyTorch"], a_second["ONNX Runtime"])
    ratio = a_second["ours"] / rival
    emit(
        f"embedding: {arch}, photos a second", round(a_second["ours"], 1), baseline=round(rival, 1),
        ratio=round(ratio, 3), target=LEAST, met=ratio >= LEAST,
    )  # fmt: skip
    price = measure(network)
    emit(f"embedding: {arch}, M multiply-adds a photo", round(price.multiply_adds / 1e6))
    emit(f"embedding: {arch}, MB of 8-bit weights", round(price.bytes_int8 / 1e6, 2))
    emit(f"embedding: {arch}, ms a photo on one thread", price.latency_ms)
    for name in ("PyTorch", "ONNX Runtime"):
        emit(f"embedding: {arch}, photos a second of {name}", round(a_second[name], 1))
    emit(f"embedding: {arch}, decoding alone as a share of ours", round(decoding / seconds["ours"], 3))
    compute, pixels = open_engine(network, photos=PHOTOS, threads=CORES), torch.zeros(BATCH, 3, SIZE, SIZE).byte()
    forward = min(_seconds(lambda: compute(pixels)) for _ in range(ROUNDS))
    emit(f"embedding: {arch}, multiply-adds of the product's rate", round(BATCH * work / forward / gemm, 3))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs forget it
    step = min(_seconds(lambda: _step(network)) for _ in range(ROUNDS))
    emit(f"embedding: {arch}, the same in a training step", round(3 * BATCH * work / step / gemm, 3))
    return ratio >= LEAST


def _ours(network: Network, folder: Path, photos: Sequence[ManifestPhoto]) -> Iterator[object]:
    session = open_session(write_features(network), CORES)
    return embed_photos(session, folder, photos, network.contract, QUIET, threads=CORES)


def _eager(network: Network) -> Embed:
    folded = ready_to_export(network).network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs forget it

    def embed(folder: Path, photos: Sequence[ManifestPhoto]) -> list[Tensor]:
        with torch.inference_mode():
            return [
                folded.features(pixels.float().contiguous(memory_format=torch.channels_last))
                for _, pixels in read_batches(folder, photos, network.contract)
            ]

    return embed


def _onnx(network: Network) -> Embed:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = CORES
    session = onnxruntime.InferenceSession(write_features(network), options, providers=["CPUExecutionProvider"])

    def embed(folder: Path, photos: Sequence[ManifestPhoto]) -> list[object]:
        return [
            session.run(None, {"image": np.ascontiguousarray(pixels.numpy(), dtype=np.float32)})
            for _, pixels in read_batches(folder, photos, network.contract)
        ]

    return embed


def draw(folder: Path, count: int) -> list[ManifestPhoto]:
    """Photos with the detail of a phone's, as the normaliser leaves them."""
    from PIL import Image

    random, photos = np.random.default_rng(3), []
    for number in range(count):
        coarse = random.integers(20, 236, (30, 40, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize(SIDES, Image.Resampling.BICUBIC)
        noise = random.normal(0, 6, (SIDES[1], SIDES[0], 1)).astype(np.float32)
        written = io.BytesIO()
        picture = (np.asarray(image, np.float32) + noise).clip(0, 255).astype(np.uint8)
        Image.fromarray(picture).save(written, "JPEG", quality=88)
        digest = hashlib.sha256(written.getvalue()).hexdigest()
        (folder / f"{digest}.jpg").write_bytes(written.getvalue())
        photos.append(ManifestPhoto(f"p{number}", digest, "0", "nobody", "train"))
    return photos


def _contract() -> InputContract:
    return InputContract.of_size(SIZE)


def _batch() -> Tensor:
    return torch.zeros(BATCH, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)


def _step(network: Network) -> None:
    network.train()
    loss = functional.cross_entropy(network(_batch()), torch.zeros(BATCH, dtype=torch.long))
    loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
    network.eval()


def _multiply_adds_of_a_product() -> float:
    left, right = torch.rand(MATRIX, MATRIX), torch.rand(MATRIX, MATRIX)
    return float(MATRIX**3) / min(_seconds(lambda: left @ right) for _ in range(ROUNDS))


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


QUIET = Progress("embed", out=io.StringIO())
