"""The media's table against the contract's numbers, written out here a second time on purpose."""

from __future__ import annotations

from mimo.contract.media import (
    BODY_BYTES,
    DEFAULT_FPS,
    FPS,
    MAX_FETCHED,
    MAX_PARTS,
    MEDIA,
    RESOLUTIONS,
    megabytes,
    names,
)
from mimo.contract.models import MODELS

MILLION = 1_000_000
CONTRACT = {  # formats, most inline, most by URL
    "image": ({"jpeg", "png", "gif", "webp", "bmp"}, 50, 50),
    "audio": ({"mp3", "wav", "flac", "m4a", "ogg"}, 50, 100),
    "video": ({"mp4", "mov", "avi", "wmv"}, 50, 300),
}


def test_the_kinds_formats_and_sizes_are_those_of_the_contract() -> None:
    assert set(MEDIA) == set(CONTRACT)
    for kind, row in MEDIA.items():
        formats, inline, fetched = CONTRACT[kind]
        assert (set(row.formats), row.inline, row.fetched) == (formats, inline * MILLION, fetched * MILLION)
    assert (FPS, DEFAULT_FPS, RESOLUTIONS) == ((0.1, 10), 2, ("default", "max"))


def test_no_media_type_names_two_formats_of_a_kind() -> None:
    for row in MEDIA.values():
        said = [media_type for types in row.formats.values() for media_type in types]
        assert len(said) == len(set(said))
        assert all(media_type == media_type.lower() for media_type in said)


def test_what_one_request_may_hold_suffices_for_its_largest_part() -> None:
    assert max(row.fetched for row in MEDIA.values()) <= MAX_FETCHED
    assert max(row.inline for row in MEDIA.values()) * 4 / 3 + 64 * 1024 < BODY_BYTES
    assert MAX_PARTS >= 16


def test_only_the_omni_model_takes_media() -> None:
    assert [name for name, row in MODELS.items() if set(row.input) & set(MEDIA)] == ["mimo-v2-omni"]


def test_sizes_and_formats_are_said_to_the_byte_and_in_words() -> None:
    assert (megabytes(50 * MILLION), megabytes(50 * MILLION + 1)) == ("50 MB", "50.000001 MB")
    assert names("image") == "jpeg, png, gif, webp or bmp"
