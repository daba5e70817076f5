"""The process in which files are decoded: a damaged or hostile one can crash it, and reach nothing from it.

Started by `decoder.py` as `python -m mimo.media.decode.worker SECONDS BYTES`. Each message is a `Task`. Once the
libraries are loaded, which they are by use, no file and no socket can be opened any more.
"""

from __future__ import annotations

import binascii
import io
import sys
import wave
from importlib.util import find_spec
from typing import Any

import msgspec

from mimo.child.worker import bound, serve, streams
from mimo.media.decode.limits import Limits
from mimo.media.decode.pictures import Refusal, picture

if find_spec("av"):  # without it, images only: `Decoder.kinds`
    import av
    import av.logging

    from mimo.media.decode.streams import film, sound


class Task(msgspec.Struct):
    """One file: `base64` is its content, `form` its format by name."""

    kind: str
    form: str
    base64: bytes
    fps: float
    resolution: str
    limits: Limits


def main(seconds: float, memory: int) -> None:
    """Answer until the standard input ends."""
    asked, answers = streams()
    if find_spec("av"):
        av.logging.set_level(None)
        _rehearse()
    bound(memory, files=False)
    serve(asked, answers, seconds, _answer)


def _answer(body: bytes) -> dict[str, Any]:
    try:
        task = msgspec.msgpack.decode(body, type=Task)
        data = binascii.a2b_base64(task.base64)
        if task.kind == "image":
            return picture(data, task.form, task.limits)
        if task.kind == "audio":
            return sound(data, task.form, task.limits)
        return film(data, task.form, task.fps, task.resolution, task.limits)
    except Refusal as problem:
        return {"problem": str(problem)}
    except MemoryError:
        return {"problem": "takes too much memory to decode; make it smaller", "spent": True}


def _rehearse() -> None:
    """Decode a sound and a film of our own: what the libraries load at first use they load now."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 16_000, 0, "NONE", ""))
        writer.writeframes(bytes(3200))
    sound(file.getvalue(), "wav", Limits())
    file = io.BytesIO()
    with av.open(file, "w", format="avi") as made:
        stream = made.add_stream("mpeg4", 1)
        stream.width = stream.height = 32
        for packet in (*stream.encode(av.VideoFrame(32, 32, "yuv420p")), *stream.encode()):
            made.mux(packet)
    film(file.getvalue(), "avi", 1.0, "default", Limits(frame_kept=64))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
