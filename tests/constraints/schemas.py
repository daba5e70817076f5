"""A hundred schemas of arguments, small and odd, that the grammar tests hold random output to."""

from __future__ import annotations

import itertools
from typing import Any

Schema = dict[str, Any]

TREE: Schema = {
    "type": "object",
    "properties": {
        "v": {"type": "integer"},
        "kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 2},
    },
    "required": ["v"],
    "additionalProperties": False,
}

VALUES: dict[str, Schema] = {
    "string": {"type": "string"},
    "short": {"type": "string", "minLength": 2, "maxLength": 5},
    "long enough": {"type": "string", "minLength": 3},
    "empty": {"type": "string", "maxLength": 0},
    "unicode enum": {"enum": ["é", "日本語", "😀", "a\nb", 'q"\\', "", "\u0001"]},
    "enum with type": {"type": "string", "enum": ["celsius", "fahrenheit", "c", "celsius2"]},
    "enum mixed": {"enum": ["1", 1, None, True, "null", 2.5, "x"]},
    "enum of arrays": {"enum": [[1, 2], {"a": None}, "text"]},
    "enum numbers": {"enum": [1, 2, 30]},
    "const text": {"const": "only this"},
    "const object": {"const": {"a": [1, None, "é"]}},
    "pattern": {"type": "string", "pattern": "^[A-Z]{2}-\\d{3}$"},
    "pattern inside": {"type": "string", "pattern": "[0-9]", "maxLength": 6},
    "pattern slash": {"type": "string", "pattern": "^/[a-z]+/$"},
    "pattern words": {"type": "string", "pattern": "^(foo|bar)?baz\\w{1,3}$"},
    "date": {"type": "string", "format": "date"},
    "date-time": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "email": {"type": "string", "format": "email"},
    "uuid": {"type": "string", "format": "uuid"},
    "ipv4": {"type": "string", "format": "ipv4"},
    "ipv6": {"type": "string", "format": "ipv6"},
    "uri": {"type": "string", "format": "uri"},
    "hostname": {"type": "string", "format": "hostname"},
    "duration": {"type": "string", "format": "duration"},
    "integer": {"type": "integer"},
    "range": {"type": "integer", "minimum": -3, "maximum": 12},
    "open range": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 100},
    "number": {"type": "number"},
    "number range": {"type": "number", "minimum": 0.5, "maximum": 1.5},
    "even": {"type": "integer", "multipleOf": 2, "minimum": 0, "maximum": 1000},
    "boolean": {"type": "boolean"},
    "null": {"type": "null"},
    "array": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
    "array of texts": {"type": "array", "items": {"type": "string", "maxLength": 4}, "maxItems": 3},
    "nested array": {
        "type": "array",
        "items": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2},
        "maxItems": 2,
    },
    "tuple": {
        "type": "array",
        "prefixItems": [{"type": "string", "maxLength": 2}, {"type": "integer"}],
        "items": False,
        "minItems": 2,
    },
    "object": {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    },
    "open object": {"type": "object", "additionalProperties": {"type": "boolean"}, "maxProperties": 2},
    "map": {
        "type": "object",
        "patternProperties": {"^[a-z]{1,3}$": {"type": "integer"}},
        "additionalProperties": False,
    },
    "deep": {
        "type": "object",
        "properties": {
            "x": {
                "type": "object",
                "properties": {
                    "y": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"z": {"enum": ["é", 1]}},
                            "required": ["z"],
                            "additionalProperties": False,
                        },
                        "maxItems": 2,
                    }
                },
                "required": ["y"],
                "additionalProperties": False,
            }
        },
        "required": ["x"],
        "additionalProperties": False,
    },
    "any": {},
    "nullable text": {"type": ["string", "null"]},
    "nullable by anyOf": {"anyOf": [{"type": "string", "maxLength": 6}, {"type": "null"}]},
    "text or integer": {"type": ["string", "integer"]},
    "text or positive": {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "integer", "minimum": 0}]},
    "text or array": {
        "anyOf": [{"type": "string", "maxLength": 5}, {"type": "array", "items": {"type": "integer"}, "maxItems": 2}]
    },
    "text or object": {
        "type": ["string", "object"],
        "maxLength": 4,
        "properties": {"a": {"type": "boolean"}},
        "additionalProperties": False,
    },
    "text, flag or number": {"type": ["string", "boolean", "number"], "maxLength": 5},
    "enum or null": {"anyOf": [{"enum": ["null", "on", "off"]}, {"type": "null"}]},
    "number or null": {"type": ["number", "null"]},
    "bounded integer or null": {"anyOf": [{"type": "integer", "minimum": 5, "maximum": 7}, {"type": "null"}]},
    "oneOf kinds": {"oneOf": [{"type": "string", "maxLength": 3}, {"type": "integer"}]},
    "allOf one": {"allOf": [{"type": "string", "maxLength": 3}]},
    "annotated": {
        "type": "string",
        "maxLength": 3,
        "title": "T",
        "description": "D",
        "default": "x",
        "examples": ["y"],
    },
    "reference": {"$ref": "#/$defs/colour"},
    "reference in array": {"type": "array", "items": {"$ref": "#/$defs/colour"}, "maxItems": 2},
    "recursive": {"$ref": "#/$defs/tree"},
    "reference with words": {"$ref": "#/$defs/size", "description": "how big"},
}

DEFINITIONS: Schema = {
    "colour": {"enum": ["red", "grün", "青"]},
    "size": {"type": "integer", "minimum": 1, "maximum": 3},
    "tree": TREE,
}


def arguments(**properties: Schema) -> Schema:
    """An object schema that requires every second one of `properties`."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties)[::2],
        "additionalProperties": False,
        "$defs": DEFINITIONS,
    }


SINGLE = {name: arguments(value=schema) for name, schema in VALUES.items()}
PAIRS = {
    f"{first} + {second}": arguments(**{"naïve key": VALUES[first], "b": VALUES[second]})
    for first, second in itertools.islice(zip(VALUES, list(VALUES)[7:], strict=False), 60)
}
SCHEMAS = {**SINGLE, **PAIRS}
