"""Claims about decoding: what real encoders made comes out as it went in, and what is wrong is said."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from tests.media.decode.made import (
    COLOURS,
    FILMS,
    IMAGES,
    KINDS,
    SOUNDS,
    by_ffmpeg,
    every,
    film,
    halves,
    media,
    mutant,
    of_image,
    tone,
)

from mimo.child.process import Bounds
from mimo.contract.errors import ApiError, InvalidRequest
from mimo.media.decode.decoder import Decoder
from mimo.media.decode.limits import Limits
from mimo.media.decoded import Film, Picture, Sound

SMALL = Limits(pixels=10_000, kept=10_000, seconds=2.0, film_seconds=4.0, frames=8)


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    made = Decoder()
    yield made
    made.close()


@pytest.fixture(scope="module")
def strict() -> Iterator[Decoder]:
    made = Decoder(SMALL)
    yield made
    made.close()


def array(picture: object) -> np.ndarray:
    assert isinstance(picture, Picture)
    return np.frombuffer(picture.rgb, np.uint8).reshape(picture.height, picture.width, 3).astype(int)


def near(colour: np.ndarray, wanted: tuple[int, int, int], by: int = 24) -> bool:
    return bool((abs(colour - np.array(wanted)) <= by).all())


def hertz(sound: object) -> float:
    """The loudest frequency."""
    assert isinstance(sound, Sound)
    samples = np.frombuffer(sound.samples, "<f4")
    return float(np.abs(np.fft.rfft(samples)).argmax() * sound.rate / len(samples))


@pytest.mark.parametrize("form", IMAGES)
def test_an_image_of_every_format_comes_out_as_it_went_in(decoder: Decoder, form: str) -> None:
    pixels = array(decoder.decode(media(of_image(halves(), form), form)))
    assert pixels.shape == (48, 64, 3)
    assert near(pixels[24, 8], COLOURS[0]) and near(pixels[24, 56], COLOURS[2])


@pytest.mark.parametrize("form", SOUNDS)
def test_a_sound_of_every_format_is_one_channel_at_the_rate_of_the_encoder(decoder: Decoder, form: str) -> None:
    sound = decoder.decode(media(tone(form), form))
    assert isinstance(sound, Sound) and sound.rate == 24_000
    assert sound.seconds == pytest.approx(1.0, abs=0.08)
    assert hertz(sound) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("form", FILMS)
def test_a_film_of_every_format_gives_a_picture_for_each_moment(decoder: Decoder, form: str) -> None:
    found = decoder.decode(media(film(form), form, fps=2.0))
    assert isinstance(found, Film)
    assert [frame.at for frame in found.frames] == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5], abs=0.11)
    for frame, colour in zip(found.frames[::2], COLOURS, strict=True):
        assert near(array(frame)[32, 48], colour)


@pytest.mark.parametrize("form", KINDS)
def test_files_of_the_systems_ffmpeg_are_decoded(decoder: Decoder, form: str) -> None:
    data = by_ffmpeg(form)
    if data is None:
        pytest.skip("ffmpeg is not installed")
    found = decoder.decode(media(data, form))
    if isinstance(found, Sound):
        assert hertz(found) == pytest.approx(440, abs=3)
    else:
        picture = found.frames[0] if isinstance(found, Film) else found
        assert near(array(picture)[20, 20], (254, 0, 0))


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_photo_is_turned_as_its_camera_was_held(decoder: Decoder, turn: int) -> None:
    lying = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # what undoes each orientation, as Pillow numbers them
    stored, exif = halves(), Image.Exif()
    exif[0x0112] = turn
    if turn in lying:
        undo = {0: 0, 3: 3, 1: 1, 5: 5, 4: 2, 6: 6, 2: 4}[lying[turn]]
        stored = halves().transpose(Image.Transpose(undo))
    pixels = array(decoder.decode(media(of_image(stored, "png", exif=exif), "png")))
    assert pixels.shape == (48, 64, 3)
    assert near(pixels[24, 8], COLOURS[0]) and near(pixels[24, 56], COLOURS[2])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_what_is_transparent_is_white(decoder: Decoder, mode: str) -> None:
    if mode == "P":
        image = Image.new("P", (8, 8), 0)
        image.putpalette([0, 0, 0, 255, 0, 0])
        data = of_image(image, "png", transparency=0)
    else:
        image = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert("LA" if mode == "LA" else "RGBA")
        data = of_image(image, "webp" if mode == "PA" else "png", **({"lossless": True} if mode == "PA" else {}))
    assert near(array(decoder.decode(media(data, "webp" if mode == "PA" else "png")))[4, 4], (255, 255, 255), 1)


def test_half_transparent_black_is_grey(decoder: Decoder) -> None:
    data = of_image(Image.new("RGBA", (8, 8), (0, 0, 0, 128)), "png")
    assert near(array(decoder.decode(media(data, "png")))[4, 4], (127, 127, 127), 1)


def test_grey_of_16_bits_keeps_its_brightness(decoder: Decoder) -> None:
    for value, wanted in ((0, 0), (257 * 100, 100), (65535, 255), (257 * 7 + 100, 7)):
        data = of_image(Image.fromarray(np.full((8, 8), value, np.uint16)), "png")
        assert near(array(decoder.decode(media(data, "png")))[4, 4], (wanted,) * 3, 1)


def test_cmyk_has_the_colours_of_its_inks(decoder: Decoder) -> None:
    data = of_image(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "jpeg")
    assert near(array(decoder.decode(media(data, "jpeg")))[8, 8], (255, 0, 0), 8)


@pytest.mark.parametrize("form", ["gif", "webp", "png"])
def test_of_an_animation_the_first_picture_is_seen(decoder: Decoder, form: str) -> None:
    first, *others = (Image.new("RGB", (16, 16), colour) for colour in COLOURS)
    data = of_image(first, form, save_all=True, append_images=others, duration=100)
    assert near(array(decoder.decode(media(data, form)))[8, 8], COLOURS[0])


def test_a_large_image_is_scaled_down_to_what_is_kept() -> None:
    decoder = Decoder(Limits(kept=2048))
    try:
        for form in IMAGES:
            pixels = array(decoder.decode(media(of_image(halves(640, 480), form), form)))
            assert 1900 <= pixels.shape[0] * pixels.shape[1] <= 2048
            assert pixels.shape[1] / pixels.shape[0] == pytest.approx(4 / 3, rel=0.05)
            assert near(pixels[20, 8], COLOURS[0]) and near(pixels[20, 44], COLOURS[2])
    finally:
        decoder.close()


def test_a_film_of_a_telephone_stands_upright(decoder: Decoder) -> None:
    data = bytearray(film("mp4", size=(96, 64)))
    at = data.index(b"tkhd") + 4 + 40  # the matrix of the track
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 64 << 16, 0, 1 << 30)
    found = decoder.decode(media(bytes(data), "mp4"))
    assert isinstance(found, Film)
    assert (found.frames[0].width, found.frames[0].height) == (64, 96)


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is so large, and holds nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


REFUSED = {
    "too many pixels": (lambda: of_image(halves(200, 100), "png"), "png", "is 200 × 100 pixels; at most 10,000"),
    "a bomb of pixels": (lambda: png_of(2_000_000, 2_000_000), "png", "is 2000000 × 2000000 pixels; at most 10,000"),
    "too long a sound": (lambda: tone("wav", 2.5), "wav", "is longer than 2 seconds"),
    "too long a sound, packed": (lambda: tone("mp3", 2.5), "mp3", "is longer than 2 seconds"),
    "too many pictures": (lambda: film("avi"), "avi", "gives more than 8 pictures at fps 10; send a smaller fps"),
    "sound where film is meant": (lambda: tone("m4a"), "mp4", "holds no pictures"),
    "film where sound is meant": (lambda: film("mp4"), "m4a", "holds no sound"),
    "half an image": (lambda: of_image(halves(), "png")[:-60], "png", "cannot be decoded as png: "),
    "no frames": (lambda: b"OggS" + bytes(60), "ogg", "cannot be decoded as ogg: "),
    "noise as mp3": (lambda: b"ID3\4\0\0\0\0\0\0" + bytes(5000), "mp3", "cannot be decoded as mp3|holds no sound"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_said_with_the_path(strict: Decoder, name: str) -> None:
    make, form, words = REFUSED[name]
    with pytest.raises(InvalidRequest) as refused:
        strict.decode(media(make(), form, **({"fps": 10.0} if form == "avi" else {})))
    assert refused.value.param == "messages[0].content[0]"
    assert re.match(rf"messages\[0\]\.content\[0\] ({words})", refused.value.message), refused.value.message
    assert strict.decode(media(of_image(halves(), "png"), "png"))


def test_a_sound_that_lies_about_its_length_is_counted(strict: Decoder) -> None:
    data = bytearray(tone("wav", 2.5))
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", 1000)
    data += bytes(400_000)
    try:
        found = strict.decode(media(bytes(data), "wav"))
    except InvalidRequest:
        return
    assert isinstance(found, Sound) and found.seconds <= 2.0


def test_what_takes_too_long_is_ended_and_the_next_file_is_decoded() -> None:
    decoder = Decoder(Limits(pixels=10**9), Bounds(seconds=0.3, memory=2 * 2**30, patience=60))
    try:
        with pytest.raises(InvalidRequest, match=r"takes more than 0\.3 seconds of processor to decode"):
            decoder.decode(media(of_image(Image.new("RGB", (12_000, 12_000)), "png", compress_level=1), "png"))
        assert decoder.decode(media(of_image(halves(), "gif"), "gif"))
    finally:
        decoder.close()


@pytest.mark.parametrize("form", KINDS)
def test_no_mutant_is_more_than_refused(decoder: Decoder, form: str) -> None:
    """Twenty of each; `make attack` tries ten thousand. Seeded by the format's name."""
    rng = np.random.default_rng(zlib.crc32(form.encode()))
    data = every()[form]()
    for _ in range(20):
        try:
            decoder.decode(media(mutant(data, rng), form))
        except ApiError as problem:
            assert isinstance(problem, InvalidRequest)
            assert problem.message.startswith("messages[0].content[0] ")
