import pytest
import trio
from trio.testing import MockClock

from trio_chat.client.address import parse_url
from trio_chat.client.client_protocol import ClientProtocol
from trio_chat.client.connection import Connection
from trio_chat.client.retry import Ending


async def ending_at(port: int) -> Ending:
    client_protocol = ClientProtocol("ann", "secret", (), {}, lambda: "r")
    connection = Connection(client_protocol, trio.lowlevel.ParkingLot(), lambda: None)
    return await connection.run(parse_url(f"ws://127.0.0.1:{port}"), None)


async def ending_with(answer: bytes | None) -> Ending:
    """Return how a connection ends after this answer; None resets it."""

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            if answer is None:
                stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, RESET)
            else:
                await stream.send_all(answer)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve, 0)
        ending = await ending_at(listeners[0].socket.getsockname()[1])
        nursery.cancel_scope.cancel()
    return ending


RESET = b"\1\0\0\0\0\0\0\0"


@pytest.mark.parametrize("answer", [b"", None, b"HTTP/1.1 101 Sw", b"SSH-2.0-OpenSSH_9.2\r\n\r\n"])
async def test_a_server_that_closes_before_the_upgrade_is_unreachable(
    answer: bytes | None,
) -> None:
    with trio.fail_after(5):
        assert "unreachable" in (await ending_with(answer)).why


async def test_a_refusal_has_the_message_of_the_server() -> None:
    body = b'{"error":{"code":"full","message":"No seat is left"}}'
    head = b"HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: %d\r\n\r\n" % len(body)
    ending = await ending_with(head + body)
    assert (ending.status, ending.why, ending.after_seconds) == (503, "No seat is left", 7)


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b'{"error":5}'])
async def test_a_refusal_without_a_message_has_its_status(body: bytes) -> None:
    head = b"HTTP/1.1 502 No\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert (await ending_with(head + body)).why == "The server answers 502"


async def test_client_leaves_a_server_that_never_answers(autojump_clock: MockClock) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    ending = await ending_at(listeners[0].socket.getsockname()[1])
    assert ending.why == "The server does not answer"
    for listener in listeners:
        await listener.aclose()
