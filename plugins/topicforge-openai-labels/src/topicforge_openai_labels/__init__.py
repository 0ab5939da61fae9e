"""Labels of topics from a language model behind an OpenAI-compatible endpoint."""

from topicforge_openai_labels.labeler import PROMPT, label, prompt_for

__all__ = ["PROMPT", "label", "prompt_for"]
