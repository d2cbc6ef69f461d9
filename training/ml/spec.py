"""``spec.json``: what a run of the stages is asked to do, and how a photo becomes the model's input. Read with care."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from training.ml.problems import Checker

SPEC = 1
ARCHES = (
    "squeezenet1_0", "squeezenet1_1", "mobilenet_v2", "mobilenet_v2_0_35", "mobilenet_v2_0_5", "mobilenet_v2_0_75",
    "mobilenet_v2_1_4", "mobilenet_v3_small", "mobilenet_v3_large", "mnasnet0_5", "mnasnet0_75", "mnasnet1_0",
    "mnasnet1_3",
)  # fmt: skip
STRATEGIES = ("auto", "head", "head_then_last_blocks", "head_then_all", "scratch", "warm_start")
IMAGENET_MEAN = (123.675, 116.28, 103.53)  # of 0-255, since the network takes 0-255
IMAGENET_STD = (58.395, 57.12, 57.375)
SIZES = range(32, 513)
LEAST_LABELS = 2


@dataclass(frozen=True, slots=True)
class Label:
    """One answer; ``slug`` is stable, ``name`` is for people. The order of a list of labels is the output order."""

    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class ResizeRule:
    """Shrink (or enlarge) so that the short side has ``short_side`` pixels, then cut the middle square."""

    short_side: int
    mode: str = "short_side_then_center_crop"
    filter: str = "bilinear"
    antialias: bool = True


@dataclass(frozen=True, slots=True)
class InputContract:
    """How a photo becomes the model's input, and what its output means. Written once, never derived twice.

    The network takes RGB 0-255, ``size`` x ``size``; ``mean`` and ``std`` (of 0-255) are operations inside the graph.
    """

    size: int
    resize: ResizeRule
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    @classmethod
    def of_size(cls, size: int) -> "InputContract":
        """The default contract: the whole short side of the photo is seen."""
        return cls(size, ResizeRule(short_side=size))

    def to_json(self) -> dict[str, Any]:
        """The form written into ``fit/model.json``, every artifact and the release."""
        return {
            "size": self.size, "orientation": "upright", "colour": "sRGB", "resize": asdict(self.resize),
            "channels": "RGB", "range": [0, 255],
            "normalise": {"where": "in_graph", "mean": list(self.mean), "std": list(self.std)},
            "output": {"name": "probabilities", "activation": "softmax"},
        }  # fmt: skip

    @classmethod
    def from_json(cls, raw: object) -> "InputContract":
        """Reads ``{"size": 224}`` or the whole contract; raises ``ProblemsFoundError`` naming every fault."""
        checker, contract = _read_input(raw)
        checker.finish()
        return contract


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What one run of the stages is asked to do."""

    project: str
    labels: tuple[Label, ...]
    arch: str
    input: InputContract
    pretrained: str = "imagenet"  # "imagenet", "scratch", or the absolute path of a .safetensors file
    seed: int = 0
    strategy: str = "auto"
    fit_budget_s: int = 600
    threads: int = 2
    wrong_answer_cost: int = 5  # how many times worse than none of these a wrong answer is
    capture_profile: Mapping[str, Any] = field(default_factory=dict)  # what the app's camera may do to a photo
    candidates: tuple[str, ...] = ()  # networks to choose from; without any, ``arch`` is taken
    cost_target_m: int | None = None  # million multiply-adds a photo, above which a network pays for all it costs

    @property
    def slugs(self) -> tuple[str, ...]:
        """The labels' slugs in output order."""
        return tuple(label.slug for label in self.labels)

    def to_json(self) -> dict[str, Any]:
        """The form of ``spec.json``."""
        rest = {name: getattr(self, name) for name in ("project", "arch", "pretrained", "seed", "strategy")}
        numbers = {name: getattr(self, name) for name in ("fit_budget_s", "threads", "wrong_answer_cost")}
        labels = [asdict(label) for label in self.labels]
        profile = dict(self.capture_profile)
        return {
            "spec": SPEC,
            **rest,
            **numbers,
            "labels": labels,
            "input": self.input.to_json(),
            "capture_profile": profile,
            "candidates": list(self.candidates),
            "cost_target_m": self.cost_target_m,
        }

    @classmethod
    def from_json(cls, raw: object) -> "RunSpec":
        """Reads a spec; raises ``ProblemsFoundError`` naming every fault at once."""
        check = Checker(raw, name="the spec", fields=("spec", *cls.__slots__))
        check.integer("spec", low=SPEC, high=SPEC)
        inner, contract = _read_input(check.raw.get("input", {"size": 224}))
        check.take(inner)
        profile = check.raw.get("capture_profile", {})
        if not isinstance(profile, Mapping):
            check.refuse("capture_profile", profile, "a JSON object")
            profile = {}
        spec = cls(
            project=check.text("project"),
            labels=_read_labels(check),
            arch=check.text("arch", choices=ARCHES),
            input=contract,
            pretrained=_read_pretrained(check),
            seed=check.integer("seed", 0, high=2**32 - 1),
            strategy=check.text("strategy", "auto", choices=STRATEGIES),
            fit_budget_s=check.integer("fit_budget_s", 600, low=1, high=7 * 86_400),
            threads=check.integer("threads", 2, low=1, high=256),
            wrong_answer_cost=check.integer("wrong_answer_cost", 5, low=1, high=1000),
            capture_profile=profile,
            candidates=_read_candidates(check),
            cost_target_m=_read_target(check),
        )
        check.finish()
        return spec


def _read_input(raw: object) -> tuple[Checker, InputContract]:
    names = ("size", "orientation", "colour", "resize", "channels", "range", "normalise", "output")
    check = Checker(raw, name="input", fields=names)
    size = check.integer("size", low=SIZES.start, high=SIZES.stop - 1)
    whole = InputContract.of_size(size)
    fixed = whole.to_json()
    for name in ("orientation", "colour", "channels", "range", "output"):
        if check.raw.get(name, fixed[name]) != fixed[name]:
            check.refuse(name, check.raw[name], json.dumps(fixed[name]))
    resize = Checker(check.raw.get("resize", {}), name="input.resize", fields=ResizeRule.__slots__)
    rule = ResizeRule(
        short_side=resize.integer("short_side", size, low=size, high=4 * size),
        mode=resize.text("mode", "short_side_then_center_crop", choices=["short_side_then_center_crop"]),
        filter=resize.text("filter", "bilinear", choices=["bilinear"]),
        antialias=resize.flag("antialias", default=True),
    )
    check.take(resize)
    numbers = Checker(check.raw.get("normalise", {}), name="input.normalise", fields=("where", "mean", "std"))
    numbers.text("where", "in_graph", choices=["in_graph"])
    mean = _read_three(numbers, "mean", IMAGENET_MEAN, above=-1e-9)
    std = _read_three(numbers, "std", IMAGENET_STD, above=0.0)
    check.take(numbers)
    return check, InputContract(size, rule, mean, std)


def _read_three(check: Checker, name: str, default: Sequence[float], *, above: float) -> tuple[float, ...]:
    value = check.raw.get(name, default)
    numbers = tuple(value) if isinstance(value, list | tuple) else ()
    fine = all(
        isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) and n > above for n in numbers
    )
    if len(numbers) == len(default) and fine:
        return tuple(float(n) for n in numbers)
    check.refuse(name, value, f"three numbers for RGB of 0-255, such as {list(default)}")
    return tuple(default)


def _read_labels(check: Checker) -> tuple[Label, ...]:
    raw = check.raw.get("labels")
    entries = list(_label_entries(raw)) if isinstance(raw, list) else []
    if not isinstance(raw, list) or len(entries) != len(raw):
        check.refuse("labels", raw, 'a list of {"slug", "name"}, in output order')
    slugs = [label.slug for label in entries]
    for slug in sorted({slug for slug in slugs if slugs.count(slug) > 1}):
        check.refuse("labels", slug, "each slug once", "Remove the second one.")
    if isinstance(raw, list) and len(raw) < LEAST_LABELS:
        check.refuse("labels", slugs, "at least two labels", "Add a label: one answer alone needs no model.")
    return tuple(entries)


def _label_entries(raw: list[Any]) -> Iterator[Label]:
    for entry in raw:
        slug = entry.get("slug") if isinstance(entry, dict) else None
        name = entry.get("name", slug) if isinstance(entry, dict) else None
        if isinstance(slug, str) and slug and isinstance(name, str):
            yield Label(slug, name)


def _read_pretrained(check: Checker) -> str:
    value = check.text("pretrained", "imagenet")
    if value not in {"imagenet", "scratch"} and not Path(value).is_absolute():
        check.refuse("pretrained", value, "imagenet, scratch, or the absolute path of a .safetensors file")
    return value


def _read_candidates(check: Checker) -> tuple[str, ...]:
    value = check.raw.get("candidates", [])
    if isinstance(value, list) and all(arch in ARCHES for arch in value) and len(set(value)) == len(value):
        return tuple(value)
    check.refuse("candidates", value, f"a list of some of {', '.join(ARCHES)}, each once")
    return ()


def _read_target(check: Checker) -> int | None:
    if check.raw.get("cost_target_m") is None:
        return None
    return check.integer("cost_target_m", low=1, high=100_000)
