"""Data URIs, base64 and what a file is by its content: what is taken, and what every error says."""

from __future__ import annotations

import base64
import random

import pytest
from tests.media.files import BEGINNINGS, MP4, PNG, WAV, box, encoded, uri

from mimo.contract.errors import InvalidRequest, RequestTooLarge
from mimo.contract.media import MEDIA
from mimo.media.content import checked, inline, read
from mimo.media.sniff import SIGNATURES, formats_of
from mimo.types import Media, MediaKind

PATH = "messages[0].content[1]"
FORMATS = [(kind, name) for kind, row in MEDIA.items() for name in row.formats]


def new(kind: str = "image", form: str = "") -> Media:
    return Media(kind, "", PATH, form)  # type: ignore[arg-type]


def wrong(text: str, kind: str = "image", form: str = "", urls: bool = False) -> str:
    with pytest.raises(InvalidRequest) as problem:
        read(text, new(kind, form), urls=urls)
    assert (problem.value.status, problem.value.code, problem.value.param) == (400, "invalid_request", PATH)
    assert problem.value.message.startswith(f"{PATH} ")
    return problem.value.message


def test_every_format_of_the_contract_has_a_signature_and_a_beginning_here() -> None:
    assert {name for name, _ in SIGNATURES} == {name for _, name in FORMATS} == set(BEGINNINGS)


@pytest.mark.parametrize(("kind", "name"), FORMATS)
def test_a_media_type_follows_from_the_content(kind: MediaKind, name: str) -> None:
    assert BEGINNINGS[name][0] == kind
    data = BEGINNINGS[name][1]
    for media_type in (*MEDIA[kind].formats[name], "application/octet-stream", ""):
        media = read(uri(data, media_type), new(kind), urls=False)
        assert (media.format, media.size) == (name, len(data))
        assert media.url == uri(data, MEDIA[kind].formats[name][0])


@pytest.mark.parametrize("name", BEGINNINGS)
def test_no_content_is_two_kinds_but_for_the_one_container_that_holds_both(name: str) -> None:
    assert formats_of(BEGINNINGS[name][1]) == (("m4a", "mp4") if name == "mp4" else (name,))


def test_frames_without_a_tag_are_mp3_and_other_syncs_are_not() -> None:
    for head in (b"\xff\xfb\x90\x64", b"\xff\xf3\x40\xc0", b"\xff\xe3\x18\xc4"):
        assert formats_of(head + bytes(40)) == ("mp3",)
    for head in (
        b"\xff\xf1\x50\x80",
        b"\xff\xff\xff\xff",
        b"\xff\xfb\xf0\x00",
        b"\xff\xfb\x9c\x00",
        b"\xff\xeb\x90\x64",
    ):
        assert formats_of(head + bytes(40)) == (), "AAC, ones, and headers that are none"


def test_pictures_in_the_container_of_films_and_texts_are_nothing() -> None:
    for data in (
        box(b"heic"),
        box(b"avif"),
        b"BMW and Audi make cars",
        b"<svg xmlns=",
        b"%PDF-1.7",
        b"RIFF....WEB",
        b"",
    ):
        assert formats_of(data) == ()


def test_random_bytes_are_hardly_ever_anything() -> None:
    """Seed 7; by the lengths of the signatures a false hit is due in 1 of 1,400 (the header of an MP3's frame)."""
    draw = random.Random(7)
    hits = sum(bool(formats_of(draw.randbytes(48))) for _ in range(10_000))
    assert hits < 20


def test_a_sound_in_a_general_container_is_taken_and_a_film_is_no_sound() -> None:
    assert read(uri(MP4, "audio/mp4"), new("audio"), urls=False).format == "m4a"
    assert "got m4a" in wrong(uri(BEGINNINGS["m4a"][1], "video/mp4"), "video")


def test_a_type_that_the_content_is_not_is_an_error_that_says_both() -> None:
    said = wrong(uri(PNG, "image/jpeg"))
    assert '"image/jpeg"' in said and "is png" in said and "say image/png" in said
    assert '"mp3"' in wrong(uri(WAV, "audio/wav"), "audio", "mp3")
    assert '"application/pdf"' in wrong(uri(PNG, "application/pdf"))


def test_content_of_another_kind_or_of_none_is_an_error_that_says_what_is_allowed() -> None:
    assert "jpeg, png, gif, webp or bmp" in wrong(uri(WAV, "image/png"))
    assert "got wav" in wrong(uri(WAV, "image/png"))
    assert "3c 73 76 67" in wrong(uri(b"<svg xmlns=''/>", "image/png"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("data:image/png;base64,", "is empty"),
        ("data:image/png;base64," + encoded(PNG)[:-1], "multiple of 4"),
        ("data:image/png;base64,iVBO*AAA", 'got "*" at character 26'),
        ("data:image/png;base64," + encoded(PNG).replace("+", "-").replace("/", "_") + "-_-_", "+ /"),
        ("data:image/png;base64,iVBO\nRw0KGgo", "without line breaks"),
        ("data:image/png;base64,iVBOéRw0", "base64"),
        ("data:image/png;base64,AAAA====", "padded only at its end"),
        ("data:image/png;base64,====", "padding"),
        ("data:image/png;base64,AA==AAAA", "padding"),
        ("data:image/png," + PNG.hex(), "in base64"),
        ("data:image/png;base64", "like data:TYPE;base64,DATA"),
        ("data:" + "x" * 500 + ";base64,AAAA", "like data:TYPE;base64,DATA"),
        ("ftp://host/a.png", "http or https"),
        ("file:///etc/passwd", "http or https"),
        ("/etc/passwd", "must be a data URI"),
        (encoded(PNG), "must be a data URI"),
    ],
)
def test_what_is_no_base64_of_an_image_is_named(text: str, words: str) -> None:
    assert words in wrong(text)


@pytest.mark.parametrize("at", [0, 2**20 - 4, 2**20, 2**20 + 8])
def test_padding_and_strangers_are_found_in_every_piece(at: int) -> None:
    good = base64.b64encode(PNG + bytes(2**20)).decode()
    good = good[: len(good) // 4 * 4 - 4]
    assert read(f"data:image/png;base64,{good}", new(), urls=False).size == len(good) // 4 * 3
    for bad in ("QQ==", "QQ=Q", "Q*QQ"):
        wrong(f"data:image/png;base64,{good[:at]}{bad}{good[at:]}")


def test_sound_may_come_as_bare_base64_as_openai_s_clients_send_it() -> None:
    media = read(encoded(WAV), new("audio", "wav"), urls=False)
    assert media.url == uri(WAV, "audio/wav")


@pytest.mark.parametrize("kind", MEDIA)
def test_over_the_limit_is_413_with_size_and_limit_and_nothing_is_decoded(kind: MediaKind) -> None:
    limit = MEDIA[kind].inline
    characters = (limit // 3 + 1) * 4
    with pytest.raises(RequestTooLarge, match=r"50\.000001 MB; at most 50 MB") as problem:
        read(f"data:{kind}/x;base64," + "*" * characters, new(kind), urls=False)
    assert (problem.value.status, problem.value.param) == (413, PATH)


def test_a_url_is_refused_with_what_to_do_or_kept_as_it_is() -> None:
    said = wrong("https://example.com/a.png")
    assert "not fetched" in said and "data URI" in said and "--allow-media-urls" in said
    media = read("HTTPS://example.com/a.png", new(), urls=True)
    assert (media.url, media.fetched, media.size) == ("HTTPS://example.com/a.png", False, 0)


def test_a_canonical_data_uri_is_not_copied() -> None:
    text = uri(PNG, "image/png")
    assert read(text, new(), urls=False).url is text
    assert inline(encoded(PNG), "image/png", new()).url == text


def test_a_medium_does_not_print_its_content() -> None:
    assert len(repr(read(uri(PNG * 1000, "image/png"), new(), urls=False))) < 300
    assert checked(PNG, "", new()) == "png"
