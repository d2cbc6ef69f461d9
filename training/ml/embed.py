"""Stage embed: the backbone's pooled features of every train photo, so that fitting a head takes seconds.

Leaves ``features.safetensors`` (features float16 (photos, n), in the manifest's order of train photos; digests uint8
(photos, 32), the photos' sha256) and ``backbone.safetensors``, so that ``fit`` needs nothing from outside.
Where there is no pretrained backbone it leaves a note only.

``WORK/features/``, an earlier night's embed output, is used where backbone and input contract are the same: a night
then costs what is new.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from training.ml import engine
from training.ml.contract import ManifestPhoto, Progress, RunSpec
from training.ml.networks import Network
from training.ml.photos import read_batches
from training.ml.saved import read_model
from training.ml.weights import Pretrained, load_pretrained
from training.ml.workspace import Work, sha256_of

HEAD = "head on cached features"


def run(spec: RunSpec, work: Work, out: Path, progress: Progress) -> dict[str, Any]:
    """See the file's first lines. Raises ``ProblemsFoundError`` for photos or weights at fault."""
    work.check(spec)
    if spec.strategy in {"scratch", "warm_start"}:
        return {"backbone": None, "photos": 0, "reused": 0, "note": f"Strategy {spec.strategy} needs no features."}
    start = load_pretrained(spec, progress) or _backbone_of_production(spec, work, progress)
    if start is None:
        return {
            "backbone": None,
            "photos": 0,
            "reused": 0,
            "note": "There are no pretrained weights to make features with.",
        }
    save_file(start.backbone, out / "backbone.safetensors")
    backbone = {"arch": spec.arch, "source": start.source, "sha256": sha256_of(out / "backbone.safetensors")}
    key = json.dumps({"backbone": backbone["sha256"], "input": spec.input.to_json()}, sort_keys=True)
    photos = work.train()
    known = _earlier_features(work.folder / "features" / "features.safetensors", key)
    missing = [photo for photo in photos if photo.sha256 not in known]
    network = Network(spec.arch, spec.input, len(spec.labels))
    network.backbone.load_state_dict(start.backbone)
    known |= embed_photos(network, work.photos, missing, progress, threads=spec.threads)
    features = torch.stack([known[photo.sha256] for photo in photos])
    digests = torch.tensor([list(bytes.fromhex(photo.sha256)) for photo in photos], dtype=torch.uint8)
    save_file({"features": features, "digests": digests}, out / "features.safetensors", metadata={"key": key})
    return {"backbone": backbone, "photos": len(photos), "reused": len(photos) - len(missing), "note": ""}


def embed_photos(
    network: Network, folder: Path, photos: list[ManifestPhoto], progress: Progress, *, threads: int
) -> dict[str, Tensor]:
    """sha256 -> float16 features (n,). Decoding included, in bounded memory but for the answer itself."""
    if not photos:
        return {}
    compute = engine.open_engine(network, photos=len(photos), threads=threads)
    found: dict[str, Tensor] = {}
    for part, pixels in read_batches(folder, photos, network.contract):
        rows = compute(pixels).half()
        found |= {photo.sha256: row for photo, row in zip(part, rows.clone(), strict=True)}
        progress.report(len(found), len(photos), "photos through the backbone")
    return found


def read_features(folder: Path) -> Tensor:
    """Features float32 (train photos, n) as ``run`` left them."""
    with safe_open(folder / "features.safetensors", framework="pt") as file:
        features: Tensor = file.get_tensor("features")
    return features.float()


def _earlier_features(path: Path, key: str) -> dict[str, Tensor]:
    """What an earlier night computed with the same backbone and contract; nothing where that cannot be told."""
    if not path.is_file():
        return {}
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return {}
            features, digests = file.get_tensor("features"), file.get_tensor("digests")
    except (SafetensorError, OSError):
        return {}  # it is only a saving
    return {bytes(digest).hex(): row for digest, row in zip(digests.tolist(), features, strict=True)}


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
