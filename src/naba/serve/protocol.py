"""Connections that say nothing are closed.

uvicorn has no limit on how long the headers of a request may take: a client that opens connections and sends half a
header on each holds them for good, and no limit on the number of connections tells it from a busy newsroom.
"""

from __future__ import annotations

import socket
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

HEADER_SECONDS = 10.0
"""From the opening of a connection, or the first byte of a further request on it, to the end of the headers."""
MOST_SILENT = 512
"""Connections that have not sent their headers yet; beyond that the oldest is closed."""
_silent: OrderedDict[int, TimedProtocol] = OrderedDict()


class TimedProtocol(H11Protocol):
    """HTTP/1.1 in which headers must arrive in time."""

    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
            # An answer's head and body are two packets; where several workers share a socket, asyncio lets the second
            # wait until the client has acknowledged the first, which takes it 40 ms.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Wait for headers until they are complete."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._expect()
        else:
            self._arrived()

    def handle_events(self) -> None:
        """Requests that were sent ahead are read here too."""
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._arrived()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to wait for any more."""
        self._arrived()
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self.deadline is None and not self.transport.is_closing():
            self.deadline = self.loop.call_later(HEADER_SECONDS, self._give_up)
            _silent[id(self)] = self
            if len(_silent) > MOST_SILENT:
                next(iter(_silent.values()))._give_up()  # noqa: SLF001

    def _arrived(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
        _silent.pop(id(self), None)

    def _give_up(self, *_: Any) -> None:
        self._arrived()
        self.transport.close()
