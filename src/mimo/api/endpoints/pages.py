"""Lists in pages, as OpenAI's SDK turns them: `after` an id, at most `limit`. Knows no object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mimo.contract.checks import refuse


def page(rows: Sequence[Mapping[str, object]], query: Mapping[str, str], most: int) -> dict[str, object]:
    """The page of `rows` that the `query` asks for. Raises `InvalidRequest`."""
    limit = query.get("limit", str(min(most, 10_000)))
    if not limit.isdigit() or not 1 <= int(limit[:9]) <= most:
        refuse("limit", f"an integer between 1 and {most}", limit)
    begin = 0
    if after := query.get("after"):
        begin = next((at for at, row in enumerate(rows, 1) if row["id"] == after), -1)
        if begin < 0:
            refuse("after", "the id of an object in the list", after)
    shown = rows[begin : begin + int(limit)]
    return {
        "object": "list", "data": shown, "has_more": begin + len(shown) < len(rows),
        "first_id": shown[0]["id"] if shown else None, "last_id": shown[-1]["id"] if shown else None,
    }  # fmt: skip
