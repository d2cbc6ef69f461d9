"""What one answer costs: multiply-adds, bytes of the weights as 8-bit, and milliseconds on the machine at hand.

Multiply-adds are counted as the papers count them: those of convolutions and matrix products, each one once. They are
the same on every machine, so they decide between networks; milliseconds are of the machine that measured them, and
say how networks compare rather than how fast a phone will be.
"""

import platform
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from training.ml import engine
from training.ml.networks import Network, ready_to_export

WARM_UP, RUNS = 3, 20  # of single photos
SCALE, BIAS = 4, 4  # bytes an output channel of a convolution has besides its 8-bit weights


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one photo. ``latency_ms`` is the median on ``machine``, one thread."""

    multiply_adds: int
    bytes_int8: int
    latency_ms: float
    machine: str

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``result.json``."""
        return asdict(self)


def measure(network: Network) -> Cost:
    """The cost of a network at the size of its input contract."""
    size = network.contract.size
    return Cost(count_multiply_adds(network, size), count_bytes(network), _time(network), _name_machine())


def count_multiply_adds(network: nn.Module, size: int) -> int:
    """Of one photo of ``size`` x ``size``. A network on the device ``meta`` is counted without calculating anything."""
    device = next(network.parameters()).device
    training = network.training
    with torch.inference_mode(), FlopCounterMode(display=False) as counted:
        network.eval()(torch.zeros(1, 3, size, size, device=device))
    network.train(training)
    return int(counted.get_total_flops()) // 2


def count_bytes(network: Network) -> int:
    """Of the weights alone, as an 8-bit file holds them; what describes the graph comes on top in each format."""
    convolutions = [layer for layer in ready_to_export(network).modules() if isinstance(layer, nn.Conv2d)]
    return sum(
        layer.weight.numel() + layer.out_channels * (SCALE + (BIAS if layer.bias is not None else 0))
        for layer in convolutions
    )


def _time(network: Network) -> float:
    """Milliseconds of one photo through the backbone, by ONNX Runtime with one thread."""
    compute = engine.open_on_cpu(network, threads=1)
    photo = torch.zeros(1, 3, network.contract.size, network.contract.size, dtype=torch.uint8)
    taken = []
    for _ in range(WARM_UP + RUNS):
        began = time.perf_counter()
        compute(photo)
        taken.append(time.perf_counter() - began)
    return round(1000 * statistics.median(taken[WARM_UP:]), 2)


def _name_machine() -> str:
    """The processor's name where Linux tells it, else its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
