"""The entry point."""

from __future__ import annotations

from typing import Any

from topicforge.plugin import hookimpl

from topicforge_openai_labels.labeler import label

TOPICFORGE_API = 1


@hookimpl
def topicforge_register(register: Any) -> None:
    """Register the labeler."""
    register.labeler(
        "openai", label, summary="asks a language model behind an OpenAI-compatible endpoint"
    )
