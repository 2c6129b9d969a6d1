"""What is set on a connection before its first request."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from naba.serve.protocol import TimedProtocol


async def no_answer(scope: Any, receive: Any, send: Any) -> None:
    """An application that is never asked."""


async def option_of_a_connection(protocol: int) -> int:
    """TCP_NODELAY as it is on the server's side of a connection, for a listening socket that was made so."""
    config = uvicorn.Config(no_answer, http=TimedProtocol, log_config=None)
    config.load()
    state = ServerState()
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
    listening.bind(("127.0.0.1", 0))
    loop = asyncio.get_running_loop()
    async with await loop.create_server(lambda: TimedProtocol(config, state, {}), sock=listening):
        _, writer = await asyncio.open_connection(*listening.getsockname())
        while not state.connections:
            await asyncio.sleep(0.001)
        (connection,) = state.connections
        found = connection.transport.get_extra_info("socket")  # type: ignore[union-attr]
        option = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.close()
        while state.connections:
            await asyncio.sleep(0.001)
    return int(option)


@pytest.mark.parametrize("protocol", [0, socket.IPPROTO_TCP], ids=["shared by workers", "of one process"])
def test_the_second_packet_of_an_answer_waits_for_nobody(protocol: int) -> None:
    # A socket that workers inherit does not say that it is TCP, so that asyncio leaves it as it is.
    assert asyncio.run(asyncio.wait_for(option_of_a_connection(protocol), 30)) > 0
