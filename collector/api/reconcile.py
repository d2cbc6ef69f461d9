"""Phones ask: have you got these."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from collector.api.access import VolunteerToken, refuse_unknown_query, volunteer_of
from collector.api.limits import limit_reconcile
from collector.api.schemas import AskedPhotoIn, AskedPhotosIn, HeldPhotoOut, HeldPhotosOut, ProblemOut, ReceiptOut
from collector.domain import reconciling
from collector.domain.receipts import Receipt, receipt_for
from collector.enums import Held

router = Router(auth=VolunteerToken(), tags=["photos"])


@router.post("/photos/reconcile", response={200: HeldPhotosOut, frozenset({400, 401, 429}): ProblemOut})
def post_reconcile(request: HttpRequest, response: HttpResponse, asked: AskedPhotosIn) -> HeldPhotosOut:
    """What the server holds of up to 500 photos, so that a phone sends what is missing and nothing else."""
    limit_reconcile(request)
    refuse_unknown_query(request)
    answers = reconciling.reconcile_photos([_asked(one) for one in asked.photos], by=volunteer_of(request))
    response["Cache-Control"] = "no-store"
    return HeldPhotosOut(photos=[_held(answer) for answer in answers])


def _asked(one: AskedPhotoIn) -> reconciling.Asked:
    if one.receipt is None:
        return reconciling.Asked(one.photo, one.sha256)
    given = one.receipt
    receipt = Receipt(one.photo, given.sha256, given.size_bytes, given.received_at)
    return reconciling.Asked(one.photo, one.sha256, receipt, given.signature)


def _held(answer: reconciling.Answer) -> HeldPhotoOut:
    photo = answer.photo
    return HeldPhotoOut(
        photo=answer.photo_id,
        held=answer.held,
        state=photo.state if photo else None,
        receipt=ReceiptOut.of(receipt_for(photo)) if photo and answer.held != Held.DELETED else None,
    )
