"""Trains a whole network, from random weights or on from last night's, within a time budget.

What makes it short on two cores, besides what every lesson has: batch norms for the time of training (scratch.py), easy
photos first, and augmentation on whole batches.
"""

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.ml.augment import augment
from training.ml.checkpoints import Checkpoints, Saved, pack_optimiser, unpack_optimiser
from training.ml.contract import CaptureProfile, Progress, RunSpec
from training.ml.head import temperature
from training.ml.lesson import BATCH, Draw, Lesson, teach
from training.ml.networks import Network
from training.ml.pace import Pace
from training.ml.scratch import scaffolded

RATE, WARM_RATE = 2e-3, 1e-3  # at the top of the cycle, from random weights and from learned ones
CALM = 0.15  # share of the capture profile that the first photos are changed by; easy ones break the ice
CALM_UNTIL = 0.35  # share of the training after which they are changed by all of it
AVERAGED = 0.04  # the weights kept are a running mean over this share of the training
LEAST_EPOCHS, MOST_EPOCHS = 4, 250  # each photo is seen at least and at most so often
SAMPLE = 256  # photos that set the norms of a warm start


@dataclass(frozen=True, slots=True)
class TrainData:
    """Decoded photos: uint8 (n, 3, size, size) and their labels' indices (n); to learn from, and to watch on if any."""

    photos: Tensor
    targets: Tensor
    watched_photos: Tensor
    watched_targets: Tensor
    weights: Tensor | None = None  # (n): how often a photo is learned from, beside one of weight 1; None: all alike


@dataclass(frozen=True, slots=True)
class TrainReport:
    """How it went, for people (``why``) and for the run's page (``curves``)."""

    why: str
    curves: dict[str, Any]


def train_network(
    network: Network,
    *,
    data: TrainData,
    spec: RunSpec,
    progress: Progress,
    warm: bool = False,
    checkpoints: Checkpoints | None = None,
) -> TrainReport:
    """Trains ``network`` in place and leaves it in evaluation mode, float32, with the names of its state unchanged.

    ``warm`` goes on from what the network has learned. Takes about ``spec.fit_budget_s`` wall seconds. The same seed
    on the same machine gives the same order of photos and changes; the number of steps follows the machine's speed.
    With ``checkpoints`` it goes on where an earlier call with the same inputs was killed.
    Raises ``ProblemsFoundError`` for an unusable ``spec.capture_profile``.
    """
    started = time.monotonic()
    profile = CaptureProfile.from_json(spec.capture_profile)
    torch.manual_seed(spec.seed)
    torch.set_num_threads(spec.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs forget it
    sample = data.photos[_spread(len(data.photos), SAMPLE)].to(device).float() if warm else None
    epoch = max(1, len(data.photos) // BATCH)
    dice = torch.Generator(device).manual_seed(spec.seed)
    with scaffolded(network, sample):
        network.train()
        lesson = Averaged(
            network, network.backbone, _augmented(data.photos.to(device), profile, dice), data.targets.to(device),
            spec=spec, progress=progress, rate=WARM_RATE if warm else RATE, dice=dice,
            pace=Pace(spec.fit_budget_s, least=LEAST_EPOCHS * epoch, most=MOST_EPOCHS * epoch),
        )  # fmt: skip
        lesson.pace.budget_s -= time.monotonic() - started
        lesson.keep_checkpoints(checkpoints)
        teach(lesson, spec, data.weights)
        lesson.keep_average()
    network.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch's stubs forget it
    if len(data.watched_photos):
        _calibrate(network, data)
    return _report(network, lesson, data, warm=warm)


class Averaged(Lesson):
    """A lesson that keeps a running mean of the weights."""

    def __init__(self, *arguments: Any, dice: torch.Generator, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self._dice = dice
        self._checkpoints: Checkpoints | None = None
        self._found: Saved | None = None

    def on_train_batch_end(self, outputs: object, batch: Tensor, index: int) -> None:
        """Averages the weights and writes a checkpoint when one is due, besides what every lesson does."""
        super().on_train_batch_end(outputs, batch, index)
        window = max(2.0, AVERAGED * (self.pace.total or self.pace.steps))
        _follow(self._average, self.network.state_dict(), 1 / min(window, 1 + self.pace.steps / 10))
        if self._checkpoints and self._checkpoints.is_due and not self.pace.is_over:
            self._save(self._checkpoints)

    def keep_checkpoints(self, checkpoints: Checkpoints | None) -> None:
        """Writes them from now on, and takes up the schedule of one that is there; its weights when training starts."""
        self._checkpoints = checkpoints
        self._found = checkpoints.read() if checkpoints else None
        if self._found:
            self.pace.go_on(self._found.rest["pace"])
            self.curve, self._loss = self._found.rest["curve"], self._found.rest["loss"]
            self._progress.notice(f"Training goes on at step {self.pace.steps:,}, where it was interrupted.")

    def on_train_start(self) -> None:
        """Takes up the weights, the optimiser's memory and the dice of an interrupted training."""
        if self._found is None:
            return
        self.network.load_state_dict(self._found.under("network."))
        for name, value in self._found.under("average.").items():
            self._average[name].copy_(value)
        unpack_optimiser(self.trainer.optimizers[0], self._found.under("optimiser."), self._found.rest["counts"])
        self._dice.set_state(self._found.tensors["dice"])
        torch.set_rng_state(self._found.tensors["luck"])
        self._found = None

    def _save(self, checkpoints: Checkpoints) -> None:
        tensors, counts = pack_optimiser(self.trainer.optimizers[0])
        groups = {"network.": self.network.state_dict(), "average.": self._average, "optimiser.": tensors}
        named = {prefix + name: value for prefix, group in groups.items() for name, value in group.items()}
        checkpoints.write(
            named | {"dice": self._dice.get_state(), "luck": torch.get_rng_state()},
            {"pace": self.pace.stand(), "curve": self.curve, "loss": self._loss, "counts": counts},
        )

    def keep_average(self) -> None:
        """Puts the running mean in the place of the last step's weights."""
        self.network.load_state_dict(self._average)


def _augmented(photos: Tensor, profile: CaptureProfile, dice: torch.Generator) -> Draw:
    """Each photo changed as the camera might have, little at first."""

    def draw(chosen: Tensor, done: float) -> tuple[Tensor, ...]:
        wildness = min(1.0, CALM + (1 - CALM) * done / CALM_UNTIL)
        return (augment(photos[chosen], profile.scaled(wildness), dice),)

    return draw


def _follow(average: dict[str, Tensor], now: dict[str, Tensor], step: float) -> None:
    floating = [name for name, value in now.items() if value.is_floating_point()]
    torch._foreach_lerp_(
        [average[name] for name in floating], [now[name].detach() for name in floating], min(1.0, step)
    )
    for name in now.keys() - set(floating):
        average[name].copy_(now[name])


def _spread(count: int, wanted: int) -> Tensor:
    """``wanted`` indices evenly over ``count``."""
    return torch.linspace(0, count - 1, min(count, wanted)).long()


def _report(network: Network, lesson: Lesson, data: TrainData, *, warm: bool) -> TrainReport:
    pace, photos = lesson.pace, len(data.photos)
    seen = pace.steps * BATCH
    curves: dict[str, Any] = {
        "training": lesson.curve,
        "steps": pace.steps,
        "epochs": round(seen / max(1, photos), 1),
        "photos_per_second": round(seen / max(pace.elapsed_s, 1e-9), 1),
        "arithmetic": str(lesson.way.arithmetic).removeprefix("torch."),
        "threads": lesson.way.threads,
        "planned_anew": pace.replanned,
    }
    watched = ""
    if len(data.watched_photos):
        logits = _watch(network, data)
        share = round(float((logits.argmax(1) == data.watched_targets).float().mean()), 4)
        curves["watched_accuracy"] = share
        watched = (
            f" Of {len(data.watched_photos):,} photos by volunteers it did not learn from it names {100 * share:.1f}%."
        )
    start = (
        "It went on from the model in production"
        if warm
        else "There were no pretrained weights, so it learned from random ones"
    )
    why = f"{start}: {photos:,} photos, each seen {curves['epochs']:g} times in {pace.elapsed_s:.0f} s.{watched}"
    return TrainReport(why, curves)


def _calibrate(network: Network, data: TrainData) -> None:
    """Divides the head by the temperature at which the watched photos' loss is least: nothing to run on the phone."""
    factor = temperature(_watch(network, data), data.watched_targets)
    weight, bias = network.head_rows()
    network.set_head(weight / factor, bias / factor)


def _watch(network: Network, data: TrainData) -> Tensor:
    """The logits (n, labels) of the watched photos."""
    with torch.inference_mode():
        return torch.cat([
            network(part.float().contiguous(memory_format=torch.channels_last))
            for part in torch.split(data.watched_photos, BATCH)
        ])  # fmt: skip
