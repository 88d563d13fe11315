import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.support.certificates import authority, certificate_files
from trio_chat.backplane.address import read_address
from trio_chat.errors import StartError


@pytest.mark.parametrize(
    ("url", "shown", "username", "password"),
    [
        ("redis://redis.example", "redis.example:6379", None, None),
        ("redis://redis.example:7000/", "redis.example:7000", None, None),
        ("redis://:hush@[::1]/0", "[::1]:6379", None, "hush"),
        ("redis://ann:p%40s%3A@127.0.0.1:1", "127.0.0.1:1", "ann", "p@s:"),
        ("rediss://ann@redis.example", "redis.example:6379", "ann", None),
    ],
)
def test_read_address_returns_the_parts_of_the_url(
    url: str, shown: str, username: str | None, password: str | None
) -> None:
    address = read_address(url)
    assert (str(address), address.username, address.password) == (shown, username, password)
    assert (address.tls is not None) == url.startswith("rediss")
    assert "hush" not in repr(address)


def test_tls_verifies_the_certificate_and_its_name() -> None:
    tls = read_address("rediss://redis.example").tls
    assert tls is not None
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname


def test_an_authority_in_the_url_replaces_all_others(tmp_path: Path) -> None:
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = read_address(f"rediss://redis.example?ssl_ca_certs={tmp_path}/ca.pem").tls
    assert tls is not None
    assert len(tls.get_ca_certs()) == 1


def test_a_client_certificate_needs_its_key(tmp_path: Path) -> None:
    files = certificate_files(tmp_path)
    read_address(f"rediss://h?ssl_certfile={files.cert}&ssl_keyfile={files.key}")
    with pytest.raises(StartError, match="the backplane needs both ssl_certfile and ssl_keyfile"):
        read_address(f"rediss://h?ssl_certfile={files.cert}")


def test_an_encrypted_key_is_refused_without_a_prompt(tmp_path: Path) -> None:
    files = certificate_files(tmp_path)
    key = load_pem_private_key(files.key.read_bytes(), None)
    encrypted = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hush")
    )
    files.key.write_bytes(encrypted)
    with pytest.raises(StartError, match=f"cannot use {files.cert} {files.key} for the backplane"):
        read_address(f"rediss://h?ssl_certfile={files.cert}&ssl_keyfile={files.key}")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (
            "redis://:hush@h?ssl_ca_certs=/x",
            "unknown parameter in the redis:// backplane URL: ",
        ),
        (
            "rediss://:hush@h?ssl_cert_reqs=none",
            "unknown parameter in the rediss:// backplane URL",
        ),
        ("rediss://:hush@h?ssl_ca_certs=/no/ca.pem", "cannot use /no/ca.pem for the backplane: No"),
        ("rediss://:hush@h?ssl_ca_certs=/dev/null", "cannot use /dev/null for the backplane: "),
    ],
)
def test_an_error_about_a_url_has_no_password(url: str, says: str) -> None:
    with pytest.raises(StartError) as refused:
        read_address(url)
    assert str(refused.value).startswith(says)
    assert "hush" not in str(refused.value)
    assert "None" not in str(refused.value)
