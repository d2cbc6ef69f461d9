"""One training of a network, or of the upper part of one, within a time budget. Lightning runs the loop.

What keeps it short on two cores: Muon (optimiser.py), channels last, bfloat16 where it is measured to be faster
(ways.py), and a one-cycle schedule that follows the clock (pace.py), so that a slow machine anneals as well as a fast
one.
"""

import itertools
import logging
import warnings
from collections.abc import Callable, Iterator
from math import cos, isfinite, pi

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from training.ml import torchvision_door, ways
from training.ml.contract import Progress, RunSpec, a_problem
from training.ml.optimiser import Muon
from training.ml.pace import Pace

torchvision_door.models()  # Lightning's metrics import torchvision, which may need help to load
import pytorch_lightning as lightning  # noqa: E402 -- after the line above

BATCH = 32
RISE = 0.10  # share of the training in which the rate rises; then it falls along a cosine
CLIP = 2.0  # the norm of a step's gradients at most
SETTLED = 60  # steps in which the way of calculating, once chosen, is not looked at again

# Indices of photos (n), and how much of the training is over (0..1) -> what the network is shown of them.
Draw = Callable[[Tensor, float], ways.Inputs]


class Lesson(lightning.LightningModule):
    """One training of ``network``, whose inner weights are ``backbone``'s: loss, schedule, and what is said about it.

    ``network`` is taught in the mode it is in: norms of one that evaluates stay as they are.
    """

    def __init__(
        self, network: nn.Module, backbone: nn.Module, draw: Draw, targets: Tensor,
        *, spec: RunSpec, progress: Progress, rate: float, pace: Pace,
    ) -> None:  # fmt: skip
        super().__init__()
        self.network, self.targets, self._backbone, self._draw = network, targets, backbone, draw
        self._progress, self._rate, self._threads, self.pace = progress, rate, spec.threads, pace
        self._weights = label_weights(targets, len(spec.labels))
        self._choose_way()
        self.curve: list[dict[str, float]] = []
        self._loss = 0.0

    def training_step(self, chosen: Tensor, _index: int) -> Tensor:
        """The loss of the photos with the indices ``chosen`` (n)."""
        with torch.no_grad():
            inputs = self._draw(chosen, self.pace.done)
        loss = ways.loss(self.network, inputs, self.targets[chosen], self._weights, self.way)
        value = float(loss.detach())
        if not isfinite(value):
            raise a_problem(
                f"The training came apart at step {self.pace.steps:,}", f"a loss of {value}", "a finite loss",
                "Look at the newest photos and the capture profile; if both are fine, start from other weights.",
            )  # fmt: skip
        self._loss += (value - self._loss) / min(self.pace.steps + 1, 30)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Muon inside the backbone, AdamW elsewhere."""
        return Muon(self.network, self._backbone, self._rate)

    def on_train_batch_start(self, _batch: Tensor, _index: int) -> None:
        """Sets this step's rate."""
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self._rate * _cycle(self.pace.done)

    def on_train_batch_end(self, _outputs: object, _batch: Tensor, _index: int) -> None:
        """Counts the step, tells how far it is, and ends in time."""
        self.pace.tick()
        total = self.pace.total or self.pace.least
        left = (self.pace.total - self.pace.steps) * self.pace.step_s if self.pace.total else None
        self._progress.report(min(self.pace.steps, total), total, "steps of training", eta_s=left)
        if self.pace.total and self.pace.steps % max(1, self.pace.total // 40) == 0:
            self.curve.append(
                {"step": self.pace.steps, "loss": round(self._loss, 4), "seconds": round(self.pace.elapsed_s, 1)}
            )
        self.trainer.should_stop = self.pace.is_over
        if self.pace.replanned > self._plans and self.pace.steps >= self._chosen_at + SETTLED:
            self._choose_way()

    def _choose_way(self) -> None:
        """Anew where the machine's speed has changed: others may have come to want its cores, or have gone."""
        sample = torch.arange(min(BATCH, len(self.targets)))
        self.way = ways.fastest(self.network, self._draw(sample, 0.0), self._weights, self._threads)
        self._chosen_at, self._plans = self.pace.steps, self.pace.replanned
        torch.set_num_threads(self.way.threads)


def teach(lesson: Lesson, spec: RunSpec, weights: Tensor | None = None) -> None:
    """Runs the lesson to its end; the same seed gives the same order of photos.

    ``weights`` (n) say how often a photo is learned from, beside one of the largest weight; None: all alike. A lesson
    whose pace has taken steps already goes on after the photos of those.
    """
    count, device = len(lesson.targets), lesson.targets.device
    chances = torch.ones(count) if weights is None else weights / weights.max()
    draws = _Draws(chances, spec.seed, skipped=lesson.pace.steps)
    _trainer(device).fit(lesson, DataLoader(draws, batch_size=None))
    torch.set_num_threads(spec.threads)


def label_weights(targets: Tensor, count: int) -> Tensor:
    """Rare labels weigh more, by the square root: photos of them are few, and not all equally telling."""
    share = torch.bincount(targets, minlength=count).clamp(min=1) / max(1, len(targets))
    weights = share.rsqrt()
    return weights / weights.mean()


class _Draws(IterableDataset[Tensor]):
    """Indices of photos, batch after batch without end; every photo once before any comes again.

    But for photos of small weight: each time round only as many of them, by lot, as their ``chances`` (n) say.
    """

    def __init__(self, chances: Tensor, seed: int, *, skipped: int = 0) -> None:
        self._chances, self._seed, self._skipped = chances, seed, skipped

    def __iter__(self) -> Iterator[Tensor]:
        return itertools.islice(self._draw(), self._skipped, None)

    def _draw(self) -> Iterator[Tensor]:
        dice = torch.Generator().manual_seed(self._seed)
        waiting = torch.empty(0, dtype=torch.long)
        while True:
            while len(waiting) < BATCH:
                order = torch.randperm(len(self._chances), generator=dice)
                drawn = torch.rand(len(order), generator=dice) < self._chances[order]
                waiting = torch.cat([waiting, order[drawn]])
            yield waiting[:BATCH]
            waiting = waiting[BATCH:]


def _trainer(device: torch.device) -> lightning.Trainer:
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)  # advice about loaders and loggers we do without
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    return lightning.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        max_epochs=-1,
        gradient_clip_val=CLIP,
        logger=False,
        enable_checkpointing=False,  # Lightning's are pickles; ours are not
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _cycle(done: float) -> float:
    """Share of the top rate when ``done`` of the training is over."""
    return done / RISE if done < RISE else 0.5 * (1 + cos(pi * (done - RISE) / (1 - RISE)))
