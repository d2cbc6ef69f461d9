"""The backbones: one builder a name, the sizes and costs their papers give."""

import pytest
import torch
from torch import nn

from tests.ml import making
from training.ml import contract
from training.ml.architectures import ARCHITECTURES, build_backbone
from training.ml.cost import count_multiply_adds

# Millions of multiply-adds at 224 x 224 with the 1000-class end, and where the figure stands.
PAPERS = {
    "squeezenet1_0": 820,  # torchvision's page; the paper (1602.07360) counts weights only
    "squeezenet1_1": 350,  # "2.4x less computation" than 1.0
    "mobilenet_v2": 300,  # 1801.04381, table 4
    "mobilenet_v2_0_35": 59,  # this and the next two: the authors' list of their models
    "mobilenet_v2_0_5": 97,
    "mobilenet_v2_0_75": 209,
    "mobilenet_v2_1_4": 585,  # 1801.04381, table 4
    "mobilenet_v3_small": 56,  # 1905.02244, table 3
    "mobilenet_v3_large": 219,  # 1905.02244, table 3
    "mnasnet1_0": 315,  # 1807.11626, MnasNet-B1
}
WIDTHS = {
    "mobilenet_v2": ("mobilenet_v2_0_35", "mobilenet_v2_0_5", "mobilenet_v2_0_75", "mobilenet_v2_1_4"),
    "mnasnet1_0": ("mnasnet0_5", "mnasnet0_75", "mnasnet1_3"),
}


def test_every_name_of_the_contract_has_a_builder_and_no_other_has() -> None:
    assert tuple(ARCHITECTURES) == contract.ARCHES


@pytest.mark.parametrize("arch", contract.ARCHES)
def test_backbone_is_tapped_last_at_its_end(arch: str) -> None:
    with torch.device("meta"):
        assert ARCHITECTURES[arch].taps[-1] == len(build_backbone(arch)) - 1


def test_backbone_of_an_unknown_name_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="'vgg' is not one of squeezenet1_0, squeezenet1_1"):
        build_backbone("vgg")


def test_spec_of_an_unknown_architecture_says_what_is_allowed() -> None:
    with pytest.raises(contract.ProblemsFoundError, match=r"mobilenet_v2_0\.5.*mobilenet_v2_0_5"):
        contract.RunSpec.from_json(making.make_spec(arch="mobilenet_v2_0.5"))


@pytest.mark.parametrize("arch", PAPERS)
def test_multiply_adds_are_those_of_the_paper(arch: str) -> None:
    with torch.device("meta"):
        network = ARCHITECTURES[arch].build()
    assert count_multiply_adds(network, 224) / 1e6 == pytest.approx(PAPERS[arch], rel=0.015)


@pytest.mark.parametrize(("arch", "other"), [(arch, other) for arch, others in WIDTHS.items() for other in others])
def test_another_width_is_the_same_graph(arch: str, other: str) -> None:
    """So that writing one width of a family shows that all can be written."""
    assert layers_of(arch) == layers_of(other)


def layers_of(arch: str) -> list[tuple[str, type[nn.Module]]]:
    with torch.device("meta"):
        return [(name, type(module)) for name, module in build_backbone(arch).named_modules()]
