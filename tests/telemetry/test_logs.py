"""What is logged: a line a fact, in text or JSON, that nobody can forge and that holds up nobody."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re

import pytest

from mimo.api.exchange import REQUEST_ID
from mimo.telemetry.lines import _MOST, Lines
from mimo.telemetry.logs import JsonFormatter, TextFormatter

HOSTILE = "one\ntwo\x1b[31mred\r\x00\u2028end \ud800 é"


def record(message: str, failed: bool = False) -> logging.LogRecord:
    info = None
    if failed:
        try:
            raise ValueError(HOSTILE)
        except ValueError as error:
            info = (ValueError, error, error.__traceback__)
    return logging.LogRecord("mimo.test", logging.WARNING, "f.py", 1, "%s", (message,), info)


def test_a_text_line_has_time_level_logger_words_and_the_request():
    token = REQUEST_ID.set("req_1")
    line = TextFormatter().format(record("the upstream did not answer"))
    REQUEST_ID.reset(token)
    wanted = (
        r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARNING mimo\.test: the upstream did not answer \(request req_1\)"
    )
    assert re.fullmatch(wanted, line)


def test_nothing_that_is_logged_can_begin_a_line_or_colour_a_terminal():
    line = TextFormatter().format(record(HOSTILE))
    assert "\n" not in line and "\x1b" not in line and r"one\ntwo\x1b[31mred\r\x00\u2028end" in line
    with_traceback = TextFormatter().format(record("failed", failed=True))
    assert "\x1b" not in with_traceback and "Traceback" in with_traceback.splitlines()[1]


def test_a_json_record_is_one_line_that_any_reader_reads():
    line = JsonFormatter().format(record("é\u2028\n\x1b", failed=True))
    assert len(line.splitlines()) == 1
    fields = json.loads(line)
    assert (fields["level"], fields["logger"], fields["message"]) == ("WARNING", "mimo.test", "é\u2028\n\x1b")
    assert "ValueError" in fields["traceback"] and "request_id" not in fields


async def test_lines_are_written_whole_in_their_order():
    reads, writes = os.pipe()
    lines = Lines(writes)
    for number in range(300):
        lines.add(f"line {number} é")
    await lines.close()
    lines.add("last \ud800")
    await lines.close()
    os.close(writes)
    with os.fdopen(reads) as file:
        assert file.read().splitlines() == [*(f"line {number} é" for number in range(300)), "last \\ud800"]


async def test_a_reader_that_does_not_read_loses_lines_and_hears_of_it():
    reads, writes = os.pipe()
    lines = Lines(writes)
    for number in range(_MOST + 5000):
        lines.add(f"line {number}")
        if number % 1000 == 0:
            await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    written = loop.run_in_executor(None, lambda: os.fdopen(reads).read())
    await lines.close()
    os.close(writes)
    text = await written
    assert "5000 lines of the log are lost" in text and "line 0\n" in text


async def test_a_log_that_nobody_reads_any_more_is_no_error():
    reads, writes = os.pipe()
    os.close(reads)
    lines = Lines(writes)
    lines.add("nobody")
    await lines.close()
    os.close(writes)


@pytest.mark.parametrize("formatter", [TextFormatter, JsonFormatter])
def test_a_lone_surrogate_is_no_error(formatter):
    assert "end" in formatter().format(record(HOSTILE))
