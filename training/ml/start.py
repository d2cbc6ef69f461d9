"""Stage start: the weights a night begins with, checked; a note only where there are none.

Leaves ``backbone.safetensors``, and ``features.onnx``, the same network as ``embed`` runs it. They stay the same for
many nights, so that a supervisor need not run this stage again before settings change.
"""

from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from training.ml import looks
from training.ml.contract import Progress, RunSpec
from training.ml.engine import BACKBONE, write_features
from training.ml.networks import Network
from training.ml.saved import read_model
from training.ml.session import ONNX
from training.ml.strategy import HEAD
from training.ml.weights import Pretrained, load_pretrained
from training.ml.workspace import Work, sha256_of


def run(spec: RunSpec, work: Work, out: Path, progress: Progress) -> dict[str, Any]:
    """``backbone`` is None or {arch, source, sha256}; ``is_stopgap``: the weights asked for were not to be had tonight.

    ``judged`` are the keys of the packs that evaluate reads and leaves.

    Raises ``ProblemsFoundError`` for photos or weights at fault.
    """
    work.check(spec)
    if spec.strategy in {"scratch", "warm_start"}:
        return _none(f"Strategy {spec.strategy} needs no features.")
    asked = load_pretrained(spec, progress)
    progress.report(1, 1, "start weights")
    start = asked or _backbone_of_production(spec, work, progress)
    is_stopgap = asked is None and spec.pretrained != "scratch"
    if start is None:
        return _none("There are no pretrained weights to make features with.", is_stopgap=is_stopgap)
    save_file(start.backbone, out / BACKBONE)
    network = Network(spec.arch, spec.input, len(spec.labels))
    network.backbone.load_state_dict(start.backbone)
    (out / ONNX).write_bytes(write_features(network))
    backbone = {"arch": spec.arch, "source": start.source, "sha256": sha256_of(out / BACKBONE)}
    judged = looks.keys(spec, backbone["sha256"])
    return {"backbone": backbone, "judged": judged, "note": "", "is_stopgap": is_stopgap}


def _none(note: str, *, is_stopgap: bool = False) -> dict[str, Any]:
    return {"backbone": None, "judged": [], "note": note, "is_stopgap": is_stopgap}


def _backbone_of_production(spec: RunSpec, work: Work, progress: Progress) -> Pretrained | None:
    """The backbone last night's model stands on, where it was never trained: the download may fail tonight only."""
    if work.production is None or spec.pretrained == "scratch":
        return None
    model = read_model(work.production)
    if model.network.arch != spec.arch or model.strategy.name != HEAD:
        return None
    progress.notice("Using the backbone of the model in production, which is pretrained.")
    state = {name: tensor.contiguous() for name, tensor in model.network.backbone.state_dict().items()}
    return Pretrained(state, "production", sha256_of(work.production / "model.safetensors"))
