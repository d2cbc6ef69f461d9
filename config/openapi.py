"""The one OpenAPI document: the volunteers' endpoints from their code, the phones' hub beside them."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings

from config.api import api
from modelhub import openapi as hub


def build_schema() -> dict[str, Any]:
    """The document as plain data, keys in a stable order."""
    schema: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/"), default=str))
    schema["paths"] |= hub.paths()
    return schema


def committed_path() -> Path:
    """Where the committed copy lives; a test fails when it differs from the code."""
    return Path(settings.BASE_DIR) / "docs" / "openapi.json"


def render(schema: dict[str, Any]) -> str:
    """The document as it is committed."""
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
