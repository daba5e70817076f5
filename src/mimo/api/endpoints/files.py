"""/v1/files as OpenAI's SDK speaks it: files for batches, and what batches gave. Knows no batch."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import BodyPartReader, MultipartReader, StreamReader
from aiohttp.base_protocol import BaseProtocol

from mimo.api.backend import Backend
from mimo.api.batches.store import Store
from mimo.api.endpoints.pages import page
from mimo.api.exchange import Exchange
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest, NotFound, UnsupportedMediaType, shown

PURPOSES = ("batch", "user_data")
_LONGEST = 30 * 86400
_SHORTEST = 3600
BYTES = "application/octet-stream"


def store_of(backend: Backend) -> Store:
    """Where files are kept. Raises `NotFound` where none are."""
    if backend.store is None:
        raise NotFound("files and batches are not kept by this server: it was started without a data directory")
    return backend.store


def owner_of(exchange: Exchange) -> str:
    """Whose files they are: the key's digest."""
    return "" if exchange.key is None else exchange.key.hex()


async def upload(backend: Backend, exchange: Exchange, _: str) -> None:
    """Keep a file, sent as multipart/form-data."""
    store = store_of(backend)
    body = await exchange.body(backend.body_limit, backend.policy.body_seconds, backend.slow, backend.room)
    fields, filename = await _form(exchange.header("content-type") or "", body)
    purpose = fields.get("purpose", b"").decode(errors="replace")
    if purpose not in PURPOSES:
        refuse("purpose", f"one of {', '.join(PURPOSES)}", purpose or None)
    if "file" not in fields:
        raise InvalidRequest("file is required: the part of the form that holds the file", param="file")
    expires = _expires_after(fields)
    owner = owner_of(exchange)
    stored = await backend.slow.run(store.files.add, fields["file"], filename, purpose, owner, expires)
    await exchange.reply(200, msgspec.json.encode(stored.wire()))


async def files(backend: Backend, exchange: Exchange, _: str) -> None:
    """A page of the files."""
    found = await backend.slow.run(store_of(backend).files.listed, owner_of(exchange))
    purpose = exchange.query.get("purpose")
    rows = [one.wire() for one in found if purpose in (None, one.purpose)]
    if exchange.query.get("order") == "asc":
        rows.reverse()
    await exchange.reply(200, msgspec.json.encode(page(rows, exchange.query, 10_000)))


async def file(backend: Backend, exchange: Exchange, file_id: str) -> None:
    """What is known of one file. Raises `NotFound`."""
    stored = await backend.slow.run(store_of(backend).files.get, file_id, owner_of(exchange))
    await exchange.reply(200, msgspec.json.encode(stored.wire()))


async def content(backend: Backend, exchange: Exchange, file_id: str) -> None:
    """What is in one file. Raises `NotFound`."""
    kept = store_of(backend).files
    stored = await backend.slow.run(kept.get, file_id, owner_of(exchange))
    await exchange.reply(200, await backend.slow.run(kept.content, stored), BYTES)


async def delete(backend: Backend, exchange: Exchange, file_id: str) -> None:
    """Forget one file. Raises `NotFound`."""
    kept = store_of(backend).files
    stored = await backend.slow.run(kept.get, file_id, owner_of(exchange))
    await backend.slow.run(kept.delete, stored)
    await exchange.reply(200, msgspec.json.encode({"id": stored.id, "object": "file", "deleted": True}))


async def _form(content_type: str, body: bytes) -> tuple[dict[str, bytes], str]:
    """The fields of a form by name, and the name of the file in it. Raises `InvalidRequest`."""
    if not content_type.lower().startswith("multipart/form-data"):
        raise UnsupportedMediaType(f"content-type must be multipart/form-data, got {shown(content_type)}")
    stream = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**16)
    stream.feed_data(body)
    stream.feed_eof()
    fields: dict[str, bytes] = {}
    filename = "file"
    try:
        reader = MultipartReader({"Content-Type": content_type}, stream)
        while (part := await reader.next()) is not None:
            if isinstance(part, BodyPartReader) and part.name:
                fields[part.name] = bytes(await part.read())
                filename = part.filename or filename
    except (ValueError, AssertionError, LookupError, EOFError) as problem:
        raise InvalidRequest(f"the body is no multipart/form-data: {problem}") from None
    return fields, filename[:255]


def _expires_after(fields: dict[str, bytes]) -> int | None:
    """`expires_after`: {"anchor": "created_at", "seconds": N}, which a form has as `expires_after[seconds]`."""
    given = fields.get("expires_after[seconds]")
    if given is None:
        return None
    if not given.isdigit() or not _SHORTEST <= int(given[:12]) <= _LONGEST:
        refuse(
            "expires_after.seconds", f"an integer between {_SHORTEST} and {_LONGEST}", given.decode(errors="replace")
        )
    return int(given)
