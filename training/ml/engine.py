"""Features of a frozen backbone as fast as the machine can: ONNX Runtime on a CPU, PyTorch where there is a GPU.

On two cores ONNX Runtime ran the same folded network 2.3 to 3.5 times as fast as eager PyTorch, channels last, with
answers that differ by less than one part in a million (`make bench ARGS=embedding`). Its rows do not depend on how many
photos share a batch. Writing the network for it takes a second or more, so a handful of photos is left to PyTorch.
"""

import io
import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from training.ml.networks import Network, ready_to_export

Engine = Callable[[Tensor], Tensor]  # uint8 (n, 3, size, size) -> float32 (n, features), on the CPU
WORTH_WRITING = 64  # photos
AT_ONCE = 8  # photos: their activations stay in the cache; 32 at once took a quarter longer


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
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(write_features(network), options, providers=["CPUExecutionProvider"])

    def compute(pixels: Tensor) -> Tensor:
        image = np.ascontiguousarray(pixels.numpy(), dtype=np.float32)
        parts = range(0, len(image), AT_ONCE)
        rows = [session.run(None, {"image": image[start : start + AT_ONCE]})[0] for start in parts]
        return torch.from_numpy(np.concatenate(rows))

    return compute


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
