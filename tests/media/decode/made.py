"""Files of every format of the contract, made by encoders: Pillow's for images, FFmpeg's for sound and film."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image
from tests.media.files import uri

from mimo.types import Media, MediaKind

IMAGES = {"jpeg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "bmp": "BMP"}
SOUNDS = {
    "mp3": ("mp3", "libmp3lame"),
    "wav": ("wav", "pcm_s16le"),
    "flac": ("flac", "flac"),
    "m4a": ("ipod", "aac"),
    "ogg": ("ogg", "libopus"),
}
FILMS = {
    "mp4": ("mp4", "mpeg4"),
    "mov": ("mov", "mpeg4"),
    "avi": ("avi", "mpeg4"),
    "wmv": ("asf", "wmv2"),
}
KINDS: dict[str, MediaKind] = {
    **dict.fromkeys(IMAGES, "image"),
    **dict.fromkeys(SOUNDS, "audio"),
    **dict.fromkeys(FILMS, "video"),
}
COLOURS = ((220, 20, 30), (20, 180, 40), (30, 40, 210))
"""Of a film, a second each."""


def of_image(image: Image.Image, form: str, **options: Any) -> bytes:
    """`image` as a file."""
    file = io.BytesIO()
    image.save(file, IMAGES[form], **options)
    return file.getvalue()


def halves(width: int = 64, height: int = 48) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), COLOURS[0])
    image.paste(COLOURS[2], (width // 2, 0, width, height))
    return image


def tone(form: str, seconds: float = 1.0, hertz: float = 440.0, rate: int = 44_100) -> bytes:
    """A sound of one tone, two channels."""
    container, codec = SOUNDS[form]
    rate = 48_000 if codec == "libopus" else rate
    wave = (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)
    file = io.BytesIO()
    with av.open(file, "w", format=container) as made:
        stream: Any = made.add_stream(codec, rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2)[None], format="flt", layout="stereo")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, stream.layout, rate, stream.frame_size or 1024)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            made.mux(stream.encode(part))
        made.mux(stream.encode(None))
    return file.getvalue()


def film(form: str, rate: int = 10, size: tuple[int, int] = (96, 64)) -> bytes:
    """Three seconds, one colour each."""
    container, codec = FILMS[form]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as made:
        stream: Any = made.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for colour in (colour for colour in COLOURS for _ in range(rate)):
            made.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", size, colour))))
        made.mux(stream.encode(None))
    return file.getvalue()


def every() -> dict[str, Callable[[], bytes]]:
    """What makes a file of each format."""
    images = {form: partial(of_image, halves(), form) for form in IMAGES}
    sounds = {form: partial(tone, form) for form in SOUNDS}
    return {**images, **sounds, **{form: partial(film, form) for form in FILMS}}


def by_ffmpeg(form: str) -> bytes | None:
    """The same by the system's `ffmpeg`, where there is one."""
    if shutil.which("ffmpeg") is None:
        return None
    sources = {"image": "color=red:size=64x48:duration=0.1:rate=10", "audio": "sine=440:duration=1:sample_rate=44100"}
    source = sources.get(KINDS[form], "color=red:size=96x64:duration=3:rate=10")
    name = {"jpeg": "jpg"}.get(form, form)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"made.{name}")
        one = ["-frames:v", "1"] if KINDS[form] == "image" else []
        command = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", source, *one, str(path)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        return path.read_bytes()


def media(data: bytes, form: str, **more: Any) -> Media:
    """`data` as a request holds it."""
    return Media(KINDS[form], uri(data, "x/y"), "messages[0].content[0]", form, len(data), **more)


def mutant(data: bytes, rng: np.random.Generator) -> bytes:
    """`data` with some bytes changed."""
    made = bytearray(data)
    for at in rng.integers(len(made), size=int(rng.integers(1, 20))):
        made[at] = rng.integers(256)
    return bytes(made)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """Of any colour everywhere."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))
