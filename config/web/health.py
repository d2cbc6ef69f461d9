"""Two questions a supervisor asks: is the process alive, and can it work."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@require_safe
@never_cache
def show_alive(_request: HttpRequest) -> JsonResponse:
    """The process answers. Asks nothing else, so that a database away does not get every web process killed."""
    return JsonResponse({"status": "alive"})


@require_safe
@never_cache
def show_ready(_request: HttpRequest) -> JsonResponse:
    """The database answers too; 503 where it does not, so that a load balancer looks elsewhere."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "waiting", "for": "database"}, status=503)
    return JsonResponse({"status": "ready"})
