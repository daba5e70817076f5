"""The commands of a conversation, against a real server: what they change, and what they say of a wrong one."""

from __future__ import annotations

import io
import json
import os
import stat
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from mimo.cli.chat import commands
from mimo.cli.chat.commands import COMMANDS, Session
from mimo.cli.chat.connect import connected
from mimo.cli.chat.conversation import Conversation
from mimo.cli.chat.wanted import Wanted
from mimo.cli.chat.wire import Listed
from mimo.cli.options import SAMPLING, bounds_text
from mimo.contract.models import MODELS
from mimo.contract.parameters import PARAMETERS
from mimo.engines.scripted.script import Script, ScriptedAnswer
from mimo.testing import served


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(script=Script([ScriptedAnswer(["Hi"])])) as server:
        yield server.url


@pytest.fixture
async def session(url: str) -> AsyncIterator[Session]:
    console = Console(file=io.StringIO(), width=100, highlight=False, markup=False)

    async def ask() -> None:
        made.conversation.messages.append({"role": "assistant", "content": "Hi"})

    async with connected(Wanted(url=url), console) as partner:
        made = Session(partner, Conversation(partner.model), console, ask)
        made.conversation.messages += [
            {"role": "user", "content": "one"}, {"role": "assistant", "content": "1"},
            {"role": "user", "content": "two"}, {"role": "assistant", "content": "2"},
        ]  # fmt: skip
        yield made


async def do(session: Session, line: str) -> str:
    """What a line typed says."""
    command = commands.split(line)
    assert command is not None
    file = session.console.file
    assert isinstance(file, io.StringIO)
    before = file.tell()
    await commands.run(session, *command)
    return file.getvalue()[before:]


def contents(session: Session) -> list[str]:
    return [message["content"] for message in session.conversation.messages]


async def test_help_names_every_command_and_key(session: Session) -> None:
    said = await do(session, "/help")
    for name in COMMANDS:
        assert f"/{name}" in said
    for key in ("Alt-Enter", "Ctrl-C", "Ctrl-D"):
        assert key in said


def test_the_documentation_has_every_command() -> None:
    text = (Path(__file__).parents[4] / "docs" / "chat.md").read_text()
    for name in COMMANDS:
        assert f"`/{name}" in text


@pytest.mark.parametrize("name", [name for name in SAMPLING if PARAMETERS[name].minimum is not None])
async def test_a_value_out_of_bounds_is_refused_by_the_row_of_the_parameter(session: Session, name: str) -> None:
    row = MODELS["mimo-v2-flash"].parameters[name]
    assert isinstance(row.maximum, int | float)
    said = await do(session, f"/set {name} {row.maximum + 1}")
    assert name in said and "between" in said and name not in session.conversation.parameters
    assert bounds_text(row) in " ".join((await do(session, f"/set {name}")).split())


async def test_parameters_are_set_shown_and_taken_back(session: Session) -> None:
    await do(session, "/set temperature 0.2")
    await do(session, "/set top-p 1")
    await do(session, "/set stop END")
    assert session.conversation.body()["temperature"] == 0.2
    assert session.conversation.parameters == {"temperature": 0.2, "top_p": 1, "stop": "END"}
    assert "0.2" in await do(session, "/show")
    await do(session, '/set stop ["a", "b"]')
    assert session.conversation.parameters["stop"] == ["a", "b"]
    await do(session, "/set temperature default")
    assert "temperature" not in session.conversation.parameters


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/temperature 1", "there is no /temperature"),
        ("/sett temperature 1", "did you mean /set?"),
        ("/usr/bin/python", "A space before / makes it a message"),
        ("/set temprature 1", "did you mean temperature?"),
        ("/set temperature warm", "temperature must be a number"),
        ("/set top_k 3", "Those there are: temperature, top_p"),
        ("/clear all", "/clear takes nothing after it"),
        ("/tokens maybe", "on or off"),
        ("/think maybe", "on, off, default, show, or the most tokens"),
        ("/think 99999999999999999999", "budget_tokens"),
        ("/model gpt", "mimo-v2-pro, mimo-v2-omni, mimo-v2-flash"),
        ("/save", "/save talk.json"),
        ("/save /no/such/folder/x.json", "no such file or directory"),
        ("/load /no/such.json", "no such file or directory"),
        ("/load ~nobody-of-that-name/x", "is no name of a file"),
        ("/save a\0b", "is no name of a file"),
        ("/image /no/such.png", "takes text here, and no image; no model of this server takes it"),
        ("/\x1b[2J", "␛[2J"),
    ],
)
async def test_a_wrong_command_is_one_line_and_changes_nothing(session: Session, line: str, words: str) -> None:
    session.console.width = 1000
    before = session.conversation.body()
    said = await do(session, line)
    assert words in said and said.count("\n") == 1
    assert session.conversation.body() == before and not session.leaving


def test_a_message_is_no_command_whatever_is_in_its_lines() -> None:
    assert commands.split("/bye\nmore") is None
    assert commands.split(" /bye") is None
    assert commands.split("hello /bye") is None
    assert commands.split("/bye ") == ("bye", "")
    assert commands.split("/system You are\nbrief.") == ("system", "You are\nbrief.")


async def test_undo_takes_one_exchange_and_clear_all_of_them(session: Session) -> None:
    await do(session, "/system Be brief.")
    await do(session, "/undo")
    assert contents(session) == ["one", "1"]
    await do(session, "/clear")
    assert contents(session) == [] and session.conversation.system == "Be brief."
    assert "nothing to take back" in await do(session, "/undo")
    assert "nothing to ask again" in await do(session, "/retry")


async def test_retry_asks_the_last_question_again(session: Session) -> None:
    await do(session, "/retry")
    assert contents(session) == ["one", "1", "two", "Hi"]


async def test_a_retry_that_fails_leaves_the_answer_before(session: Session) -> None:
    async def fail() -> None:
        session.draft = session.give_back()

    session.ask = fail
    assert "the answer before stays" in await do(session, "/retry")
    assert contents(session) == ["one", "1", "two", "2"] and session.draft == ""


async def test_a_picture_goes_with_the_next_message_and_comes_back_with_it(session: Session, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n...")
    (tmp_path / "a.wav").write_bytes(b"RIFF....WAVE...")
    session.partner = replace(session.partner, listed=(Listed("m"),))  # a server that does not say what it takes
    for line in (f"/image {tmp_path}/a.png", f"/audio {tmp_path}/a.wav"):
        assert "goes with the next message" in await do(session, line)
    session.question("What is it?")
    image, sound, text = session.conversation.messages[-1]["content"]
    assert image["image_url"]["url"] == f"data:image/png;base64,{b64encode((tmp_path / 'a.png').read_bytes()).decode()}"
    assert sound["input_audio"]["format"] == "wav" and text == {"type": "text", "text": "What is it?"}
    assert session.give_back() == "What is it?" and session.attached == [image, sound]
    assert contents(session) == ["one", "1", "two", "2"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [("a.png", b"GIF", "is no image in one of the formats jpeg, png"), ("a.mp3", b"ID3", "is no image"),
     ("folder", None, "is a directory"), ("none.png", ..., "no such file")],
)  # fmt: skip
async def test_what_is_no_picture_is_not_attached(
    session: Session, tmp_path: Path, name: str, content: object, words: str
) -> None:
    path, session.console.width = tmp_path / name, 1000
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is None:
        path.mkdir()
    session.partner = replace(session.partner, listed=(Listed("m"),))
    assert words in await do(session, f"/image {path}") and session.attached == []


async def test_thinking_is_switched_and_limited(session: Session) -> None:
    for line, wire in (
        ("/think on", {"type": "enabled"}), ("/think 50", {"type": "enabled", "budget_tokens": 50}),
        ("/think", {"type": "disabled"}), ("/think default", None),
    ):  # fmt: skip
        await do(session, line)
        assert session.conversation.thinking == wire
    session.thoughts = "Hm."
    assert "Hm." in await do(session, "/think show")


async def test_what_is_saved_is_loaded_and_is_a_request(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    for line in ("/system Be brief.", "/set temperature 0.5", "/think on", "/model mimo-v2-pro", f"/save {path}"):
        await do(session, line)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    body = session.conversation.body()
    assert json.loads(path.read_text()) == body
    await session.partner.server.whole(body)  # as it is
    session.conversation = Conversation("mimo-v2-flash")
    assert "2" in await do(session, f"/load {path}")
    assert session.conversation.body() == body
    await do(session, f"/save {path}")  # a saved conversation may be replaced


@pytest.mark.parametrize(
    "content",
    [
        "no json", "[]", "{}", '{"messages": {}}', '{"messages": [{"role": "king", "content": "x"}]}',
        '{"messages": [], "tools": []}', '{"messages": [], "temperature": 7}', '{"messages": [], "model": "gpt"}',
        '{"messages": [], "thinking": {"type": "deep"}}', '{"messages": [], "model": 7}', "[" * 100_000,
        '{"messages": [{"role": "system", "content": null}], "thinking": 3}',
    ],
)  # fmt: skip
async def test_a_file_that_cannot_be_gone_on_with_is_refused(session: Session, tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    before = session.conversation.body()
    session.console.width = 1000
    said = await do(session, f"/load {path}")
    assert said.count("\n") == 1 and "messages from" not in said
    assert session.conversation.body() == before


@pytest.mark.parametrize("command", ["load", "save", "image", "audio"])
async def test_a_device_or_a_pipe_is_no_file_and_is_not_waited_for(
    session: Session, tmp_path: Path, command: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    session.console.width = 1000
    session.partner = replace(session.partner, listed=(Listed("m"),))
    for path in (Path("/dev/zero"), tmp_path / "pipe"):
        said = await do(session, f"/{command} {path}")
        assert "not a regular file" in said and said.count("\n") == 1 and path.exists()


@pytest.mark.parametrize("content", ["notes of mine", "[]", "{}", '{"messages": [], "tools": []}'])
async def test_a_file_that_is_something_else_is_not_replaced(session: Session, tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    session.console.width = 1000
    assert "left as it is" in await do(session, f"/save {path}")
    assert path.read_text() == content and list(tmp_path.iterdir()) == [path]


async def test_completion_knows_commands_parameters_and_models(session: Session, tmp_path: Path) -> None:
    def words(before: str) -> set[str]:
        return {word for word, _ in commands.completions(session, before)}

    assert words("/") == {f"/{name}" for name in COMMANDS}
    assert words("/set ") == set(SAMPLING)
    assert words("/model ") == set(MODELS)
    assert {"on", "off"} <= words("/think ")
    (tmp_path / "a.json").write_text("{}")
    assert f"{tmp_path}/a.json" in words(f"/load {tmp_path}/")
    assert words("/nonsense ") == words("/load ~nobody-of-that-name/") == set()
