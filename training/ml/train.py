"""Trains a whole network, from random weights or on from last night's, within a time budget. Lightning runs the loop.

What keeps it short on two cores: batch norms for the time of training (scratch.py), Muon (optimiser.py), easy photos
first, augmentation on whole batches, channels last, bfloat16 where it is measured to be faster, and a one-cycle
schedule that follows the clock (pace.py), so that a slow machine anneals as well as a fast one.
"""

import itertools
import logging
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, isfinite, pi
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from training.ml import torchvision_door, ways
from training.ml.augment import augment
from training.ml.checkpoints import Checkpoints, Saved, pack_optimiser, unpack_optimiser
from training.ml.contract import CaptureProfile, Progress, RunSpec, a_problem
from training.ml.networks import Network
from training.ml.optimiser import Muon
from training.ml.pace import Pace
from training.ml.scratch import scaffolded

torchvision_door.models()  # Lightning's metrics import torchvision, which may need help to load
import pytorch_lightning as lightning  # noqa: E402 -- after the line above

BATCH = 32
RATE, WARM_RATE = 2e-3, 1e-3  # at the top of the cycle, from random weights and from learned ones
RISE = 0.10  # share of the training in which the rate rises; then it falls along a cosine
CALM = 0.15  # share of the capture profile that the first photos are changed by; easy ones break the ice
CALM_UNTIL = 0.35  # share of the training after which they are changed by all of it
CLIP = 2.0  # the norm of a step's gradients at most
AVERAGED = 0.04  # the weights kept are a running mean over this share of the training
LEAST_EPOCHS, MOST_EPOCHS = 4, 250  # each photo is seen at least and at most so often
SAMPLE = 256  # photos that set the norms of a warm start
SETTLED = 60  # steps in which the way of calculating, once chosen, is not looked at again


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
    with scaffolded(network, sample):
        lesson = Lesson(network, data, profile, spec, progress, rate=WARM_RATE if warm else RATE, device=device)
        lesson.pace.budget_s -= time.monotonic() - started
        lesson.keep_checkpoints(checkpoints)
        draws = _Draws(_chances(data), spec.seed, skipped=lesson.pace.steps)
        _trainer(device).fit(lesson, DataLoader(draws, batch_size=None))
        lesson.keep_average()
    torch.set_num_threads(spec.threads)
    network.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch's stubs forget it
    return _report(network, lesson, data, warm=warm)


class Lesson(lightning.LightningModule):
    """One training: the loss, the schedule, the running mean of the weights, and what is said about it."""

    def __init__(
        self,
        network: Network,
        data: TrainData,
        profile: CaptureProfile,
        spec: RunSpec,
        progress: Progress,
        *,
        rate: float,
        device: torch.device,
    ) -> None:
        super().__init__()
        self.network, self._profile, self._progress, self._rate = network, profile, progress, rate
        self._photos, self._targets = data.photos.to(device), data.targets.to(device)
        self._weights = _label_weights(data.targets, len(spec.labels)).to(device)
        self._dice = torch.Generator(device).manual_seed(spec.seed)
        self._average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        epoch = max(1, len(data.photos) // BATCH)
        self.pace = Pace(spec.fit_budget_s, least=LEAST_EPOCHS * epoch, most=MOST_EPOCHS * epoch)
        self._threads = spec.threads
        self._choose_way()
        self.curve: list[dict[str, float]] = []
        self._loss = 0.0
        self._checkpoints: Checkpoints | None = None
        self._found: Saved | None = None

    def training_step(self, chosen: Tensor, _index: int) -> Tensor:
        """The loss of the photos with the indices ``chosen`` (n), each changed as the camera might have."""
        with torch.no_grad():
            wildness = min(1.0, CALM + (1 - CALM) * self.pace.done / CALM_UNTIL)
            photos = augment(self._photos[chosen], self._profile.scaled(wildness), self._dice)
        loss = ways.loss(self.network, photos, self._targets[chosen], self._weights, self.way)
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
        return Muon(self.network, self.network.backbone, self._rate)

    def on_train_batch_start(self, _batch: Tensor, _index: int) -> None:
        """Sets this step's rate."""
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self._rate * _cycle(self.pace.done)

    def on_train_batch_end(self, _outputs: object, _batch: Tensor, _index: int) -> None:
        """Counts the step, averages the weights, tells how far it is, and ends in time."""
        self.pace.tick()
        window = max(2.0, AVERAGED * (self.pace.total or self.pace.steps))
        _follow(self._average, self.network.state_dict(), 1 / min(window, 1 + self.pace.steps / 10))
        total = self.pace.total or self.pace.least
        left = (self.pace.total - self.pace.steps) * self.pace.step_s if self.pace.total else None
        self._progress.report(min(self.pace.steps, total), total, "steps of training", eta_s=left)
        if self.pace.total and self.pace.steps % max(1, self.pace.total // 40) == 0:
            self.curve.append(
                {"step": self.pace.steps, "loss": round(self._loss, 4), "seconds": round(self.pace.elapsed_s, 1)}
            )
        self.trainer.should_stop = self.pace.is_over
        if self._checkpoints and self._checkpoints.is_due and not self.pace.is_over:
            self._save(self._checkpoints)
        if self.pace.replanned > self._plans and self.pace.steps >= self._chosen_at + SETTLED:
            self._choose_way()

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

    def _choose_way(self) -> None:
        """Anew where the machine's speed has changed: others may have come to want its cores, or have gone."""
        self.way = ways.fastest(self.network, self._photos[:BATCH], self._weights, self._threads)
        self._chosen_at, self._plans = self.pace.steps, self.pace.replanned
        torch.set_num_threads(self.way.threads)

    def keep_average(self) -> None:
        """Puts the running mean in the place of the last step's weights."""
        self.network.load_state_dict(self._average)


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


def _chances(data: TrainData) -> Tensor:
    """Of each photo to be learned from in one time round, 0..1."""
    if data.weights is None:
        return torch.ones(len(data.photos))
    return data.weights / data.weights.max()


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


def _label_weights(targets: Tensor, count: int) -> Tensor:
    """Rare labels weigh more, by the square root: photos of them are few, and not all equally telling."""
    share = torch.bincount(targets, minlength=count).clamp(min=1) / max(1, len(targets))
    weights = share.rsqrt()
    return weights / weights.mean()


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
        curves["watched_accuracy"] = share = _accuracy(network, data)
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


def _accuracy(network: Network, data: TrainData) -> float:
    right = 0
    with torch.inference_mode():
        for start in range(0, len(data.watched_photos), BATCH):
            logits = network(
                data.watched_photos[start : start + BATCH].float().contiguous(memory_format=torch.channels_last)
            )
            right += int((logits.argmax(1) == data.watched_targets[start : start + BATCH]).sum())
    return round(right / len(data.watched_photos), 4)
