"""The lines: each learns from four folds and answers the fifth. One line may tell several ways apart in one run."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from benchmarks.strategies.data import Digits, quiet
from benchmarks.strategies.lessons import Adam, Discriminative, Distilled, Followed, Plain, Smooth
from training.ml.head import Examples, FittedHead, fit_head, split_by_group
from training.ml.kept import Kept
from training.ml.lesson import BATCH, teach
from training.ml.networks import Network
from training.ml.pace import Pace
from training.ml.tail import Tail
from training.ml.tune import RATE, answer

EPOCHS = 6
ADAM_RATE = 1e-4
TEACHER_STRENGTHS = 3  # inner folds whose photos the teacher answers without having learned from them
Line = Callable[[Digits, int], dict[str, Tensor]]


def head(digits: Digits, fold: int, views: int = 1) -> dict[str, Tensor]:
    """The baseline: a linear head over the taps."""
    train, judged = digits.split(fold)
    features = digits.view(0)[1]
    learned = [digits.view(number)[1][train] for number in range(views)]
    fitted = _fit_head(digits, train, learned)
    logits = features[judged] @ fitted.weight.T + fitted.bias
    name = "head" if views == 1 else f"head-{views}-views"
    return {name: logits, f"{name}-tempered": logits / fitted.temperature}


def tuned(digits: Digits, fold: int) -> dict[str, Tensor]:
    """The plain recipe; the means of its weights, and the way back to the head, come from the same run."""
    lesson, network, start = _tune(digits, fold, Followed)
    cut = digits.network()[1]
    found = {"tuned": _answer(digits, fold, network, cut)}
    for name, state in (*lesson.means().items(), ("halfway", _between(start, network.state_dict()))):
        network.load_state_dict(state, strict=False)
        found[f"tuned-{name}"] = _answer(digits, fold, network, cut)
    return found


def variant(name: str, kind: type[Plain]) -> Line:
    """The plain recipe with another lesson."""

    def line(digits: Digits, fold: int) -> dict[str, Tensor]:
        _, network, _ = _tune(digits, fold, kind)
        return {name: _answer(digits, fold, network, digits.network()[1])}

    return line


def viewed(views: int) -> Line:
    """The plain recipe over several views of each photo, in as many steps."""

    def line(digits: Digits, fold: int) -> dict[str, Tensor]:
        _, network, _ = _tune(digits, fold, Plain, views=views)
        return {f"tuned-{views}-views": _answer(digits, fold, network, digits.network()[1])}

    return line


def warm(digits: Digits, fold: int) -> dict[str, Tensor]:
    """On from an earlier night's model, which learned from half of the volunteers, in as many steps as cold."""
    train, _ = digits.split(fold)
    half = train[torch.tensor([int(digits.volunteers[place][1:]) % 2 == 0 for place in train.tolist()])]
    network, cut = digits.network()
    _teach(digits, network, cut, half, Plain)
    _teach(digits, network, cut, train, Plain, is_solved=True)
    return {"tuned-warm": _answer(digits, fold, network, cut)}


def distilled(digits: Digits, fold: int) -> dict[str, Tensor]:
    """A teacher shown larger photos: a head on the same network at 224 px. Weights of a larger network are not here."""
    train, judged = digits.split(fold)
    features, targets = digits.large_features(), digits.targets
    groups = [digits.volunteers[place] for place in train.tolist()]
    inner = split_by_group(groups, targets[train], count=TEACHER_STRENGTHS)
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


def _tune(digits: Digits, fold: int, kind: type[Plain], views: int = 1) -> tuple[Plain, Network, dict[str, Tensor]]:
    network, cut = digits.network()
    train, _ = digits.split(fold)
    lesson, start = _teach(digits, network, cut, train, kind, views=views)
    return lesson, network, start


def _teach(
    digits: Digits, network: Network, cut: int, train: Tensor, kind: type[Plain], *, views: int = 1,
    is_solved: bool = False,
) -> tuple[Plain, dict[str, Tensor]]:  # fmt: skip
    """Teaches in place; returns the lesson and the weights it began with. ``is_solved``: the head stays as it is."""
    seen = [digits.view(number) for number in range(views)]
    if not is_solved:
        fitted = _fit_head(digits, train, [features[train] for _, features in seen])
        network.set_head(fitted.weight, fitted.bias)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    both = Kept(*(torch.cat([getattr(kept, part)[train] for kept, _ in seen]) for part in Kept.__slots__))
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
    views, network = len(features), digits.network()[0]
    targets = digits.targets[places].repeat(views)
    groups = [digits.volunteers[place] for place in places.tolist()] * views
    taps = [channels * grid * grid for channels, _, grid in network.shapes]
    weights = torch.full((len(targets),), 1 / views)
    return fit_head(
        Examples(torch.cat(features), targets, weights), groups, taps=taps, label_count=10, progress=quiet()
    )


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
}
