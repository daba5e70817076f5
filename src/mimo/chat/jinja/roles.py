"""The same conversation for templates that refuse it as it is: roles that must alternate, one system message, none.

Neighbours of a role are joined, and a system message that may not stand where it stands is kept as marked text in a
user's turn. Nothing is left out. Knows no template.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from msgspec import structs

from mimo.types import Message

MARK = "<system>\n{}\n</system>"
"""How a system message is kept as text."""


def arrangements(
    messages: Sequence[Message], *, system: bool = True, second: bool = True, late: bool = True
) -> Iterator[list[Message]]:
    """`messages` as they are, then ever more rearranged; only what differs from the one before.

    `system`, `second`, `late`: whether the template says system messages, several at the beginning, and later ones.
    """
    last: list[Message] | None = None
    for arrange in (list, _joined, partial(_marked, start=1), partial(_marked, start=0)):
        arranged = arrange(messages)
        roles = [message.role for message in arranged]
        leading = next((at for at, role in enumerate(roles) if role != "system"), len(roles))
        later = "system" in roles[leading:]
        fits = (system or not (leading or later)) and (second or leading < 2) and (late or not later)
        if fits and arranged != last:
            last = arranged
            yield arranged


def _joined(messages: Sequence[Message]) -> list[Message]:
    """Neighbours of one role as one message, unless that would mix calls or results."""
    runs: list[list[Message]] = []
    for message in messages:
        before = runs[-1][-1] if runs else None
        if before is None or before.role != message.role or message.role == "tool" or before.tool_calls:
            runs.append([])
        runs[-1].append(message)
    return [_one(run) if len(run) > 1 else run[0] for run in runs]


def _one(run: Sequence[Message]) -> Message:
    reasoning = "\n\n".join(message.reasoning_content for message in run if message.reasoning_content)
    content = "\n\n".join(message.content for message in run if message.content)
    return structs.replace(run[-1], content=content, reasoning_content=reasoning or None, name=run[0].name)


def _marked(messages: Sequence[Message], start: int) -> list[Message]:
    """Joined, with system messages from `start` on as marked text of the user's."""
    return _joined(
        [
            Message("user", MARK.format(message.content)) if message.role == "system" and at >= start else message
            for at, message in enumerate(_joined(messages))
        ]
    )
