"""Features of a frozen backbone as fast as the machine can: ONNX Runtime on a CPU, PyTorch where there is a GPU.

On two cores ONNX Runtime ran the same folded network 2.3 to 3.5 times as fast as eager PyTorch, channels last, with
answers that differ by less than one part in a million (`make bench ARGS=embedding`). Its rows do not depend on how many
photos share a batch. Writing the network for it takes a second or more, so a handful of photos is left to PyTorch.
"""

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from training.ml.contract import RunSpec
from training.ml.networks import Network, ready_to_export
from training.ml.session import Session, open_session

BACKBONE = "backbone.safetensors"  # of stage start
Engine = Callable[[Tensor], Tensor]  # uint8 (n, 3, size, size) -> float32 (n, features), on the CPU
WORTH_WRITING = 64  # photos


class _Features(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return self.network.features(image)


def open_engine(network: Network, *, photos: int, threads: int) -> Engine:
    """What computes the features of so many photos soonest."""
    if torch.cuda.is_available():
        return _pytorch(network, torch.device("cuda"))
    if photos < WORTH_WRITING:
        return _pytorch(network, torch.device("cpu"))
    return open_on_cpu(network, threads=threads)


def read_pretrained(spec: RunSpec, started: Path) -> Network:
    """The night's network on the backbone that ``start`` left; its head has learned nothing."""
    network = Network(spec.arch, spec.input, len(spec.labels))
    network.backbone.load_state_dict(load_file(started / BACKBONE))
    return network


def open_on_gpu(started: Path, spec: RunSpec) -> Session | None:
    """What ``start`` left, run by PyTorch on the GPU; None where PyTorch finds none."""
    if not torch.cuda.is_available():
        return None
    compute = _pytorch(read_pretrained(spec, started), torch.device("cuda"))
    return lambda pixels: compute(torch.from_numpy(pixels)).numpy()


def _pytorch(network: Network, device: torch.device) -> Engine:
    folded = ready_to_export(network).network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs forget it

    def compute(pixels: Tensor) -> Tensor:
        with torch.inference_mode():
            image = pixels.to(device, memory_format=torch.channels_last).float()
            found: Tensor = folded.features(image)
            return found.float().cpu()

    return compute


def open_on_cpu(network: Network, *, threads: int) -> Engine:
    """ONNX Runtime, whatever else the machine has."""
    session = open_session(write_features(network), threads)
    return lambda pixels: torch.from_numpy(session(pixels.numpy()))


def write_features(network: Network) -> bytes:
    """The features of ``image`` (photos, 3, size, size) as ONNX, by the exporter that needs a second, not ten."""
    written, size = io.BytesIO(), network.contract.size
    example = (torch.zeros(2, 3, size, size),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is to go one day; the lock says which PyTorch has it
        torch.onnx.export(
            _Features(ready_to_export(network).network).eval(), example, written, input_names=["image"],  # type: ignore[arg-type]  # a file is fine without dynamo
            dynamic_axes={"image": {0: "photos"}}, dynamo=False,
        )  # fmt: skip
    return written.getvalue()
