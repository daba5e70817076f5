"""Fetching over real sockets: what comes back, and everything that a server may try."""

from __future__ import annotations

import asyncio
import gzip
import time
from dataclasses import replace

import pytest
from tests.media.fetch.sites import Page, Site, page
from tests.media.files import MP4, PNG, WAV, uri
from tests.requests import params

from mimo.contract.errors import ApiError, InvalidRequest, RequestTooLarge
from mimo.contract.media import MEDIA
from mimo.contract.models import MODELS
from mimo.contract.request import ChatRequest
from mimo.media.fetch.fetcher import Bounds, Fetcher
from mimo.media.fetch.guard import Guard
from mimo.media.fetch.request import with_content
from mimo.types import Media, Message

PATH = "messages[0].content[0]"
QUICK = Bounds(seconds=0.6, connect=0.5)
SECRET = b"<html>the inside of the network</html>"


def at(url: str, kind: str = "image", form: str = "", path: str = PATH) -> Media:
    return Media(kind, url, path, form)  # type: ignore[arg-type]


async def got(site: Site, url: str, kind: str = "image", bounds: Bounds = QUICK) -> Media:
    (media,) = await Fetcher(site.guard, bounds).fetch([at(url, kind)])
    return media


async def refused(site: Site, url: str, kind: str = "image", bounds: Bounds = QUICK) -> str:
    with pytest.raises(InvalidRequest) as problem:
        await got(site, url, kind, bounds)
    assert (problem.value.code, problem.value.param) == ("invalid_request", PATH)
    for inside in ("127.0.0.1", "10.", "169.254", str(site.port), "inside of the network"):
        assert inside not in problem.value.message
    return problem.value.message


async def test_content_becomes_a_data_uri_typed_by_what_it_is(site: Site) -> None:
    site.pages["/a"] = page(PNG, content_type="text/html")
    media = await got(site, site.url("/a"))
    assert (media.url, media.format, media.size, media.path) == (uri(PNG, "image/png"), "png", len(PNG), PATH)
    (head,) = site.asked
    assert "accept-encoding: identity" in head.lower() and "cookie" not in head.lower()
    assert f"host: media.example:{site.port}" in head.lower(), "the name is asked for, at the address that was checked"


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("/a%2Fb?sig=c%2Fd%2Be%27%7E%3D&t=00%3A00", "/a%2Fb?sig=c%2Fd%2Be%27%7E%3D&t=00%3A00"),
        ("/ä b?c d", "/%C3%A4%20b?c+d"),
        ("/a\r\nx-evil: b", "/ax-evil:%20b"),
    ],
)
@pytest.mark.parametrize("redirected", [False, True])
async def test_a_url_is_asked_for_as_it_was_written_but_for_what_would_break_the_request(
    site: Site, written: str, sent: str, redirected: bool
) -> None:
    site.pages[sent] = page(PNG)
    if redirected and written.isascii() and written.isprintable():
        site.pages["/from"] = page(b"", "302 Found", location=written)
        assert (await got(site, site.url("/from"))).format == "png"
    assert (await got(site, site.url(written))).format == "png"
    assert "x-evil" not in {line.partition(":")[0] for line in site.asked[-1].split("\r\n")}


@pytest.mark.parametrize("size", [1, 2, 3, 1000, 100_000])
async def test_pieces_of_any_size_join_to_the_same_content(site: Site, size: int) -> None:
    data = PNG + bytes(range(256)) * 3

    async def dribble(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            await writer.drain()
            await asyncio.sleep(0)

    site.pages["/a"] = dribble
    assert (await got(site, site.url("/a"))).url == uri(data, "image/png")


async def test_redirects_are_followed_a_few_times_and_relative_ones_too(site: Site) -> None:
    site.pages["/a"] = page(b"", "302 Found", location="/b")
    site.pages["/b"] = page(b"", "307 Temporary Redirect", location=site.url("/c", "other.example"))
    site.pages["/c"] = page(b"", "301 Moved", location="d")
    site.pages["/d"] = page(PNG)
    assert (await got(site, site.url("/a"))).format == "png"
    assert site.looked_up == ["media.example", "media.example", "other.example", "other.example"]
    site.pages["/d"] = page(b"", "302 Found", location="/e")
    site.pages["/e"] = page(PNG)
    assert "redirects more than 3 times" in await refused(site, site.url("/a"))


@pytest.mark.parametrize(
    "target",
    [
        "http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:10.0.0.1]/", "http://0.0.0.0/", "http://[fd00:ec2::254]/", "http://[64:ff9b::a00:1]/",
        "http://127.0.0.2/", "http://127.1/", "http://2130706434/", "http://0x7f000002/", "http://0177.0.0.2/",
        "http://inside.example/", "http://both.example/", "http://none.example/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("redirected", [False, True])
async def test_nothing_leads_inside_directly_or_by_a_redirect(site: Site, target: str, redirected: bool) -> None:
    site.names = {
        "inside.example": [["10.1.2.3"]], "both.example": [["127.0.0.1", "10.1.2.3"]], "none.example": [[]],
        "127.1": [["127.0.0.2"]], "2130706434": [["127.0.0.2"]], "0x7f000002": [["127.0.0.2"]],
        "0177.0.0.2": [["127.0.0.2"]],
    }  # fmt: skip
    site.pages["/a"] = page(SECRET, "302 Found", location=target)
    said = await refused(site, site.url("/a") if redirected else target)
    assert "only public addresses" in said or "cannot be reached" in said
    assert len(site.asked) == redirected


async def test_a_name_that_answers_differently_the_second_time_gains_nothing(site: Site) -> None:
    """The connection goes to the address that was checked: there is no second look-up that could differ."""
    site.names = {"rebind.example": [["127.0.0.1"], ["10.0.0.1"]]}
    site.pages["/a"] = page(PNG)
    assert (await got(site, site.url("/a", "rebind.example"))).format == "png"
    assert site.looked_up == ["rebind.example"]
    assert "only public addresses" in await refused(site, site.url("/a", "rebind.example"))
    site.names = {"rebind.example": [["127.0.0.1"], ["10.0.0.1"]]}
    site.pages["/b"] = page(b"", "302 Found", location="/a")
    assert "only public addresses" in await refused(site, site.url("/b", "rebind.example")), "looked at again"


async def test_the_last_look_is_at_the_socket_whatever_the_resolver_says(site: Site) -> None:
    """A resolver that smuggles an address past the check of names does not get a connection."""
    calls = 0

    def policy(address: object) -> bool:
        nonlocal calls
        calls += 1
        return calls == 1  # as if the table had changed its mind between the look-up and the connection

    site.pages["/a"] = page(PNG)
    fetcher = Fetcher(Guard(site.resolve, policy, (site.port,)), QUICK)
    with pytest.raises(InvalidRequest, match="only public addresses"):
        await fetcher.fetch([at(site.url("/a"))])
    assert (calls, site.asked) == (2, [])


async def test_production_s_own_guard_does_not_fetch_from_here(site: Site) -> None:
    site.pages["/a"] = page(PNG)
    guards = [Guard(), Guard(ports=(site.port,))]
    for guard, host in ((guard, host) for guard in guards for host in ("127.0.0.1", "localhost", "[::1]")):
        with pytest.raises(InvalidRequest):
            await Fetcher(guard, QUICK).fetch([at(site.url("/a", host))])
    assert site.asked == []


@pytest.mark.parametrize("lie", [None, 10, 2**60])
async def test_too_much_is_413_while_it_is_read_whatever_was_declared(site: Site, lie: int | None) -> None:
    limit = MEDIA["image"].fetched
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        declared = b"" if lie is None else b"content-length: %d\r\n" % lie
        writer.write(b"HTTP/1.1 200 OK\r\n" + declared + b"connection: close\r\n\r\n" + PNG)
        piece = bytes(2**20)
        while sent < 2 * limit:
            writer.write(piece)
            sent += len(piece)
            await writer.drain()

    site.pages["/a"] = flood
    if lie == 10:  # more than was declared is no HTTP
        assert "broke off" in await refused(site, site.url("/a"), bounds=Bounds())
        return
    with pytest.raises(RequestTooLarge, match="at most 50 MB") as problem:
        await got(site, site.url("/a"), bounds=Bounds())
    assert problem.value.param == PATH
    assert sent < limit + 30 * 2**20, "reading stopped at the limit"


async def test_all_urls_of_a_request_share_a_limit(site: Site) -> None:
    async def film(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 160000000\r\n\r\n" + MP4)
        for _ in range(160):
            writer.write(bytes(1_000_000))
            await writer.drain()

    site.pages["/a"] = film
    fetcher = Fetcher(site.guard, Bounds())
    with pytest.raises(RequestTooLarge, match="over 300 MB"):
        await fetcher.fetch([at(site.url("/a"), "video"), at(site.url("/a"), "video", path="messages[0].content[1]")])


async def _silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def _slow(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + PNG)
    while True:
        writer.write(b"\0")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("behaviour", [_silent, _slow])
async def test_time_is_bounded_in_all_and_not_only_between_bytes(site: Site, behaviour: Page) -> None:
    site.pages["/a"] = behaviour
    begun = time.monotonic()
    assert "within 0.6 seconds" in await refused(site, site.url("/a"))
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (page(SECRET), "judged by its content"),
        (page(b""), "holds nothing"),
        (page(SECRET, "404 Not Found"), "not answered with its content"),
        (page(SECRET, "500 Oops"), "not answered with its content"),
        (page(SECRET, "302 Found"), "not answered with its content"),
        (page(gzip.compress(PNG), content_encoding="gzip"), "compressed"),
        (page(PNG, length=len(PNG) + 5), "broke off"),
        (page(b"", "302 Found", location="http://u:p@media.example/"), "user or a password"),
        (page(b"", "302 Found", location="file:///etc/passwd"), "http or https"),
        (page(b"", "302 Found", location="http://media.example:22/"), "port"),
    ],
)
async def test_what_a_server_may_answer_instead(site: Site, behaviour: Page, words: str) -> None:
    site.pages["/a"] = behaviour
    assert words in await refused(site, site.url("/a"))


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "404 Not Found", "500 Oops", "204 No Content"])
async def test_an_error_tells_neither_the_status_nor_the_first_bytes_of_what_was_fetched(
    site: Site, status: str
) -> None:
    site.pages |= {"/a": page(SECRET, status), "/b": page(SECRET), "/c": page(WAV)}
    message = await refused(site, site.url("/a"))
    assert status[:3] not in message and status[4:] not in message
    for path in ("/b", "/c"):
        message = await refused(site, site.url(path))
        assert SECRET[:8].hex(" ") not in message and "wav" not in message


async def test_slow_servers_give_their_places_back_soon(site: Site) -> None:
    bounds = Bounds(seconds=30, silent=0.3, rate=1000, at_once=8, of_request=8)
    site.pages |= {"/silent": _silent, "/slow": _slow, "/a": page(PNG)}
    fetcher = Fetcher(site.guard, bounds)
    for path, words in (("/silent", "said nothing"), ("/slow", "too slowly")):
        holding = [asyncio.create_task(fetcher.fetch([at(site.url(path))])) for _ in range(8)]
        await asyncio.sleep(0.05)
        (media,) = await asyncio.wait_for(fetcher.fetch([at(site.url("/a"))]), 10)
        assert media.format == "png"
        for problem in await asyncio.gather(*holding, return_exceptions=True):
            assert words in str(problem)


async def test_one_request_cannot_hold_every_place(site: Site) -> None:
    site.pages |= {"/silent": _silent, "/a": page(PNG)}
    fetcher = Fetcher(site.guard, Bounds(seconds=20, silent=15, at_once=4, of_request=3))
    greedy = asyncio.create_task(fetcher.fetch([at(site.url("/silent"))] * 9))
    await asyncio.sleep(0.1)
    (media,) = await asyncio.wait_for(fetcher.fetch([at(site.url("/a"))]), 10)
    assert media.format == "png" and site.most <= 4
    greedy.cancel()
    await asyncio.gather(greedy, return_exceptions=True)


async def test_what_is_no_http_is_an_error_too(site: Site) -> None:
    async def nonsense(writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready for mail\r\n\r\n")

    site.pages["/a"] = nonsense
    assert "broke off" in await refused(site, site.url("/a"))


async def test_proxies_of_the_environment_are_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.pages["/a"] = page(PNG)
    assert (await got(site, site.url("/a"))).format == "png"


async def test_what_the_client_said_of_a_sound_is_compared_with_its_content(site: Site) -> None:
    site.pages["/a"] = page(WAV)
    fetcher = Fetcher(site.guard, QUICK)
    assert (await fetcher.fetch([at(site.url("/a"), "audio", "wav")]))[0].format == "wav"
    with pytest.raises(InvalidRequest, match='says "mp3" and its content is wav'):
        await fetcher.fetch([at(site.url("/a"), "audio", "mp3")])


async def test_only_so_many_are_fetched_at_once_and_a_failure_ends_the_others(site: Site) -> None:
    async def later(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        await page(PNG)(writer)

    site.pages |= {"/a": later, "/b": page(b"", "404 Not Found"), "/c": _silent}
    fetcher = Fetcher(site.guard, Bounds(at_once=3, seconds=60))
    assert len(await fetcher.fetch([at(site.url("/a"))] * 9)) == 9
    assert site.most == 3
    begun = time.monotonic()
    with pytest.raises(InvalidRequest, match="not answered"):
        await fetcher.fetch([at(site.url("/c")), at(site.url("/b")), at(site.url("/c"))])
    assert time.monotonic() - begun < 20


async def test_fetched_content_replaces_its_url_and_a_request_without_urls_is_unchanged(site: Site) -> None:
    site.pages["/a"] = page(PNG)
    here = replace(at(uri(WAV, "audio/wav"), "audio", "wav"), size=len(WAV))
    message = Message("user", "ab", parts=("a", at(site.url("/a")), "b", here))
    request = ChatRequest(MODELS["mimo-v2-omni"], params(), (Message("system", "s"), message))
    filled = await with_content(request, Fetcher(site.guard, QUICK))
    assert [part if isinstance(part, str) else part.url for part in filled.messages[1].parts] == [
        "a", uri(PNG, "image/png"), "b", uri(WAV, "audio/wav"),
    ]  # fmt: skip
    assert filled.messages[0] is request.messages[0]
    assert await with_content(filled, None) is filled


async def test_a_fetch_that_is_given_up_closes_its_connections(site: Site) -> None:
    site.pages["/a"] = _slow
    task = asyncio.create_task(Fetcher(site.guard, Bounds(seconds=5)).fetch([at(site.url("/a"))]))
    while not site.open:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises((asyncio.CancelledError, ApiError)):
        await task
    end = time.monotonic() + 60
    while site.open and time.monotonic() < end:
        await asyncio.sleep(0.01)
    assert site.open == 0
