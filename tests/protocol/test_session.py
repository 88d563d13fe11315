import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.protocol.test_names import BAD_NAMES
from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import Command, SendMessage, SetTyping, Since
from trio_chat.protocol.names import Name
from trio_chat.protocol.session import Enter, Session, State

MAX_CHARS = 12
MAX_ROOMS = 3
ROOM = "general"

# Letters only, so that the model needs no rules for names and texts of its own.
LETTERS = st.text(st.sampled_from("abcXYZ\u00e4"), min_size=1, max_size=MAX_CHARS)
BLANKS = st.text(st.sampled_from(" \n\t\u3000"), max_size=3)
HERE = st.sampled_from(["", f',"room":"{ROOM}"'])
ELSEWHERE = st.sampled_from(["", "General", "dev", "general "])
FAULTY = st.sampled_from(
    [
        "{",
        "{}",
        '{"message":5}',
        '{"type":"dance"}',
        '{"type":"typing"}',
        '{"type":"typing","isTyping":1}',
        '{"type":"hello","v":3,"username":"ann"}',
        '{"message":"a\\ud800"}',
    ]
)


def answer(session: Session, text: str) -> Enter | Command | ErrorCode:
    """What comes of a frame: an intent, or the code of the error."""
    try:
        return session.receive(text)
    except CommandError as error:
        return error.code


class Conversation(RuleBasedStateMachine):
    """A client that says anything at any time, against a model that knows one bit: it has a name.

    Each rule is one kind of frame. What it means before the name is in `first`.
    """

    @initialize()
    def begin(self) -> None:
        self.session = Session(ROOM, MAX_CHARS, MAX_ROOMS)
        self.has_name = False

    @invariant()
    def the_state_says_whether_there_is_a_name(self) -> None:
        expected = State.PLAIN if self.has_name else State.NAMELESS
        assert self.session.state is expected

    def expect(self, text: str, outcome: Enter | Command | ErrorCode) -> None:
        """With a name the frame has this outcome; without, a JSON object is no first frame."""
        if not self.has_name:
            outcome = ErrorCode.BAD_REQUEST
        assert answer(self.session, text) == outcome

    @precondition(lambda self: not self.has_name)
    @rule(raw=st.sampled_from(BAD_NAMES))
    def gives_a_bad_name(self, raw: str) -> None:
        assert answer(self.session, raw) is ErrorCode.BAD_REQUEST

    @precondition(lambda self: not self.has_name)
    @rule(before=BLANKS.filter(lambda blanks: not set(blanks) & set("\n\t")), name=LETTERS)
    def gives_a_good_name(self, before: str, name: str) -> None:
        expected = Enter(Name(name, name.lower()), {ROOM: Since()})
        assert answer(self.session, before + name) == expected
        self.has_name = True

    @precondition(lambda self: self.has_name)
    @rule(before=BLANKS, text=LETTERS, after=BLANKS)
    def says_something_plain(self, before: str, text: str, after: str) -> None:
        assert answer(self.session, before + text + after) == SendMessage(text, ROOM)

    @precondition(lambda self: self.has_name)
    @rule(blanks=BLANKS)
    def says_nothing(self, blanks: str) -> None:
        assert answer(self.session, blanks) is ErrorCode.BAD_REQUEST

    @precondition(lambda self: self.has_name)
    @rule(text=LETTERS)
    def says_too_much(self, text: str) -> None:
        too_long = text + "a" * MAX_CHARS
        assert answer(self.session, too_long) is ErrorCode.TOO_LARGE

    @precondition(lambda self: self.has_name)
    @rule(blank=st.sampled_from(" \n"))
    def says_an_object_behind_a_blank_as_text(self, blank: str) -> None:
        assert answer(self.session, blank + "{}") == SendMessage("{}", ROOM)

    @rule(text=LETTERS, room=HERE, kind=st.sampled_from(["", ',"type":"message"']))
    def says_something_in_json(self, text: str, room: str, kind: str) -> None:
        self.expect(f'{{"message":" {text} "{room}{kind}}}', SendMessage(text, ROOM))

    @rule(room=ELSEWHERE)
    def says_something_elsewhere(self, room: str) -> None:
        self.expect(f'{{"message":"a","room":"{room}"}}', ErrorCode.NOT_JOINED)

    @rule(room=HERE, is_typing=st.booleans())
    def shows_typing(self, room: str, is_typing: bool) -> None:  # noqa: FBT001
        word = "true" if is_typing else "false"
        self.expect(f'{{"type":"typing","isTyping":{word}{room}}}', SetTyping(is_typing, ROOM))

    @rule(room=ELSEWHERE)
    def shows_typing_elsewhere(self, room: str) -> None:
        self.expect(f'{{"type":"typing","isTyping":true,"room":"{room}"}}', ErrorCode.NOT_JOINED)

    @precondition(lambda self: self.has_name)
    @rule()
    def says_hello_too_late(self) -> None:
        hello = '{"type":"hello","v":2,"username":"ann"}'
        assert answer(self.session, hello) is ErrorCode.BAD_REQUEST

    @rule(text=FAULTY)
    def sends_a_faulty_object(self, text: str) -> None:
        self.expect(text, ErrorCode.BAD_REQUEST)


TestConversation = Conversation.TestCase
# The state is one bit: longer conversations find nothing more.
TestConversation.settings = settings(stateful_step_count=12)


def test_text_is_checked_before_the_room() -> None:
    session = Session(ROOM, MAX_CHARS, MAX_ROOMS)
    session.receive("ann")
    assert answer(session, '{"message":"","room":"dev"}') is ErrorCode.BAD_REQUEST


def test_plain_connection_has_no_refs() -> None:
    session = Session(ROOM, MAX_CHARS, MAX_ROOMS)
    session.receive("ann")
    assert answer(session, '{"message":"a","ref":"r1"}') == SendMessage("a", ROOM)
    assert answer(session, '{"message":"a","ref":" no ref "}') == SendMessage("a", ROOM)


ANN = Name("Ann Lee", "ann lee")


@pytest.mark.parametrize("first", ["", "Ann Lee", "ann lee", "  ANN   Lee "])
def test_client_with_a_token_may_omit_its_name(first: str) -> None:
    session = Session(ROOM, MAX_CHARS, MAX_ROOMS, ANN)
    assert answer(session, first) == Enter(ANN, {ROOM: Since()})
    assert session.state is State.PLAIN


def test_client_with_a_token_may_use_no_other_name() -> None:
    session = Session(ROOM, MAX_CHARS, MAX_ROOMS, ANN)
    assert answer(session, "bob") is ErrorCode.FORBIDDEN
    assert session.state is State.NAMELESS
