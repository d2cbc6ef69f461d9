"""Embedded PostgreSQL and Redis: started when needed, shared by all users of one home, gone with the last one.

Used only where DATABASE_URL and REDIS_URL are unset. Imports no Django, so settings may read the addresses from here.
Linux only in one respect: services die with a killed keeper through PR_SET_PDEATHSIG.
"""

from foundation.services.addresses import ServiceUrls, urls
from foundation.services.errors import ServicesError
from foundation.services.secrets import local_secret
from foundation.services.users import ensure, release

__all__ = ["ServiceUrls", "ServicesError", "ensure", "local_secret", "release", "urls"]
