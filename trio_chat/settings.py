"""Every setting of the server: name, type, default, bounds, group and one line of help.

The command line, the environment, the TOML file and the reference page all come from this class,
so a setting that is not here does not exist. The comment above each default says why it has that
value.
"""

from enum import StrEnum
from typing import Any, Literal, get_args

import attrs

from trio_chat import checks

Auth = Literal["none", "token"]
LogFormat = Literal["console", "json"]
Compression = Literal["on", "off"]
LogLevel = Literal["debug", "info", "warning", "error"]
StoreSync = Literal["full", "normal"]
PrePing = Literal["on", "off"]


class Group(StrEnum):
    """The groups of settings, in the order in which help and reference show them."""

    NETWORK = "Network"
    TLS = "TLS"
    AUTHENTICATION = "Authentication"
    LIMITS = "Limits"
    ROOMS = "Rooms"
    STORE = "Store"
    BACKPLANE = "Backplane"
    LOGGING = "Logging"


def flag_name(field_name: str) -> str:
    """Return the name of a setting outside Python, e.g. ``ping-interval``.

    The TOML key is this name. The flag has two dashes before it. The environment variable has
    ``TRIO_CHAT_`` before it, in capitals with underscores. Time units are in the help only.
    """
    return field_name.removesuffix("_seconds").replace("_", "-")


def _setting(  # noqa: PLR0913 - each is a part of a setting
    group: Group,
    default: Any,  # noqa: ANN401 - as attrs.field has it
    check: checks.Check,
    text: str,
    *,
    is_secret: bool = False,
    may_hold_secret: bool = False,
) -> Any:  # noqa: ANN401 - the same
    """Make a field with a checked value, and with its help and its group as metadata.

    Args:
        group: Where help and reference list the setting.
        default: The default; the check applies to it as well.
        check: Returns what a value must be, or None for a good value.
        text: One line of help, without the default.
        is_secret: The value comes from an environment variable only, and no output shows it. A
            flag shows in ``ps``, and configuration files go into repositories and backups.
        may_hold_secret: No output shows the value, but it comes from any source: a URL can hold a
            password, and most do not.
    """
    is_hidden = is_secret or may_hold_secret

    def validate(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if (complaint := complaint_about(attribute, value)) is not None:
            msg = f"{flag_name(attribute.name)} {complaint}"
            raise ValueError(msg)

    metadata = {
        "group": group,
        "help": text,
        "check": check,
        "is_secret": is_secret,
        "is_hidden": is_hidden,
    }
    return attrs.field(default=default, validator=validate, repr=not is_hidden, metadata=metadata)


def complaint_about(attribute: "attrs.Attribute[Any]", value: object) -> str | None:
    """Return what is wrong with a value for a setting, or None for a good value.

    Returns:
        A predicate such as ``must be …, not …``, to follow the name of the setting. It never
        repeats a secret.
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
    """The configuration of one server. It never changes after the start.

    Raises:
        ValueError: A value is out of bounds; the message names the setting as users write it.
    """

    # Only this machine: an operator must decide to serve others.
    host: tuple[str, ...] = _setting(
        Group.NETWORK,
        ("127.0.0.1",),
        checks.hosts,
        "Address to listen on; repeatable. 0.0.0.0 is all of IPv4, :: all of IPv6.",
    )
    # The usual port of a development server, and it needs no root.
    port: int = _setting(
        Group.NETWORK, 8080, checks.whole(0, 65535), "Port to listen on; 0 takes a free one."
    )
    # Only the page's own origin: a foreign page must not chat from a visitor's network.
    allow_origin: tuple[str, ...] = _setting(
        Group.NETWORK,
        (),
        checks.origins,
        "Foreign origin whose pages may connect; repeatable, * for any.",
    )
    # None: a page in a foreign frame can be covered by other content, and so trick its user.
    embed_origin: tuple[str, ...] = _setting(
        Group.NETWORK,
        (),
        checks.named_origins,
        "Foreign origin that may frame the page, import its modules and connect; repeatable.",
    )
    # Any: only the operator knows the server's names. Set it to refuse DNS rebinding, where a
    # foreign name points here and so the page's origin equals the Host.
    server_name: tuple[str, ...] = _setting(
        Group.NETWORK,
        (),
        checks.server_names,
        "Host name that browsers may use; repeatable, any by default.",
    )
    # None: a server that trusts a header from any client has no limit per address.
    trusted_proxy: tuple[str, ...] = _setting(
        Group.NETWORK,
        (),
        checks.networks,
        "Proxy whose X-Forwarded-For and X-Forwarded-Proto count; repeatable.",
    )
    # The server compresses only for clients that offer it, and once for all of them. That costs
    # little, and halves long messages and histories for mobile clients.
    compression: Compression = _setting(
        Group.NETWORK, "on", _compression, "Compression of messages for clients that offer it."
    )
    # A client that receives 50 messages a second may stall for five seconds.
    send_queue: int = _setting(
        Group.NETWORK, 256, _size, "Maximum frames queued for one connection."
    )
    # 256 frames of 4 KiB: so 1,000 stalled readers hold 1 GiB, never more.
    send_queue_bytes: int = _setting(
        Group.NETWORK, 1_048_576, _size, "Maximum bytes queued for one connection."
    )
    # Without it the kernel hides megabytes of backlog, and the server notices slow clients late.
    send_buffer_bytes: int = _setting(
        Group.NETWORK,
        131_072,
        _size,
        "Kernel send buffer of one connection (SO_SNDBUF), in bytes.",
    )
    # Below the 60 s after which proxies and NATs forget an idle connection.
    ping_interval_seconds: float = _setting(
        Group.NETWORK, 30.0, checks.seconds, "Time between pings, in seconds."
    )
    # Three pings: a train tunnel may swallow two.
    pong_timeout_seconds: float = _setting(
        Group.NETWORK,
        90.0,
        checks.seconds,
        "Silence after which the server closes a connection, in seconds.",
    )
    # For pages, which cannot see pings: they show "reconnecting" after a minute of silence.
    heartbeat_interval_seconds: float = _setting(
        Group.NETWORK, 60.0, checks.seconds, "Time between heartbeat messages, in seconds."
    )
    # The largest frame, a history of 256 KiB, passes in it at 26 KiB/s, a poor mobile line.
    write_timeout_seconds: float = _setting(
        Group.NETWORK,
        10.0,
        checks.seconds,
        "Maximum time of one write, in seconds; then the connection ends.",
    )
    # A page sends its name at once; a person at a terminal client needs a moment.
    hello_timeout_seconds: float = _setting(
        Group.NETWORK, 10.0, checks.seconds, "Maximum time until the first message, in seconds."
    )
    # A request head is one packet; ten seconds are several retransmissions of it.
    head_timeout_seconds: float = _setting(
        Group.NETWORK,
        10.0,
        checks.seconds,
        "Maximum time for the head of an HTTP request, in seconds.",
    )
    # One round trip is enough; on the worst line that takes five seconds.
    close_timeout_seconds: float = _setting(
        Group.NETWORK,
        5.0,
        checks.seconds,
        "Maximum time for the client's close frame, in seconds.",
    )
    # Docker kills after 10 s and systemd after 90 s; before that, every connection is closed.
    shutdown_grace_seconds: float = _setting(
        Group.NETWORK, 10.0, checks.seconds, "Maximum time of a graceful shutdown, in seconds."
    )

    # None: most operators let a proxy do TLS. With both files, the server needs no proxy.
    tls_cert: str = _setting(
        Group.TLS, "", checks.path, "PEM file with the certificate chain; needs tls-key."
    )
    # As for the certificate. Two files, since every ACME client writes two.
    tls_key: str = _setting(
        Group.TLS, "", checks.path, "PEM file with the certificate's key, not encrypted."
    )

    # A name is enough among people who trust each other; others decide on keys first.
    auth: Auth = _setting(
        Group.AUTHENTICATION, "none", _auth, "Authentication: none, or token to require tokens."
    )
    # None: everybody would know a secret that came with the program.
    token_secret_file: str = _setting(
        Group.AUTHENTICATION,
        "",
        checks.path,
        "File with the secret for HS256 tokens, 32 bytes or more.",
    )
    # The same without a file, for containers. No flag: the list of processes shows flags.
    token_secret: str = _setting(
        Group.AUTHENTICATION, "", checks.text, "Secret for HS256 tokens.", is_secret=True
    )
    # None, for the same reason. The key names its algorithm; a token never does.
    token_public_key_file: tuple[str, ...] = _setting(
        Group.AUTHENTICATION,
        (),
        checks.paths,
        "PEM file with an Ed25519 or RSA public key, or KID=FILE; repeatable.",
    )
    # None: then the server refuses a token with an audience (RFC 7519 section 4.1.3).
    token_audience: str = _setting(
        Group.AUTHENTICATION, "", checks.text, "Audience that every token must name."
    )
    # Any: the holder of the key is the issuer.
    token_issuer: str = _setting(
        Group.AUTHENTICATION, "", checks.text, "Issuer that every token must name."
    )

    # At 17 KiB each, or 29 KiB with TLS, below 300 MiB: a small machine can spare that.
    max_connections: int = _setting(Group.LIMITS, 10_000, _size, "Maximum open connections.")
    # A few tabs and a phone; more means that a page leaks connections.
    max_user_connections: int = _setting(
        Group.LIMITS, 10, _size, "Maximum open connections of one user."
    )
    # More than anybody follows; a client that joins them all at once reads 50 histories.
    max_rooms: int = _setting(Group.LIMITS, 50, _size, "Maximum rooms of one connection.")
    # Nobody types ten messages a second; a pasted list of twenty lines still passes.
    message_rate: float = _setting(
        Group.LIMITS, 10.0, checks.rate, "Messages per second and user; 0 = no limit."
    )
    message_burst: int = _setting(Group.LIMITS, 20, _size, "Messages at once per user.")
    # The page sends two per pause in typing; half the rate of messages is plenty.
    typing_rate: float = _setting(
        Group.LIMITS, 5.0, checks.rate, "Typing messages per second and user; 0 = no limit."
    )
    typing_burst: int = _setting(Group.LIMITS, 10, _size, "Typing messages at once per user.")
    # An office behind one address reloads its tabs at once after a restart.
    upgrade_rate: float = _setting(
        Group.LIMITS, 10.0, checks.rate, "New connections per second and address; 0 = no limit."
    )
    upgrade_burst: int = _setting(Group.LIMITS, 20, _size, "New connections at once per address.")
    # Three joins and leaves in ten minutes are a bad line. More is noise that pushes messages out
    # of a page of history.
    notice_rate: int = _setting(
        Group.LIMITS,
        6,
        checks.whole(0, checks.MAX_SIZE),
        "Join and leave notices per user, room and 10 minutes; 0 = no limit.",
    )
    # A team makes some rooms a day. A database keeps each forever, so a hundred an hour per
    # address is generous, and a flood of them adds only a few megabytes a day.
    new_room_rate: int = _setting(
        Group.LIMITS,
        100,
        checks.whole(0, checks.MAX_SIZE),
        "New rooms per address and hour; 0 = no limit.",
    )
    # Twenty times the rate of messages: only floods of pings and fragments reach it.
    frame_rate: float = _setting(
        Group.LIMITS, 200.0, checks.rate, "Frames per second and connection; 0 = no limit."
    )
    # A message of 64 KiB in fragments of 66 bytes, or the backlog of a short stall.
    frame_burst: int = _setting(Group.LIMITS, 1000, _size, "Frames at once per connection.")
    # Four times the longest message in UTF-8 (16 KiB), and still cheap to hold.
    max_frame_bytes: int = _setting(
        Group.LIMITS, 65_536, _size, "Maximum size of a client's message, in bytes."
    )
    # Two pages of prose; people send a link instead of more.
    max_message_chars: int = _setting(
        Group.LIMITS, 4096, _size, "Maximum length of a chat message, in characters."
    )

    # The room for clients that name none.
    default_room: str = _setting(
        Group.ROOMS, "general", checks.room, "Room of a client that names no room."
    )
    # A screen or two to scroll back; one history message holds at most 100.
    history_size: int = _setting(
        Group.ROOMS, 50, checks.whole(1, 100), "Newest messages sent to a joining client."
    )
    # At most ten minutes of a lively room; after a longer absence a client gets the newest page.
    resume_size: int = _setting(
        Group.ROOMS,
        500,
        checks.whole(0, 1000),
        "Maximum missed events sent on a resume; beyond it, only the newest.",
    )
    # Nobody reads a list of 200 names, and announcing each join to all grows with the square.
    large_room_size: int = _setting(
        Group.ROOMS, 200, _size, "Users above which a room announces no joins and leaves."
    )

    # A file in the working directory: nothing to set up, and a restart loses nothing.
    store: str = _setting(
        Group.STORE,
        "sqlite:trio_chat.db",
        checks.store_url,
        "Where history lives: memory:, sqlite:PATH or postgresql://USER@HOST/DATABASE.",
        may_hold_secret=True,
    )
    # An acknowledged message survives a power cut; each commit waits for the disk, and under load
    # many messages share one commit.
    store_sync: StoreSync = _setting(
        Group.STORE,
        "full",
        _store_sync,
        "SQLite durability: full = survives a power cut, normal = may lose the last commits.",
    )
    # Reads take about a millisecond, so ten at a time are thousands a second.
    store_pool_size: int = _setting(
        Group.STORE, 10, _size, "Connections to PostgreSQL that stay open."
    )
    # For the rush after a restart. 25 in all: three nodes and a psql fit into the 100 that
    # PostgreSQL allows by default; 100 of one node would take all of them.
    store_pool_overflow: int = _setting(
        Group.STORE,
        15,
        checks.whole(0, checks.MAX_SIZE),
        "More connections to PostgreSQL under load.",
    )
    # Soon enough to follow a failover or a changed address, and rare enough to cost nothing.
    store_pool_lifetime_seconds: float = _setting(
        Group.STORE,
        300.0,
        checks.seconds,
        "Maximum age of a connection to PostgreSQL, in seconds.",
    )
    # A fraction of a round trip. Without it, the first request on each connection fails after a
    # restart of the database.
    store_pool_pre_ping: PrePing = _setting(
        Group.STORE, "on", _pre_ping, "Test of each connection to PostgreSQL before use."
    )

    # One node needs none, and nothing else to run.
    backplane: str = _setting(
        Group.BACKPLANE,
        "local:",
        checks.backplane,
        "Link between nodes: local: (one node), redis://USER:PASSWORD@HOST:PORT or rediss://.",
        may_hold_secret=True,
    )
    # Enough for one chat. Two chats on one Redis need two channels, or each would treat the
    # other's nodes as its own.
    backplane_channel: str = _setting(
        Group.BACKPLANE,
        "trio_chat",
        checks.channel,
        "Redis Pub/Sub channel that the nodes of one chat share.",
    )

    # For a terminal; an operator that collects logs sets json once.
    log_format: LogFormat = _setting(Group.LOGGING, "console", _log_format, "Format of log lines.")
    # Connects and disconnects are info; debug is for developers of the server.
    log_level: LogLevel = _setting(Group.LOGGING, "info", _log_level, "Minimum log level.")
