"""What encoders, links, priors and decoders share."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

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

    def saved_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options that rebuild this component's shapes when its model is opened.

        Args:
            options: the options it was built with. A component whose shapes come from a file (word
                vectors) replaces them by the shapes themselves, so that the file is not needed.
        """
        return options

    def use_row_gradients(self, wanted: bool = True) -> bool:
        """Set ``row_sparse = wanted`` in every module of this component that declares it.

        The optimiser ``lazy-adam`` asks encoder and decoder for this, ``deferred-adam`` the encoder, and
        a step then costs what the words of the batch cost; the forward pass must read no other rows.
        A module takes part by an attribute ``row_sparse``, False at first, that it passes on:
        ``word_layer(..., sparse_grad=self.row_sparse and self.training)``; what is traced
        or exported after training must have dense gradients. One without it stays as it is: its
        gradients are dense and are stepped by plain Adam.

        Args:
            wanted: sparse gradients from now on, or dense ones again.

        Returns:
            Whether any module takes part.
        """
        able: list[Any] = [module for module in self.modules() if hasattr(module, "row_sparse")]
        for module in able:
            module.row_sparse = wanted
        return bool(able)

    def share_row_gradients(self, wanted: bool = True) -> list[nn.Parameter]:
        """Set ``row_shared = wanted`` in every module of this component that declares it.

        Training on several processes asks the encoder for this. A module takes part by an attribute
        ``row_shared``, False at first, and ``row_parameter``, the name of its weight, (V, H): with True
        its backward pass gives the weight the gradient of the whole batch, averaged over the
        processes, so that V x H numbers need not travel;
        ``word_layer(..., shared=self.row_shared and self.training)`` does it. One without it stays
        as it is.

        Args:
            wanted: shared gradients from now on, or own ones again.

        Returns:
            The parameters whose gradients are shared.
        """
        able: list[Any] = [module for module in self.modules() if hasattr(module, "row_shared")]
        for module in able:
            module.row_shared = wanted
        return [getattr(module, module.row_parameter) for module in able] if wanted else []
