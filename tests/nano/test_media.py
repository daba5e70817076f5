"""Nano sees: the towers in the package are found by themselves, and what they see is said over HTTP."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image, ImageDraw

from mimo.nano import gguf_path
from mimo.testing import served

SHOWN = Path(__file__).parents[2] / "docs/red-circle.png"
"""The picture of README."""


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with served("--slots", "2") as server, httpx.Client(base_url=server.base_url, timeout=60) as client:
        yield client


def said(http: httpx.Client, png: bytes, ask: str, **fields: object) -> str:
    """The answer, greedily."""
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    parts = [{"type": "text", "text": ask}, {"type": "image_url", "image_url": {"url": url}}]
    body = {"model": "mimo-v2-omni", "temperature": 0, "messages": [{"role": "user", "content": parts}], **fields}
    answer = http.post("/chat/completions", json=body).raise_for_status().json()
    return str(answer["choices"][0]["message"]["content"])


def drawn(colour: tuple[int, int, int]) -> bytes:
    """A circle of that colour in the middle."""
    image = Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(image).ellipse((68, 68, 188, 188), fill=colour)
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def test_the_towers_lie_next_to_nano_and_are_small() -> None:
    towers = gguf_path().with_name("mmproj.gguf")
    assert towers.stat().st_size <= 4_000_000


@pytest.mark.parametrize("thinking", ["enabled", "disabled"])
def test_a_red_circle_is_a_red_circle(http: httpx.Client, thinking: str) -> None:
    answer = said(http, SHOWN.read_bytes(), "What is this?", thinking={"type": thinking})
    assert "red circle" in answer


def test_another_colour_is_another_answer(http: httpx.Client) -> None:
    assert "blue circle" in said(http, drawn((40, 70, 220)), "What do you see?")
