"""The outbox: a row that was added is in its file, whatever happens to the disk meanwhile."""

from __future__ import annotations

import contextlib
import resource
import signal
from collections.abc import Iterator

import msgspec

from mimo.accounts.outbox import Outbox
from mimo.accounts.row import Row


def a_row(number: int) -> Row:
    text = "x" * 2000
    return Row(
        f"id-{number}", text, 1, "a", "k", "k", "m", "p", "e", 1, 0, 1, 0, "1", 1, 0.1, 0.2, "stop", True,
    )  # fmt: skip


@contextlib.contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """As a full disk: a write beyond `size` fails in its middle."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_file_that_cannot_be_written_anew_stays_and_takes_further_rows(tmp_path):
    outbox = Outbox(tmp_path, "w")
    outbox.open()
    for number in range(2200):  # more than is kept in one file
        outbox.add(a_row(number))
    with files_no_longer_than(2**21):
        outbox.done(1)
    outbox.add(a_row(9999))
    lines = (tmp_path / "w.rows").read_bytes().splitlines()
    there = {msgspec.json.decode(line, type=Row).id for line in lines}
    assert there >= {f"id-{number}" for number in (*range(1, 2200), 9999)}
    assert [path.name for path in tmp_path.iterdir()] == ["w.rows"]
    outbox.done(1)  # there is room again
    lines = (tmp_path / "w.rows").read_bytes().splitlines()
    assert len(lines) == 2199 and msgspec.json.decode(lines[0], type=Row).id == "id-2"
