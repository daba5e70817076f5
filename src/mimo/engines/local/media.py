"""Media in the prompts of a local model: a file becomes ids that stand for rows, and the rows are encoded in time.

    decode (a process) → cut into chunks (any thread) → `MediaRow`s in the prompt → encode (one thread) → the scheduler

Encoding has a thread of its own, not the scheduler's, so that no running stream waits for it. Rows that were encoded
are kept for the next turn of a conversation. Knows no message and no scheduler.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from mimo.contract.errors import EngineError, StartError
from mimo.llamacpp.mtmd import Chunks, Projector, Rows
from mimo.media.content import refused
from mimo.media.decode.decoder import Decoder
from mimo.media.decode.limits import Limits
from mimo.media.decoded import Film, Picture, Sound
from mimo.types import Media, MediaKind, MediaRow

log = logging.getLogger(__name__)
_KEPT = 64 * 2**20
"""Bytes of rows that are kept for later requests."""


class Medium:
    """The rows of one chunk of a medium of a request. `embeddings` [count, width]: once it is encoded."""

    __slots__ = ("chunks", "digest", "embeddings", "rows")

    def __init__(self, digest: bytes, chunks: Chunks, rows: Rows) -> None:
        self.digest, self.chunks, self.rows = digest, chunks, rows
        self.embeddings: NDArray[np.float32] | None = None


class LocalMedia:
    """What a model with the towers of `projector` takes, and how. Owns the projector. `encode_text`: plain text as ids.

    Raises `StartError` where the libraries that decode files are not installed.
    """

    def __init__(self, projector: Projector, encode_text: Callable[[str], list[int]]) -> None:
        self._projector = projector
        try:
            self._decoder = Decoder(Limits(rate=projector.rate or Limits().rate))
        except StartError:
            projector.close()
            raise
        self._encode_text = encode_text
        seen: tuple[MediaKind, ...] = ("image",) if "image" in projector.kinds else ()
        heard: tuple[MediaKind, ...] = ("audio",) if "audio" in projector.kinds else ()
        taken: tuple[MediaKind, ...] = (*seen, *heard, *(("video",) if seen else ()))
        self.kinds = tuple(kind for kind in taken if kind in self._decoder.kinds)
        lacking = " and ".join(kind for kind in taken if kind not in self.kinds)
        self.hint = f"for {lacking}: pip install 'mimo[media]'" if lacking else ""
        self._kept: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="mimo-encoder", daemon=True)
        self._thread.start()

    def rows_of(self, media: Media) -> tuple[int, ...]:
        """What stands for `media` in a prompt: ids of control tokens, and a `MediaRow` for each row. It waits for the
        decoder. Raises `InvalidRequest` with the path of `media`."""
        decoded = self._decoder.decode(media)
        try:
            if isinstance(decoded, Picture):
                return self._picture(decoded, "image")
            if isinstance(decoded, Sound):
                return self._ids(self._projector.sound(decoded.samples), decoded.digest, "audio")
            return tuple(self._film(decoded))
        except ValueError as problem:
            raise refused(media, f"cannot be taken by the model's tower: {problem}") from None

    def _picture(self, picture: Picture, kind: MediaKind) -> tuple[int, ...]:
        chunks = self._projector.image(picture.width, picture.height, picture.rgb)
        return self._ids(chunks, picture.digest, kind)

    def _film(self, film: Film) -> Iterable[int]:
        for frame in film.frames:
            yield from self._encode_text(f"<{frame.at or 0.0:.1f} seconds>")
            yield from self._picture(frame, "video")

    def _ids(self, chunks: Chunks, digest: bytes, kind: MediaKind) -> tuple[int, ...]:
        ids: list[int] = []
        for part in chunks.parts:
            if isinstance(part, Rows):
                own = blake2b(digest + part.at.to_bytes(4), digest_size=16).digest()
                medium = Medium(own, chunks, part)
                ids += (MediaRow(own, row, kind, medium) for row in range(part.count))
            else:
                ids += part
        return tuple(ids)

    def encode(self, media: Sequence[Medium], wanted: Callable[[], bool], done: Callable[[bool], None]) -> None:
        """Queue `media`. `done` is called in the encoder's thread: whether it went well. Once `wanted` says no, what is
        left is not encoded."""

        def job() -> None:
            try:
                for medium in media:
                    if not wanted():
                        break
                    medium.embeddings = self._encoded(medium)
                good = True
            except Exception:
                log.exception("encoding failed")
                good = False
            done(good)

        self._jobs.put(job)

    def _encoded(self, medium: Medium) -> NDArray[np.float32]:
        """The rows, of the newest requests from memory."""
        found = self._kept.pop(medium.digest, None)
        if found is None:
            found = self._projector.encode(medium.chunks, medium.rows)
        self._kept[medium.digest] = found
        while len(self._kept) > 1 and sum(rows.nbytes for rows in self._kept.values()) > _KEPT:
            self._kept.popitem(last=False)
        return found

    def try_out(self) -> tuple[int, ...]:
        """Encode a picture and a sound: towers that are wrong end here, and not at the first request; what stands for
        them in a prompt. Raises `EngineError`."""
        self._decoder.warm()
        tried: list[int] = []
        try:
            if "image" in self.kinds:
                tried += self._ids(self._projector.image(64, 48, bytes(range(256)) * 36), b"", "image")
            if "audio" in self.kinds:
                wave = np.sin(np.arange(self._projector.rate) / 9).astype("<f4").tobytes()
                tried += self._ids(self._projector.sound(wave), b"", "audio")
        except ValueError as problem:
            raise EngineError(f"it takes no picture of 64 × 48 pixels or no sound of a second: {problem}") from None
        for medium in media_in(tried):
            medium.embeddings = self._projector.encode(medium.chunks, medium.rows)
            if not np.isfinite(medium.embeddings).all():
                raise EngineError("its weights are damaged: what it makes of a picture or a sound is no numbers")
        return tuple(tried)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def close(self) -> None:
        """End the thread after its present job, and free the towers. Waits for it."""
        self._decoder.close()
        self._jobs.put(None)
        self._thread.join()
        self._projector.close()


def media_in(prompt: Sequence[int]) -> list[Medium]:
    """The media whose rows are in `prompt`, each once, in their order."""
    if min(prompt) >= 0:
        return []
    found = {id(row.source): row.source for row in prompt if isinstance(row, MediaRow)}
    return [medium for medium in found.values() if isinstance(medium, Medium)]


def find_towers(model: Path) -> Path | None:
    """The one file of towers in the folder of `model`: a GGUF with `mmproj` in its name. Raises `EngineError` where
    there are several."""
    found = sorted(path for path in model.parent.glob("*.gguf") if "mmproj" in path.name.lower() and path != model)
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise EngineError(f"{model}: several files of towers lie next to it ({names}); name one with --mmproj, or none")
    return found[0] if found else None
