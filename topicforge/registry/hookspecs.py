"""Every hook a plugin may implement: signature and meaning.

Each is handed a register object with one narrow verb. What it returns is not looked at. All hooks
of a plugin are staged and enter the registry together, or not at all.
"""

from __future__ import annotations

from topicforge.api import hookspec
from topicforge.registry.register import (
    CallbackRegister,
    DecoderRegister,
    DivergenceRegister,
    EncoderRegister,
    LinkRegister,
    PresetRegister,
    PriorRegister,
    RuleRegister,
)


@hookspec
def topicforge_register_encoders(register: EncoderRegister) -> None:
    """Register encoders: ``register.encoder("name", MyEncoder, summary=..., source=...)``."""


@hookspec
def topicforge_register_links(register: LinkRegister) -> None:
    """Register links: ``register.link("name", MyLink, summary=..., source=...)``."""


@hookspec
def topicforge_register_priors(register: PriorRegister) -> None:
    """Register priors: ``register.prior("name", MyPrior, summary=..., source=...)``."""


@hookspec
def topicforge_register_divergences(register: DivergenceRegister) -> None:
    """Register divergences: ``register.divergence("name", MyDivergence, summary=..., source=...)``."""


@hookspec
def topicforge_register_decoders(register: DecoderRegister) -> None:
    """Register decoders: ``register.decoder("name", MyDecoder, summary=..., source=...)``."""


@hookspec
def topicforge_register_divergence_rules(register: RuleRegister) -> None:
    """Register how a divergence is computed for a pair of types: ``register.divergence_rule(spec)``."""


@hookspec
def topicforge_register_presets(register: PresetRegister) -> None:
    """Register named settings: ``register.preset("name", {...}, summary=..., source=...)``."""


@hookspec
def topicforge_register_callbacks(register: CallbackRegister) -> None:
    """Register callbacks: ``register.callback("name", MyCallback, summary=..., source=...)``."""
