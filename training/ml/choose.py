"""Stage choose: which of the networks a project names is taught tonight. Later stages take it from here (``Work``).

Each candidate that has start weights is probed: a linear head on its features of some train photos, judged on
volunteers left out in turn. Accuracy and cost decide (``choice``). The photos are the same few of each label every
night, and their features stay in ``features-<arch>.safetensors``: another night computes only those of new photos.
``WORK/probed/`` is an earlier night's output.
"""

import dataclasses
import io
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from training.ml import choice, cost
from training.ml.choice import Candidate
from training.ml.contract import ManifestPhoto, ProblemsFoundError, Progress, RunSpec, read_json
from training.ml.embed import embed_photos
from training.ml.head import Examples, fit_head
from training.ml.networks import Network
from training.ml.weights import Pretrained, load_pretrained
from training.ml.workspace import Work

PROBED = 1500  # photos at most, of all labels together
EARLIER = "probed"


def run(spec: RunSpec, work: Work, out: Path, progress: Progress) -> dict[str, Any]:
    """See the file's first lines. Raises ``ProblemsFoundError`` for photos at fault."""
    work.check(spec)
    progress.report(0, 1, "looking at the networks named")
    left_out: list[dict[str, str]] = []
    result = {"target_m": spec.cost_target_m, "photos": 0, "reused": 0, "candidates": [], "left_out": left_out}
    if len(spec.candidates) < 2:  # noqa: PLR2004 -- one network is no choice
        return {"arch": spec.arch, "why": "The project names one network.", **result}
    photos = sample(work.train(), len(spec.labels))
    probe = _Probe(spec, work, out, photos, progress)
    found: list[Candidate] = []
    for arch in spec.candidates:
        start, why_not = _find_start(dataclasses.replace(spec, arch=arch))
        if start is None:
            left_out.append({"arch": arch, "why": why_not})
        else:
            found.append(probe.judge(arch, start))
    if not found:
        return {"arch": spec.arch, "why": "No network named has start weights, so the first is taken.", **result}
    best = choice.choose(found, target_m=spec.cost_target_m, in_use=_arch_in_use(work))
    scored = [{**one.to_json(), "score": round(choice.score(one, spec.cost_target_m), 5)} for one in found]
    result |= {"photos": len(photos), "reused": probe.reused, "candidates": scored}
    return {"arch": best.arch, "why": _say(best, found, spec), **result}


def sample(photos: Sequence[ManifestPhoto], label_count: int) -> list[ManifestPhoto]:
    """As many photos of each label, those whose digests come first: the same every night but for a few."""
    by_label: dict[str, list[ManifestPhoto]] = defaultdict(list)
    for photo in sorted(photos, key=lambda one: one.sha256):
        by_label[photo.label].append(photo)
    each = max(2, PROBED // label_count)
    return [photo for label in sorted(by_label) for photo in by_label[label][:each]]


@dataclasses.dataclass
class _Probe:
    """Judges one network after another on the same photos; counts the features it found made before."""

    spec: RunSpec
    work: Work
    out: Path
    photos: list[ManifestPhoto]
    progress: Progress
    reused: int = 0

    def judge(self, arch: str, start: Pretrained) -> Candidate:
        """Accuracy on volunteers left out in turn, and cost."""
        network = Network(arch, self.spec.input, len(self.spec.labels))
        network.backbone.load_state_dict(start.backbone)
        rows = self._features(network, start)
        order = {slug: index for index, slug in enumerate(self.spec.slugs)}
        targets = torch.tensor([order[photo.label] for photo in self.photos])
        examples = Examples(rows.float(), targets, torch.tensor([photo.weight for photo in self.photos]))
        taps = [channels * grid * grid for channels, _, grid in network.shapes]
        groups = [photo.volunteer for photo in self.photos]
        head = fit_head(examples, groups, taps=taps, label_count=len(self.spec.labels), progress=self.progress)
        price = cost.measure(network)
        return Candidate(arch, head.inner_accuracy, price.multiply_adds, price.bytes_int8, price.latency_ms)

    def _features(self, network: Network, start: Pretrained) -> Tensor:
        """float16 (photos, n), and kept for the next night."""
        name = f"features-{network.arch}.safetensors"
        key = json.dumps({"weights": start.sha256, "input": self.spec.input.to_json()}, sort_keys=True)
        known = _earlier(self.work.folder / EARLIER / name, key)
        missing = [photo for photo in self.photos if photo.sha256 not in known]
        self.reused += len(self.photos) - len(missing)
        known |= embed_photos(network, self.work.photos, missing, self.progress, threads=self.spec.threads)
        rows = torch.stack([known[photo.sha256] for photo in self.photos])
        digests = torch.tensor([list(bytes.fromhex(photo.sha256)) for photo in self.photos], dtype=torch.uint8)
        save_file({"features": rows, "digests": digests}, self.out / name, metadata={"key": key})
        return rows


def _earlier(path: Path, key: str) -> dict[str, Tensor]:
    """What an earlier night made with the same weights and contract; nothing where that cannot be told."""
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return {}
            features, digests = file.get_tensor("features"), file.get_tensor("digests")
    except (SafetensorError, OSError):
        return {}  # it is only a saving
    return {bytes(digest).hex(): row for digest, row in zip(digests.tolist(), features, strict=True)}


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
