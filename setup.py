"""The native extension, and only that: everything else is in pyproject.toml.

TOPICFORGE_NATIVE=auto (default) builds the libraries if torch and a compiler are there and
says so if not; 0 builds nothing; 1 makes a failure to build a failure to install. FORCE_CUDA=1
builds the CUDA library too, even without a device.
"""

import os
import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # an isolated build does not put the project itself on the path

from topicforge.errors import KernelUnavailableError  # noqa: E402
from topicforge.ops._build import build_kernels  # noqa: E402


def build_native(package: Path) -> None:
    """Build into ``package``/_native, saying what happens and why."""
    switch = os.environ.get("TOPICFORGE_NATIVE", "auto").strip().lower() or "auto"
    force_cuda = os.environ.get("FORCE_CUDA") == "1"
    print(f"topicforge: TOPICFORGE_NATIVE={switch} FORCE_CUDA={int(force_cuda)}")
    if switch == "0":
        print("topicforge: native libraries not built, as TOPICFORGE_NATIVE=0 asks")
        return
    try:
        for path in build_kernels(package / "_native", cuda=True if force_cuda else None):
            print(f"topicforge: built {path}")
    except KernelUnavailableError as error:
        if switch == "1":
            raise
        print(f"topicforge: native libraries not built, the reference will be used. {error}")
        print("topicforge: 'topicforge kernels build' builds them later on")


class BuildWithNative(build_py):
    """build_py, and then the libraries and (for building again later) their sources."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            build_native(ROOT / "topicforge")
            return
        package = Path(self.build_lib) / "topicforge"
        shutil.copytree(ROOT / "csrc", package / "_csrc", dirs_exist_ok=True)
        build_native(package)


class PlatformWheel(bdist_wheel):
    """The libraries have no Python in them: one wheel a platform serves every Python 3."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


class BinaryDistribution(Distribution):
    """A distribution with compiled files, though setuptools compiles none of them."""

    def has_ext_modules(self) -> bool:
        return True


setup(
    cmdclass={"build_py": BuildWithNative, "bdist_wheel": PlatformWheel},
    distclass=BinaryDistribution,
)
