"""``GET /models/key``: the public keys, for people who set an app up. Phones pin a key; they never ask for it."""

import base64

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from modelhub.api.reading import reads_only
from modelhub.domain import signing


@reads_only
def keys(request: HttpRequest) -> HttpResponseBase:  # noqa: ARG001 -- Django's signature
    """Every key that may sign documents, the newest last."""
    named = [
        {"keyid": key.keyid, "algorithm": "ed25519", "public_key": base64.b64encode(key.raw).decode()}
        for key in signing.public_keys()
    ]
    return JsonResponse({"keys": named}, headers={"Cache-Control": "public, max-age=300"})
