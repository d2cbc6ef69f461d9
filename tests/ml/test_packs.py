"""Packs of features: what is written is read, joined and cut without losing or doubling a row."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from tests.ml import making
from training.ml import contract, networks
from training.ml.architectures import ARCHITECTURES
from training.ml.packs import ROWS

WIDTH = 3
KEY = "a" * 64
Rows = dict[bytes, bytes]
ROW = st.binary(min_size=2 * WIDTH, max_size=2 * WIDTH)
SOME = st.dictionaries(st.binary(min_size=32, max_size=32), ROW, min_size=1, max_size=6)


def write(path: Path, rows: Rows, key: str = KEY) -> contract.Pack:
    contract.write_pack(path, key, WIDTH, list(rows), rows.values())
    return contract.open_pack(path)


def read(path: Path) -> Rows:
    """The rows as safetensors itself finds them."""
    found = load_file(path)
    features = found["features"].view(torch.uint8).reshape(len(found["digests"]), 2 * WIDTH)
    pairs = zip(found["digests"], features, strict=True)
    return {bytes(digest.tolist()): bytes(row.tolist()) for digest, row in pairs}


@given(st.lists(SOME, min_size=1, max_size=3), st.data())
def test_joined_packs_hold_each_kept_photo_once_with_the_row_it_had_first(
    tmp_path_factory: pytest.TempPathFactory, parts: list[Rows], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("packs")
    packs = [write(folder / f"{number}.safetensors", rows) for number, rows in enumerate(parts)]
    whole = {digest: row for rows in reversed(parts) for digest, row in rows.items()}
    keep = data.draw(st.none() | st.sets(st.sampled_from(sorted(whole))))
    expected = {digest: row for digest, row in whole.items() if keep is None or digest in keep}
    assert contract.join_packs(folder / "joined", packs, keep) == len(expected)
    assert (read(folder / "joined") if expected else {}) == expected
    assert (folder / "joined").exists() == bool(expected)


def test_packs_of_other_keys_are_not_joined(tmp_path: Path) -> None:
    mine, other = ({bytes([number]) * 32: bytes(2 * WIDTH)} for number in (1, 2))
    packs = [write(tmp_path / "mine", mine), write(tmp_path / "other", other, key="b" * 64)]
    with pytest.raises(contract.PackBrokenError, match="several keys"):
        contract.join_packs(tmp_path / "joined", packs)


@pytest.mark.parametrize("damage", ["cut", "longer", "header"])
def test_damaged_pack_is_refused(tmp_path: Path, damage: str) -> None:
    write(tmp_path / "pack", {bytes(32): bytes(2 * WIDTH)})
    data = (tmp_path / "pack").read_bytes()
    changed = {"cut": data[:-1], "longer": data + b"x", "header": data.replace(b"F16", b"I16")}
    (tmp_path / "pack").write_bytes(changed[damage])
    with pytest.raises(contract.PackBrokenError):
        contract.open_pack(tmp_path / "pack")


def test_key_tells_backbone_contract_and_view() -> None:
    small, large = (contract.InputContract.of_size(size).to_json() for size in (64, 96))
    keys = {contract.features_key("1" * 64, small), contract.features_key("2" * 64, small)}
    keys |= {contract.features_key("1" * 64, large), contract.features_key("1" * 64, small, view="shaken")}
    assert len(keys) == 4
    assert contract.features_key("1" * 64, small) in keys


def test_rows_mean_what_they_meant_when_their_number_was_given() -> None:
    """Whoever changes a line here raises ``ROWS``, or rows of old nights are taken for new ones."""
    assert (ROWS, networks.GRID) == (1, 2)
    assert {arch: ARCHITECTURES[arch].taps for arch in ("squeezenet1_0", "mobilenet_v2")} == {
        "squeezenet1_0": (5, 8, 10, 12), "mobilenet_v2": (6, 13, 17, 18),
    }  # fmt: skip


def test_embedding_does_not_load_pytorch_which_takes_seconds() -> None:
    ran = making.run_python("import sys, training.ml.embed; print('torch' in sys.modules)")
    assert ran.lines == ["False"], ran.stderr
