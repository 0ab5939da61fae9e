"""Calling a plugin's hooks, after looking at what pluggy does not."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any, get_type_hints

import pluggy

from topicforge.contracts.api import PROJECT
from topicforge.errors import PluginError, did_you_mean
from topicforge.registry import hookspecs
from topicforge.registry.register import Register
from topicforge.registry.staged import Staged

PREFIX = f"{PROJECT}_"
_MARK = f"{PROJECT}_impl"
#: name of each hook -> the register it is handed, read off the hookspecs
HOOKS: Mapping[str, type[Register]] = {
    name: get_type_hints(hook)["register"]
    for name, hook in vars(hookspecs).items()
    if name.startswith(PREFIX)
}


def run_hooks(module: Any, staged: Staged) -> None:
    """Call every hook of a module with its register.

    Args:
        module: what the entry point names.
        staged: where registrations go; closed afterwards.

    Raises:
        PluginError: a misspelt or unmarked hook, wrong arguments, a hook that returns something,
            no hook at all.
        BaseException: whatever a hook raises.
    """
    implemented = _implemented(module)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module)
    except pluggy.PluginValidationError as error:
        raise PluginError(f"a hook's arguments are wrong: {error}") from error
    try:
        for name, register in HOOKS.items():
            if name in implemented:
                returned = getattr(manager.hook, name)(register=register(staged, name))
                if returned:
                    raise PluginError(
                        f"{name} must return nothing, got {returned[0]!r}; hand components to "
                        f"register.{register.verb}(...)"
                    )
    finally:
        staged.closed = True


def _implemented(module: Any) -> set[str]:
    """Names of the hooks that a module implements, each looked at."""
    implemented = set()
    for name, value in _members(module).items():
        marked = inspect.isroutine(value) and hasattr(value, _MARK)
        if not marked and not (name.startswith(PREFIX) and _is_code(value)):
            continue
        if name not in HOOKS:
            raise PluginError(
                f"{name} is not a hook of topicforge, and the prefix {PREFIX} is kept for hooks."
                f"{did_you_mean(name, HOOKS)}"
            )
        if not marked:
            raise PluginError(
                f"{name} must be a function marked as a hook: put @hookimpl from topicforge.plugin "
                "above it"
            )
        _check_hook(name, value)
        implemented.add(name)
    if not implemented:
        raise PluginError(
            f"the module implements no hook, so it brings nothing; hooks are {', '.join(HOOKS)}"
        )
    return implemented


def _check_hook(name: str, hook: Any) -> None:
    if (
        inspect.iscoroutinefunction(hook)
        or inspect.isgeneratorfunction(hook)
        or inspect.isasyncgenfunction(hook)
    ):
        raise PluginError(f"{name} must be a plain function, not a coroutine or a generator")
    options = getattr(hook, _MARK)
    used = [key for key in ("wrapper", "hookwrapper", "optionalhook", "specname") if options[key]]
    if used:
        raise PluginError(f"{name} must be marked with a plain @hookimpl, without {used[0]}=")
    parameters = list(inspect.signature(hook).parameters)
    if parameters != ["register"]:
        raise PluginError(
            f"{name} must take one argument called register, its arguments are "
            f"({', '.join(parameters)})"
        )


def _members(module: Any) -> dict[str, Any]:
    if isinstance(module, ModuleType):
        return dict(vars(module))
    return {name: getattr(module, name) for name in dir(module) if not name.startswith("__")}


def _is_code(value: Any) -> bool:
    return callable(value) and not isinstance(value, ModuleType)
