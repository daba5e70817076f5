"""What a client sends as an image, a sound or a video → `Media`, or an error that names its place.

    data URI or base64 → size → alphabet → what the content is → what was said of it
    http(s) URL        → kept as it is, to be fetched by `fetch/`, which has its content looked at here too

Sizes are known from the length of the base64, so what is too large is refused before it is decoded; it is decoded in
pieces, of which only the first bytes are kept. Knows no protocol and does no I/O.
"""

from __future__ import annotations

import binascii
from dataclasses import replace

from mimo.contract.errors import InvalidRequest, RequestTooLarge, shown
from mimo.contract.media import MEDIA, megabytes, names
from mimo.media.sniff import HEAD, formats_of
from mimo.types import Media

_PIECE = 2**20
"""Characters of base64 decoded at once: a millisecond or two in which no other thread runs."""
_PREFIX = 256
"""The most characters a data URI may have before its comma."""
_ANY_TYPE = ("", "application/octet-stream", "binary/octet-stream")
"""What says nothing of the content."""
_ARTICLE = {"image": "an image", "audio": "audio", "video": "a video"}


def read(text: str, media: Media, *, urls: bool) -> Media:
    """`media` with the content or the address that `text` holds. `urls`: addresses may be given, and will be fetched.

    Raises `InvalidRequest` and `RequestTooLarge` with the path of `media`.
    """
    if not text:
        raise refused(media, "is empty; send a data URI, data:TYPE;base64,DATA")
    if text[:5].lower() == "data:":
        return _data_uri(text, media)
    if text[:8].lower().startswith(("http://", "https://")):
        if not urls:
            words = (
                "is a URL, and URLs are not fetched by this server; send the content as a data URI, "
                "data:TYPE;base64,DATA (the operator can allow URLs: --allow-media-urls)"
            )
            raise refused(media, words)
        return replace(media, url=text)
    if "://" in text[:20]:
        raise refused(media, f"must be a data URI or an http or https URL, got {shown(text[:80])}")
    if media.kind == "audio":  # as OpenAI's clients send it
        return inline(text, "", media)
    raise refused(media, f"must be a data URI (data:TYPE;base64,DATA) or a URL, got {shown(text[:80])}")


def _data_uri(text: str, media: Media) -> Media:
    comma = text.find(",", 0, _PREFIX)
    if comma < 0:
        raise refused(media, f"must be a data URI like data:TYPE;base64,DATA, got {shown(text[:80])}")
    said, *parameters = (part.strip().lower() for part in text[5:comma].split(";"))
    if "base64" not in parameters:
        raise refused(media, f"must be a data URI in base64 (data:TYPE;base64,DATA), got {shown(text[: comma + 1])}")
    return inline(text, said, media, start=comma + 1)


def inline(text: str, said: str, media: Media, *, start: int = 0) -> Media:
    """`media` with the base64 in `text` from `start` on; `said` is the media type that the client gives, or ""."""
    size, head = _decoded(text, start, media)
    form = checked(head, said, media)
    prefix = f"data:{MEDIA[media.kind].formats[form][0]};base64,"
    uri = text if len(prefix) == start and text.startswith(prefix) else prefix + text[start:]
    return replace(media, url=uri, format=form, size=size)


def _decoded(text: str, start: int, media: Media) -> tuple[int, bytes]:
    """The size of the content, and its first bytes."""
    length = len(text) - start
    if not length:
        raise refused(media, "is empty: there is no content after the comma" if start else "is empty")
    size = length // 4 * 3 - (text[-1] == "=") - (text[-2:] == "==")
    check_size(size, MEDIA[media.kind].inline, media)
    if length % 4:
        raise refused(media, f"must be base64, whose length is a multiple of 4, padded with =; got {length} characters")
    head, total = b"", 0
    for at in range(start, len(text), _PIECE):
        try:
            piece = binascii.a2b_base64(text[at : at + _PIECE], strict_mode=True)
        except ValueError:
            words = f"must be base64 of the alphabet A-Z a-z 0-9 + /, without line breaks; got {_wrong(text, at)}"
            raise refused(media, words) from None
        head, total = head or piece[:HEAD], total + len(piece)
    if total != size:
        raise refused(media, "must be base64 that is padded only at its end, with one = or two")
    return size, head


def _wrong(text: str, start: int) -> str:
    """What is wrong in the piece that begins at `start`, for a person."""
    allowed = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
    found = next((at for at in range(start, min(start + _PIECE, len(text))) if text[at] not in allowed), None)
    return "padding in the middle" if found is None else f"{shown(text[found])} at character {found}"


def checked(head: bytes, said: str, media: Media) -> str:
    """The format of a content that begins with `head`: one that the contract has for this kind, and what the client
    said it is (`said`: a media type; `media.format`: a format's name; "" for neither).

    Raises `InvalidRequest`, which shows what came only if the client sent it: fetched content is not repeated.
    """
    formats = MEDIA[media.kind].formats
    known = formats_of(head)
    fitting = [name for name in known if name in formats]
    if not fitting:
        words = f"must be {_ARTICLE[media.kind]} of format {names(media.kind)}, judged by its content; got "
        if media.url.lower().startswith("http"):
            raise refused(media, f"{words}another content at this URL")
        raise refused(media, words + (" or ".join(known) or f"bytes that begin {head[:8].hex(' ')}"))
    (form,) = fitting
    for word, wanted in ((said, formats[form]), (media.format, (form,))):
        if word not in (*_ANY_TYPE, *wanted):
            words = f"says {shown(word)} and its content is {form}; say {wanted[0]}, or send what was said"
            raise refused(media, words)
    return form


def check_size(size: int, limit: int, media: Media, *, so_far: bool = False) -> None:
    """Raise `RequestTooLarge` for a content of more than `limit` bytes; `so_far`: more may follow."""
    if size > limit:
        came = f"{'at least ' if so_far else ''}{megabytes(size)}"
        words = f"{media.path} holds {_ARTICLE[media.kind]} of {came}; at most {megabytes(limit)} are allowed"
        raise RequestTooLarge(f"{words}; make it smaller", param=media.path)


def refused(media: Media, words: str) -> InvalidRequest:
    """The 400 of a part, which begins with its path."""
    return InvalidRequest(f"{media.path} {words}", param=media.path)
