"""The one API object for phones: version, errors, OpenAPI. Endpoints live in the apps."""

from ninja import NinjaAPI

from collector.api import add_problem_handlers
from collector.api import router as collector_router

api = NinjaAPI(title="Daybreak", version="1", urls_namespace="api", docs_url=None, openapi_url="openapi.json")
api.add_router("", collector_router)
add_problem_handlers(api)
