"""A call as MiMo writes it, read as it comes, with new lines between the parts or without:

    <function=NAME> <parameter=KEY>VALUE</parameter> … </function>

VALUE is everything up to `</parameter>`, verbatim: its own new lines are data, and so is any marker in it. What closes
the call may come instead of `</function>`.
"""

from __future__ import annotations

from collections.abc import Mapping

from mimo.calls.arguments import quoted, typed
from mimo.calls.scanner import Body
from mimo.contract.json_schema.types import SchemaTypes
from mimo.types import Tool

FUNCTION = b"<function="
_PARAMETER = b"<parameter="
_END_FUNCTION, _END_PARAMETER = b"</function>", b"</parameter>"
_KEY_LIMIT = 1024


class MimoBody(Body):
    """The call of one of `tools`; `closes`: the marker after it."""

    def __init__(self, tools: Mapping[str, Tool], closes: bytes) -> None:
        super().__init__(lambda: self._expect({FUNCTION: self._name}))
        self._tools = tools
        self._closes = closes
        self._names = [name.encode() for name in tools]
        self._types = SchemaTypes({})
        self._values: dict[str, str] = {}
        self._key = ""

    @property
    def arguments(self) -> str:
        return "{" + ",".join(f"{quoted(key)}:{value}" for key, value in self._values.items()) + "}"

    def _name(self) -> bool:
        end = self.data.find(b">")
        found = bytes(self.data[: end if end >= 0 else None])
        if end < 0:
            return False if any(name.startswith(found) for name in self._names) else self._broken()
        if found not in self._names:
            return self._broken()
        self.name = found.decode()
        self._types = SchemaTypes(self._tools[self.name].parameters)
        return self._go(end + 1, self._between)

    def _between(self) -> bool:
        if not self._skip_space():
            return False
        if self.data.startswith(self._closes):
            return self._done()
        return self._expect({_PARAMETER: self._parameter, _END_FUNCTION: self._done, self._closes: self._done})

    def _parameter(self) -> bool:
        end = self.data.find(b">")
        key = self.data[: end if end >= 0 else None]
        if (not key and end >= 0) or len(key) > _KEY_LIMIT or b"\n" in key or b"<" in key:
            return self._broken()
        if end < 0:
            return False
        self._key = key.decode(errors="replace")
        return self._go(end + 1, self._value)

    def _value(self) -> bool:
        end = self.data.find(_END_PARAMETER, max(0, self._seen - len(_END_PARAMETER)))
        self._seen = len(self.data)
        if end < 0:
            return False
        properties = self._types.root.get("properties")
        schema = properties.get(self._key, True) if isinstance(properties, Mapping) else True
        self._values[self._key] = typed(self.data[:end].decode(errors="replace"), schema, self._types)
        return self._go(end + len(_END_PARAMETER), self._between)
