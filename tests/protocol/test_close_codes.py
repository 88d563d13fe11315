import pytest

from trio_chat.protocol.close_codes import DO_NOT_COME_BACK, MEANING, CloseCode

# RFC 6455 section 7.4.1 and IANA's registry, in the codes that a server may send.
STANDARD = {1000, 1001, 1002, 1003, 1007, 1009, 1012, 1013}


def test_each_close_code_has_its_own_reason() -> None:
    assert set(MEANING) == set(CloseCode)
    assert len(set(MEANING.values())) == len(CloseCode)


@pytest.mark.parametrize("code", CloseCode)
def test_each_close_code_is_standard_or_private(code: CloseCode) -> None:
    assert code in STANDARD or 4000 <= code <= 4999


def test_45xx_means_do_not_reconnect_except_4505() -> None:
    final = {code for code in CloseCode if code >= 4500} - {CloseCode.TOO_MANY_CONNECTIONS}
    assert final == DO_NOT_COME_BACK
