"""The one hook of the plugin contract, and how it is called."""

from __future__ import annotations

import sys
from typing import Any

import pluggy

from topicforge.contracts.api import PROJECT, hookspec
from topicforge.errors import PluginError
from topicforge.registry.register import Register


@hookspec
def topicforge_register(register: Register) -> None:
    """Register parts, divergence rules, presets, metrics, readers, corpora and labelers.

    Args:
        register: has one method for every kind: ``register.prior("wide", ...)``.
    """


def call_hook(module: Any, register: Register) -> None:
    """Call a plugin's hook.

    Args:
        module: the object that the entry point names.
        register: takes the registrations; closed afterwards.

    Raises:
        PluginError: no such hook, a misspelt one, wrong arguments, or a hook that returns a value.
        BaseException: whatever the hook raises.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(sys.modules[__name__])
    hook = manager.hook.topicforge_register
    must = "a plugin implements topicforge_register(register), marked with @hookimpl"
    try:
        manager.register(module)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"{must}: {error}") from error
    if not hook.get_hookimpls():
        raise PluginError(f"{must}; this module has no such function")
    try:
        returned = hook(register=register)
    finally:
        register.closed = True
    if returned:
        raise PluginError(f"topicforge_register must return None, got {returned[0]!r}")
