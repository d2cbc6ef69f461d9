"""What is written into every artifact, and how a package becomes the same bytes every time."""

import json
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.ml.contract import Artifact, InputContract, Label
from training.ml.saved import SavedModel
from training.ml.workspace import sha256_of

METADATA_NAME = "daybreak"  # the key (Core ML, ONNX) or the name (LiteRT) under which the JSON below stands
EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first date a zip can hold


def metadata(model: SavedModel) -> str:
    """Labels in output order, the input contract, and when not to answer, as JSON: an artifact explains itself."""
    labels = [{"slug": label.slug, "name": label.name} for label in model.labels]
    about = {"labels": labels, "input": model.contract.to_json(), "arch": model.network.arch}
    about |= {"rejection": dict(model.rejection)} if model.rejection else {}
    return json.dumps(about, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def read_metadata(text: str) -> tuple[tuple[Label, ...], InputContract]:
    """What ``metadata`` wrote."""
    about = json.loads(text)
    return tuple(Label(**label) for label in about["labels"]), InputContract.from_json(about["input"])


def describe(path: Path, *, runtime: str, precision: str, kind: str, tensor_input: Mapping[str, Any]) -> Artifact:
    """The artifact's entry before it is verified."""
    size, digest = path.stat().st_size, sha256_of(path)
    return Artifact(runtime, precision, kind, path.name, size, digest, dict(tensor_input))


def tensor_input(size: int, *, layout: str, name: str = "image") -> dict[str, Any]:
    """How the runtime wants its pixels."""
    shape: Sequence[int] = (1, size, size, 3) if layout == "NHWC" else (1, 3, size, size)
    return {
        "name": name,
        "layout": layout,
        "dtype": "float32",
        "shape": list(shape),
        "channels": "RGB",
        "range": [0, 255],
    }


def zip_folder(folder: Path, path: Path) -> None:
    """Packs a folder so that the same content is the same bytes: sorted, one date, stored as it is.

    Stored, because weights hardly shrink and a phone can then read the files in place.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as packed:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            entry = zipfile.ZipInfo(f"{folder.name}/{file.relative_to(folder).as_posix()}", EARLIEST)
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, file.read_bytes())


def name_items_by_path(package: Path) -> None:
    """Gives the items of an .mlpackage stable names: coremltools draws a new UUID for each at every save."""
    path = package / "Manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    new_names = {
        old: str(uuid.uuid5(uuid.NAMESPACE_URL, item["path"])) for old, item in manifest["itemInfoEntries"].items()
    }
    manifest["itemInfoEntries"] = {new_names[old]: item for old, item in manifest["itemInfoEntries"].items()}
    manifest["rootModelIdentifier"] = new_names[manifest["rootModelIdentifier"]]
    path.write_text(json.dumps(manifest, indent=4, sort_keys=True), "utf-8")
