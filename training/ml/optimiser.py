"""Muon for a backbone's convolutions, AdamW's rule for everything else.

Muon steps along the gradient with all its singular values made alike, so that rare directions are learned as fast as
common ones (K. Jordan and others, 2024). Measured on rendered notes, SqueezeNet 1.1 from random weights, 128 px,
600 steps of 32 photos: 97% of unseen photos, where AdamW alone had 84%.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

COLOURS = 3
MOMENTUM = 0.9
BETAS = (0.9, 0.99)
EPS = 1e-8
LONGER = 12.0  # Muon's step for a rate of one: its steps are orthogonal, so longer ones are sound
DECAY = 0.05  # of AdamW's matrices, for a rate of one; norms and biases do not decay
MUON_DECAY = 0.5
# Newton-Schulz: a quintic that takes singular values from 0..1 near to 1; bfloat16 is exact enough for a direction.
QUINTIC, ROUNDS = (3.4445, -4.7750, 2.0315), 5


class Muon(torch.optim.Optimizer):
    """The optimiser of one network; ``backbone`` is the part whose inner convolutions take Muon's steps."""

    def __init__(self, network: nn.Module, backbone: nn.Module, rate: float) -> None:
        # Left to AdamW: what is no matrix, depthwise kernels, and the first convolution, which sees three colours.
        inner = [weight for weight in backbone.parameters() if weight.ndim > 1 and weight.shape[1] > COLOURS]
        chosen = {id(parameter) for parameter in inner}
        rest = [parameter for parameter in network.parameters() if id(parameter) not in chosen]
        groups: list[dict[str, Any]] = [
            {"params": inner, "decay": MUON_DECAY, "is_muon": True},
            {"params": [p for p in rest if p.ndim > 1], "decay": DECAY, "is_muon": False},
            {"params": [p for p in rest if p.ndim <= 1], "decay": 0.0, "is_muon": False},
        ]
        super().__init__([group for group in groups if group["params"]], {"lr": rate})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]  # torch types it as overloads
        """One step, in the form torch's optimisers have."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            rule = self._step_muon if group["is_muon"] else self._step_adam
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.mul_(1 - group["lr"] * group["decay"])
                    rule(weight, weight.grad, group["lr"])
        return loss

    def _step_muon(self, weight: Tensor, gradient: Tensor, rate: float) -> None:
        (momentum,) = self._memory(weight, "momentum")
        momentum.mul_(MOMENTUM).add_(gradient)
        step = orthogonal((gradient + MOMENTUM * momentum).flatten(1))
        wide = max(1.0, step.shape[0] / step.shape[1]) ** 0.5
        weight.add_(step.view(weight.shape), alpha=-rate * LONGER * wide)

    def _step_adam(self, weight: Tensor, gradient: Tensor, rate: float) -> None:
        mean, square = self._memory(weight, "mean", "square")
        state = self.state[weight]
        state["steps"] = state.get("steps", 0) + 1
        mean.lerp_(gradient, 1 - BETAS[0])
        square.lerp_(gradient * gradient, 1 - BETAS[1])
        unbiased = [1 - beta ** state["steps"] for beta in BETAS]
        weight.addcdiv_(mean, (square / unbiased[1]).sqrt_().add_(EPS), value=-rate / unbiased[0])

    def _memory(self, weight: Tensor, *names: str) -> list[Tensor]:
        state = self.state[weight]
        return [state.setdefault(name, torch.zeros_like(weight)) for name in names]


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly the orthogonal matrix closest to ``matrix`` (rows, columns): its singular values become 0.7 to 1.2."""
    rotated = matrix.bfloat16()
    is_tall = matrix.shape[0] > matrix.shape[1]
    if is_tall:
        rotated = rotated.T
    rotated = rotated / (rotated.norm() + 1e-7)
    a, b, c = QUINTIC
    for _ in range(ROUNDS):
        square = rotated @ rotated.T
        rotated = a * rotated + (b * square + c * square @ square) @ rotated
    upright: Tensor = rotated.T if is_tall else rotated
    return upright.to(matrix.dtype)
