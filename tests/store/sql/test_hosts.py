"""URLs with several hosts."""

import pytest
from sqlalchemy import make_url

from trio_chat.store.sql.hosts import postgres_url


@pytest.mark.parametrize(
    ("netloc", "hosts", "ports"),
    [
        ("a,b", "a,b", "5432,5432"),
        ("a:1,b", "a,b", "1,5432"),
        ("[::1]:5433,b.example:1", "::1,b.example", "5433,1"),
    ],
)
@pytest.mark.parametrize("user", ["", "ann@", "ann:p%2C%40s@"])
def test_several_hosts_become_parameters(netloc: str, hosts: str, ports: str, user: str) -> None:
    url = postgres_url(f"postgresql://{user}{netloc}/chat?sslmode=require")
    query = {"host": hosts, "port": ports, "sslmode": "require"}
    assert url == make_url(f"postgresql://{user}/chat").set(query=query)


@pytest.mark.parametrize("text", ["postgresql://ann:p,s@a:1/chat", "postgresql:///chat?host=a,b"])
def test_any_other_url_is_unchanged(text: str) -> None:
    assert postgres_url(text) == make_url(text)


@pytest.mark.parametrize("netloc", ["a,b:c", "a,[::1", "a:1:2,b"])
def test_a_malformed_host_is_refused(netloc: str) -> None:
    with pytest.raises(ValueError, match="host"):
        postgres_url(f"postgresql://{netloc}/chat")
