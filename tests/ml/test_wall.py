"""training.ml runs where nothing but its own libraries is installed."""

import importlib
import pkgutil
import sys
from pathlib import Path

import pytest

import training.ml
from tests.ml import making, wall

FORBIDDEN = [*wall.LIBRARIES, *wall.ROOMS, "django.conf", "training.models", "training.domain.nights", "training.tasks"]
MODULES = sorted(f"training.ml.{found.name}" for found in pkgutil.iter_modules(training.ml.__path__))


@pytest.mark.parametrize("name", FORBIDDEN)
def test_wall_when_an_outside_module_is_imported_refuses_it(name: str) -> None:
    with pytest.raises(ImportError, match=r"is not there for training\.ml"):
        importlib.import_module(name)


@pytest.mark.parametrize("name", ["training", "training.ml", "training.ml.contract", "redistribution", "configparser"])
def test_wall_for_anything_else_stands_aside(name: str) -> None:
    assert not wall.is_outside(name)


def test_wall_stands_in_child_processes_too(walled: Path) -> None:
    (walled / "boto3.py").write_text("", "utf-8")  # so that only the wall can be what refuses it
    ran = making.run_python("import boto3", walled=walled)
    assert ran.status == 1
    assert "boto3 is not there for training.ml" in ran.stderr


@pytest.mark.parametrize("name", [name for name in MODULES if name != "training.ml.__main__"])
def test_every_module_behind_the_wall_imports(name: str) -> None:
    importlib.import_module(name)


def test_nothing_outside_has_been_imported_by_all_the_rest() -> None:
    assert not [name for name in sys.modules if wall.is_outside(name)]


def test_contract_when_imported_brings_the_standard_library_only() -> None:
    listed = "import sys, training.ml.contract; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    (line,) = making.run_python(listed, "-S").lines
    assert set(line.split()) - set(sys.stdlib_module_names) <= {"__main__", "__mp_main__", "training"}
