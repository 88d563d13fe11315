"""Every setting of the server, once: name, type, default, bounds and a line of help.

The command line, the environment, the TOML file and the reference page are all made from this
class, so a setting that is not here does not exist. The comment above each default says why it is
that number.
"""

from typing import Any, Literal, get_args

import attrs

from trio_chat import checks

Auth = Literal["none", "token"]
LogFormat = Literal["console", "json"]
Compression = Literal["on", "off"]
LogLevel = Literal["debug", "info", "warning", "error"]
StoreSync = Literal["full", "normal"]
PrePing = Literal["on", "off"]


def flag_name(field_name: str) -> str:
    """Give the name of a setting outside Python, e.g. ``ping-interval``.

    It is the TOML key; with two dashes before it, the flag; in capitals with underscores behind
    ``TRIO_CHAT_``, the environment variable. Units stay inside: the help says them.
    """
    return field_name.removesuffix("_seconds").replace("_", "-")


def _setting(
    default: Any,  # noqa: ANN401 - as attrs.field has it
    check: checks.Check,
    text: str,
    *,
    is_secret: bool = False,
    may_hold_secret: bool = False,
) -> Any:  # noqa: ANN401 - the same
    """Make a field whose value is checked, and whose help travels with it as metadata.

    Args:
        default: The default; it is not exempt from the check.
        check: Says what a value has to be, or None if it is that.
        text: One line of help, without the default.
        is_secret: Whether the value is shown nowhere, and is an environment variable only: a flag
            shows in ``ps``, and a configuration file goes into repositories and backups.
        may_hold_secret: Whether the value is shown nowhere, but comes from wherever the user has
            it: a URL may have a password in it, and most have none.
    """
    is_hidden = is_secret or may_hold_secret

    def validate(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if (complaint := complaint_about(attribute, value)) is not None:
            msg = f"{flag_name(attribute.name)} {complaint}"
            raise ValueError(msg)

    metadata = {"help": text, "check": check, "is_secret": is_secret, "is_hidden": is_hidden}
    return attrs.field(default=default, validator=validate, repr=not is_hidden, metadata=metadata)


def complaint_about(attribute: "attrs.Attribute[Any]", value: object) -> str | None:
    """Say what is wrong with a value for a setting, or None if nothing is.

    For whoever knows where the value came from, and wants to say so before the complaint.

    Returns:
        A predicate, ``must be …, not …``, to be put behind the name of the setting. It does not
        repeat a secret.
    """
    wanted = attribute.metadata["check"](value)
    if wanted is None:
        return None
    return f"must be {wanted}" + ("" if attribute.metadata["is_hidden"] else f", not {value!r}")


_size = checks.whole(1, checks.MAX_SIZE)
_auth = checks.one_of(*get_args(Auth))
_compression = checks.one_of(*get_args(Compression))
_log_format = checks.one_of(*get_args(LogFormat))
_log_level = checks.one_of(*get_args(LogLevel))
_store_sync = checks.one_of(*get_args(StoreSync))
_pre_ping = checks.one_of(*get_args(PrePing))


@attrs.frozen(kw_only=True)
class Settings:
    """What one server runs with; made once at the start and never changed.

    Raises:
        ValueError: A value is out of bounds; the message names it as the user writes it.
    """

    # Only this machine: to be reached from others is a decision, not a default.
    host: tuple[str, ...] = _setting(
        ("127.0.0.1",),
        checks.hosts,
        "Address to listen on; repeatable, 0.0.0.0 and :: for all of IPv4 and of IPv6.",
    )
    # The usual port of a development server, and no root is needed for it.
    port: int = _setting(8080, checks.whole(0, 65535), "Port to listen on; 0 takes a free one.")

    # None but the page's own origin: a foreign page must not chat with a visitor's cookies.
    allow_origin: tuple[str, ...] = _setting(
        (), checks.origins, "Foreign origin whose pages may connect; repeatable, * for any."
    )
    # Any: what a server is called is known to its operator alone. Without it, whoever points a name
    # of their own here has an origin that equals the Host (DNS rebinding).
    server_name: tuple[str, ...] = _setting(
        (), checks.server_names, "Name under which browsers may come; repeatable, none given: any."
    )
    # None: who trusts a header of anybody has no address limits at all.
    trusted_proxy: tuple[str, ...] = _setting(
        (), checks.networks, "Proxy whose X-Forwarded-For and -Proto are believed; repeatable."
    )

    # None: a proxy does TLS for most; who has none gives both, and needs no proxy.
    tls_cert: str = _setting(
        "", checks.path, "File with the TLS certificate chain, PEM; with tls-key."
    )
    # As for the certificate. Two files, since every ACME client writes two.
    tls_key: str = _setting("", checks.path, "File with the certificate's key, PEM, not encrypted.")

    # Among people who trust each other a name is enough; anybody else decides on keys first.
    auth: Auth = _setting("none", _auth, "Who may come in: none = anybody, token = who has one.")
    # None: a secret that came with the program would be everybody's.
    token_secret_file: str = _setting(
        "", checks.path, "File of the secret (32 bytes or more) that tokens are signed with, HS256."
    )
    # The same without a file, for containers. No flag: those show in the list of processes.
    token_secret: str = _setting(
        "", checks.text, "The secret that tokens are signed with, HS256.", is_secret=True
    )
    # None, for the same reason. The key itself says its algorithm, a token never does.
    token_public_key_file: tuple[str, ...] = _setting(
        (), checks.paths, "PEM file of a public key, Ed25519 or RSA, or KID=FILE; repeatable."
    )
    # None: then a token that names an audience is not for us (RFC 7519 section 4.1.3).
    token_audience: str = _setting("", checks.text, "Audience that tokens have to be for.")
    # Any: whoever has the key is the issuer.
    token_issuer: str = _setting("", checks.text, "Issuer that tokens have to be from.")

    # At 40 KiB each, 400 MiB: what a small machine can spare.
    max_connections: int = _setting(10_000, _size, "Most connections at the same time.")
    # A few tabs and a phone; more is a page that leaks connections.
    max_user_connections: int = _setting(10, _size, "Most connections of one user.")
    # More than anybody follows; a client that asks for them all at once gets 50 histories.
    max_rooms: int = _setting(50, _size, "Most rooms of one connection.")

    # Nobody types ten messages a second; a pasted list of twenty lines still passes.
    message_rate: float = _setting(10.0, checks.rate, "Messages a second per user; 0 = no limit.")
    message_burst: int = _setting(20, _size, "Messages at once per user, above the rate.")
    # The page says it twice per pause in typing; half the rate of messages is plenty.
    typing_rate: float = _setting(5.0, checks.rate, "Typing notes a second per user; 0 = no limit.")
    typing_burst: int = _setting(10, _size, "Typing notes at once per user, above the rate.")
    # An office behind one address reloads its tabs at once after a restart.
    upgrade_rate: float = _setting(
        10.0, checks.rate, "New sockets a second per address; 0 = no limit."
    )
    upgrade_burst: int = _setting(20, _size, "New sockets at once per address, above the rate.")
    # Three times in and out in ten minutes is a bad line. What comes beyond that is noise, and
    # pushes messages out of a page of history.
    notice_rate: int = _setting(
        6,
        checks.whole(0, checks.MAX_SIZE),
        "Join and leave notices of a user in a room in 10 minutes; 0 = no limit.",
    )
    # A team makes some rooms a day. Each stays for ever in a database, so a hundred an hour of one
    # address is generous, and a flood of them is a few megabytes a day.
    new_room_rate: int = _setting(
        100, checks.whole(0, checks.MAX_SIZE), "New rooms of an address in an hour; 0 = no limit."
    )
    # Twenty times what a user may say: only floods of pings and fragments come near.
    frame_rate: float = _setting(
        200.0, checks.rate, "Frames a second per connection; 0 = no limit."
    )
    # A message of 64 KiB in fragments of 66 bytes, or what piles up behind a short stall.
    frame_burst: int = _setting(1000, _size, "Frames at once per connection, above the rate.")

    # Four times the longest message in UTF-8 (16 KiB), and still no burden to hold.
    max_frame_bytes: int = _setting(
        65_536, _size, "Longest message from a client, in bytes, all fragments together."
    )
    # Two pages of prose; beyond that people send a link.
    max_message_chars: int = _setting(4096, _size, "Longest chat message, in characters.")
    # A screen or two to scroll back; 100 is the most that one history frame may hold.
    history_size: int = _setting(50, checks.whole(1, 100), "Messages shown to who joins.")

    # At most ten minutes of a lively room; who was away longer gets the newest, and scrolls back.
    resume_size: int = _setting(
        500, checks.whole(0, 1000), "Missed events sent to who comes back; above, only the newest."
    )

    # Only clients that offer it get it, and a broadcast is compressed once for all of them; so it
    # costs the server little, and saves mobile clients half of each long message and history.
    compression: Compression = _setting(
        "on", _compression, "Whether messages are compressed with clients that offer it: on or off."
    )
    # At 50 messages a second, a stall of five seconds is forgiven.
    send_queue: int = _setting(256, _size, "Frames that may wait for one connection.")
    # 256 frames of a usual 4 KiB at most; so 1,000 stalled readers hold 1 GiB, never more.
    send_queue_bytes: int = _setting(1_048_576, _size, "Bytes that may wait for one connection.")
    # Without it the kernel hides megabytes of backlog, and a slow reader is found out too late.
    send_buffer_bytes: int = _setting(
        131_072, _size, "Send buffer of the kernel for one connection (SO_SNDBUF), in bytes."
    )

    # Below the 60 s after which proxies and NATs forget an idle connection.
    ping_interval_seconds: float = _setting(30.0, checks.seconds, "Time between pings, in seconds.")
    # Three pings: two may be lost to a train tunnel.
    pong_timeout_seconds: float = _setting(
        90.0, checks.seconds, "Silence after which a client is taken for dead, in seconds."
    )
    # For pages: they can't see pings, and a minute is soon enough to show "reconnecting".
    heartbeat_interval_seconds: float = _setting(
        60.0, checks.seconds, "Time between heartbeat messages, in seconds."
    )
    # The largest frame, a history of 256 KiB, passes in it at 26 KiB/s, a poor mobile line.
    write_timeout_seconds: float = _setting(
        10.0,
        checks.seconds,
        "Longest that one write may take before the connection ends, in seconds.",
    )
    # A page sends its name at once; a person with a terminal client needs a moment to type it.
    hello_timeout_seconds: float = _setting(
        10.0, checks.seconds, "Time for the first frame, the name, in seconds."
    )
    # A head is one packet; ten seconds are several retransmissions of it.
    head_timeout_seconds: float = _setting(
        10.0, checks.seconds, "Time for the head of an HTTP request, in seconds."
    )
    # One round trip is enough; five seconds are one on the worst line.
    close_timeout_seconds: float = _setting(
        5.0, checks.seconds, "Time for a client's answer to our close frame, in seconds."
    )
    # Docker kills after 10 s, systemd after 90: by the first of them all is told and closed.
    shutdown_grace_seconds: float = _setting(
        10.0, checks.seconds, "Longest that a graceful shutdown may take, in seconds."
    )

    # Where a client is that names no room.
    default_room: str = _setting("general", checks.room, "Room that a client joins who names none.")
    # Nobody reads a list of 200 names; announcing every join to all grows with the square.
    large_room_size: int = _setting(
        200, _size, "Users above which a room tells joins and leaves less."
    )

    # A file beside where it was started: nothing to set up, and a restart forgets nothing.
    store: str = _setting(
        "sqlite:trio_chat.db",
        checks.store_url,
        "Where history is kept: memory:, sqlite:PATH or postgresql://USER@HOST/DATABASE.",
        may_hold_secret=True,
    )
    # What was acknowledged is to survive a power cut; it costs a wait for the disk at each commit,
    # which under load many messages share.
    store_sync: StoreSync = _setting(
        "full",
        _store_sync,
        "When a commit is one: full = on the disk, normal = a power cut may take the last of them.",
    )
    # Reads take about a millisecond, so ten at a time are thousands a second.
    store_pool_size: int = _setting(
        10, _size, "Connections to PostgreSQL that are kept open when nobody needs them."
    )
    # For when everybody comes back after a restart. 25 in all: three nodes and a psql fit into the
    # 100 that PostgreSQL allows by default; 100 of one node would take all of them.
    store_pool_overflow: int = _setting(
        15,
        checks.whole(0, checks.MAX_SIZE),
        "Connections to PostgreSQL above the pool's size, when needed.",
    )
    # Soon enough to follow a failover or a changed address, and rare enough not to matter.
    store_pool_lifetime_seconds: float = _setting(
        300.0, checks.seconds, "Longest that a connection to PostgreSQL is used, in seconds."
    )
    # A fraction of a round trip's cost; without it whoever comes first after a restart of the
    # database fails for each connection that is dead.
    store_pool_pre_ping: PrePing = _setting(
        "on", _pre_ping, "Whether a connection to PostgreSQL is tried before use: on or off."
    )

    # One node needs none, and nothing else has to be there.
    backplane: str = _setting(
        "local:",
        checks.backplane,
        "What connects several nodes: local: (none), redis://USER:PASSWORD@HOST:PORT or rediss://.",
        may_hold_secret=True,
    )
    # The only chat there is. Two on one Redis need two, or each would take the other for its nodes.
    backplane_channel: str = _setting(
        "trio_chat", checks.channel, "Pub/Sub channel of Redis that the nodes of one chat share."
    )

    # For a terminal; whoever collects logs sets json once.
    log_format: LogFormat = _setting(
        "console", _log_format, "How log lines are written: console or json."
    )
    # Connects and disconnects are info; debug is for who changes the code.
    log_level: LogLevel = _setting("info", _log_level, "Least level that is logged.")
