"""A package is tested with the built-ins and itself alone, whatever else is installed."""

import os
import subprocess
import sys

HEAD = "from topicforge.plugin import *\nTOPICFORGE_API = 1\n"
MINE = """
class Mine(Divergence):
    def resolve(self, pair):
        if {pair.posterior.distribution, pair.prior.distribution} != {DiagonalNormal}:
            raise MixError("diagonal normals only")
        return Rule(self.compute, "closed form", "z", "here", "squared 2-Wasserstein distance")
    def compute(self, q, p, samples):
        widths = (q.log_var / 2).exp() - (p.log_var / 2).exp()
        return (q.loc - p.loc).square().sum(-1) + widths.square().sum(-1)
@hookimpl
def topicforge_register(register):
    register.divergence("mine", Mine, summary="s", source="s")
"""
# what it registers looks sound, and fails or warns as soon as it is used
FOREIGN = """
import warnings
class Odd(Prior):
    latent = Latent(DiagonalNormal, trainable=False)
    def distribution(self):
        warnings.warn("I am odd")
        raise RuntimeError("foreign code ran")
@hookimpl
def topicforge_register(register):
    register.prior("odd", Odd, summary="s", source="s")
"""
RUN = """
from topicforge.testing import NotApplicable, checks_of, specs_of
(spec,) = specs_of("mine")
for check in checks_of(spec):
    try:
        check(spec)
    except NotApplicable:
        pass
print("passed")
"""


def install(folder, distribution, source):
    info = folder / f"{distribution}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[topicforge]\n{distribution} = {distribution}_code\n")
    (folder / f"{distribution}_code.py").write_text(HEAD + source)


def test_foreign_plugins_neither_warn_nor_fail(tmp_path):
    install(tmp_path, "mine", MINE)
    install(tmp_path, "odd", FOREIGN)
    install(tmp_path, "broken", "1 / 0")
    kept = {name: value for name, value in os.environ.items() if name[:10] != "TOPICFORGE"}
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN],
        env={**kept, "PYTHONPATH": os.pathsep.join([str(tmp_path), kept.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout == "passed\n", ran.stderr
