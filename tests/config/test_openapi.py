"""Phones in the field cannot be updated at will, so the wire contract is committed and may not drift."""

from config import openapi


def test_openapi_committed_copy_equals_the_code() -> None:
    committed = openapi.committed_path().read_text(encoding="utf-8")
    assert committed == openapi.render(openapi.build_schema()), "The API changed: run `make schema` and read the diff."


def test_openapi_names_every_path_phones_use() -> None:
    assert {
        "/api/v1/photos/{photo_id}",
        "/api/v1/photos/reconcile",
        "/api/v1/guests",
        "/api/v1/challenges/today",
        "/models/latest",
        "/models/key",
    } <= set(openapi.build_schema()["paths"])
