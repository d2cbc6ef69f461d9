"""Features come out the same whichever engine computes them, and whatever else is in the batch."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from training.ml import contract
from training.ml.engine import WORTH_WRITING, open_engine
from training.ml.networks import Network

SIZE = 64
MANY, FEW = WORTH_WRITING, 1  # so many photos are worth ONNX Runtime, or are not


def make_network(arch: str) -> Network:
    torch.manual_seed(5)
    return Network(arch, contract.InputContract.of_size(SIZE), 3).eval()


def some_pixels(count: int) -> Tensor:
    return torch.randint(0, 256, (count, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)


@pytest.mark.parametrize("arch", contract.ARCHES)
@pytest.mark.parametrize("photos", [FEW, MANY])
def test_features_are_those_of_the_network(arch: str, photos: int) -> None:
    network, pixels = make_network(arch), some_pixels(3)
    with torch.inference_mode():
        expected = network.features(pixels.float())
    found = open_engine(network, photos=photos, threads=1)(pixels)
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_features_do_not_depend_on_the_other_photos_of_a_batch() -> None:
    compute: Callable[[Tensor], Tensor] = open_engine(make_network("squeezenet1_1"), photos=MANY, threads=1)
    pixels = some_pixels(11)  # more than are computed at once
    together = compute(pixels)
    assert torch.equal(together, torch.cat([compute(pixels[place : place + 1]) for place in range(11)]))
