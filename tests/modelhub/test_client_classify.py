"""The phone names photos with the downloaded file, as the signed document says."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from modelhub.client.classifying import least_probability
from modelhub.client.cli import main
from modelhub.client.faults import Refused
from modelhub.client.pictures import prepare
from tests.modelhub import tiny
from tests.modelhub.making import CONTRACT, NCHW, NHWC

ROOT = Path(__file__).resolve().parents[2]
Classify = Callable[..., tuple[int, dict[str, Any]]]


def install(home: Path, data: bytes, **changes: Any) -> None:
    """A home as fetch leaves it."""
    pointer = {
        "version": "2026-11-21.1", "sha256": hashlib.sha256(data).hexdigest(), "file": "models/x/model.tflite",
        "runtime": "litert", "precision": "fp32", "tensor_input": NHWC, "input": CONTRACT, "labels": tiny.LABELS,
    } | changes  # fmt: skip
    (home / "models/x").mkdir(parents=True)
    (home / pointer["file"]).write_bytes(data)
    (home / "current.json").write_text(json.dumps(pointer))


def paint(folder: Path, colour: str, size: tuple[int, int] = (64, 48)) -> str:
    path = folder / f"{colour}.png"
    Image.new("RGB", size, colour).save(path)
    return str(path)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "phone"


@pytest.fixture
def classify(home: Path, capsys: pytest.CaptureFixture[str]) -> Classify:
    def run(*photos: str) -> tuple[int, dict[str, Any]]:
        status = main(["classify", *photos, "--home", str(home), "--json"])
        return status, json.loads(capsys.readouterr().out)

    return run


@pytest.mark.parametrize(
    ("data", "changes"),
    [
        (tiny.make_tflite(), {}),
        (tiny.make_onnx(), {"runtime": "onnx", "file": "models/x/model.onnx", "tensor_input": NCHW}),
    ],
    ids=["litert", "onnx"],
)
def test_classify_names_several_photos(
    classify: Classify, home: Path, tmp_path: Path, data: bytes, changes: dict[str, Any]
) -> None:
    install(home, data, **changes)
    status, said = classify(*(paint(tmp_path, colour) for colour in ("red", "lime", "blue")))
    assert status == 0
    assert [photo["label"] for photo in said["photos"]] == ["red", "green", "blue"]
    assert [photo["name"] for photo in said["photos"]] == ["Red", "Green", "Blue"]
    assert all(photo["probability"] > 0.99 for photo in said["photos"])
    assert said["photos"][0]["scores"].keys() == {"red", "green", "blue"}
    assert said["release"]["version"] == "2026-11-21.1"


def test_classify_prints_label_and_probability(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(home, tiny.make_tflite())
    photo = paint(tmp_path, "red")
    assert main(["classify", photo, "--home", str(home)]) == 0
    assert capsys.readouterr().out == f"{photo}  Red  100.0%\n"


REJECTION = {
    "score": "top_probability", "cost": 5,
    "thresholds": [{"cost": 1, "threshold": 0.5}, {"cost": 5, "threshold": 0.8}, {"cost": 20, "threshold": 0.9}],
}  # fmt: skip


@pytest.mark.parametrize(("cost", "least"), [(1, 0.5), (2, 0.8), (5, 0.8), (20, 0.9), (21, 0.9)])
def test_threshold_is_that_of_the_next_larger_cost(cost: float, least: float) -> None:
    assert least_probability({**REJECTION, "cost": cost}) == least


def test_a_release_without_thresholds_always_answers() -> None:
    assert least_probability(None) == 0


def test_classify_says_none_of_these_where_the_model_is_not_sure_enough(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(home, tiny.make_tflite(), rejection=REJECTION)
    red, grey = paint(tmp_path, "red"), paint(tmp_path, "gray")
    assert main(["classify", red, grey, "--home", str(home)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("  Red  100.0%")
    assert second == f"{grey}  none of these"


def test_classify_as_json_keeps_the_likeliest_label_and_says_that_it_is_none(
    classify: Classify, home: Path, tmp_path: Path
) -> None:
    install(home, tiny.make_tflite(), rejection=REJECTION)
    _, said = classify(paint(tmp_path, "red"), paint(tmp_path, "gray"))
    assert [photo["none_of_these"] for photo in said["photos"]] == [False, True]
    assert said["photos"][1]["probability"] < 0.8


def test_classify_goes_on_after_a_photo_it_cannot_read(classify: Classify, home: Path, tmp_path: Path) -> None:
    install(home, tiny.make_tflite())
    text = tmp_path / "notes.jpg"
    text.write_text("not a photo")
    cut = tmp_path / "cut.jpg"
    Image.new("RGB", (400, 400), "red").save(cut)
    cut.write_bytes(cut.read_bytes()[:500])
    status, said = classify(str(text), str(tmp_path / "missing.jpg"), str(cut), paint(tmp_path, "blue"))
    assert status == 2
    assert "cannot be read as a photo" in said["photos"][0]["why"]
    assert "There is no photo" in said["photos"][1]["why"]
    assert "cannot be read as a photo" in said["photos"][2]["why"]
    assert said["photos"][3]["label"] == "blue"


def test_classify_before_fetch_says_so(classify: Classify) -> None:
    status, said = classify("x.jpg")
    assert status == 2
    assert "fetch one first" in said["why"]


@pytest.mark.parametrize(
    ("data", "changes", "said"),
    [
        (tiny.make_tflite(), {"sha256": "0" * 64}, "damaged or gone"),
        (b"not a model", {}, "LiteRT cannot load"),
        (b"not a model", {"runtime": "onnx"}, "ONNX Runtime cannot load"),
        (tiny.make_tflite(), {"labels": tiny.LABELS[:2]}, "3 scores; the signed document names 2 labels"),
        (tiny.make_tflite(), {"tensor_input": NHWC | {"dtype": "uint8"}}, "The file takes"),
        (tiny.make_onnx(), {"runtime": "onnx"}, "The file takes"),
        (tiny.make_tflite(), {"tensor_input": NHWC | {"layout": "CHWN"}}, "tensor_input.layout is 'CHWN'"),
        (tiny.make_tflite(), {"input": CONTRACT | {"channels": "BGR"}}, "channels is 'BGR'"),
        (tiny.make_tflite(), {"input": CONTRACT | {"normalise": {"where": "app"}}}, "normalise.where is 'app'"),
        (tiny.make_tflite(), {"input": CONTRACT | {"size": 64}}, "size is 64 after a short side of 32"),
    ],
)
def test_classify_with_a_file_that_does_not_fit_its_document_is_refused(
    classify: Classify, home: Path, data: bytes, changes: dict[str, Any], said: str
) -> None:
    install(home, data, **changes)
    status, answer = classify(paint(home, "red"))
    assert status == 3
    assert said in answer["why"]


def test_classify_a_core_ml_file_says_where_it_runs(classify: Classify, home: Path) -> None:
    install(home, b"zip", runtime="coreml")
    status, said = classify("x.jpg")
    assert status == 2
    assert "allowed are litert and onnx" in said["why"]


def test_photo_is_turned_upright_before_it_is_cut(tmp_path: Path) -> None:
    image = Image.new("RGB", (32, 32), "red")
    image.paste("blue", (0, 0, 32, 16))  # the upper half
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held a quarter turn: show it turned clockwise
    image.save(tmp_path / "turned.png", exif=exif)
    pixels = prepare(tmp_path / "turned.png", CONTRACT, NHWC)[0]
    assert pixels[:, 20:].mean(axis=(0, 1)).tolist() == [0, 0, 255]
    assert pixels[:, :12].mean(axis=(0, 1)).tolist() == [255, 0, 0]


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RED, GREEN, BLUE = b"rXYZ", b"gXYZ", b"bXYZ"


@pytest.mark.parametrize(
    ("profile", "seen"),
    [
        (None, (230, 120, 10)),
        (SRGB, (230, 120, 10)),
        (SRGB.replace(RED, b"swap").replace(GREEN, RED).replace(b"swap", GREEN), (120, 230, 10)),
        (b"no profile", (230, 120, 10)),
    ],
    ids=["none", "sRGB", "red and green swapped", "broken"],
)
def test_photo_of_another_colour_space_becomes_srgb(
    tmp_path: Path, profile: bytes | None, seen: tuple[int, int, int]
) -> None:
    Image.new("RGB", (40, 40), (230, 120, 10)).save(tmp_path / "photo.png", icc_profile=profile)
    pixels = prepare(tmp_path / "photo.png", CONTRACT, NHWC)
    assert np.abs(pixels[0, 0, 0] - seen).max() <= 2


def test_photo_layout_and_type_follow_the_file(tmp_path: Path) -> None:
    paint(tmp_path, "red", (100, 40))
    nhwc, nchw = (prepare(tmp_path / "red.png", CONTRACT, tensor) for tensor in (NHWC, NCHW))
    assert (nhwc.shape, nchw.shape) == ((1, 32, 32, 3), (1, 3, 32, 32))
    assert (str(nhwc.dtype), nhwc.max()) == ("float32", 255)
    assert (nhwc.transpose(0, 3, 1, 2) == nchw).all()
    with pytest.raises(Refused):
        prepare(tmp_path / "red.png", CONTRACT | {"resize": {}}, NHWC)


BARE = """
import sys
SERVER = "django celery redis boto3 ninja torch foundation collector training config".split()
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in SERVER:
            raise ImportError(f"{name} is not on a phone")
sys.meta_path.insert(0, Wall())
import modelhub.client.cli, modelhub.client.updates, modelhub.client.classifying
assert not [name for name in sys.modules if name.startswith("modelhub.") and not name.startswith("modelhub.client")]
sys.exit(modelhub.client.cli.main(sys.argv[1:]))
"""


def test_client_runs_where_no_server_code_is(home: Path, tmp_path: Path) -> None:
    install(home, tiny.make_tflite())
    command = [sys.executable, "-c", BARE, "classify", paint(tmp_path, "red"), "--home", str(home), "--json"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["photos"][0]["label"] == "red"


SAME = """
import sys
from pathlib import Path
import numpy as np
from modelhub.client.pictures import prepare
from training.ml import photos
from training.ml.contract import InputContract, ResizeRule
tensor = {"layout": "NHWC", "dtype": "uint8"}
for path in map(Path, sys.argv[1:]):
    for rule in (ResizeRule(32), ResizeRule(40), ResizeRule(37, antialias=False)):
        contract = InputContract(32, rule)
        trained = photos.prepare(photos.decode(path.read_bytes()), contract)
        assert np.array_equal(prepare(path, contract.to_json(), tensor)[0], trained), (path, rule)
"""


@pytest.mark.slow
def test_client_sees_the_very_pixels_that_training_sees(tmp_path: Path) -> None:
    noise = np.random.default_rng(1)
    paths = []
    for width, height in ((64, 48), (33, 97), (31, 30), (101, 40), (20, 64)):
        path = tmp_path / f"{width}.png"
        Image.fromarray(noise.integers(0, 256, (height, width, 3), np.uint8)).save(path)
        paths.append(str(path))
    answer = subprocess.run([sys.executable, "-c", SAME, *paths], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
