"""What pages and commands read about runs; nothing here changes anything."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db.models import Prefetch, QuerySet

from collector.models import Project
from foundation.problems import Problem
from training.enums import RunState, StageName
from training.models import Run, Stage

FINISHED = frozenset({RunState.PUBLISHED, RunState.KEPT, RunState.FAILED})
COMPARED = (StageName.SNAPSHOT, StageName.EVALUATE, StageName.VERIFY)


def runs_of(project: Project) -> QuerySet[Run]:
    """A project's runs, newest night first, with their stages: two queries however many there are."""
    stages = Stage.objects.order_by("id").defer("files")
    return Run.objects.filter(project=project).prefetch_related(Prefetch("stages", queryset=stages))


def latest_runs(projects: Iterable[Project]) -> dict[int, Run]:
    """Each project's newest night by the project's id, with its stages: two queries however many there are."""
    stages = Prefetch("stages", queryset=Stage.objects.order_by("id").defer("files"))
    newest = Run.objects.filter(project__in=list(projects)).order_by("project_id", "-night").distinct("project_id")
    return {run.project_id: run for run in newest.prefetch_related(stages)}


def nights_until(run: Run, count: int) -> list[Run]:
    """The run's night and those before it, newest first, with the stages that nights are compared by: two queries."""
    compared = Stage.objects.filter(name__in=COMPARED).order_by("id").defer("files")
    nights = Run.objects.filter(project=run.project_id, night__lte=run.night).order_by("-night")
    return list(nights.prefetch_related(Prefetch("stages", queryset=compared))[:count])


def find_run(project: Project, night: date) -> Run | None:
    """The run of one night, or None."""
    return runs_of(project).filter(night=night).first()


def get_run(project: Project, night: date) -> Run:
    """The run of one night. Raises Problem ``unknown-run`` (404)."""
    run = find_run(project, night)
    if run is None:
        raise Problem(
            "unknown-run",
            404,
            f"{project.slug} has no run for the night of {night}.",
            allowed="a night that has a run",
            do=f"Start one with: manage.py nightly --project {project.slug} --night {night}",
        )
    return run


def is_finished(run: Run) -> bool:
    """Whether the run has ended: published, kept or failed."""
    return run.state in FINISHED


def stages_of(run: Run) -> dict[str, Stage]:
    """The finished stages by name, in the order they finished; uses the prefetched ones where there are any."""
    return {stage.name: stage for stage in sorted(run.stages.all(), key=lambda stage: stage.pk)}


def progress_of(run: Run) -> dict[str, Any]:
    """Where a run stands, for the run's page and whoever follows a live owner.

    ``stages`` lists every stage in order with ``state`` done, reused, running or waiting; ``now`` is what the running
    one last said (stage, step, total, eta_s, message, at), or None.
    """
    done = stages_of(run)
    now = run.progress if run.state == RunState.RUNNING else None
    running = (now or {}).get("stage")
    stages = [
        {
            "name": name,
            "state": _stage_state(done.get(name), is_running=name == running),
            "seconds": _seconds(done.get(name)),
        }
        for name in StageName.values
    ]
    return {
        "run": run.pk,
        "night": run.night.isoformat(),
        "state": run.state,
        "is_finished": is_finished(run),
        "decision": run.decision,
        "why": run.why,
        "release": run.release,
        "stages": stages,
        "now": now or None,
    }


def _stage_state(stage: Stage | None, *, is_running: bool) -> str:
    if stage is not None:
        return "reused" if stage.reused_from_id else "done"
    return "running" if is_running else "waiting"


def _seconds(stage: Stage | None) -> float | None:
    return None if stage is None else round(stage.seconds, 1)
