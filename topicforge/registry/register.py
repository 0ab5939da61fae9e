"""The object that a plugin's hook is given: one method for every kind of :data:`KINDS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from topicforge.errors import PluginError, did_you_mean
from topicforge.registry.kinds import KINDS, KindEntry


class Register:
    """Takes a plugin's registrations: ``register.prior("wide", WidePrior, summary=..., source=...)``.

    There is one method for every kind: ``encoder``, ``link``, ``prior``, ``divergence``,
    ``decoder``, ``regulariser``, ``callback``, ``divergence_rule``, ``preset``, ``metric``,
    ``reader``, ``corpus``, ``embedder``, ``labeler``. Each takes the arguments of the kind's record and
    checks them at once. All registrations of a plugin enter the registry together after its hook has
    returned, or none does.

    Args:
        distribution: the installed distribution that the plugin belongs to.
        version: that distribution's version.

    Attributes:
        specs: the records of everything registered, in order.
        closed: True once the hook has returned; a register that a plugin kept raises then.
    """

    def __init__(self, distribution: str, version: str) -> None:
        self.specs: list[Any] = []
        self.closed = False
        self._owner = {"distribution": distribution, "version": version}

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"register has no method {name!r}.{did_you_mean(name, KINDS)} It has {', '.join(KINDS)}"
        )

    def _add(self, kind: str, entry: KindEntry, *given: Any, **named: Any) -> None:
        where = f"register.{kind}({given[0]!r})" if given else f"register.{kind}"
        if self.closed:
            raise PluginError(
                f"{where}: registration is over once the plugin's hook has returned; call the "
                "register inside the hook"
            )
        more = {"kind": kind} if entry.base else {}
        try:
            entry.signature.bind(*given, **named)
            spec = entry.spec(*given, **named, **more, **self._owner)
        except TypeError as error:
            raise PluginError(f"{where}: {error}; it takes {entry.signature}") from error
        entry.check(where, spec)
        if spec.name in (s.name for s in self.specs if s.kind == kind):
            raise PluginError(f"{where}: this plugin has registered that {kind} already")
        self.specs.append(spec)


def _method(kind: str, entry: KindEntry) -> Callable[..., None]:
    def method(self: Register, *given: Any, **named: Any) -> None:
        self._add(kind, entry, *given, **named)

    method.__name__ = kind
    method.__doc__ = entry.spec.__doc__
    method.__signature__ = entry.signature  # type: ignore[attr-defined]
    return method


for _kind, _entry in KINDS.items():
    setattr(Register, _kind, _method(_kind, _entry))
