"""How a training step is calculated here and now: in float32 or bfloat16, on all cores or on one; by measurement.

bfloat16 is twice as fast where the processor has it and slower where it has not. Its kernels on several threads wait
for each other busily: with another process on the same two cores a step took 2.6 s, on one thread 0.2 s.
"""

import time
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor, nn
from torch.nn import functional

Inputs = tuple[
    Tensor, ...
]  # of a network: a batch of photos or activations (n, channels, side, side), and what it wants besides
SMOOTHING = 0.05  # of labels
TRIES = 4  # of each way; the first is slow and does not count
HOPELESS = 3.0  # a way that takes so many times the best is not tried to the end


@dataclass(frozen=True, slots=True)
class Way:
    """Arithmetic, and threads at a time (of the CPU)."""

    arithmetic: torch.dtype
    threads: int


def loss(network: nn.Module, inputs: Inputs, targets: Tensor, weights: Tensor, way: Way) -> Tensor:
    """Smoothed cross-entropy of ``network(*inputs)``, with ``weights`` a label."""
    first = inputs[0].contiguous(memory_format=torch.channels_last)
    with torch.autocast(first.device.type, torch.bfloat16, enabled=way.arithmetic == torch.bfloat16):
        logits = network(first, *inputs[1:])
    return functional.cross_entropy(logits.float(), targets, weights, label_smoothing=SMOOTHING)


def fastest(network: nn.Module, inputs: Inputs, weights: Tensor, threads: int) -> Way:
    """The way that takes least time there and back for a batch; leaves the network as it was, gradients empty."""
    counts = [threads] if inputs[0].is_cuda else sorted({threads, 1}, reverse=True)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    seconds: dict[Way, float] = {}
    for way in [Way(arithmetic, count) for count in counts for arithmetic in (torch.float32, torch.bfloat16)]:
        seconds[way] = _measure(network, inputs, weights, way, HOPELESS * min(seconds.values(), default=inf))
    network.zero_grad(set_to_none=True)
    network.load_state_dict(state)  # the norms have counted what they saw
    return min(seconds, key=seconds.__getitem__)


def _measure(network: nn.Module, inputs: Inputs, weights: Tensor, way: Way, limit: float) -> float:
    """Seconds a try, the first left aside; stops early beyond ``limit``."""
    torch.set_num_threads(way.threads)
    targets = torch.zeros(len(inputs[0]), dtype=torch.long, device=inputs[0].device)
    spent: list[float] = []
    for _ in range(TRIES):
        begun = time.perf_counter()
        torch.autograd.backward(loss(network, inputs, targets, weights, way))
        spent.append(time.perf_counter() - begun)
        if len(spent) > 1 and spent[-1] > limit:
            break
    return sum(spent[1:]) / (len(spent) - 1)
