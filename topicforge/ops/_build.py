"""Building the native libraries with ninja: for setup.py and for ``topicforge kernels build``.

``csrc/ops/*.cpp`` are compiled once per device. ``csrc/cpu/*.cpp`` hold the arithmetic: on x86-64
each of them is compiled three times, for baseline, AVX2 and AVX-512; the library picks one at run time. The
libraries use LibTorch's stable ABI and no Python, so that one build serves every torch from the
target version on.

Read from the environment, as torch's own extensions do: ``CXX``, ``CXXFLAGS``, ``LDFLAGS``,
``MAX_JOBS``, ``CUDA_HOME`` and ``TORCH_CUDA_ARCH_LIST``.
"""

import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from topicforge.errors import KernelUnavailableError
from topicforge.ops._paths import (
    OLDEST_TORCH,
    library_folder,
    library_path,
    source_digest,
    source_folder,
    write_build_info,
)
from topicforge.storage import locked

_TARGET_MACRO = "-DTORCH_TARGET_VERSION=0x020a000000000000"  # OLDEST_TORCH, as torch encodes it
_SETS = {
    "baseline": ["-DTOPICFORGE_VECTOR_BYTES=16"],
    "avx2": ["-DTOPICFORGE_VECTOR_BYTES=32", "-mavx2", "-mfma"],
    "avx512": [
        *("-DTOPICFORGE_VECTOR_BYTES=64", "-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw"),
        *("-mfma", "-mprefer-vector-width=512"),
    ],
}
_CUDA_ARCHITECTURES = "8.0;9.0;10.0+PTX"


def instruction_sets() -> tuple[str, ...]:
    """The instruction sets compiled for this machine's architecture, lowest first."""
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return tuple(_SETS) if x86 else ("baseline",)


def build_kernels(
    target: Path | None = None,
    *,
    cuda: bool | None = None,
    flags: Sequence[str] = (),
    headers: Path | None = None,
    verbose: bool = False,
) -> list[Path]:
    """Compile csrc into shared libraries; returns their paths.

    The library for the CPU is in place before that for CUDA is begun, whatever comes of it.

    Args:
        target: folder for the libraries, by default the one that they are read from
            (``TOPICFORGE_LIBRARY_FOLDER``, ``topicforge/_native``, or a folder of the user's cache).
        cuda: whether to build the CUDA library too; by default if this torch is a CUDA build
            and nvcc is found, and a failure is then only recorded.
        flags: more compiler and linker flags, for example of a sanitizer.
        headers: torch's ``include`` folder, of another version than the one installed.
        verbose: show the commands.

    Raises:
        KernelUnavailableError: torch, the sources or a compiler are missing, or compiling
            fails; the compiler's or linker's reason is in the message.
    """
    try:
        import torch
    except ImportError as error:
        raise KernelUnavailableError(
            "kernels build: torch must be importable, because its headers are needed; install "
            "torch first (and pip install --no-build-isolation)"
        ) from error
    source = source_folder()
    # ninja runs in a folder of its own, where a relative target would mean another place.
    target = (library_folder() if target is None else target).resolve()
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KernelUnavailableError(
            f"kernels build: {target} can't be made ({error}); name another folder in "
            "TOPICFORGE_LIBRARY_FOLDER"
        ) from error
    compiler = shlex.split(os.environ.get("CXX", "")) or ["c++"]
    if shutil.which(compiler[0]) is None:
        raise KernelUnavailableError(
            f"kernels build: no C++ compiler {compiler[0]!r} on the PATH; install one (g++ or clang) "
            "or name it in the environment variable CXX"
        )
    nvcc = _nvcc()
    if cuda and nvcc is None:
        raise KernelUnavailableError(
            "kernels build: the CUDA library needs nvcc, which is neither in CUDA_HOME nor on the "
            "PATH; install the CUDA toolkit or build without cuda"
        )
    library = Path(torch.__file__).parent
    plan = _Plan(source, headers or library / "include", library / "lib", compiler, list(flags))
    record: dict[str, Any] = {
        "torch": torch.__version__,
        "target": OLDEST_TORCH,
        "compiler": _version_line(compiler),
        "flags": list(flags),
        "instruction_sets": list(instruction_sets()),
        "sources": source_digest(source),
        "sizes": {},
        "failures": {},
    }
    built = []
    with tempfile.TemporaryDirectory(prefix="topicforge-kernels-") as scratch:
        folder = _build_folder(source, target, flags) or Path(scratch)
        wanted = ["cpu"]
        if cuda or (cuda is None and nvcc is not None and torch.version.cuda is not None):
            wanted.append("cuda")
        for device in wanted:
            path = library_path(device, target)
            lines = plan.cpu(path) if device == "cpu" else plan.cuda(nvcc or "", path)
            try:
                _run_ninja(lines, folder / device, verbose)
            except KernelUnavailableError as error:
                record["failures"][device] = str(error)
                write_build_info(target, record)
                if device == "cpu" or cuda:
                    raise
                continue
            built.append(path)
            record["sizes"][path.name] = path.stat().st_size
            write_build_info(target, record)
    return built


def _build_folder(source: Path, target: Path, flags: Sequence[str]) -> Path | None:
    """A lasting folder for objects in a checkout, so that a rebuild compiles what changed."""
    if source.name != "csrc" or not os.access(source.parent, os.W_OK):
        return None
    key = hashlib.sha256(f"{target} {list(flags)} {sys.version_info[:2]}".encode()).hexdigest()
    return source.parent / "build" / f"native-{key[:8]}"


class _Plan:
    """The lines of a build.ninja, for one device at a time."""

    def __init__(
        self, source: Path, include: Path, lib: Path, compiler: list[str], flags: list[str]
    ) -> None:
        self.source, self.compiler, self.flags = source, compiler, flags
        self.common = [f"-I{source}", "-isystem", str(include)]
        self.common += ["-isystem", str(include / "torch" / "csrc" / "api" / "include")]
        self.common.append(_TARGET_MACRO)
        self.link = [f"-L{lib}", "-ltorch_cpu", "-lc10"]

    def cpu(self, library: Path) -> list[str]:
        """Of the library for the CPU."""
        cxx = ["-O3", "-std=gnu++17", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra"]
        # Kernels may reassociate nothing and assume no finite math: NaN must stay NaN.
        cxx += ["-fno-math-errno", "-fno-trapping-math", "-Wno-psabi"]
        cxx += [*self.common, *self.flags, *shlex.split(os.environ.get("CXXFLAGS", ""))]
        link = ["-shared", *self.flags, *shlex.split(os.environ.get("LDFLAGS", ""))]
        if sys.platform == "darwin":
            link.append("-Wl,-undefined,dynamic_lookup")
        lines = [
            f"cxx = {_command([*self.compiler, *cxx])}",
            "rule cxx",
            "  command = $cxx -MMD -MF $out.d $extra -c $in -o $out",
            "  depfile = $out.d",
            "  deps = gcc",
            "rule link",
            f"  command = {_command([*self.compiler, *link])} $in -o $out {_command(self.link)}",
        ]
        sets = instruction_sets()
        many = ["-DTOPICFORGE_X86_SETS=1"] if len(sets) > 1 else []
        objects = []
        for path in [*self._sources("*.cpp"), *self._sources("ops/*.cpp")]:
            objects.append(f"{path.parent.name}_{path.stem}.o")
            lines += _compile("cxx", path, objects[-1], many)
        for path in self._sources("cpu/*.cpp"):
            for name in sets:
                objects.append(f"{path.stem}.{name}.o")
                extra = [*many, f"-DTOPICFORGE_SET={name}", *_SETS[name]]
                lines += _compile("cxx", path, objects[-1], extra)
        return [*lines, f"build {_path(library)}: link {' '.join(objects)}"]

    def cuda(self, nvcc: str, library: Path) -> list[str]:
        """Of the library for CUDA."""
        lines, objects = self.cuda_objects(nvcc)
        # nvcc knows where its run-time library is; linked statically, the result needs no
        # particular one beside the driver.
        link = [nvcc, "-shared", "-cudart", "static"]
        return [
            *lines,
            "rule link",
            f"  command = {_command(link)} $in -o $out -ltorch_cuda {_command(self.link)}",
            f"build {_path(library)}: link {' '.join(objects)}",
        ]

    def cuda_objects(self, nvcc: str) -> tuple[list[str], list[str]]:
        """The lines that compile, and the objects."""
        flags = [*nvcc_flags(), *self.common, "-DTOPICFORGE_CUDA", "-DTOPICFORGE_SET=cuda"]
        lines = [
            "rule nvcc",
            f"  command = {_command([nvcc, *flags])} -MD -MF $out.d -c $in -o $out",
            "  depfile = $out.d",
            "  deps = gcc",
        ]
        objects = []
        for kernels in self._sources("cuda/*.cu"):
            for path in (kernels, self.source / "ops" / f"{kernels.stem}.cpp"):
                objects.append(f"{path.parent.name}_{path.stem}.o")
                lines += _compile("nvcc", path, objects[-1], [])
        return lines, objects

    def _sources(self, pattern: str) -> list[Path]:
        return sorted(self.source.glob(pattern))


def compile_cuda_objects(folder: Path, *, verbose: bool = False) -> list[Path]:
    """Compile every CUDA source to an object in ``folder``, linking nothing; returns the objects.

    It needs nvcc and the headers of any torch, a CPU build's too, and no device: so that every
    change is at least compiled for all architectures.

    Raises:
        KernelUnavailableError: there is no nvcc, or compiling fails.
    """
    import torch

    nvcc = _nvcc()
    if nvcc is None:
        raise KernelUnavailableError(
            "kernels build: no nvcc in CUDA_HOME or on the PATH; install the CUDA toolkit"
        )
    folder = folder.resolve()
    library = Path(torch.__file__).parent
    plan = _Plan(source_folder(), library / "include", library / "lib", ["c++"], [])
    lines, objects = plan.cuda_objects(nvcc)
    _run_ninja(lines, folder, verbose)
    return [folder / name for name in objects]


def nvcc_flags() -> list[str]:
    """Flags for nvcc: machine code of the architectures in TORCH_CUDA_ARCH_LIST, "8.0;9.0+PTX".

    By default sm_80, sm_90 and sm_100, and PTX for what comes later.
    """
    listed = os.environ.get("TORCH_CUDA_ARCH_LIST", "") or _CUDA_ARCHITECTURES
    flags = ["-O3", "-std=c++17", "-DUSE_CUDA", "-Xcompiler", "-fPIC,-fvisibility=hidden"]
    for item in re.split(r"[;, ]+", listed.strip("; ,")):
        match = re.fullmatch(r"(\d+)\.(\d+)([a-z]?)(\+PTX)?", item)
        if match is None:
            raise KernelUnavailableError(
                "kernels build: TORCH_CUDA_ARCH_LIST must list architectures such as "
                f"'8.0;9.0+PTX', but holds {item!r}"
            )
        name = "".join(match.group(1, 2, 3))
        flags += ["-gencode", f"arch=compute_{name},code=sm_{name}"]
        if match[4]:
            flags += ["-gencode", f"arch=compute_{name},code=compute_{name}"]
    return flags


def _nvcc() -> str | None:
    home = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    if home and (Path(home) / "bin" / "nvcc").is_file():
        return str(Path(home) / "bin" / "nvcc")
    return shutil.which("nvcc")


def _compile(rule: str, path: Path, object_name: str, extra: list[str]) -> list[str]:
    return [f"build {object_name}: {rule} {_path(path)}", f"  extra = {_command(extra)}"]


def _command(words: Sequence[str]) -> str:
    """Words for the shell, in a value of ninja's."""
    return shlex.join(words).replace("$", "$$")


def _path(path: Path) -> str:
    return str(path).replace("$", "$$").replace(" ", "$ ").replace(":", "$:")


def _version_line(compiler: list[str]) -> str:
    command = [*compiler, "--version"]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return lines[0] if lines else compiler[0]


def _ninja() -> list[str]:
    try:
        import ninja

        command = [str(Path(ninja.BIN_DIR) / "ninja")]
    except ImportError:
        found = shutil.which("ninja")
        if found is None:
            raise KernelUnavailableError(
                "kernels build: ninja is neither importable nor on the PATH; pip install ninja"
            ) from None
        command = [found]
    jobs = os.environ.get("MAX_JOBS", "")
    return [*command, "-j", jobs] if jobs.isdecimal() and int(jobs) > 0 else command


def _run_ninja(lines: list[str], folder: Path, verbose: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    command = [*_ninja(), "-C", str(folder), *(["-v"] if verbose else [])]
    # two builds in one folder would write each other's objects
    with locked(folder / "lock", folder, wait=True):
        (folder / "build.ninja").write_text("\n".join(lines) + "\n", encoding="utf-8")
        result = subprocess.run(command, capture_output=not verbose, text=True, check=False)
    if result.returncode != 0:
        said = "" if verbose else "\n" + _reason(result.stdout + result.stderr)
        raise KernelUnavailableError(f"kernels build: compiling or linking failed:{said}")


def _reason(output: str) -> str:
    """What compiler and linker say, without ninja's progress and the commands, which are long."""
    commands = re.compile(r"^(\[|FAILED:|ninja: Entering)| -o \S+( |$)")
    lines = [line for line in output.splitlines() if not commands.search(line)]
    marks = re.compile(
        r"\berror\b|\bfatal\b|undefined|cannot|can't|not found|No such", re.IGNORECASE
    )
    hits = [line for line in lines if marks.search(line)][:10]
    return "\n".join(line[:500] for line in dict.fromkeys([*hits, *lines[-20:]]))
