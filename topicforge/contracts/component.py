"""What encoders, links, priors and decoders share."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from topicforge.contracts.context import Context


class Component(nn.Module):
    """An ``nn.Module`` built by ``factory(context, *, option=value, ...)``.

    Construction only allocates: parameter shapes follow from the context and the options, and no
    file is read. Whatever depends on data or on files happens in :meth:`start`, which training
    calls once, before the optimiser exists; opening a saved model never calls it, its parameters
    come from the file.

    Options are keyword-only with defaults. A value outside its domain raises ``OptionError`` that
    names the option, the domain, the value that came and what to do.

    Args:
        context: sizes and corpus facts.

    Attributes:
        torchscript: True if ``torch.jit.script`` compiles the component; a link may claim it, whose
            ``forward`` takes and gives a tensor, and is then held to it by ``check_torchscript``.
    """

    torchscript: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context

    def start(self) -> None:
        """Set parameters from ``self.context`` and from files named in the options."""

    def word_topic_vectors(self) -> tuple[Tensor, Tensor] | None:
        """Return word vectors (V, d) and topic vectors (K, d) of one space; ``None`` where it has none."""
        return None

    def saved_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options that rebuild this component's shapes when its model is opened.

        Args:
            options: the options it was built with. A component whose shapes come from a file (word
                vectors) replaces them by the shapes themselves, so that the file is not needed.
        """
        return options
