"""The kinds of components: their base classes, and which of them are built without a context."""

from __future__ import annotations

from typing import Any

from topicforge.contracts import (
    Callback,
    Decoder,
    Divergence,
    Encoder,
    Kind,
    Link,
    Prior,
    Regulariser,
)

BASES: dict[Kind, type[Any]] = {
    "encoder": Encoder,
    "link": Link,
    "prior": Prior,
    "divergence": Divergence,
    "decoder": Decoder,
    "regulariser": Regulariser,
    "callback": Callback,
}
#: built by ``factory(**options)``, all others by ``factory(context, **options)``
WITHOUT_CONTEXT: tuple[Kind, ...] = ("divergence", "regulariser", "callback")
#: what they are must be known before any data is read, so these declare a ``Latent``
WITH_LATENT: tuple[Kind, ...] = ("encoder", "prior")
