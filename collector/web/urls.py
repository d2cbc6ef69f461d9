"""Addresses of the review pages, the coverage page and of photos."""

from django.urls import path

from collector.web import coverage, details, images, reverts, review

urlpatterns = [
    path("review/<slug:slug>/", review.show_page, name="review"),
    path("review/<slug:slug>/queue", review.list_queue, name="review_queue"),
    path("review/<slug:slug>/decisions", review.take_decision, name="review_decisions"),
    path("review/<slug:slug>/undo", review.undo_decision, name="review_undo"),
    path("review/<slug:slug>/release", review.release_photos, name="review_release"),
    path("review/<slug:slug>/photos/<uuid:photo_id>/", details.show_photo, name="review_photo"),
    path("review/<slug:slug>/photos/<uuid:photo_id>/gold", details.gild_photo, name="review_gold"),
    path("review/<slug:slug>/pace/", details.show_pace, name="review_pace"),
    path("review/<slug:slug>/reverts/", reverts.show_reverts, name="review_reverts"),
    path("review/<slug:slug>/reverts/<int:revert_id>/", reverts.show_revert, name="review_revert"),
    path("coverage/<slug:slug>/", coverage.show_coverage, name="coverage"),
    path("photos/<uuid:photo_id>/<str:kind>", images.show_image, name="photo_image"),
]
