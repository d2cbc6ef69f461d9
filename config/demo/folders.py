"""The same demo on your own photos: one folder a label.

Nobody knows who took them, so each label's photos, in the order of their names, are dealt to the guests in runs: photos
taken one after the other mostly stay with one guest, and so on one side of the split. Every fifth run is kept for the
client.
"""

from pathlib import Path

from config.demo.pictures import LATE, Filed, Plan, Shot, make_mistakes

ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"}
FEWEST = 25  # photos a label: ten must train, five judge, five are the client's, and some are rejected
RUNS_PER_GUEST = 1
CLIENT_EVERY = 5


class PhotosError(Exception):
    """The folder cannot be used; the message says what was found, what is allowed and what to do."""


def plan_folder(folder: Path, seed: int, volunteers: int) -> Plan:
    """A plan for the photos in ``folder``. Raises ``PhotosError`` for a missing or empty folder or a single label."""
    from collector.domain.projects import label_slug  # Django is set up by now

    found = read_folder(folder)
    labels = tuple((label_slug(name), name) for name in found)
    if len({slug for slug, _ in labels}) < len(labels):
        raise _refusal(
            "Two folders have names that make the same label",
            ", ".join(found),
            "names that differ in letters or digits",
        )
    collecting = labels[-1][0] if len(labels) > 2 else None
    taught: list[Shot] = []
    new: list[Shot] = []
    client: list[Shot] = []
    for (slug, _), paths in zip(labels, found.values(), strict=True):
        for guest, path in _deal(paths, volunteers):
            shot = Shot(max(guest, 0), Filed(path), slug, slug)
            (client if guest < 0 else new if slug == collecting else taught).append(shot)
    if collecting is None:  # two labels: the second night brings more photos of the same
        taught, new = taught[::2], taught[1::2]
    late = min(LATE, len(taught) // 20)
    return Plan(
        title=folder.resolve().name,
        labels=labels,
        collecting=collecting,
        first=make_mistakes(taught[late:], seed),
        second=tuple(new),
        late=tuple(taught[:late]),
        client=tuple(client),
    )


def read_folder(folder: Path) -> dict[str, list[Path]]:
    """The photos by label, both in the order of their names. Raises ``PhotosError``."""
    if not folder.is_dir():
        raise _refusal(
            "There is no such folder", folder, "a folder with one folder a label, photos inside", "Correct --photos."
        )
    labels = {
        inner.name: sorted(path for path in inner.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
        for inner in sorted(folder.iterdir())
        if inner.is_dir() and not inner.name.startswith(".")
    }
    labels = {name: paths for name, paths in labels.items() if paths}
    if not labels:
        raise _refusal(
            f"{folder} holds no folder with photos",
            "0 photos",
            f"one folder a label, {', '.join(sorted(ENDINGS))} inside",
        )
    if len(labels) < 2:
        raise _refusal(
            f"{folder} holds a single label", next(iter(labels)), "two or more: one answer alone needs no model"
        )
    few = {name: len(paths) for name, paths in labels.items() if len(paths) < FEWEST}
    if few:
        counts = ", ".join(f"{name}: {count}" for name, count in few.items())
        raise _refusal(
            "Some labels have too few photos to learn from and judge on", counts, f"{FEWEST} or more a label"
        )
    return labels


def _deal(paths: list[Path], volunteers: int) -> list[tuple[int, Path]]:
    """(guest, photo), guest -1 for the client: runs of neighbours, long enough that each guest gets about one."""
    length = max(1, len(paths) * (CLIENT_EVERY - 1) // CLIENT_EVERY // (volunteers * RUNS_PER_GUEST))
    dealt = []
    guest = 0
    for run, start in enumerate(range(0, len(paths), length)):
        is_client = run % CLIENT_EVERY == CLIENT_EVERY - 1
        dealt += [(-1 if is_client else guest % volunteers, path) for path in paths[start : start + length]]
        guest += not is_client
    return dealt


def _refusal(
    what: str, value: object, allowed: str, do: str = "Add photos, or name another folder with --photos."
) -> PhotosError:
    return PhotosError(f"{what}.\n  value:   {value}\n  allowed: {allowed}\n  do:      {do}")
