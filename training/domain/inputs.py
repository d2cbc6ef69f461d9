"""What a night sets out with, fixed once at its start, so that a resumed night goes on as it began."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from collector.models import Project
from modelhub.domain import releases
from training.domain.shifts import NightFailedError
from training.enums import StageName
from training.ml import contract
from training.models import Run, Stage

ORIGIN = "run:"
WORDS = ("imagenet", "scratch")
SEED = 0  # the same every night: a night without new photos is then last night, and costs nothing


def origin_of(run: Run) -> str:
    """The name a release carries of the run that made it."""
    return f"{ORIGIN}{run.pk}"


def find_production(project: Project) -> Run | None:
    """The run whose model phones have now, or None: no release yet, or one that no run here made."""
    release = releases.current(project.slug)
    if release is None or not release.origin.startswith(ORIGIN):
        return None
    return Run.objects.filter(project=project, pk=release.origin.removeprefix(ORIGIN)).first()


def known_labels(project: Project) -> list[str] | None:
    """The slugs phones know now, in output order; None before the first release."""
    release = releases.current(project.slug)
    return None if release is None else [str(label["slug"]) for label in release.labels]


def choose(run: Run, snapshot: contract.Snapshot) -> dict[str, Any]:
    """``{spec, code, start, production}`` for a run that starts now.

    ``start`` is the digest of the file of start weights, ``production`` names the model to start from and be compared
    with. Where neither photos nor settings changed since that model was trained, these are the inputs it had: then
    every stage is found done. Raises ``NightFailedError`` where the start weights cannot be read.
    """
    production = find_production(run.project)
    fit = production and _fit_of(production)
    tonight = {
        "spec": _spec(run, snapshot).to_json(),
        "code": code_digest(),
        "start": _start_digest(_start(run)),
        "production": {"run": production.pk, "fit": fit.output_digest} if production and fit else None,
    }
    if production and _is_same(tonight, production.inputs) and _digest_of(production) == snapshot.digest:
        return dict(production.inputs)
    return tonight


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Of the learning code itself: other code may make another model of the same photos."""
    root = Path(contract.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def count_cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _spec(run: Run, snapshot: contract.Snapshot) -> contract.RunSpec:
    project = run.project
    try:
        return contract.RunSpec.from_json(
            {
                "spec": contract.SPEC,
                "project": project.slug,
                "labels": _in_order(snapshot, known_labels(project) or []),
                "arch": next(iter(project.architectures), ""),
                "candidates": project.architectures,
                "cost_target_m": project.cost_target_m,
                "input": {"size": project.input_size},
                "pretrained": _start(run),
                "seed": SEED,
                "fit_budget_s": project.fit_budget_s,
                "wrong_answer_cost": project.wrong_answer_cost,
                "threads": count_cores(),
                "capture_profile": project.capture_profile,
            }
        )
    except contract.ProblemsFoundError as error:
        raise NightFailedError(f"The settings of {project.slug} cannot be used. {error}") from None


def _in_order(snapshot: contract.Snapshot, known: list[str]) -> list[dict[str, str]]:
    """Labels phones know keep their place; new ones follow in the project's order."""
    names = {label.slug: label.name for label in snapshot.labels}
    slugs = [slug for slug in known if slug in names] + [slug for slug in names if slug not in known]
    return [{"slug": slug, "name": names[slug]} for slug in slugs]


def _start(run: Run) -> str:
    start = run.pretrained or run.project.pretrained
    return start if start in WORDS else str(Path(start).expanduser().absolute())


def _start_digest(start: str) -> str | None:
    if start in WORDS:
        return None
    try:
        with Path(start).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NightFailedError(
            f"The start weights {start} cannot be read ({error.strerror}). Allowed are imagenet, scratch, or the path "
            "of a .safetensors file. Correct the project's setting or --pretrained, then start the night again."
        ) from None


def _is_same(tonight: dict[str, Any], before: dict[str, Any]) -> bool:
    """The same settings and code; the number of threads and the model started from do not count."""
    if not before:
        return False
    specs = [{**one["spec"], "threads": 0} for one in (tonight, before)]
    return specs[0] == specs[1] and all(tonight[name] == before[name] for name in ("code", "start"))


def _fit_of(run: Run) -> Stage | None:
    return Stage.objects.filter(run=run, name=StageName.FIT).first()


def _digest_of(run: Run) -> str | None:
    snapshot = Stage.objects.filter(run=run, name=StageName.SNAPSHOT).first()
    return snapshot.result["digest"] if snapshot else None
