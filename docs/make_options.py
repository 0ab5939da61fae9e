"""Writes docs/options.md from signatures and docstrings: ``python docs/make_options.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from topicforge.registry import Option, PluginPolicy, Registry, installed, options_of
from topicforge.training import TrainingOptions
from topicforge.training.options import OPTIMISER, PARAMETERS, TRAINING, parameter

PAGE = Path(__file__).with_name("options.md")
KINDS = ("encoder", "link", "prior", "divergence", "decoder", "regulariser", "metric")
HEAD = """# Options

Every option of the parts, the training loop and the metrics that topicforge brings. `python
docs/make_options.py` writes this page from the code. `topicforge plugins show NAME` prints the same for one
name, those of installed plugins among them, and `topicforge explain` for a whole composition, with the values
in force and where they come from.

Options are written beside the name or as parameters of their own; both models are the same:

```python
from topicforge import TopicModel

TopicModel(prior=("gmm", {"radius": 2.0}), optimiser=("adam", {"beta1": 0.99}))
TopicModel(prior="gmm", prior__radius=2.0, optimiser__beta1=0.99)

TopicModel(training={"validation_fraction": 0.1, "patience": 5})
TopicModel(training__validation_fraction=0.1, training__patience=5)
```

On the command line they are `--prior gmm:radius=2 --optimiser adam:beta1=0.99 --set training.patience=5`, and
in a settings file `prior = ["gmm", {radius = 2.0}]` or a table `[prior]`.
"""


def _table(options: Iterable[Option], name: Callable[[str], str] = str) -> str:
    rows = [
        f"| `{name(one.name)}` | {_cell(one.type)} | `{one.default!r}` | {_cell(one.meaning)} |"
        for one in options
    ]
    return "\n".join(["| option | type | default | meaning |", "|---|---|---|---|", *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page() -> str:
    """Return the whole page."""
    training = {option.name: option for option in options_of(TrainingOptions)}
    named = [name for name in PARAMETERS if name != "optimiser"]
    parts = [
        HEAD,
        "## Training\n",
        _table((training[name] for name in (*named, *OPTIMISER, *TRAINING)), parameter),
    ]
    registry = Registry(installed(), PluginPolicy(allow=frozenset()))
    for kind in KINDS:
        parts.append(f"\n## {kind.capitalize()}s")
        for spec in registry.specs(kind):
            parts.append(f"\n### {spec.name}\n\n{spec.summary}. Source: {spec.source}.\n")
            options = options_of(spec.function if kind == "metric" else spec.factory)
            parts.append(_table(options) if options else "No options.")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
