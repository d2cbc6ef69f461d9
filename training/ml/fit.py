"""Stage fit: chooses how to learn from what there is, learns, and writes down why.

Pretrained weights: a linear head on the cached features, and then more where ``strategy`` says so. None: from scratch.
None, and production was trained from scratch: a warm start from it, with the rows of the head carried over for labels
it knows.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.ml import embed, noise
from training.ml.checkpoints import Checkpoints
from training.ml.contract import CHECKPOINT, ManifestPhoto, Progress, RunSpec, Strategy, a_problem
from training.ml.engine import open_engine, read_pretrained
from training.ml.head import FittedHead, examples_of, fit_head, split_by_group, targets_of
from training.ml.networks import Network
from training.ml.photos import BATCH
from training.ml.saved import SavedModel, read_model, write_model, write_predictions
from training.ml.strategy import ALL_BLOCKS, HEAD, LAST_BLOCKS, SCRATCH, WARM, Probe, choose
from training.ml.workspace import Work, sha256_of

WATCHED = 12  # one part in so many of the train photos watches training from scratch, and is not learned from
MOST_WATCHED = 0.15  # of the train photos
ASKED = {"head": HEAD, "head_then_last_blocks": LAST_BLOCKS, "head_then_all": ALL_BLOCKS, "scratch": SCRATCH}


@dataclass(frozen=True)
class Outcome:
    """A network that has learned, why it was taught this way, and how it went.

    ``left_out`` are train photos with probabilities (n, labels) of them by networks that had not learned from them.
    """

    network: Network
    strategy: Strategy
    curves: Any
    left_out: tuple[Sequence[ManifestPhoto], Tensor]
    suspicions: Sequence[noise.Suspicion] = ()  # of the train photos, where volunteers were left out in turn


def run(spec: RunSpec, work: Work, out: Path, progress: Progress) -> dict[str, Any]:
    """Writes the model, ``left_out.jsonl`` and ``suspicions.jsonl``.

    Raises ``ProblemsFoundError`` for photos or models at fault.
    """
    work.check(spec)
    before = _usable_production(spec, work)
    has_features = work.result("start")["backbone"] is not None
    if has_features and spec.strategy != "scratch":
        outcome = _learn_from_head(spec, work, out, progress)
    else:
        outcome = _train(spec, work, out, progress, _choose_start(spec, before))
    _write_suspicions(out, outcome.suspicions, work.train(), spec.slugs)
    about = write_model(out, outcome.network, spec=spec, strategy=outcome.strategy, snapshot=work.snapshot_digest)
    shutil.rmtree(out / CHECKPOINT, ignore_errors=True)  # now that they are not needed any more
    write_predictions(out / "left_out.jsonl", outcome.left_out[0], spec.slugs, outcome.left_out[1])
    suspicious = {"suspicions": len(outcome.suspicions)}
    return {"strategy": asdict(outcome.strategy), "curves": outcome.curves, "model": about, **suspicious}


def _choose_start(spec: RunSpec, before: SavedModel | None) -> SavedModel | None:
    """The model a training of the whole network goes on from, None for random weights."""
    if spec.strategy.startswith("head"):
        raise a_problem(
            "A head alone needs pretrained weights", spec.pretrained, "imagenet, or a .safetensors file",
            "Give weights, or choose the strategy auto.",
        )  # fmt: skip
    if spec.strategy == "warm_start" and before is None:
        raise a_problem(
            "There is no model in production to start from", "warm_start", "auto, head or scratch",
            f"Choose the strategy auto, or publish a {spec.arch} with this input contract first.",
        )  # fmt: skip
    return None if spec.strategy == "scratch" else before


def _usable_production(spec: RunSpec, work: Work) -> SavedModel | None:
    """Last night's model, where training can go on from it: same network, same input, more than a head."""
    if work.production is None:
        return None
    model = read_model(work.production)
    same = model.network.arch == spec.arch and model.contract == spec.input
    whole = model.strategy.name != HEAD or spec.strategy == "warm_start"
    return model if same and whole else None


def _learn_from_head(spec: RunSpec, work: Work, out: Path, progress: Progress) -> Outcome:
    """The head first, always; then what it measured says whether more shall learn."""
    photos = work.train()
    examples = examples_of(spec, photos, torch.from_numpy(embed.read_features(spec, work)))
    targets, groups = examples.targets, [photo.volunteer for photo in photos]
    network = read_pretrained(spec, work.stage("start"))
    head = fit_head(examples, groups, taps=network.tap_sizes, label_count=len(spec.labels), progress=progress)
    network.set_head(head.weight, head.bias)
    left_out = head.left_out.softmax(1)
    suspicions = noise.find_suspicions(left_out, targets)
    probe = Probe(len(photos), int(torch.bincount(targets).min()), head.learned, head.inner_accuracy)
    name, reason = choose(probe)
    if spec.strategy in ASKED:
        name, reason = ASKED[spec.strategy], "It was asked for."
    if name == SCRATCH:
        whole = _train(spec, work, out, progress, None)
        strategy = Strategy(SCRATCH, f"{reason} {whole.strategy.why}")
        return replace(whole, strategy=strategy, suspicions=suspicions)
    why = f"{_say_head(spec, head, len(photos), network.feature_count)} {reason}"
    head_only = Outcome(network, Strategy(HEAD, why), {"head": head.curve}, (photos, left_out), suspicions)
    if name == HEAD:
        return head_only
    from training.ml.trial import try_blocks  # brings Lightning, which a head alone does not need

    trial = try_blocks(network, head, examples, groups, spec=spec, work=work, out=out, progress=progress, name=name)
    strategy, curves = Strategy(HEAD, f"{why} {trial.why}"), {"head": head.curve, **trial.curves}
    if trial.won is None:
        return replace(head_only, strategy=strategy, curves=curves)
    tried = [photos[place] for place in trial.won.tried.tolist()]
    return Outcome(
        trial.won.network, replace(strategy, name=name), curves, (tried, trial.won.probabilities), suspicions
    )


def _say_head(spec: RunSpec, head: FittedHead, photos: int, features: int) -> str:
    return (
        f"Pretrained weights of {spec.arch} were there, so a linear head on {features:,} of its features learned "
        f"{len(spec.labels)} labels from {photos:,} photos. C = {head.strength:g} was best on volunteers left out in "
        f"turn ({head.inner_accuracy:.1%} right)."
    )


def _write_suspicions(
    out: Path, suspicions: Sequence[noise.Suspicion], photos: list[ManifestPhoto], slugs: Sequence[str]
) -> None:
    """``suspicions.jsonl``: the surest first, one a line; empty where nothing was looked for or found."""
    with (out / "suspicions.jsonl").open("w", encoding="utf-8") as file:
        for one in suspicions:
            photo = photos[one.place]
            named = {"photo": photo.photo, "volunteer": photo.volunteer, "label": photo.label}
            file.write(json.dumps({**named, "likely": slugs[one.likely], "margin": one.margin}, sort_keys=True) + "\n")


def _train(spec: RunSpec, work: Work, out: Path, progress: Progress, before: SavedModel | None) -> Outcome:
    from training.ml.kept import keep_pixels
    from training.ml.train import TrainData, train_network  # brings Lightning, which a head alone does not need

    photos, learned = _watched_last(work.train())
    targets = targets_of(spec, photos)
    network = Network(spec.arch, spec.input, len(spec.labels))
    if before is not None:
        network.backbone.load_state_dict(before.network.backbone.state_dict())
        carry_head_over(before, network, spec.slugs)
    scratch = out / "scratch"
    pixels = keep_pixels(network, work.photos, photos, scratch=scratch, progress=progress)
    try:
        weights = torch.tensor([photo.weight for photo in photos[:learned]])
        data = TrainData(pixels[:learned], targets[:learned], pixels[learned:], targets[learned:], weights)
        inputs = {
            "spec": {**spec.to_json(), "threads": 0},
            "snapshot": work.snapshot_digest,
            "warm": before is not None,
        }
        if before is not None and work.production is not None:
            inputs["production"] = sha256_of(work.production / "model.safetensors")
        report = train_network(
            network, data=data, spec=spec, progress=progress, warm=before is not None,
            checkpoints=Checkpoints.beside(out, inputs, spec.fit_budget_s),
        )  # fmt: skip
        judged = _judge(network, pixels[learned:], spec.threads)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    strategy = Strategy(WARM if before else SCRATCH, report.why)
    return Outcome(network, strategy, report.curves, (photos[learned:], judged))


def _judge(network: Network, pixels: Tensor, threads: int) -> Tensor:
    """Probabilities (n, labels) of decoded photos (n, 3, size, size)."""
    weight, bias = network.head_rows()
    compute = open_engine(network, photos=len(pixels), threads=threads)
    parts = [compute(part) @ weight.T + bias for part in torch.split(pixels, BATCH) if len(part)]
    return torch.cat(parts).softmax(1) if parts else torch.zeros(0, len(bias))


def _watched_last(photos: list[ManifestPhoto]) -> tuple[list[ManifestPhoto], int]:
    """The photos with those to watch training on at the end, and how many come before.

    Whole volunteers are watched, and none where that would take too many photos or a label's last.
    """
    order = {label: number for number, label in enumerate(sorted({photo.label for photo in photos}))}
    folds = split_by_group(
        [photo.volunteer for photo in photos], torch.tensor([order[photo.label] for photo in photos]), count=WATCHED
    )
    watched = [fold == int(folds.max()) for fold in folds.tolist()]
    learned = [photo for photo, is_watched in zip(photos, watched, strict=True) if not is_watched]
    if sum(watched) > MOST_WATCHED * len(photos) or {photo.label for photo in learned} != set(order):
        return photos, len(photos)
    return learned + [photo for photo, is_watched in zip(photos, watched, strict=True) if is_watched], len(learned)


def carry_head_over(before: SavedModel, network: Network, slugs: tuple[str, ...]) -> None:
    """Copies the head's rows of labels the old model knows; a new label starts at the mean of the known ones."""
    weight, bias = before.network.head_rows()
    known = {slug: row for row, slug in enumerate(before.slugs)}
    rows = [known.get(slug) for slug in slugs]
    middle, level = weight.mean(0), bias.mean()
    network.set_head(
        torch.stack([middle if row is None else weight[row] for row in rows]),
        torch.stack([level if row is None else bias[row] for row in rows]),
    )
