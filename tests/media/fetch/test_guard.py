"""Where a fetch may go: URLs, names and redirects. The resolver and the policy are the test's own."""

from __future__ import annotations

import pytest
from yarl import URL

from mimo.media.fetch.guard import UNREACHABLE, Guard, Refused, Resolver


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/a.png", "http://example.com", "http://example.com:80/x?y=z#f", "https://example.com:443/",
        "HTTPS://EXAMPLE.COM/a", "http://93.184.216.34/a", "http://[2606:4700::1]/a", "https://bücher.example/a",
    ],
)  # fmt: skip
def test_usual_urls_are_followed(text: str) -> None:
    assert Guard().target(text).host


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://user@example.com/", "user or a password"),
        ("http://user:secret@example.com/", "user or a password"),
        ("http://:secret@example.com/", "user or a password"),
        ("ftp://example.com/", "http or https"),
        ("file:///etc/passwd", "http or https"),
        ("gopher://example.com/", "http or https"),
        ("//example.com/", "http or https"),
        ("http:///a", "with a host"),
        ("http://example.com:8080/", "port"),
        ("https://example.com:22/", "port"),
        ("http://example.com:99999/", "valid URL"),
        ("http://[::1/", "valid URL"),
        ("http://example.com/" + "a" * 9000, "8192 characters"),
    ],
)
def test_unusual_urls_are_refused(text: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        Guard().target(text)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://example.com/b", "https to http"),
        ("ftp://example.com/b", "http or https"),
        ("https://u:p@example.com/b", "user or a password"),
        ("https://example.com:8443/b", "port"),
    ],
)
def test_a_redirect_is_looked_at_as_the_first_url_was(location: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        Guard().target(location, URL("https://example.com/a"))
    assert str(Guard().target("../c?d", URL("https://example.com/a/b"))) == "https://example.com/c?d"


@pytest.mark.parametrize(
    "found",
    [
        [], ["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::1"], ["fe80::1%eth0"], ["not an address"],
        ["93.184.216.34", "127.0.0.1"], ["127.0.0.1", "93.184.216.34"], ["::ffff:10.0.0.1"],
    ],
)  # fmt: skip
async def test_a_name_with_any_address_that_is_not_public_is_refused_in_words_that_tell_nothing(
    found: list[str],
) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return found

    with pytest.raises(Refused) as problem:
        await Resolver(Guard(resolve)).resolve("name.example", 443)
    assert str(problem.value) == UNREACHABLE, "a name that is not there and one that leads inside are answered alike"


async def test_a_name_that_cannot_be_looked_up_is_refused_in_the_same_words() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise OSError("no such name in corp.internal")

    with pytest.raises(Refused, match="only public addresses"):
        await Resolver(Guard(resolve)).resolve("name.example", 443)


async def test_all_public_addresses_are_offered_once_each() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "2606:4700::1", "93.184.216.34"]

    rows = await Resolver(Guard(resolve)).resolve("name.example", 443)
    assert [row["host"] for row in rows] == ["93.184.216.34", "2606:4700::1"]
