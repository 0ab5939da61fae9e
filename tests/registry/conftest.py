"""Real installed distributions in a folder: metadata and modules, as pip leaves them."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import topicforge
from topicforge.registry import PluginPolicy, Registry, installed

ROOT = Path(topicforge.__file__).resolve().parents[1]
HEAD = "from topicforge.plugin import *\nTOPICFORGE_API = 1\n"
WORDS = 'summary="a test", source="a test"'


class Site:
    """A folder of installed distributions on the import path."""

    def __init__(self, folder):
        self.folder = folder
        self.modules = []
        self.added = []
        self.metadata("topicforge", "0.1.0", "[topicforge]\nbuiltin = topicforge.parts.builtin\n")

    def metadata(self, distribution, version, entry_points, folder=None, kind="dist-info"):
        stem = f"{distribution.replace('-', '_')}-{version}"
        info = (folder or self.folder) / f"{stem}.{kind}"
        info.mkdir(parents=True)
        text = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        (info / ("METADATA" if kind == "dist-info" else "PKG-INFO")).write_text(text)
        (info / "entry_points.txt").write_text(entry_points)
        importlib.invalidate_caches()
        return info

    def module(self, name, source):
        (self.folder / f"{name}.py").write_text(dedent(source))
        self.modules.append(name)
        importlib.invalidate_caches()

    def add(self, distribution, source, *, version="1.0", entry=None, head=HEAD):
        """Install a distribution whose one plugin module holds ``source``."""
        self.added.append(distribution)
        module = re.sub(r"\W", "_", distribution) + "_module"
        self.module(module, head + dedent(source))
        line = f"{entry or distribution} = {module}"
        return self.metadata(distribution, version, f"[topicforge]\n{line}\n")

    def registry(self, **policy):
        return Registry(installed([str(self.folder)]), PluginPolicy(**policy))

    def record(self, distribution, **policy):
        """The one record of a distribution that is expected to fail, with its one warning."""
        with pytest.warns(topicforge.errors.PluginWarning, match=distribution) as caught:
            registry = self.registry(**policy)
        assert len(caught) == 1
        (record,) = [r for r in registry.records if r.distribution == distribution]
        # whatever happened to it, the built-ins are all there
        assert registry.find("prior", "gaussian").distribution == "topicforge"
        assert record.components == ()
        return record

    def python(self, code, *, environment=None, **options):
        """Run code in a fresh interpreter that sees these distributions."""
        return subprocess.run(
            [sys.executable, "-c", dedent(code)],
            env=self.environment(**(environment or {})),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **options,
        )

    def environment(self, **more):
        # this variable keeps installed plugins out of the other tests, not out of these
        kept = {k: v for k, v in os.environ.items() if k != "TOPICFORGE_PLUGINS_ALLOW"}
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT)]),
            "OMP_NUM_THREADS": "1",
            **more,
        }


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    site = Site(folder)
    yield site
    for name in site.modules:
        sys.modules.pop(name, None)


def hook(*lines):
    """Source of a hook with these lines."""
    return "\n    ".join(["@hookimpl\ndef topicforge_register(register):", *lines]) + "\n"


def prior(name, *more):
    """Source of a complete prior plugin; ``more`` lines stand in its hook too."""
    return """
import torch
class Mine(Prior):
    latent = Latent(DiagonalNormal, trainable=False)
    def __init__(self, context, *, scale=1.0, shift=0.0):
        super().__init__(context)
        self.register_buffer("loc", torch.full((context.n_latent,), float(shift)))
    def distribution(self):
        return DiagonalNormal(self.loc, torch.zeros_like(self.loc))

""" + hook(f'register.prior("{name}", Mine, {WORDS})', *more)


@pytest.fixture(name="prior")
def _prior():
    return prior


@pytest.fixture(name="hook")
def _hook():
    return hook
