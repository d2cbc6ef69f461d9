"""Where the photos and weights are that are too big for the repository."""

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("DAYBREAK_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")


def find_digits() -> Path:
    """The folder of the sign-language digits; skips the test where it is not there."""
    return _find("sign-digits", "manifest.csv")


def find_weights() -> Path:
    """SqueezeNet 1.0's ImageNet weights; skips the test where they are not there."""
    return _find("pretrained", "squeezenet1_0-imagenet1k.safetensors") / "squeezenet1_0-imagenet1k.safetensors"


def _find(folder: str, file: str) -> Path:
    if not (ROOT / folder / file).is_file():
        pytest.skip(f"{ROOT / folder / file} is not there; set DAYBREAK_SHARED_DATA to the folder that holds {folder}/")
    return ROOT / folder
