"""``GET /models/latest``: the signed document for everyone who shares five parameters. No session, no cookie."""

import hashlib
import re

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.utils.cache import get_conditional_response

from foundation.problems import Problem
from modelhub.api.reading import reads_only
from modelhub.domain import documents
from modelhub.domain.documents import Wanted
from modelhub.enums import Platform, Runtime

SIGNED = "application/vnd.daybreak.models+dsse+json"
BARE = "application/json"
TYPES = [SIGNED, BARE]  # where a client likes both the same, it gets the first
FIELDS = ("project", "channel", "iface", "platform", "runtime")
EXAMPLE = "/models/latest?project=mugs&channel=stable&iface=1&platform=android&runtime=litert"
# Phones may be five minutes behind; caches ask once a minute, and go on answering while we are away.
CACHING = "public, max-age=300, s-maxage=60, stale-while-revalidate=600, stale-if-error=86400"
SLUG = re.compile(r"[-a-zA-Z0-9_]{1,60}")
IFACE = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)  # one spelling a number, so one cache entry


@reads_only
def latest(request: HttpRequest) -> HttpResponseBase:
    """The document, as DSSE envelope or bare; 304 where the phone has it. One query."""
    wanted = _read_query(request.GET)
    media_type = _choose_type(request)
    body = documents.find_body(wanted, signed=media_type == SIGNED)
    etag = f'"sha256-{hashlib.sha256(body).hexdigest()}"'
    headers = {"Cache-Control": CACHING, "ETag": etag, "Vary": "Accept"}
    response = HttpResponse(body, content_type=media_type, headers=headers)
    return get_conditional_response(request, etag, None, response) or response


def _read_query(query: QueryDict) -> Wanted:
    """All five parameters, each once, and no other: whoever could add one could fill every cache."""
    unknown = sorted(set(query) - set(FIELDS))
    if unknown:
        said = f"Unknown query parameter: {', '.join(name[:40] for name in unknown[:5])}."
        raise Problem("unknown-parameter", 400, said, allowed=", ".join(FIELDS), do=f"Leave it out, as in {EXAMPLE}")
    values = {name: _read_one(query, name) for name in FIELDS}
    return Wanted(
        project=_read_slug("project", values["project"]),
        channel=_read_slug("channel", values["channel"]),
        iface=_read_iface(values["iface"]),
        platform=Platform(_read_choice("platform", values["platform"], Platform.values)),
        runtime=Runtime(_read_choice("runtime", values["runtime"], Runtime.values)),
    )


def _read_one(query: QueryDict, name: str) -> str:
    given = [str(value) for value in query.getlist(name)]
    if len(given) == 1 and given[0]:
        return given[0]
    said = f"The parameter {name} is {'there more than once' if any(given) else 'missing'}."
    raise Problem("missing-parameter", 400, said, allowed=f"{', '.join(FIELDS)}, each once", do=f"Ask like {EXAMPLE}")


def _read_slug(name: str, value: str) -> str:
    if not SLUG.fullmatch(value):
        raise _invalid(name, value, "up to 60 letters, digits, - and _")
    return value


def _read_iface(value: str) -> int:
    if not IFACE.fullmatch(value):
        raise _invalid("iface", value, "a whole number of at least 1, without leading zeros")
    return int(value)


def _read_choice(name: str, value: str, choices: list[str]) -> str:
    if value not in choices:
        raise _invalid(name, value, ", ".join(choices))
    return value


def _invalid(name: str, value: str, allowed: str) -> Problem:
    said = f"The parameter {name} is '{value[:40]}'."
    return Problem("invalid-parameter", 400, said, allowed=allowed, do=f"Ask like {EXAMPLE}", parameter=name)


def _choose_type(request: HttpRequest) -> str:
    media_type = request.get_preferred_type(TYPES)
    if media_type is None:
        said = f"None of the types in Accept is to be had: '{request.headers.get('Accept', '')[:80]}'."
        raise Problem(
            "not-acceptable", 406, said, allowed=", ".join(TYPES), do="Send one of these.", headers={"Vary": "Accept"}
        )
    return media_type
