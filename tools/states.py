"""The states of the pages, by name: each function brings a page to one.

``python -m tools.screenshots --states FOLDER [NAME …]`` takes a picture of each, and
tests/e2e/test_states.py lets axe look at each.
"""

import re
from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from tests.e2e.line import Line
from tests.e2e.windows import ChatWindow, EchoWindow
from tools import talk
from tools.stage import PHONE, Stage

Bring = Callable[[Stage], Page]

STATES: dict[str, Bring] = {}
"""By name, in the order of pictures."""

ROOMS = (talk.ROOM, "dev", "general", "world", "essays")
"""The rooms of the shared windows."""


def state(bring: Bring) -> Bring:
    """Name a state after its function."""
    STATES[bring.__name__.replace("_", "-")] = bring
    return bring


def _ann(stage: Stage, room: str = talk.ROOM) -> ChatWindow:
    """Return the shared window, with everything in its rooms."""
    stage.once(talk.fill_release, talk.fill_marked, talk.fill_right_to_left, talk.fill_long)
    return stage.shared("laptop", room, *(other for other in ROOMS if other != room))


def _phone(stage: Stage) -> ChatWindow:
    stage.once(talk.fill_release)
    return stage.shared("phone", *ROOMS, **PHONE)


def _say(window: ChatWindow, text: str) -> None:
    """Send a message, and wait until the server has it."""
    window.send(text)
    expect(window.message(text)).to_have_attribute("data-state", re.compile("sent|seen"))


# --- joining ---


@state
def join_form(stage: Stage) -> Page:
    """The page of a newcomer."""
    return stage.chat().page


@state
def join_phone(stage: Stage) -> Page:
    """The same on a phone."""
    return stage.chat(**PHONE).page


@state
def join_dark(stage: Stage) -> Page:
    """The same in the dark."""
    return stage.chat(color_scheme="dark").page


@state
def join_error(stage: Stage) -> Page:
    """The form, submitted empty."""
    window = stage.chat()
    window.enter_name("")
    expect(window.join_error).not_to_be_empty()
    return window.page


@state
def join_refused(stage: Stage) -> Page:
    """A name that the server refuses."""
    window = stage.chat()
    window.enter_name("a name of more than thirty-two characters")
    expect(window.join_error).not_to_be_empty()
    return window.page


@state
def join_server_away(stage: Stage) -> Page:
    """A name, and no server."""
    away = stage.chat(prepare=_unplug)
    away.enter_name("ann")
    expect(away.bar).to_contain_text("Reconnecting in")
    return away.page


@state
def join_early(stage: Stage) -> Page:
    """A name, submitted while the scripts are on a slow line."""

    def hold(route: Route) -> None:
        url = route.request.url
        if route.request.resource_type == "script" and "boot" not in url:
            return  # never answered
        route.continue_()

    page = stage.page()
    page.route("**/*", hold)
    page.goto(stage.server.page("/"), wait_until="commit")
    page.get_by_label("Your name").fill("ann")
    page.get_by_label("Your name").press("Enter")
    expect(page.locator("#join-button")).to_have_text("Joining…")
    return page


@state
def login_required(stage: Stage) -> Page:
    """A server that requires tokens, and no token."""

    def require(page: Page) -> None:
        page.route("**/readyz", lambda route: route.fulfill(headers={"chat-auth": "token"}))

    window = stage.chat(prepare=require)
    expect(window.page.locator("#join-hint")).to_contain_text("requires a login")
    return window.page


@state
def login_expired(stage: Stage) -> Page:
    """The end of a token."""
    ann, line = stage.line("Ann Expired", "general")
    line.cut(4010)
    expect(ann.join_error).to_contain_text("expired")
    return ann.page


# --- a conversation ---


@state
def empty_room(stage: Stage) -> Page:
    """The first user of a new room."""
    return stage.join("Ada", "quiet-room").page


@state
def busy_room(stage: Stage) -> Page:
    """A conversation of five people."""
    ann = _ann(stage)
    expect(ann.log.locator(".reader").first).to_be_visible()
    return ann.page


@state
def message_actions(stage: Stage) -> Page:
    """The pointer on an own message."""
    ann = _ann(stage)
    _say(ann, "This window sent this.")
    ann.own.last.hover()
    return ann.page


@state
def busy_dark(stage: Stage) -> Page:
    """The conversation in the dark."""
    stage.once(talk.fill_release)
    return stage.join("Dora", *ROOMS, color_scheme="dark").page


@state
def busy_forced_colours(stage: Stage) -> Page:
    """The conversation in the colours of the system."""
    stage.once(talk.fill_release)
    return stage.join("Carla", *ROOMS, forced_colors="active").page


@state
def busy_forced_colours_dark(stage: Stage) -> Page:
    """The same with a dark contrast theme, and a dialog."""
    stage.once(talk.fill_release)
    window = stage.join("Carla", *ROOMS, forced_colors="active", color_scheme="dark")
    window.page.keyboard.press("Control+k")
    return window.page


@state
def busy_moving(stage: Stage) -> Page:
    """The conversation without the wish for less motion."""
    stage.once(talk.fill_release)
    return stage.join("Moira", *ROOMS, reduced_motion="no-preference").page


@state
def busy_tablet(stage: Stage) -> Page:
    """The conversation on a small tablet."""
    stage.once(talk.fill_release)
    return stage.join(
        "Tamara", *ROOMS, **{**PHONE, "viewport": {"width": 820, "height": 1180}}
    ).page


@state
def busy_zoomed(stage: Stage) -> Page:
    """The conversation at 400 percent: a window of 320 by 256 pixels (WCAG 1.4.10)."""
    stage.once(talk.fill_release)
    window = stage.join("Zoe", *ROOMS, viewport={"width": 320, "height": 256})
    window.expect_no_sideways_scroll()
    return window.page


@state
def german(stage: Stage) -> Page:
    """The conversation in German."""
    stage.once(talk.fill_release)
    return stage.join("Gerda", *ROOMS, locale="de-DE").page


@state
def right_to_left(stage: Stage) -> Page:
    """Names and texts in Hebrew and Arabic."""
    return _ann(stage, "world").page


@state
def marked_up(stage: Stage) -> Page:
    """Code, quotes, lists, links, and mentions."""
    return _ann(stage, "dev").page


@state
def long_messages(stage: Stage) -> Page:
    """Messages that the page folds."""
    ann = _ann(stage, "essays")
    expect(ann.page.get_by_role("button", name="Show more").first).to_be_visible()
    return ann.page


@state
def coming_and_going(stage: Stage) -> Page:
    """Notices, folded into lines."""
    stage.once(talk.fill_door)
    return stage.join("Doris", "door").page


@state
def typing(stage: Stage) -> Page:
    """Two people write."""
    ann = _ann(stage)
    for name in ("Theo", "Mira"):
        stage.person(name).type(talk.ROOM)
    ann.expect_shown("typing", "are typing")
    return ann.page


@state
def unread(stage: Stage) -> Page:
    """A room with seventy unread messages: the "New" line, the bar, and the button to the end."""
    stage.once(talk.fill_busy)
    rosa = stage.join("Rosa", "busy", "general")
    expect(rosa.page.locator("#unread-bar")).to_be_visible()
    expect(rosa.log.locator(".new")).to_be_in_viewport()
    return rosa.page


@state
def permalink(stage: Stage) -> Page:
    """The target of a link to a message."""
    stage.once(talk.fill_busy)
    window = stage.join("Petra", "busy", "general")
    window.page.evaluate("location.hash = '#/room/busy/60'")
    expect(window.log.locator("[data-linked]")).to_be_in_viewport()
    return window.page


@state
def thousand_people(stage: Stage) -> Page:
    """A room of a thousand people."""
    ann, line = stage.line("Tilda", "crowd")
    _fill_with_people(line, "crowd", 999)
    ann.send("Welcome, all of you.")
    expect(ann.own).to_have_count(1)
    return ann.page


@state
def seen_by_many(stage: Stage) -> Page:
    """A message that fifty people have read."""
    ann, line = stage.line("Selma", "team")
    names = _fill_with_people(line, "team", 50)
    _say(ann, "Lunch is here.")
    for name in names:
        line.send(type="read", room="team", username=name, seq=2)
    expect(ann.log.locator(".reader").first).to_be_visible()
    return ann.page


def _fill_with_people(line: Line, room: str, count: int) -> list[str]:
    """Let a page believe that this many people join, and return their names."""
    first = ("Ann", "Bo", "Cem", "Di", "Eva")
    names = [f"{first[number % len(first)]} {number}" for number in range(count)]
    line.send(type="presence", room=room, online=names, offline=[], count=count + 1, time="")
    return names


@state
def fifty_rooms(stage: Stage) -> Page:
    """As many rooms as a user may be in: with a filter."""
    rooms = [
        f"{topic}-{number}" for number in range(10) for topic in ("dev", "ops", "tea", "art", "law")
    ]
    window = stage.join("Lotte", *rooms)
    expect(window.rooms).to_have_count(50)
    return window.page


@state
def no_room_matches(stage: Stage) -> Page:
    """A filter without a result, and the form with an error."""
    window = stage.join("Lotte", *(f"dev-{number}" for number in range(20)))
    window.page.get_by_label("Filter rooms").fill("nothing like this")
    window.room_field.fill("…")
    window.room_field.press("Enter")
    expect(window.page.locator("#rooms-error")).not_to_be_empty()
    return window.page


@state
def long_room_names(stage: Stage) -> Page:
    """Rooms of 64 letters, with unread messages."""
    window = stage.join("Rita", *talk.LONG_ROOMS)
    long = stage.person("Mira in long rooms", *talk.LONG_ROOMS[:2])
    for text in ("One", "@Rita two"):
        long.write(talk.LONG_ROOMS[1], text)
    expect(window.unread(talk.LONG_ROOMS[1])).to_have_text("2")
    return window.page


# --- on a phone ---


@state
def phone(stage: Stage) -> Page:
    """The conversation on a phone."""
    return _phone(stage).page


@state
def phone_dark(stage: Stage) -> Page:
    """The same in the dark."""
    stage.once(talk.fill_release)
    return stage.join("Dora", *ROOMS, color_scheme="dark", **PHONE).page


@state
def phone_keyboard(stage: Stage) -> Page:
    """A phone whose keyboard takes half of the window."""
    stage.once(talk.fill_release)
    window = stage.join("Kim", *ROOMS, **{**PHONE, "viewport": {"width": 390, "height": 420}})
    window.field.fill("I write this\non a phone")
    return window.page


@state
def phone_rooms(stage: Stage) -> Page:
    """The list of rooms over the page."""
    window = _phone(stage)
    window.page.locator("#rooms-toggle").click()
    expect(window.page.locator("#rooms-close")).to_be_focused()
    return window.page


@state
def phone_people(stage: Stage) -> Page:
    """The list of people over the page."""
    window = _phone(stage)
    window.page.locator("#people-toggle").click()
    expect(window.page.locator("#people-close")).to_be_focused()
    return window.page


@state
def phone_actions(stage: Stage) -> Page:
    """The buttons of a message after a tap."""
    window = _phone(stage)
    _say(window, "Sent from a phone")
    window.own.last.tap()
    return window.page


# --- writing ---


@state
def mention_completion(stage: Stage) -> Page:
    """Names after an @."""
    ann = _ann(stage)
    ann.field.press_sequentially("Thank you, @")
    expect(ann.page.locator("#offers")).to_be_visible()
    return ann.page


@state
def emoji_completion(stage: Stage) -> Page:
    """Emoji after a colon."""
    ann = _ann(stage)
    ann.field.press_sequentially("Hooray :par")
    expect(ann.page.locator("#offers")).to_be_visible()
    return ann.page


@state
def too_long(stage: Stage) -> Page:
    """A text beyond the limit."""
    ann = _ann(stage)
    ann.field.fill("Too long. " * 500)
    expect(ann.page.locator("#counter")).to_be_visible()
    return ann.page


@state
def editing(stage: Stage) -> Page:
    """An own message in its editor."""
    ann = _ann(stage)
    _say(ann, "Only this window may edit its messages.")
    ann.field.press("ArrowUp")
    expect(ann.editor).to_be_focused()
    return ann.page


@state
def deleting(stage: Stage) -> Page:
    """The question before a deletion."""
    window = stage.join("Delia", "general")
    _say(window, "A message too many")
    window.act("A message too many", "Delete")
    return window.page


@state
def unsent(stage: Stage) -> Page:
    """Messages that wait for the server, and the bar of a lost connection."""
    ann, line = stage.line("Una", "general")
    ann.page.route_web_socket("**/ws", lambda route: route.close(code=1001))
    line.cut(1001)
    ann.send("I write this while the server is away.")
    ann.send("And this.")
    expect(ann.bar).to_contain_text("Reconnecting in")
    return ann.page


@state
def failed(stage: Stage) -> Page:
    """A message that the server refuses."""
    ann, line = stage.line("Fay", "general")
    line.reject("internal", "Something went wrong.")
    ann.send("A whole chapter about it, too.")
    expect(ann.log.locator("[data-state=failed]")).to_have_count(1)
    return ann.page


@state
def failed_phone(stage: Stage) -> Page:
    """The same on a phone, with the error of a room."""
    line = Line()
    window = stage.join("Fay", "general", line=line, **PHONE)
    line.reject("muted", "You are muted here until tomorrow.")
    window.send("A whole chapter about it, too.")
    expect(window.log.locator("[data-state=failed]")).to_have_count(1)
    return window.page


@state
def error_bar(stage: Stage) -> Page:
    """A room that the server refuses."""
    ann, line = stage.line("Erin", "general")
    line.reject("forbidden", "This room is for members of the board.", "join")
    ann.room_field.fill("board")
    ann.room_field.press("Enter")
    expect(ann.page.locator("#error")).to_be_visible()
    return ann.page


# --- the connection ---


@state
def offline(stage: Stage) -> Page:
    """A device without a network."""
    window = stage.join("Olga", "general")
    window.page.context.set_offline(True)
    expect(window.state).to_have_text("Offline")
    return window.page


@state
def reconnecting(stage: Stage) -> Page:
    """A lost connection, on a phone."""
    line = Line()
    window = stage.join("Rena", "general", line=line, **PHONE)
    window.page.route_web_socket("**/ws", lambda route: route.close(code=1001))
    line.cut(1001)
    expect(window.bar).to_contain_text("Reconnecting in")
    return window.page


@state
def login_expires_soon(stage: Stage) -> Page:
    """The bar before the end of a token."""
    ann, line = stage.line("Logan", "general")
    line.send(type="auth", expiresInMs=30_000)
    expect(ann.page.locator("#login-bar")).to_be_visible()
    return ann.page


@state
def connection_details(stage: Stage) -> Page:
    """The panel of the connection."""
    ann = _ann(stage)
    ann.state.click()
    expect(ann.page.get_by_text("Connected since")).to_be_visible()
    return ann.page


# --- dialogs and menus ---


@state
def quick_switcher(stage: Stage) -> Page:
    """The quick switcher."""
    ann = _ann(stage)
    ann.page.keyboard.press("Control+k")
    ann.page.keyboard.type("e")
    return ann.page


@state
def quick_switcher_new(stage: Stage) -> Page:
    """The quick switcher, with the name of a new room."""
    ann = _ann(stage)
    ann.page.keyboard.press("Control+k")
    ann.page.keyboard.type("Our Room")
    return ann.page


@state
def shortcuts(stage: Stage) -> Page:
    """The list of shortcuts."""
    ann = _ann(stage)
    ann.page.get_by_role("button", name="Keyboard shortcuts").click()
    return ann.page


@state
def room_menu(stage: Stage) -> Page:
    """The menu of a room."""
    ann = _ann(stage)
    ann.options("dev").press("Enter")
    return ann.page


@state
def notification_dialog(stage: Stage) -> Page:
    """The dialog of notifications."""
    ann = _ann(stage)
    ann.page.get_by_role("button", name="Notifications").click()
    return ann.page


@state
def leaving(stage: Stage) -> Page:
    """The question before unsent text is discarded."""
    window = stage.join("Lea", "general")
    window.field.fill("Half a")
    window.leave()
    expect(window.page.locator("#leave-confirm")).to_be_visible()
    return window.page


@state
def skip_links(stage: Stage) -> Page:
    """The first stop of the Tab key."""
    ann = _ann(stage)
    ann.page.locator(".skip-links a").first.focus()
    return ann.page


# --- elsewhere ---


@state
def embedded(stage: Stage) -> Page:
    """The page in a frame of another site."""
    page = stage.frame("/")
    frame = page.frame_locator("iframe")
    frame.get_by_label("Your name").fill("Inga")
    frame.get_by_label("Your name").press("Enter")
    expect(frame.locator("#pill")).to_have_text("Connected")
    return page


@state
def echo(stage: Stage) -> Page:
    """The echo page."""
    return _echo(stage.page(), stage)


@state
def echo_phone_dark(stage: Stage) -> Page:
    """The echo page on a phone, in the dark."""
    return _echo(stage.page(color_scheme="dark", **PHONE), stage)


def _echo(page: Page, stage: Stage) -> Page:
    window = EchoWindow(page, stage.server.page("/echo"))
    window.expect_connected()
    for count, text in enumerate(("hello", "grüß dich ✓", '{"any": "text", "you": "like"}'), 1):
        window.send(text)
        expect(window.replies).to_have_count(count)
    return page


def _unplug(page: Page) -> None:
    page.route_web_socket("**/ws", lambda route: route.close(code=1001))
