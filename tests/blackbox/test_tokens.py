"""Tokens with a real server: the command makes one, and nothing shows one."""

import json
import subprocess
import sys
import time

from tests.support.client import Chatter, has_joined
from tests.support.raw import RawConnection
from tests.support.requests import Response, head, plain_head
from tests.support.server import ChatServer, environment
from tests.support.tokens import SECRET, by_secret, for_user, token

FLAGS = ("--auth", "token", "--upgrade-rate", "0", "--log-level", "debug")
SECRETS = {"TRIO_CHAT_TOKEN_SECRET": SECRET}


def ask(server: ChatServer, target: str, *fields: str) -> Response:
    """Ask for a WebSocket, and return the answer."""
    with RawConnection(server.address) as connection:
        connection.push(head(target.encode(), plus=tuple(field.encode() for field in fields)))
        return connection.read_response()


def test_a_token_from_the_command_authenticates() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "trio_chat", "token", "--user", "Dora", "--ttl", "15m"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env=environment(SECRETS),
    )
    assert made.stderr == ""
    with ChatServer(*FLAGS, extra=SECRETS) as server:
        dora = Chatter(f"{server.url()}?token={made.stdout.strip()}", "")
        dora.first(has_joined("Dora"))
        dora.leave()


def test_no_log_line_metric_or_answer_shows_a_token() -> None:
    valid = for_user("ann", time.time() + 3600)
    forged = token({"sub": "eve", "exp": 2**31}, sign=by_secret("another secret" * 3))
    used = [valid, forged, "eyJicm9rZW4iOiJ0b2tlbiJ9.not.one", for_user("ann", time.time() - 1)]
    answers: list[Response] = []
    with ChatServer(*FLAGS, extra=SECRETS) as server:
        for one in used:
            header = f"Authorization: Bearer {one}"
            for target in ("/ws", "/ws/echo", "/", "/nothing"):
                answers += [
                    ask(server, target, header),
                    ask(server, f"{target}?token={one}"),
                    ask(server, target, f"Sec-WebSocket-Protocol: trio-chat.v2, bearer.{one}"),
                ]
            answers.append(ask(server, f"/ws?token={one}", header))
        used.append(for_user("brief", time.time() + 0.7))
        ann = Chatter(f"{server.url()}?token={valid}", "bob")
        events, _ = ann.rest()
        ann.leave()
        ended = Chatter(f"{server.url()}?token={used[-1]}", "")
        assert ended.close_code() == 4010
        ended.leave()
        with RawConnection(server.address) as connection:
            connection.push(plain_head(b"/metrics"))
            answers.append(connection.read_response())
        server.stop()
        shown = [each.body.decode() + repr(each.fields) for each in answers]
        seen = "".join([*server.log_lines, *shown, json.dumps(events)])
    assert '"event": "connected"' in seen
    assert '"fault": "wrong signature"' in seen
    assert 'trio_chat_refusals_total{reason="unauthorized"}' in seen
    parts = {part for one in used for part in one.split(".") if len(part) > 10} | {SECRET}
    assert [part for part in parts if part in seen] == []
