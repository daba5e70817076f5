"""What follows `<tool_call>`, read as it comes: a call with its arguments as JSON, or no call at all.

    <function=NAME> <parameter=KEY>VALUE</parameter> … </function> </tool_call>      MiMo, with newlines or compact
    {"name": "NAME", "arguments": {…}} </tool_call>                                  Hermes and Qwen

White space may stand between the parts. VALUE is everything up to `</parameter>`, verbatim: its own newlines are data,
and so is any marker in it. The function must be a declared one. A call is complete with its `</function>` (or the last
brace): `</tool_call>` may be missing. It breaks at the first byte that cannot belong to it, and is then text. Every
byte is looked at once. Knows no token: control tokens come here by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from mimo.calls.arguments import quoted, typed
from mimo.contract.json_schema.types import SchemaTypes
from mimo.types import Tool

Status = Literal["open", "complete", "broken"]

OPENS, CLOSES = "<tool_call>", "</tool_call>"
_SPACE = b" \t\r\n"
_FUNCTION, _PARAMETER = b"<function=", b"<parameter="
_END_FUNCTION, _END_PARAMETER = b"</function>", b"</parameter>"
_CLOSES = CLOSES.encode()
_KEY_LIMIT = 1024
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TURNS = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'["\\]')


class CallParser:
    """One call. `push` bytes until `status` is no longer open; at the end of the turn `end`."""

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self.status: Status = "open"
        self.rest = b""
        """What was pushed and is not part of the call, once it is complete."""
        self.name = ""
        self._tools = tools
        self._names = [name.encode() for name in tools]
        self._types = SchemaTypes({})
        self._values: dict[str, str] = {}
        self._object = ""
        self._key = ""
        self._data = bytearray()  # pushed and not yet read
        self._seen = 0  # of it: bytes that a search need not look at again
        self._depth = 0
        self._quoted = False
        self._state: Callable[[], bool] = self._begin

    @property
    def closing(self) -> bool:
        """Whether all of the call is there but its `</tool_call>`."""
        return self._state == self._close

    @property
    def arguments(self) -> str:
        """The arguments as a JSON object, once the call is complete."""
        return self._object or "{" + ",".join(f"{quoted(key)}:{value}" for key, value in self._values.items()) + "}"

    def push(self, data: bytes) -> None:
        """Take more of the turn."""
        self._data += data
        while self.status == "open" and self._state():
            pass

    def end(self) -> None:
        """Nothing comes after: complete if all but `</tool_call>` is there, else broken."""
        if self.status == "open":
            self.status = "complete" if self.closing else "broken"
            self.rest = bytes(self._data)

    # The states: each reads what it can of the data and says whether another state should go on at once.

    def _begin(self) -> bool:
        if not self._skip_space():
            return False
        if self._data[0] == ord("{"):
            self._state = self._json
            return True
        return self._expect({_FUNCTION: self._name})

    def _name(self) -> bool:
        end = self._data.find(b">")
        found = bytes(self._data[: end if end >= 0 else None])
        if end < 0:
            if not any(name.startswith(found) for name in self._names):
                self.status = "broken"
            return False
        if found not in self._names:
            self.status = "broken"
            return False
        self.name = found.decode()
        self._types = SchemaTypes(self._tools[self.name].parameters)
        return self._go(end + 1, self._between)

    def _between(self) -> bool:
        if not self._skip_space():
            return False
        closed = {_CLOSES: self._done}
        return self._expect({_PARAMETER: self._parameter, _END_FUNCTION: self._close, **closed})

    def _parameter(self) -> bool:
        end = self._data.find(b">")
        key = self._data[: end if end >= 0 else None]
        if (not key and end >= 0) or len(key) > _KEY_LIMIT or b"\n" in key or b"<" in key:
            self.status = "broken"
            return False
        if end < 0:
            return False
        self._key = key.decode(errors="replace")
        return self._go(end + 1, self._value)

    def _value(self) -> bool:
        end = self._data.find(_END_PARAMETER, max(0, self._seen - len(_END_PARAMETER)))
        self._seen = len(self._data)
        if end < 0:
            return False
        root = self._tools[self.name].parameters
        properties = root.get("properties")
        schema = properties.get(self._key, True) if isinstance(properties, Mapping) else True
        self._values[self._key] = typed(self._data[:end].decode(errors="replace"), schema, self._types)
        return self._go(end + len(_END_PARAMETER), self._between)

    def _json(self) -> bool:
        at = self._seen
        while (found := (_IN_STRING if self._quoted else _TURNS).search(self._data, at)) is not None:
            mark, at = found[0], found.end()
            if mark == b"\\":
                if at == len(self._data):
                    self._seen = at - 1
                    return False
                at += 1
            elif mark == b'"':
                self._quoted = not self._quoted
            else:
                self._depth += 1 if mark in b"{[" else -1
                if self._depth == 0:
                    return self._read_object(at)
        self._seen = len(self._data)
        return False

    def _read_object(self, end: int) -> bool:
        try:
            self.name, self._object = _read_json(bytes(self._data[:end]))
            if self.name not in self._tools:
                raise ValueError
        except (ValueError, TypeError, KeyError, RecursionError, msgspec.MsgspecError):
            self.status = "broken"
            return False
        return self._go(end, self._close)

    def _close(self) -> bool:
        """After the call: `</tool_call>`, or whatever comes instead."""
        data = bytes(self._data.lstrip(_SPACE))
        if data.startswith(_CLOSES):
            del self._data[: len(self._data) - len(data) + len(_CLOSES)]
            return self._done()
        if not _CLOSES.startswith(data):
            return self._done()
        return False

    def _done(self) -> bool:
        self.status, self.rest = "complete", bytes(self._data)
        return False

    def _skip_space(self) -> bool:
        """Whether something else than white space is there."""
        del self._data[: len(self._data) - len(self._data.lstrip(_SPACE))]
        return bool(self._data)

    def _expect(self, markers: Mapping[bytes, Callable[[], bool]]) -> bool:
        """Go where the one of `markers` that comes next leads."""
        for marker, state in markers.items():
            if self._data.startswith(marker):
                return self._go(len(marker), state)
        if not any(marker.startswith(self._data) for marker in markers):
            self.status = "broken"
        return False

    def _go(self, used: int, state: Callable[[], bool]) -> bool:
        del self._data[:used]
        self._seen = 0
        self._state = state
        return True


def _read_json(data: bytes) -> tuple[str, str]:
    """Name and arguments (a JSON object, as written) of a call in JSON; raises what decoding raises, KeyError."""
    fields = _FIELDS.decode(data)
    name: str = msgspec.json.decode(fields["name"], type=str)
    written = bytes(fields.get("arguments") or fields.get("parameters") or b"{}")
    value = msgspec.json.decode(written)
    if isinstance(value, str):  # JSON within a string
        written, value = value.encode(), msgspec.json.decode(value)
    if value is None:
        return name, "{}"
    if not isinstance(value, dict):
        raise ValueError("arguments must be an object")
    return name, written.decode()
