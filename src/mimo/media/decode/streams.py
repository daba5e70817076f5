"""A file of sound → samples; a film → the pictures that are looked at. With PyAV, in the process that decodes.

A container is opened by the demuxer of its format and by no other: some of FFmpeg's open further files and addresses.
Of a film only the pictures are taken. Knows no request.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import av
import av.error
import numpy as np
from PIL import Image

from mimo.media.decode.limits import Limits
from mimo.media.decode.pictures import Refusal, check_pixels, shaped, words_of

DEMUXERS = {
    "mp3": "mp3", "wav": "wav", "flac": "flac", "m4a": "mov", "ogg": "ogg",
    "mp4": "mov", "mov": "mov", "avi": "avi", "wmv": "asf",
}  # fmt: skip
_NO_OTHER_FILES = {"protocol_whitelist": "none", "enable_drefs": "0", "use_absolute_path": "0"}
_TOO_LONG = "is longer than {most:g} seconds, the most that are allowed; cut it"


def sound(data: bytes, form: str, limits: Limits) -> dict[str, Any]:
    """`samples`: float32 of one channel at `limits.rate`, as bytes. Raises `Refusal`."""
    most = int(limits.seconds * limits.rate)
    pieces: list[np.ndarray] = []
    count = 0
    with _opened(data, form) as container:
        stream = _first(container.streams.audio, "no sound")
        _check_duration(container, limits.seconds)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=limits.rate)
        for frame in _frames(container, stream, resampler):
            piece = frame.to_ndarray().reshape(-1)
            pieces.append(piece)
            count += len(piece)
            if count > most:
                raise Refusal(_TOO_LONG.format(most=limits.seconds))
    if not count:
        raise Refusal("holds no sound")
    samples = np.nan_to_num(np.concatenate(pieces), posinf=1.0, neginf=-1.0).clip(-1.0, 1.0)
    return {"samples": samples.astype("<f4").tobytes()}


def film(data: bytes, form: str, fps: float, resolution: str, limits: Limits) -> dict[str, Any]:
    """`frames`: pictures with the second `at` which each is seen, one for every 1 / `fps` seconds from the first on.
    Raises `Refusal`."""
    frames: list[dict[str, Any]] = []
    step = 1 / Fraction(fps).limit_denominator(1000)
    most = limits.max_frame_kept if resolution == "max" else limits.frame_kept
    with _opened(data, form) as container:
        stream = _first(container.streams.video, "no pictures")
        _check_duration(container, limits.film_seconds)
        begin: Fraction | None = None
        for frame in container.decode(stream):
            at = (frame.pts or 0) * Fraction(frame.time_base or 1)
            begin = at if begin is None else begin
            if at - begin > limits.film_seconds:
                raise Refusal(_TOO_LONG.format(most=limits.film_seconds))
            if at - begin < len(frames) * step:
                continue
            if len(frames) == limits.frames:
                words = f"gives more than {limits.frames} pictures at fps {fps:g}; send a smaller fps or cut it"
                raise Refusal(words)
            check_pixels(frame.width, frame.height, limits.pixels)
            frames.append({**shaped(_upright(frame), most), "at": float(at - begin)})
    if not frames:
        raise Refusal("holds no pictures")
    return {"frames": frames}


def _upright(frame: Any) -> Image.Image:
    """As it is to be seen: a telephone films lying and says so."""
    image: Image.Image = frame.to_image()
    turns = round(frame.rotation / 90) % 4
    return image.rotate(90 * turns, expand=True) if turns else image


@contextmanager
def _opened(data: bytes, form: str) -> Iterator[Any]:
    try:
        with av.open(io.BytesIO(data), format=DEMUXERS[form], options=_NO_OTHER_FILES, metadata_errors="ignore") as it:
            yield it
    except (Refusal, MemoryError):
        raise
    except Exception as problem:  # a damaged file can raise anything from PyAV
        said = problem.strerror if isinstance(problem, av.error.FFmpegError) else words_of(problem)
        raise Refusal(f"cannot be decoded as {form}: {said}") from None


def _first(streams: Any, missing: str) -> Any:
    if not streams:
        raise Refusal(f"holds {missing}")
    streams[0].thread_type = "NONE"
    return streams[0]


def _check_duration(container: Any, most: float) -> None:
    """By what the file says of itself; what it holds is counted too."""
    if container.duration is not None and container.duration > most * 1_000_000:
        raise Refusal(_TOO_LONG.format(most=most))


def _frames(container: Any, stream: Any, resampler: Any) -> Iterator[Any]:
    for frame in container.decode(stream):
        frame.pts = None  # a damaged time would be filled up with silence
        yield from resampler.resample(frame)
    yield from resampler.resample(None)
