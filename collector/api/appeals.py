"""A volunteer asks to look again."""

from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from collector.api.access import VolunteerToken, refuse_unknown_query, volunteer_of
from collector.api.schemas import AppealIn, AppealOut, ProblemOut
from collector.domain import appeals

router = Router(auth=VolunteerToken(), tags=["photos"])


@router.post("/photos/{photo_id}/appeal", response={200: AppealOut, frozenset({400, 401, 404, 409}): ProblemOut})
def post_appeal(request: HttpRequest, photo_id: UUID, appeal: AppealIn) -> Status[AppealOut]:
    """Ask that somebody else looks at a rejected photo. Asking again is fine: the first appeal counts."""
    refuse_unknown_query(request)
    made = appeals.appeal(volunteer_of(request), photo_id, appeal.text)
    return Status(200, AppealOut(photo=photo_id, appeal=made.answer or "open", asked_at=made.created_at))
