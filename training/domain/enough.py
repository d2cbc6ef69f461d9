"""Which labels have photos enough to be taught and judged tonight, and what is said of the others."""

from collections.abc import Sequence

from collector.models import Label
from training.domain.shifts import NightFailedError
from training.domain.splits import Split
from training.enums import Side

MIN_TRAIN_PER_LABEL = 10  # below it a label is guesswork: the night says so and teaches the others
LEAST_TRAIN = 2  # for labels phones know, and where so few labels have enough that there would be no night at all
MIN_LABELS = 2


def choose_labels(labels: list[Label], split: Split, known: Sequence[str]) -> tuple[list[Label], list[str]]:
    """The labels with enough photos on both sides, and a sentence for each of the others."""
    counts = {
        label.slug: (split.counts[label.slug, Side.TRAIN], split.counts[label.slug, Side.GOLDEN]) for label in labels
    }
    has_plenty = sum(train >= MIN_TRAIN_PER_LABEL and golden > 0 for train, golden in counts.values()) >= MIN_LABELS
    taught, notices = [], []
    for label in labels:
        train, golden = counts[label.slug]
        least = MIN_TRAIN_PER_LABEL if has_plenty and label.slug not in known else LEAST_TRAIN
        if train >= least and golden:
            taught.append(label)
            continue
        said = (
            f"The label {label.slug} has {train} photos to learn from and {golden} golden ones to be judged on; "
            f"needed are {least} and 1"
        )
        if label.slug in known:
            raise NightFailedError(
                f"{said}. Phones know this label, so it cannot be left out. Accept more photos of it, or retire it."
            )
        notices.append(f"{said}, so it is not taught tonight.")
    if len(taught) < MIN_LABELS:
        raise NightFailedError(_too_little(labels, split, notices))
    live = {label.slug for label in labels}
    notices += [
        f"Phones know the label {slug}, which is not live any more: tonight's model does not answer it."
        for slug in known
        if slug not in live
    ]
    few = [f"{label.slug} {counts[label.slug][0]}" for label in taught if counts[label.slug][0] < MIN_TRAIN_PER_LABEL]
    return taught, notices + _say_few(few)


def _count(label: Label, split: Split) -> tuple[int, int]:
    """Photos to learn from, and golden ones."""
    return split.counts[label.slug, Side.TRAIN], split.counts[label.slug, Side.GOLDEN]


def _say_few(labels: list[str]) -> list[str]:
    if not labels:
        return []
    said = (
        f"Few photos to learn from: {', '.join(labels)}. With fewer than {MIN_TRAIN_PER_LABEL} of a label the model "
        "knows these photos rather than the label; 30 by several people make a prototype."
    )
    return [said]


def _too_little(labels: list[Label], split: Split, notices: list[str]) -> str:
    """Why there is no night: too few photos, or too few labels. Always with the figures and the way out."""
    counts = {label.slug: sum(split.counts[label.slug, side] for side in Side) for label in labels}
    found = ", ".join(f"{label.slug} {counts[label.slug]}" for label in labels) or "no live label"
    if not any(counts.values()):
        why = f"There are no accepted photos of live labels ({found})."
    elif len(labels) < MIN_LABELS:
        why = f"There is a single live label ({found}): a model of one answer has nothing to tell apart."
    else:
        why = f"Too few labels have enough photos (accepted: {found}). {' '.join(notices)}"
    return (
        f"{why} Needed are at least {MIN_LABELS} live labels with {LEAST_TRAIN} photos to learn from and one "
        "by another volunteer to be judged on. Accept more photos in review, then start the night again."
    )
