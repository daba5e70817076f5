"""What the operator has chosen about requests, as one value passed whole. Knows no setting's flag or file."""

from __future__ import annotations

from dataclasses import dataclass

BODY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How requests are read and answers are ended. Fields that are settings too have the setting's name."""

    strict: bool = False
    """Refuse unknown fields instead of reporting them."""
    require_reasoning_passback: bool = False
    """Refuse assistant messages that call tools and come back without their reasoning (contract section 3)."""
    repetition_truncation: bool = True
    """End a choice that has entered a loop."""
    body_limit: int | None = None
    """Bytes of a request body; None: `BODY_LIMIT`, or `BODY_BYTES` where the engine takes media."""
    body_seconds: float = BODY_SECONDS
    """Seconds a body may take, plus one per `BODY_RATE` bytes received."""
    open_metrics: bool = True
    """Whether GET /metrics needs no key."""
    media_urls: bool = False
    """Let media be named by URL. Set by `App`, which knows whether anything can fetch them."""


DEFAULT = Policy()
