"""The texts that a schema allows for a string, as Lark expressions of one VALUE of MiMo's calls: none holds its end."""

from __future__ import annotations

import re

from mimo.contract.errors import InvalidRequest, shown
from mimo.contract.json_schema.references import Schema

END = "</parameter>"
_NOT_END = r"~/(?s:.*)<\/parameter>(?s:.*)/"
TEXT = f'( /(?s:.*)/ & {_NOT_END} ) "{END}"'
"""Any text, and the end of the value."""
_FEW = 16  # characters that are counted while the end is searched
_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_LABEL = "[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?"
_FORMATS = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f"{_DATE}T{_TIME}",
    "duration": "P([0-9]{1,4}D)?T[0-9]{1,4}[HMS]",
    "email": rf"[a-z0-9]([a-z0-9_+.-]{{0,30}}[a-z0-9])?@{_LABEL}\.[a-z]{{2,8}}",
    "hostname": rf"{_LABEL}(\.{_LABEL}){{0,3}}",
    "ipv4": rf"{_BYTE}(\.{_BYTE}){{3}}",
    "ipv6": "([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}",
    "uuid": "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "uri": rf"https?:\/\/{_LABEL}(\.{_LABEL}){{0,3}}(\/[A-Za-z0-9._~-]{{0,64}}){{0,8}}",
}
"""Texts of each format; all of them are valid, not every valid one is here."""


def text(fields: Schema, path: str) -> str:
    """A Lark expression of the strings that fit the rules for strings in `fields`, none of which holds the end.

    Counting characters and looking for the end at once is slow over a large vocabulary: where a length is bounded, `<`
    is left out instead.
    """
    least, most = fields.get("minLength", 0), fields.get("maxLength", "")
    counted = most != "" or (isinstance(least, int) and least > _FEW)
    found = [f"/{'[^<]' if counted else '(?s:.)'}{{{least},{most}}}/"]
    if "pattern" in fields:
        pattern = fields["pattern"]
        if not isinstance(pattern, str):
            raise InvalidRequest(f"{path}.pattern must be a string, got {shown(pattern)}", param=f"{path}.pattern")
        found.append(f"/{_searched(pattern)}/")
    if "format" in fields:
        found.append(f"/{_FORMATS[str(fields['format'])]}/")
    return " & ".join(found if counted or "format" in fields else [*found, _NOT_END])


def _searched(pattern: str) -> str:
    """A regular expression of the whole texts in which `pattern`, as JSON Schema has it, is found somewhere."""
    classes = {r"\d": "[0-9]", r"\D": "[^0-9]", r"\w": "[0-9A-Za-z_]", r"\W": "[^0-9A-Za-z_]"}
    body = pattern.removeprefix("^")
    ends = body.endswith("$") and not re.search(r"(?<!\\)(\\\\)*\\\$$", body)
    body = body[:-1] if ends else body
    body = re.sub(
        r"\\.|/|\n", lambda found: {"/": r"\/", "\n": r"\n"}.get(found[0], classes.get(found[0], found[0])), body
    )
    return f"{'' if pattern.startswith('^') else '(?s:.*)'}({body}){'' if ends else '(?s:.*)'}"
