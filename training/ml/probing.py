"""Several networks compared: each that has start weights is probed, then accuracy and cost decide (``choice``).

A probe is a linear head on the network's features of some train photos, judged on volunteers left out in turn. The
photos are the same few of each label every night, so that features of earlier nights spare the work.
"""

import dataclasses
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.ml import choice, cost
from training.ml.architectures import ARCHITECTURES
from training.ml.choice import Candidate
from training.ml.contract import ManifestPhoto, ProblemsFoundError, Progress, RunSpec, read_json
from training.ml.embed import Halves, embed_photos
from training.ml.engine import open_engine
from training.ml.head import examples_of, fit_head
from training.ml.manifest import sample_labels
from training.ml.networks import Network
from training.ml.packs import features_key
from training.ml.stored import complete
from training.ml.weights import Pretrained, load_pretrained
from training.ml.workspace import Work


def compare(spec: RunSpec, work: Work, out: Path, progress: Progress) -> dict[str, Any]:
    """What stage choose found: ``arch``, ``why``, every candidate's figures, and who was left out.

    Raises ``ProblemsFoundError`` for photos at fault.
    """
    left_out: list[dict[str, str]] = []
    result: dict[str, Any] = {"target_m": spec.cost_target_m, "photos": 0, "reused": 0, "candidates": []}
    result["left_out"] = left_out
    photos = sample_labels(work.train())
    probe = _Probe(spec, work, out, photos, progress)
    found: list[Candidate] = []
    for arch in spec.candidates:
        start, why_not = _find_start(dataclasses.replace(spec, arch=arch))
        if start is None:
            left_out.append({"arch": arch, "why": why_not})
        else:
            found.append(probe.judge(arch, start))
    has_all = not any(spec.pretrained == "imagenet" and ARCHITECTURES[one["arch"]].imagenet for one in left_out)
    result["is_stopgap"] = not has_all  # a download failed: another night may choose otherwise
    in_use = _arch_in_use(work)
    if not found:
        arch = in_use if in_use in spec.candidates else spec.arch
        return {"arch": arch, "why": f"No network named has start weights, so {arch} is taken.", **result}
    best = choice.choose(found, target_m=spec.cost_target_m, in_use=in_use)
    scored = [{**one.to_json(), "score": round(choice.score(one, spec.cost_target_m), 5)} for one in found]
    result |= {"photos": len(photos), "reused": probe.reused, "candidates": scored, "keys": probe.keys}
    return {"arch": best.arch, "why": _say(best, found, spec), **result}


@dataclasses.dataclass
class _Probe:
    """Judges one network after another on the same photos; counts the features it found made before."""

    spec: RunSpec
    work: Work
    out: Path
    photos: list[ManifestPhoto]
    progress: Progress
    reused: int = 0
    keys: dict[str, str] = dataclasses.field(default_factory=dict)  # of the features, by network

    def judge(self, arch: str, start: Pretrained) -> Candidate:
        """Accuracy on volunteers left out in turn, and cost."""
        network = Network(arch, self.spec.input, len(self.spec.labels))
        network.backbone.load_state_dict(start.backbone)
        examples = examples_of(self.spec, self.photos, self._features(network, start))
        groups, count = [photo.volunteer for photo in self.photos], len(self.spec.labels)
        head = fit_head(examples, groups, taps=network.tap_sizes, label_count=count, progress=self.progress)
        price = cost.measure(network)
        return Candidate(arch, head.inner_accuracy, price.multiply_adds, price.bytes_int8, price.latency_ms)

    def _features(self, network: Network, start: Pretrained) -> Tensor:
        """float32 (photos, n); what had to be computed is kept."""
        key = features_key(f"to probe {start.sha256}", self.spec.input.to_json())
        rows, computed = complete(
            [self.work.folder / "features", self.out], self.photos,
            key=key, width=network.feature_count, path=self.out / f"features-{network.arch}.safetensors",
            compute=lambda missing: self._look(network, missing),
        )  # fmt: skip
        self.reused += len(self.photos) - computed
        self.keys[network.arch] = key
        return torch.from_numpy(rows)

    def _look(self, network: Network, photos: Sequence[ManifestPhoto]) -> Iterator[Halves]:
        """Float16 (some, n) of those photos, in their order."""
        threads = self.spec.threads
        engine = open_engine(network, photos=len(photos), threads=threads)
        return embed_photos(
            lambda pixels: engine(torch.from_numpy(pixels)).numpy(),
            self.work.photos, photos, self.spec.input, self.progress, threads=threads,
        )  # fmt: skip


def _find_start(spec: RunSpec) -> tuple[Pretrained | None, str]:
    """Start weights of one network, or why there are none; a network without them is no fault here."""
    quiet = Progress("choose", out=io.StringIO())  # its notices speak of training from scratch
    try:
        start = load_pretrained(spec, quiet)
    except ProblemsFoundError as error:
        return None, str(error)
    return start, "" if start else "it has no start weights"


def _arch_in_use(work: Work) -> str:
    return "" if work.production is None else str(read_json(work.production / "model.json").get("arch", ""))


def _say(best: Candidate, found: Sequence[Candidate], spec: RunSpec) -> str:
    named = f"{best.arch} names {best.accuracy:.1%} of photos by volunteers left out in turn rightly, for "
    named += f"{best.multiply_adds / 1e6:,.0f} million multiply-adds"
    first = choice.choose(found, target_m=spec.cost_target_m)
    if first != best:
        return f"{named}; it is in use, and {first.arch} is not better by enough to change."
    return f"{named}: the best of {len(found)} networks by accuracy and cost."
