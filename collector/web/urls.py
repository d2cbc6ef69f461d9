"""Addresses of the review page, the coverage page and of photos."""

from django.urls import path

from collector.web import coverage, images, review

urlpatterns = [
    path("review/<slug:slug>/", review.show_page, name="review"),
    path("review/<slug:slug>/queue", review.list_queue, name="review_queue"),
    path("review/<slug:slug>/decisions", review.take_decision, name="review_decisions"),
    path("coverage/<slug:slug>/", coverage.show_coverage, name="coverage"),
    path("photos/<uuid:photo_id>/<str:kind>", images.show_image, name="photo_image"),
]
