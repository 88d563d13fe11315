"""PostgreSQL URLs that name several hosts, as libpq reads them: ``//a:5432,b:5433/chat``."""

import re
from typing import Final

from sqlalchemy import URL, make_url

_NETLOC: Final = re.compile(r"(?P<scheme>[^:/]+://)(?P<user>[^/?]*@)?(?P<hosts>[^/?]*)(?P<rest>.*)")
_HOST: Final = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<name>[^:]*))(?::(?P<port>\d+))?")
_PORT: Final = "5432"


def postgres_url(text: str) -> URL:
    """Parse a URL. Several hosts, and their ports, become the parameters that libpq takes.

    Raises:
        sqlalchemy.exc.ArgumentError: It is no URL.
        ValueError: A host or a port is malformed.
    """
    parts = _NETLOC.fullmatch(text)
    if parts is None or "," not in parts["hosts"]:
        return make_url(text)
    hosts, ports = [], []
    for one in parts["hosts"].split(","):
        if (host := _HOST.fullmatch(one)) is None:
            raise ValueError("a malformed host")
        hosts.append(host["ipv6"] or host["name"])
        ports.append(host["port"] or _PORT)
    url = make_url(f"{parts['scheme']}{parts['user'] or ''}{parts['rest']}")
    return url.update_query_dict({"host": ",".join(hosts), "port": ",".join(ports)})
