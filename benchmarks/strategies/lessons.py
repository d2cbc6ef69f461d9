"""Lessons that differ from the plain one in one thing each."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.ml import ways
from training.ml.lesson import Lesson
from training.ml.optimiser import Muon

LAYER_DECAY = 0.8  # of the rate, a block further down
EMA_MOST = 0.999
AVERAGED = 0.25  # the running mean over the last share of the steps
WARMTH, TAUGHT = 2.0, 0.5  # of the teacher's probabilities, and their share of the loss


class Plain(Lesson):
    """The lesson as it is."""

    is_adam: ClassVar[bool] = False


class Smooth(Plain):
    """Without smoothing of labels."""

    def training_step(self, chosen: Tensor, _index: int) -> Tensor:
        """The loss of the photos with the indices ``chosen`` (n)."""
        inputs = self._draw(chosen, self.pace.done)
        return functional.cross_entropy(_logits(self, inputs), self.targets[chosen], self._weights)


class Adam(Plain):
    """AdamW for every weight."""

    is_adam = True

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimiser."""
        return Muon(self.network, nn.Module(), self._rate)


class Followed(Plain):
    """Keeps means of the weights beside the training, which is not changed by them."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._ema, self._mean, self._averaged = self._copy(), self._copy(), 0

    def on_train_batch_end(self, outputs: object, batch: Tensor, index: int) -> None:
        """Follows the weights."""
        super().on_train_batch_end(outputs, batch, index)
        steps, now = self.pace.steps, self._copy()
        rate = 1 - min(EMA_MOST, (1 + steps) / (10 + steps))
        for name, value in now.items():
            self._ema[name].lerp_(value, rate)
        if steps > (1 - AVERAGED) * self.pace.most:
            self._averaged += 1
            for name, value in now.items():
                self._mean[name].lerp_(value, 1 / self._averaged)

    def means(self) -> Mapping[str, dict[str, Tensor]]:
        """By name: the exponential mean of all steps, and the mean of the last ones."""
        return {"ema": self._ema, "averaged": self._mean}

    def _copy(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.named_weights.items()}

    @property
    def named_weights(self) -> dict[str, Tensor]:
        """The weights that learn, by the names the whole network has for them."""
        cut = getattr(self.network, "cut", 0)
        found: dict[str, Tensor] = {}
        for name, value in self.network.named_parameters():
            part, _, rest = name.partition(".")
            index, _, inner = rest.partition(".")
            found[f"backbone.{int(index) + cut}.{inner}" if part == "blocks" else name] = value
        return found


class Discriminative(Plain):
    """Lower blocks take smaller steps."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimiser."""
        optimiser = Muon(self.network, self._backbone, self._rate)
        depth = len(list(self._backbone.children()))
        share = {
            id(weight): LAYER_DECAY ** (depth - number)
            for number, block in enumerate(self._backbone.children())
            for weight in block.parameters()
        }
        optimiser.param_groups = [
            {**group, "params": [weight], "share": share.get(id(weight), 1.0)}
            for group in optimiser.param_groups
            for weight in group["params"]
        ]
        return optimiser

    def on_train_batch_start(self, batch: Tensor, index: int) -> None:
        """Sets each block's rate."""
        super().on_train_batch_start(batch, index)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] *= group["share"]


class Distilled(Plain):
    """Half of the loss is the teacher's probabilities, ``soft`` logits of each photo learned from."""

    soft: ClassVar[Tensor]

    def training_step(self, chosen: Tensor, _index: int) -> Tensor:
        """The loss of the photos with the indices ``chosen`` (n)."""
        inputs = self._draw(chosen, self.pace.done)
        logits = _logits(self, inputs)
        hard = functional.cross_entropy(logits, self.targets[chosen], self._weights, label_smoothing=ways.SMOOTHING)
        wanted = functional.softmax(self.soft[chosen] / WARMTH, dim=1)
        soft = functional.cross_entropy(logits / WARMTH, wanted) * WARMTH**2
        return (1 - TAUGHT) * hard + TAUGHT * soft


def _logits(lesson: Lesson, inputs: ways.Inputs) -> Tensor:
    first = inputs[0].contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=lesson.way.arithmetic == torch.bfloat16):
        logits: Tensor = lesson.network(first, *inputs[1:])
    return logits.float()
