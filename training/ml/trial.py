"""Whether more than the head shall learn, tried on volunteers nobody has learned from; the head stays unless it loses.

Half of the time goes to the trial: head and blocks learn from four parts of the volunteers, and answer the fifth. Where
the blocks helped, the other half goes to the model itself, in as many steps, from everybody's photos.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from training.ml.contract import CaptureProfile, Progress, RunSpec
from training.ml.head import Examples, FittedHead, solve_head, split_by_group, temperature
from training.ml.kept import draw_photos, keep_activations, keep_pixels
from training.ml.lesson import BATCH, Draw
from training.ml.networks import Network
from training.ml.pace import Pace
from training.ml.strategy import LAST_BLOCKS, TRIED_ON
from training.ml.tail import LAST, after_tap
from training.ml.tune import answer, tune
from training.ml.workspace import Work

LEAST_EPOCHS, MOST_EPOCHS = 1, 12  # each photo is seen at least and at most so often


@dataclass(frozen=True)
class Trial:
    """What the blocks learned, where they were better than the head, and why."""

    won: "Won | None"
    why: str
    curves: dict[str, Any]


@dataclass(frozen=True)
class Won:
    """The network, and its trial's answers: probabilities (n, labels) of the photos at the places ``tried`` (n)."""

    network: Network
    tried: Tensor
    probabilities: Tensor


@dataclass(frozen=True, slots=True)
class Score:
    """Of the photos tried on: how many were named rightly (share), the loss at the best temperature, and that one."""

    accuracy: float
    loss: float
    temperature: float


def is_better(blocks: Score, head: Score) -> bool:
    """Whether the blocks helped: no more mistakes, and a smaller loss, which tells more from few photos."""
    return blocks.accuracy >= head.accuracy and blocks.loss < head.loss


def try_blocks(
    network: Network, head: FittedHead, examples: Examples, groups: Sequence[str],
    *, name: str, spec: RunSpec, work: Work, out: Path, progress: Progress,
) -> Trial:  # fmt: skip
    """Tries the strategy ``name`` from ``network`` with its ``head`` solved, about as long as ``spec.fit_budget_s``."""
    started = time.monotonic()
    tried = _last_fold(groups, examples.targets)
    if tried is None:
        return Trial(None, "Its volunteers cannot be parted for a trial, so the head stays.", {})
    scratch = out / "scratch"
    cut = after_tap(network, LAST) if name == LAST_BLOCKS else 0
    try:
        look = _open_photos(network, cut, spec=spec, work=work, scratch=scratch, progress=progress)
        course = Course(network, head, examples, cut, look, spec, progress)
        return course.run(tried, started)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Look:
    """How the photos at some places are drawn to learn from, and to be judged on."""

    learn: Callable[[Tensor], Draw]
    judge: Callable[[Tensor], Draw]


@dataclass(frozen=True, slots=True)
class Course:
    """Trial and, where it was won, the model itself."""

    start: Network
    head: FittedHead
    examples: Examples
    cut: int
    look: Look
    spec: RunSpec
    progress: Progress

    def run(self, tried: Tensor, started: float) -> Trial:
        """``tried`` bool (n) are the photos of the volunteers that judge; ``started`` is when the budget began."""
        known, unseen = (~tried).nonzero().squeeze(1), tried.nonzero().squeeze(1)
        targets = self.examples.targets
        weight, bias = solve_head(
            self.examples.only(~tried),
            taps=self.start.tap_sizes,
            label_count=len(self.spec.labels),
            strength=self.head.strength,
        )
        head = score(self.examples.features[unseen] @ weight.T + bias, targets[unseen])
        left_s = max(1.0, self.spec.fit_budget_s - (time.monotonic() - started))
        network, steps = self._teach(known, weight, bias, budget_s=left_s / 2)
        logits = answer(network, self.cut, self.look.judge(unseen), len(unseen))
        blocks = score(logits, targets[unseen])
        won = is_better(blocks, head)
        curves = {"trial": {"photos": len(unseen), "head": asdict(head), "blocks": asdict(blocks), "steps": steps}}
        why = _say(blocks, head, len(unseen), won=won)
        if not won:
            return Trial(None, why, curves)
        left_s = max(1.0, self.spec.fit_budget_s - (time.monotonic() - started))
        steps = round(steps * len(targets) / len(known))
        whole, _ = self._teach(
            torch.arange(len(targets)), self.head.weight, self.head.bias, budget_s=left_s, steps=steps
        )
        weight, bias = whole.head_rows()
        whole.set_head(weight / blocks.temperature, bias / blocks.temperature)
        return Trial(Won(whole, unseen, (logits / blocks.temperature).softmax(1)), why, curves)

    def _teach(
        self, rows: Tensor, weight: Tensor, bias: Tensor, *, budget_s: float, steps: int = 0
    ) -> tuple[Network, int]:
        """A copy that learned from the photos ``rows``, and in how many steps; at most ``steps`` where given."""
        network = deepcopy(self.start)
        network.set_head(weight, bias)
        epoch = max(1, len(rows) // BATCH)
        pace = Pace(budget_s, least=LEAST_EPOCHS * epoch, most=steps or MOST_EPOCHS * epoch)
        lesson = tune(
            network, self.cut, self.look.learn(rows), self.examples.targets[rows],
            spec=self.spec, progress=self.progress, pace=pace,
        )  # fmt: skip
        return network, lesson.pace.steps


def score(logits: Tensor, targets: Tensor) -> Score:
    """Of logits (n, labels): each model at its own best temperature, so that neither wins by being less sure."""
    best = temperature(logits, targets)
    right = float((logits.argmax(1) == targets).float().mean())
    return Score(round(right, 5), round(float(functional.cross_entropy(logits / best, targets)), 5), round(best, 3))


def _last_fold(groups: Sequence[str], targets: Tensor) -> Tensor | None:
    """The photos (bool, n) of the volunteers tried on; None where a label would be without photos to learn from."""
    tried = split_by_group(groups, targets, count=TRIED_ON) == TRIED_ON - 1
    enough = len(set(groups)) > 1 and set(targets[~tried].tolist()) == set(targets.tolist())
    return tried if enough and bool(tried.any()) else None


def _open_photos(network: Network, cut: int, *, spec: RunSpec, work: Work, scratch: Path, progress: Progress) -> Look:
    photos = work.train()
    if cut:
        kept = keep_activations(network, cut, work.photos, photos, scratch=scratch, progress=progress)
        return Look(kept.draw, kept.draw)
    pixels = keep_pixels(network, work.photos, photos, scratch=scratch, progress=progress)
    profile = CaptureProfile.from_json(spec.capture_profile)
    return Look(
        lambda rows: draw_photos(network, pixels, rows, profile, spec.seed),
        lambda rows: draw_photos(network, pixels, rows, None, spec.seed),
    )


def _say(blocks: Score, head: Score, photos: int, *, won: bool) -> str:
    figures = (
        f"On {photos:,} photos by volunteers that neither had learned from, the blocks that learned had "
        f"{blocks.accuracy:.1%} right (loss {blocks.loss:.3f}), the head alone {head.accuracy:.1%} ({head.loss:.3f})"
    )
    return f"{figures}, so the blocks learned from everybody." if won else f"{figures}, so the head stays."
