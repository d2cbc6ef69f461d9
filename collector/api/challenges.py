"""What to photograph today. Open to all: people look before they agree to anything."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from collector.api.access import refuse_unknown_query
from collector.api.schemas import ChallengeOut, ConditionOut, LabelOut, ProblemOut, ProjectQuery
from collector.domain import challenges, projects

router = Router(tags=["challenges"])


@router.get("/challenges/today", response={200: ChallengeOut, frozenset({400, 404}): ProblemOut})
def get_todays_challenge(request: HttpRequest, response: HttpResponse, query: Query[ProjectQuery]) -> ChallengeOut:
    """Today's challenge where the project lives, and the labels a photo may show."""
    refuse_unknown_query(request, ProjectQuery)
    project = projects.get_project(query.project)
    challenge = challenges.today(project)
    response["Cache-Control"] = "max-age=60"
    return ChallengeOut(
        challenge=str(challenge.pk),
        project=project.slug,
        day=challenge.day,
        ends_at=challenges.ends_at(challenge),
        text=challenge.text,
        label=challenge.label.slug if challenge.label else None,
        conditions=[ConditionOut(slug=one.slug, axis=one.axis, name=one.name) for one in challenge.conditions.all()],
        target_count=challenge.target_count,
        labels=[LabelOut(slug=label.slug, name=label.name) for label in projects.offered_labels(project)],
    )
