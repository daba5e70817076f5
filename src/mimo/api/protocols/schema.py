"""JSON Schemas that the shapes of all protocols are made of in the OpenAPI document: objects, content, media.

Which model and which engine takes which media is said in words: the document is one for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mimo.contract.media import MEDIA, megabytes, names
from mimo.contract.tools import OPENAI, Bounds
from mimo.types import MediaKind

Schema = dict[str, object]
STRING: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
OBJECT: Schema = {"type": "object"}
NULL: Schema = {"type": "null"}
_NOTE = "Only where the model and the engine that answers take it: `GET /v1/models/ID`, `served_by.input`."


def function_name(bounds: Bounds = OPENAI) -> Schema:
    """The name of a function tool."""
    return {"type": "string", "pattern": f"^{bounds.name}$"}


def ref(name: str) -> Schema:
    """A reference to the shape called `name`."""
    return {"$ref": f"#/components/schemas/{name}"}


def obj(properties: Mapping[str, object], required: Iterable[str] | None = None, closed: bool = False) -> Schema:
    """An object with these `properties`, all of them `required` unless said otherwise; `closed`: it holds no others."""
    needed = list(properties if required is None else required)
    closing = {"additionalProperties": False} if closed else {}
    return {"type": "object", "properties": dict(properties), "required": needed, **closing}


def array(items: Schema, least: int = 1, most: int | None = None) -> Schema:
    """An array of `least` to `most` `items`."""
    return {"type": "array", "minItems": least, **({} if most is None else {"maxItems": most}), "items": items}


def any_of(*schemas: Schema) -> Schema:
    """One of these."""
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


def media_address(kind: MediaKind, form: str = "data URI") -> Schema:
    """Where a medium is: its content in `form`, or a URL."""
    medium = MEDIA[kind]
    words = f"{names(kind)}: {form} of at most {megabytes(medium.inline)}, or http(s) URL of at most "
    return {"type": "string", "description": f"{words}{megabytes(medium.fetched)} where URLs are allowed. {_NOTE}"}
