"""The native extension, and only that: everything else is in pyproject.toml.

TOPICFORGE_NATIVE=auto (default) builds the libraries if torch and a compiler are there and
says so if not, at installation and in `topicforge kernels`; 0 builds nothing; 1 makes a failure to
build a failure to install. FORCE_CUDA=1 builds the CUDA library too, even without a device.
"""

import os
import re
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
from topicforge.ops._paths import read_build_info, write_build_info  # noqa: E402


def build_native(folder: Path) -> None:
    """Build into ``folder``, saying what happens and why."""
    switch = os.environ.get("TOPICFORGE_NATIVE", "auto").strip().lower() or "auto"
    force_cuda = os.environ.get("FORCE_CUDA") == "1"
    print(f"topicforge: TOPICFORGE_NATIVE={switch} FORCE_CUDA={int(force_cuda)}")
    if switch == "0":
        print("topicforge: native libraries not built, because TOPICFORGE_NATIVE is 0")
        return
    try:
        for path in build_kernels(folder, cuda=True if force_cuda else None):
            print(f"topicforge: built {path}")
    except KernelUnavailableError as error:
        if switch == "1":
            raise
        # pip shows none of this unless it is verbose: the record tells `topicforge kernels`
        record = read_build_info(folder)
        record.setdefault("failures", {}).setdefault("cpu", str(error))
        write_build_info(folder, record)
        print(f"topicforge: native libraries not built, the reference will be used. {error}")
    for device, why in read_build_info(folder).get("failures", {}).items():
        print(f"topicforge: no library for {device}: {why}")
        print("topicforge: 'topicforge kernels build' builds it later on")


class BuildWithNative(build_py):
    """build_py, and then the libraries and (for building again later) their sources."""

    def run(self) -> None:
        package = Path(self.build_lib) / "topicforge"
        if self.editable_mode:
            super().run()
            build_native(ROOT / "topicforge" / "_native")
            return
        # modules and libraries of an earlier build would be shipped too
        shutil.rmtree(package, ignore_errors=True)
        super().run()
        shutil.copytree(ROOT / "csrc", package / "_csrc")
        build_native(package / "_native")


class PlatformWheel(bdist_wheel):
    """The libraries have no Python in them: one wheel per platform serves every Python 3."""

    def get_tag(self) -> tuple[str, str, str]:
        platform = super().get_tag()[2]
        promised = re.match(r"manylinux_2_(\d+)_", platform)
        needed = needed_glibc(Path(self.bdist_dir or ".") / "topicforge" / "_native")
        if promised and int(promised[1]) < needed:
            sys.exit(
                f"topicforge: the libraries need glibc 2.{needed}, more than {platform} promises"
            )
        return "py3", "none", platform


def needed_glibc(folder: Path) -> int:
    """The minor version of the newest glibc symbol that a library in ``folder`` needs."""
    names = (
        m for so in folder.glob("*.so") for m in re.findall(rb"GLIBC_2\.(\d+)", so.read_bytes())
    )
    return max(map(int, names), default=0)


class BinaryDistribution(Distribution):
    """A distribution with compiled files, though setuptools compiles none of them."""

    def has_ext_modules(self) -> bool:
        return True


setup(
    cmdclass={"build_py": BuildWithNative, "bdist_wheel": PlatformWheel},
    distclass=BinaryDistribution,
)
