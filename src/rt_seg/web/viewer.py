"""One open page: what it looks at, and what waits for it. The newest picture wins, and a page that stalls holds but one
of each stream."""

from __future__ import annotations

import asyncio
from typing import Any, Dict, FrozenSet, Union

from rt_seg.web.robot import STREAMS

Payload = Union[bytes, str]
WINDOW = 2
"""Pictures on their way that the page has not shown yet. One would leave the line empty for a round trip."""


class Viewer:
    """Sends to one WebSocket, in a task of its own, as fast as the page shows what it got."""

    def __init__(self, send_bytes: Any, send_text: Any) -> None:
        self.streams: FrozenSet[str] = frozenset()
        self._send_bytes, self._send_text = send_bytes, send_text
        self._waiting: Dict[str, Payload] = {}
        self._unshown = 0
        self._wake = asyncio.Event()
        self.sent = self.dropped = 0

    def wants(self, stream: str) -> bool:
        """Whether a picture of the stream would be sent soon: it is looked at, and the page keeps up."""
        return stream in self.streams and self._unshown < WINDOW

    def offer(self, name: str, payload: Payload) -> None:
        """Send a picture of a stream (JPEG), or the text of the state, unless a newer one comes first."""
        self.dropped += name in self._waiting
        self._waiting[name] = payload
        self._wake.set()

    def shown(self) -> None:
        """The page has shown a picture."""
        self._unshown = max(self._unshown - 1, 0)
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled, or the connection is lost."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            for name in list(self._waiting):
                payload = self._waiting[name]
                if isinstance(payload, str):
                    del self._waiting[name]
                    await self._send_text(payload)
                elif self._unshown < WINDOW:
                    del self._waiting[name]
                    self._unshown += 1
                    self.sent += 1
                    await self._send_bytes(bytes([STREAMS.index(name)]) + payload)
