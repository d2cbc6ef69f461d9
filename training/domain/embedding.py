"""The embed stage of a night: only photos whose features are nowhere yet are looked at, here or by several workers."""

from typing import Any

from django.db import transaction

from foundation import jobs
from training.domain import features, materials, probes, stages
from training.domain.shifts import Shift
from training.enums import StageName
from training.ml import contract
from training.models import FeaturePack, Stage
from training.runner import children

PACK = contract.STAGE_FILES["embed"][0]


def find_backbone(shift: Shift) -> dict[str, Any] | None:
    """``{arch, source, sha256}`` of what the night looks with, or None: then it needs no features."""
    row = stages.find_stage(shift, StageName.START)
    backbone: dict[str, Any] | None = row.result["backbone"] if row else None
    return backbone


def features_key(shift: Shift) -> str | None:
    """What the night's features are stored under, or None."""
    backbone = find_backbone(shift)
    return contract.features_key(backbone["sha256"], shift.run.inputs["spec"]["input"]) if backbone else None


def find_missing(shift: Shift) -> list[contract.ManifestPhoto]:
    """The train photos whose features are not stored, each picture once."""
    key = features_key(shift)
    if key is None:
        return []
    known = features.known(shift.run.project, key)
    photos = {photo.sha256: photo for photo in train_photos(shift) if bytes.fromhex(photo.sha256) not in known}
    return list(photos.values())


def train_photos(shift: Shift) -> list[contract.ManifestPhoto]:
    """The photos of the night's manifest that it learns from."""
    manifest = materials.read_manifest(shift)
    return list(contract.photos_for("fit", manifest, is_head=False))


def _keys_read_by(shift: Shift, name: StageName) -> list[str]:
    row = stages.find_stage(shift, StageName.START)
    judged = row.result["judged"] if row and name == StageName.EVALUATE else []
    return [key for key in (features_key(shift), *judged) if key and name in {StageName.FIT, StageName.EVALUATE}]


def bring_features(shift: Shift, name: StageName) -> None:
    """The packs that the stage reads, as ``features/``: of train photos, and to evaluate of those that judge."""
    keys = probes.feature_keys(shift) if name == StageName.CHOOSE else _keys_read_by(shift, name)
    if keys:
        with shift.holding():
            features.bring(shift.run.project, keys, shift.work / "features")


def store_found(shift: Shift, name: StageName) -> None:
    """Stores what a stage saw of photos for the first time, and takes it out of the stage's own output."""
    for path in sorted((shift.work / name).glob("*.safetensors")):
        with shift.holding():
            pack = features.write(shift.run.project, contract.open_pack(path).head.key, path)
        with transaction.atomic():
            jobs.require(shift.lease)
            features.make_ready(pack)
        path.unlink()


def embed_here(shift: Shift, order: children.Order, missing: list[contract.ManifestPhoto]) -> children.Ended:
    """Looks at those photos with one child of this process, and stores what it found."""
    contract.write_manifest(shift.work / contract.PART, missing)
    materials.materialise(shift, {photo.sha256 for photo in missing})
    ended = children.run_child(order, hear=lambda line: stages.pass_on(shift, StageName.EMBED, line), beat=shift.beat)
    pack = store_pack(shift)
    if pack:
        with transaction.atomic():
            jobs.require(shift.lease)
            features.make_ready(pack)
    return ended


def store_pack(shift: Shift) -> FeaturePack | None:
    """Stores what the child left; nobody reads it before ``features.make_ready``. None where it found nothing new."""
    path, key = shift.work / "embed" / PACK, features_key(shift)
    if key is None or not path.is_file() or not contract.open_pack(path).head.photos:
        path.unlink(missing_ok=True)
        return None
    with shift.holding():
        pack = features.write(shift.run.project, key, path)
    path.unlink()
    return pack


def write_result(shift: Shift, missing: int) -> None:
    """``result.json`` of the whole stage, however many looked: the photos learned from, and how many were known."""
    backbone = find_backbone(shift)
    photos = len(train_photos(shift)) if backbone else 0
    row = stages.find_stage(shift, StageName.START)
    note = row.result["note"] if row else ""
    counts = {"photos": photos, "reused": max(0, photos - missing)}
    result = {"stage": "embed", "backbone": backbone, **counts, "note": note}
    contract.write_json(shift.work / "embed" / stages.RESULT, result)


def is_whole(shift: Shift, row: Stage) -> bool:
    """Whether a finished stage can still be gone on from: features may have been erased, or lost, since."""
    return row.name != StageName.EMBED or not find_missing(shift)
