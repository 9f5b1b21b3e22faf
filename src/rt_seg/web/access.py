"""Who may see the page and change settings: anybody on this computer; from elsewhere with the token."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Optional
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
COOKIE = "rt_seg_token"


@dataclass(frozen=True)
class Access:
    """The rules of one server: where it listens, and the token that others need."""

    host: str
    token: str = ""

    @classmethod
    def of(cls, host: str, token: str = "") -> Access:
        """Of a server that listens at `host`. Beyond loopback it has a token; a random one, unless it is given."""
        return cls(host, token or ("" if host in LOOPBACK else secrets.token_urlsafe(16)))

    def knows_host(self, header: Optional[str]) -> bool:
        """Whether the Host header may be. A page from elsewhere whose name was made to resolve to this computer (DNS
        rebinding) comes with a name of its own. Beyond loopback any name may be right, and the token decides."""
        return self.host not in LOOPBACK or _name(header) in LOOPBACK

    def knows_token(self, given: Optional[str]) -> bool:
        """Whether the token is right, or none is needed."""
        return not self.token or hmac.compare_digest(self.token.encode(), (given or "").encode())

    @staticmethod
    def is_own_page(origin: Optional[str], host: Optional[str]) -> bool:
        """Whether a request comes from this server's page, or from no page at all: browsers name the page's origin
        with every POST and WebSocket, programs do not."""
        return origin is None or urlsplit(origin).netloc == (host or "")


def _name(header: Optional[str]) -> str:
    try:
        return urlsplit(f"//{header or ''}").hostname or ""
    except ValueError:
        return ""
