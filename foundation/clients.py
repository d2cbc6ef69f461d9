"""Where a request comes from, as far as that can be believed."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

SIXES = 64  # one customer of an IPv6 network has at least so many bits to himself


def network_of(request: HttpRequest) -> str:
    """The client's network address: an IPv4 address, the /64 of an IPv6 one; empty where it is not known.

    Behind TRUSTED_PROXIES proxies it is what the outermost of them saw, and where they say nothing, what we see
    ourselves. With none, X-Forwarded-For is not looked at: anybody can write it.
    """
    direct = request.META.get("REMOTE_ADDR", "")
    passed_on = request.headers.get("X-Forwarded-For", "").split(",") if settings.TRUSTED_PROXIES else []
    seen = [*passed_on, direct]
    at = len(seen) - 1 - settings.TRUSTED_PROXIES
    return (_network(seen[at]) if at >= 0 else "") or _network(direct)


def _network(text: str) -> str:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address), SIXES), strict=False))
