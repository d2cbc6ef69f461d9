"""The lines: each learns from four folds and answers the fifth. One line may tell several ways apart in one run."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor

from benchmarks.strategies.data import Digits, quiet
from benchmarks.strategies.lessons import Adam, Discriminative, Distilled, Followed, Plain, Smooth
from benchmarks.strategies.whole import scratch, scratch_warm
from training.ml.contract import write_json
from training.ml.head import Examples, FittedHead, fit_head, split_by_group, temperature
from training.ml.kept import Kept
from training.ml.lesson import BATCH, teach
from training.ml.networks import Network
from training.ml.pace import Pace
from training.ml.tail import Tail
from training.ml.tune import RATE, answer

EPOCHS = 3
ADAM_RATE = 1e-4
TENSORS = ("weight", "bias", "left_out")  # of a head
TEACHER_FOLDS = 3  # inner folds whose photos the teacher answers without having learned from them
LessonT = TypeVar("LessonT", bound=Plain)
Line = Callable[[Digits, int], dict[str, Tensor]]


def head(digits: Digits, fold: int, views: int = 1) -> dict[str, Tensor]:
    """The baseline: a linear head over the taps."""
    train, judged = digits.split(fold)
    features = digits.view(0)[1]
    learned = [digits.view(number)[1][train] for number in range(views)]
    fitted = _fit_head(digits, train, learned)
    logits = features[judged] @ fitted.weight.T + fitted.bias
    name = "head" if views == 1 else f"head-{views}-views"
    return {name: logits, f"{name}-tempered": logits / _temperature(digits, train, views, fitted)}


def tuned(digits: Digits, fold: int) -> dict[str, Tensor]:
    """The plain recipe; the means of its weights, and the way back to the head, come from the same run."""
    network, cut = digits.network()
    lesson, start = _teach(digits, network, cut, digits.split(fold)[0], Followed)
    found = {"tuned": _answer(digits, fold, network, cut)}
    for name, state in (*lesson.means().items(), ("halfway", _between(start, network.state_dict()))):
        network.load_state_dict(state, strict=False)
        found[f"tuned-{name}"] = _answer(digits, fold, network, cut)
    return found


def variant(name: str, kind: type[Plain]) -> Line:
    """The plain recipe with another lesson."""

    def line(digits: Digits, fold: int) -> dict[str, Tensor]:
        network, cut = digits.network()
        _teach(digits, network, cut, digits.split(fold)[0], kind)
        return {name: _answer(digits, fold, network, cut)}

    return line


def viewed(views: int) -> Line:
    """The plain recipe over several views of each photo, in as many steps."""

    def line(digits: Digits, fold: int) -> dict[str, Tensor]:
        network, cut = digits.network()
        _teach(digits, network, cut, digits.split(fold)[0], Plain, views=views)
        return {f"tuned-{views}-views": _answer(digits, fold, network, cut)}

    return line


def warm(digits: Digits, fold: int) -> dict[str, Tensor]:
    """On from an earlier night's model, which learned from half of the volunteers, in as many steps as cold."""
    train, _ = digits.split(fold)
    network, cut = digits.network()
    _teach(digits, network, cut, digits.earlier(train), Plain)
    _teach(digits, network, cut, train, Plain, is_solved=True)
    return {"tuned-warm": _answer(digits, fold, network, cut)}


def distilled(digits: Digits, fold: int) -> dict[str, Tensor]:
    """A teacher shown larger photos: a head on the same network at 224 px. Weights of a larger network are not here."""
    train, judged = digits.split(fold)
    features, targets = digits.large_features(), digits.targets
    groups = [digits.volunteers[place] for place in train.tolist()]
    inner = split_by_group(groups, targets[train], count=TEACHER_FOLDS)
    soft = torch.empty(len(train), len(digits.spec.labels))
    for number in range(int(inner.max()) + 1):  # of photos it has not learned from: of others it is far too sure
        known = train[inner != number]
        one = _fit_head(digits, known, [features[known]])
        soft[inner == number] = features[train[inner == number]] @ one.weight.T + one.bias
    Distilled.soft = soft
    network, cut = digits.network()
    _teach(digits, network, cut, train, Distilled)
    whole = _fit_head(digits, train, [features[train]])
    return {
        "tuned-distilled": _answer(digits, fold, network, cut),
        "teacher": features[judged] @ whole.weight.T + whole.bias,
    }


def _teach(
    digits: Digits, network: Network, cut: int, train: Tensor, kind: type[LessonT], *, views: int = 1,
    is_solved: bool = False,
) -> tuple[LessonT, dict[str, Tensor]]:  # fmt: skip
    """Teaches in place; returns the lesson and the weights it began with. ``is_solved``: the head stays as it is."""
    seen = [digits.view(number) for number in range(views)]
    if not is_solved:
        fitted = _fit_head(digits, train, [features[train] for _, features in seen])
        network.set_head(fitted.weight, fitted.bias)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    both = Kept(
        torch.cat([kept.activations[train] for kept, _ in seen]), torch.cat([kept.lower[train] for kept, _ in seen])
    )
    steps = EPOCHS * (len(train) // BATCH)
    tail = Tail(network, cut).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs forget it
    torch.manual_seed(digits.spec.seed)
    lesson = kind(
        tail, tail.blocks, both.draw(torch.arange(views * len(train))), digits.targets[train].repeat(views),
        spec=digits.spec, progress=quiet(), rate=ADAM_RATE if kind.is_adam else RATE, pace=Pace(1e9, steps, steps),
    )  # fmt: skip
    teach(lesson, digits.spec)
    network.eval()
    return lesson, start


def _fit_head(digits: Digits, places: Tensor, features: list[Tensor]) -> FittedHead:
    """The head of some views of the photos at ``places``; many lines begin with the same one, so it is kept."""
    views, network = len(features), digits.network()[0]
    shown = hashlib.sha256(torch.cat([part.sum(1) for part in features]).numpy().tobytes()).hexdigest()
    path = digits.work / f"solved-{shown[:16]}.json"
    if path.exists():
        kept = json.loads(path.read_text("utf-8"))
        return FittedHead(**{**kept, **{name: torch.tensor(kept[name]) for name in TENSORS}})
    groups = [digits.volunteers[place] for place in places.tolist()] * views
    taps = network.tap_sizes
    targets = digits.targets[places].repeat(views)
    examples = Examples(torch.cat(features), targets, torch.full((len(targets),), 1 / views))
    fitted = fit_head(examples, groups, taps=taps, label_count=len(digits.spec.labels), progress=quiet())
    plain = {name: getattr(fitted, name) for name in FittedHead.__dataclass_fields__}
    write_json(path, {**plain, **{name: plain[name].tolist() for name in TENSORS}})
    return fitted


def _temperature(digits: Digits, places: Tensor, views: int, fitted: FittedHead) -> float:
    return temperature(fitted.left_out, digits.targets[places].repeat(views))


def _answer(digits: Digits, fold: int, network: Network, cut: int) -> Tensor:
    judged = digits.split(fold)[1]
    return answer(network, cut, digits.view(0)[0].draw(judged), len(judged))


def _between(one: dict[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.lerp(value, other[name], 0.5) for name, value in one.items()}


def _several(views: int) -> Line:
    return lambda digits, fold: head(digits, fold, views)


LINES: Mapping[str, Line] = {
    "head": head,
    "tuned": tuned,
    "tuned-unsmoothed": variant("tuned-unsmoothed", Smooth),
    "tuned-adam": variant("tuned-adam", Adam),
    "tuned-discriminative": variant("tuned-discriminative", Discriminative),
    "tuned-warm": warm,
    "tuned-distilled": distilled,
    "head-2-views": _several(2),
    "head-4-views": _several(4),
    "tuned-2-views": viewed(2),
    "tuned-4-views": viewed(4),
    "scratch": scratch,
    "scratch-warm": scratch_warm,
}
