"""The native library, and only that: everything else is in pyproject.toml.

TOPICFORGE_SCATTER_MMD_NATIVE=auto (default) builds the library if torch and a compiler are there;
without them the package installs all the same and a note beside it says why there is no library.
0 builds nothing; 1 makes a failure to build a failure to install.
"""

import os
import shlex
import shutil
import sys
from pathlib import Path

from setuptools import setup

PACKAGE = "topicforge_scatter_mmd"
NOTE = "native-missing.txt"
SOURCES = ["csrc/library.cpp", "csrc/tile.cpp"]
SWITCH = os.environ.get("TOPICFORGE_SCATTER_MMD_NATIVE", "auto").strip().lower() or "auto"
if SWITCH not in ("auto", "0", "1"):
    sys.exit(f"TOPICFORGE_SCATTER_MMD_NATIVE must be auto, 0 or 1, but is {SWITCH!r}")

FLAGS = [
    *("-O3", "-std=c++17", "-fvisibility=hidden", "-Wall", "-Wno-psabi"),
    # NaN stays NaN and sums keep their order; only flags and errno are given up
    *("-fno-math-errno", "-fno-trapping-math"),
    # the oldest torch this binary runs under, as torch encodes 2.10
    "-DTORCH_TARGET_VERSION=0x020a000000000000",
]


def note(folder: Path, reason: str) -> None:
    """Leave the reason where the package finds it, and print it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NOTE).write_text(reason + "\n", encoding="utf-8")
    print(f"{PACKAGE}: native library not built, the reference will be used: {reason}")


def native() -> dict:
    """What setup() needs to build the library, or nothing with a note why."""
    source = Path(__file__).resolve().parent / "src" / PACKAGE
    (source / NOTE).unlink(missing_ok=True)
    if SWITCH == "0":
        note(source, "TOPICFORGE_SCATTER_MMD_NATIVE=0 at installation")
        return {}
    try:
        from torch.utils.cpp_extension import BuildExtension, CppExtension
    except ImportError as error:
        if SWITCH == "1":
            raise
        note(source, f"torch was not importable at installation ({error}); install torch first, "
             "then this package with pip install --no-build-isolation")  # fmt: skip
        return {}

    compiler = os.environ.get("CXX", "c++")
    if SWITCH == "auto" and shutil.which(shlex.split(compiler)[0]) is None:
        note(source, f"no C++ compiler {compiler!r} on the PATH at installation")
        return {}

    class BuildOrNote(BuildExtension):
        """Builds the library; where that fails, the installation goes on with a note."""

        def run(self) -> None:
            try:
                super().run()
            except Exception as error:
                if SWITCH == "1":
                    raise
                built = source if self.inplace else Path(self.build_lib) / PACKAGE
                note(
                    built, f"compiling failed at installation ({error}); pip install -v shows more"
                )

        def get_outputs(self) -> list:
            return [path for path in super().get_outputs() if Path(path).is_file()]

    # py_limited_api: no library of Python is linked, so one build serves every Python 3
    extension = CppExtension(
        f"{PACKAGE}._native", SOURCES, depends=["csrc/rounds.h", "csrc/tile.h"],
        include_dirs=[str(Path(__file__).resolve().parent / "csrc")],
        extra_compile_args=FLAGS, py_limited_api=True,
    )  # fmt: skip
    return {
        "ext_modules": [extension],
        "cmdclass": {"build_ext": BuildOrNote},
        "options": {"bdist_wheel": {"py_limited_api": "cp311"}},
    }


setup(**native())
