"""From a solved head on: the blocks above a cut learn too (linear probing, then fine-tuning: Kumar and others, 2022).

The head comes first because a random one would pull the backbone about before it knows anything itself. Batch norms
stay in evaluation: a few hundred photos by a few people say less about a channel than ImageNet did.
"""

import torch
from torch import Tensor

from training.ml.contract import Progress, RunSpec
from training.ml.lesson import BATCH, Draw, Lesson, teach
from training.ml.networks import Network
from training.ml.pace import Pace
from training.ml.tail import Tail

RATE = 3e-4  # at the top of the cycle, of Muon and of the head


def tune(
    network: Network, cut: int, draw: Draw, targets: Tensor, *, spec: RunSpec, progress: Progress, pace: Pace
) -> Lesson:
    """Teaches the blocks from ``cut`` on, and the head, in place; leaves ``network`` in evaluation mode on the CPU."""
    torch.manual_seed(spec.seed)
    torch.set_num_threads(spec.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tail = Tail(network, cut).eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs forget it
    lesson = Lesson(tail, tail.blocks, draw, targets.to(device), spec=spec, progress=progress, rate=RATE, pace=pace)
    teach(lesson, spec)
    network.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch's stubs forget it
    network.eval()
    return lesson


def answer(network: Network, cut: int, draw: Draw, count: int) -> Tensor:
    """The logits (count, labels) of the photos ``draw`` knows."""
    tail = Tail(network, cut).eval()
    with torch.inference_mode():
        parts = [tail(*draw(part, 1.0)) for part in torch.split(torch.arange(count), BATCH)]
    return torch.cat(parts)
