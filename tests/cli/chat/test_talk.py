"""A conversation on a pseudo-terminal, with the scripted engine: keys, pastes, Ctrl-C, and what reaches the shell."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.chat.pseudo_terminal import PASTE, PASTED, Shell, shell

from mimo.engines.scripted.script import Script, ScriptedAnswer
from mimo.testing import served

SCRIPT = {
    "answers": [
        {"when": "afterwards", "steps": ["Hi", " there", "."]},
        {"when": "endless", "steps": [{"repeat": 3000, "steps": ["word "]}]},
        {"when": "ponder", "steps": ["<think>", "Hm, let me see", "</think>", "Because."]},
        {"when": "escape", "steps": ["\x1b]0;owned\x07\x1b[2J", "done"]},
        {"when": "wide", "steps": [{"repeat": 40, "steps": ["seventeen-letters "]}]},
        {"steps": ["Hi", " there", "."]},
    ],
    "delay": 0.01,
}


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    path = tmp_path_factory.mktemp("talk") / "script.json"
    path.write_text(json.dumps(SCRIPT))
    return "--engine", "scripted", "--script", str(path)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, script: tuple[str, ...]) -> Iterator[Shell]:
    """A chat that several tests use, one after the other."""
    with shell(tmp_path_factory.mktemp("shared"), *script) as made:
        made.ready()
        yield made
        bye(made)


@pytest.fixture
def chat(running: Shell) -> Shell:
    """It, with nothing said."""
    running.send("/clear")
    running.wait_for("forgotten")
    running.ready()
    return running


@pytest.fixture
def alone(tmp_path: Path, script: tuple[str, ...]) -> Iterator[Shell]:
    """A chat that this test ends."""
    with shell(tmp_path, *script) as made:
        made.ready()
        yield made


def questions(chat: Shell) -> list[str]:
    return [message["content"] for message in chat.saved()["messages"] if message["role"] == "user"]


def bye(chat: Shell) -> None:
    chat.send("/bye")
    assert chat.leave() == (0, "")


def test_a_paste_with_blank_lines_and_bye_in_it_is_one_message(alone: Shell) -> None:
    text = "\nfirst\n\n/bye\necho from-the-shell\n\n"
    alone.type(f"{PASTE}{text}{PASTED}")
    alone.wait_for("echo from-the-shell")
    alone.type("\r")
    alone.wait_for("there.")
    alone.ready()
    assert questions(alone) == [text]
    bye(alone)


def test_a_paste_that_the_terminal_does_not_mark_is_one_message_too(alone: Shell) -> None:
    alone.type("first\r\r/bye\recho from-the-shell")
    alone.wait_for("echo from-the-shell")
    time.sleep(0.5)
    alone.type("\r")
    alone.wait_for("there.")
    alone.ready()
    assert questions(alone) == ["first\n\n/bye\necho from-the-shell"]
    bye(alone)


@pytest.mark.parametrize("marks", [("", ""), (PASTE, PASTED)], ids=["typed", "pasted"])
def test_a_line_of_5000_bytes_arrives_whole(chat: Shell, marks: tuple[str, str]) -> None:
    text = "".join(f"{place:04} " for place in range(1000))
    chat.type(f"{marks[0]}{text}")
    chat.type(f"END{marks[1]}")  # letters, since only characters that differ from those before are drawn
    chat.wait_for("END")
    chat.send("")
    chat.wait_for("there.")
    chat.ready()
    assert questions(chat) == [f"{text}END"]


def test_a_colour_that_is_typed_is_no_mouse_and_no_traceback(chat: Shell) -> None:
    chat.send("\x1b[31mred\x1b[0;1m\x1b[m and blue")
    chat.wait_for("there.")
    chat.ready()
    (question,) = questions(chat)
    assert question.endswith("and blue") and "red" in question and "\x1b" not in question


def test_arrow_keys_edit_and_backslash_and_alt_enter_begin_a_line(chat: Shell) -> None:
    chat.type("hallo\x1b[D\x1b[D\x1b[D\x1b[D\x1b[3~e\x1b[F")  # four to the left, delete, e, end
    chat.send("\\")
    chat.wait_for("… ")
    chat.type("second")
    chat.type("\x1b\r")
    chat.send("third")
    chat.wait_for("there.")
    chat.ready()
    assert questions(chat) == ["hello\nsecond\nthird"]


def test_ctrl_c_stops_the_answer_and_keeps_what_came(chat: Shell) -> None:
    chat.send("endless")
    chat.wait_for("word word word")
    chat.type("\x03")
    chat.wait_for("stopped")
    chat.ready()
    question, answer = chat.saved()["messages"]
    assert question["content"] == "endless"
    assert answer["content"].startswith("word word") and answer["content"].count("word") < 3000
    chat.send("afterwards")
    chat.wait_for("there.")
    chat.ready()


def test_ctrl_c_clears_the_line_and_twice_leaves(alone: Shell) -> None:
    alone.type("half a thought")
    alone.wait_for("thought")
    alone.type("\x03")
    alone.wait_for("leaves")  # only what differs is drawn
    alone.send("whole")
    alone.wait_for("there.")
    alone.ready()
    assert questions(alone) == ["whole"]
    alone.type("\x03")
    alone.wait_for("leaves")  # only what differs is drawn
    alone.type("\x03")
    assert alone.leave() == (0, "")


def test_ctrl_d_leaves(alone: Shell) -> None:
    alone.type("\x04")
    assert alone.leave() == (0, "")


def test_what_is_typed_during_an_answer_waits_and_never_reaches_the_shell(alone: Shell) -> None:
    alone.send("endless")
    alone.wait_for("word word word")
    for line in ("afterwards", "/bye", "echo from-the-shell"):
        alone.send(line)
        time.sleep(0.5)
    alone.type("\x03")
    alone.wait_for("stopped")
    alone.wait_for("there.")  # the answer to "afterwards"
    assert alone.leave() == (0, "")


def test_an_empty_line_asks_nothing(chat: Shell) -> None:
    for nothing in ("", "  "):
        chat.send(nothing)
        time.sleep(2)  # a new prompt looks like the old one
    assert questions(chat) == []


def test_a_model_cannot_command_the_terminal(chat: Shell) -> None:
    chat.send("escape")
    chat.wait_for("done")
    assert "\x1b]0;" not in chat.shown and "\x1b[2J" not in chat.shown
    assert "␛]0;owned␇␛[2J" in chat.shown
    chat.ready()


def test_words_are_wrapped_whole(chat: Shell) -> None:
    chat.send("wide")
    shown = chat.wait_for("tokens/s")
    lines = [line for line in shown.splitlines() if "seventeen" in line]
    assert len(lines) >= 8
    for line in lines:
        assert len(line) <= 80 and set(line.split()) == {"seventeen-letters"}
    chat.ready()


def test_thoughts_fold_into_a_line_and_are_shown_when_asked_for(chat: Shell) -> None:
    chat.send("/think on")
    chat.wait_for("enabled")
    chat.send("ponder")
    chat.wait_for("thought for")
    chat.wait_for("Because.")
    chat.ready()
    chat.send("/think show")
    chat.wait_for("Hm, let me see")
    chat.ready()
    assert chat.saved()["thinking"] == {"type": "enabled"}
    chat.send("/think default")
    chat.ready()


def test_history_is_kept_across_runs_for_the_owner_alone(tmp_path: Path, script: tuple[str, ...]) -> None:
    with shell(tmp_path, *script) as first:
        first.ready()
        first.send("WWW 1234")
        first.wait_for("there.")
        first.ready()
        bye(first)
    file = tmp_path / "data" / "mimo" / "chat-history"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with shell(tmp_path, *script) as second:
        second.ready()
        for _ in range(60):  # the file is read while the person may type; the newest line is /bye
            second.type("\x1b[A")
            time.sleep(0.5)
            second.take()
            if "WWW 1234" in second.plain:
                break
        second.send("")
        second.wait_for("there.")
        second.ready()
        assert questions(second) == ["WWW 1234"]
        bye(second)


def test_colours_are_left_out_where_nobody_wants_them(tmp_path: Path, script: tuple[str, ...]) -> None:
    with shell(tmp_path, *script, NO_COLOR="1") as chat:
        chat.ready()
        chat.send("/tokens on")
        chat.wait_for("below 5%")
        chat.send("/set temperature 9")
        chat.wait_for("between 0 and 2")
        chat.ready()
        for colour in ("31", "32", "33", "90", "91"):
            assert f"\x1b[{colour}m" not in chat.shown and f";{colour}m" not in chat.shown
        bye(chat)


def test_a_running_server_is_talked_to_and_its_end_is_survived(tmp_path: Path) -> None:
    script = Script([ScriptedAnswer(["word "] * 2000)], delay=0.01)
    with served(script=script) as server, shell(tmp_path, "--url", server.url) as chat:
        chat.ready()
        chat.send("hello")
        chat.wait_for("word word")
        server.process.kill()
        chat.wait_for("closed the connection")
        chat.ready()
        chat.send("and now?")
        chat.wait_for("cannot be reached")
        chat.wait_for("> and now?")  # back on the line
        chat.type("\x03")
        chat.wait_for("leaves")
        assert [message["content"][:5] for message in chat.saved()["messages"]] == ["hello", "word "]
        bye(chat)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the process in /proc")
@pytest.mark.parametrize("answering", [False, True])
def test_a_signal_ends_it_with_the_terminal_as_it_was(alone: Shell, answering: bool) -> None:
    if answering:
        alone.send("endless")
        alone.wait_for("word word")
    (child,) = Path(f"/proc/{alone.child}/task/{alone.child}/children").read_text().split()
    os.kill(int(child), signal.SIGTERM)
    assert alone.leave() == (143, "")


def test_nano_says_what_it_is_and_thinks(tmp_path: Path) -> None:
    with shell(tmp_path) as chat:
        greeting = chat.wait_for("Ask something, or /help")
        assert "nano is tiny" in greeting and "--model FILE.gguf" in greeting and "--url" in greeting
        assert "Thinking is on here and temperature 0.3" in greeting
        chat.send("What is 12 + 7?")
        chat.wait_for("thought for")
        chat.wait_for("tokens/s")
        chat.ready()
        saved = chat.saved()
        assert saved["thinking"] == {"type": "enabled"} and saved["temperature"] == 0.3
        bye(chat)


def test_what_nano_is_asked_with_is_the_choice_of_who_asks(tmp_path: Path) -> None:
    with shell(tmp_path, "--no-thinking", "--temperature", "1.5") as chat:
        chat.wait_for("Thinking is off here and temperature 1.5")
        chat.ready()
        saved = chat.saved()
        assert saved["thinking"] == {"type": "disabled"} and saved["temperature"] == 1.5
        bye(chat)


def test_a_long_question_that_was_refused_does_not_hide_why(chat: Shell) -> None:
    chat.type(f"{PASTE}{'many words ' * 4000}{PASTED}")
    chat.wait_for("many words")
    chat.send("")
    chat.wait_for("exceeds the context window")
    chat.wait_for("arrow up brings it here again")
    chat.ready()


def test_ctrl_c_while_it_loads_leaves_without_a_traceback(tmp_path: Path) -> None:
    with shell(tmp_path) as chat:
        chat.wait_for("Loading")
        chat.type("\x03")
        chat.wait_for("status 130")
        assert "Traceback" not in chat.plain
