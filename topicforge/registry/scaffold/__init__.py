"""A whole plugin package from templates: what `topicforge plugins new` writes."""

from topicforge.registry.scaffold.package import KINDS, NewPackage, write_package

__all__ = ["KINDS", "NewPackage", "write_package"]
