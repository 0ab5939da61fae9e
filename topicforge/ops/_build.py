"""Building the native libraries with ninja: for setup.py and for ``topicforge kernels build``.

``csrc/cpu/kernels/*.cpp`` hold the arithmetic. On x86-64 each of them is compiled three times,
for baseline, AVX2 and AVX-512; the library picks one at run time. Everything else in
``csrc`` is compiled once. The libraries use LibTorch's stable ABI and no Python, so that one
build serves every torch from the target version on.
"""

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from topicforge.errors import KernelUnavailableError
from topicforge.ops._paths import (
    FOLDER,
    INFO_NAME,
    OLDEST_TORCH,
    library_path,
    source_digest,
    source_folder,
)
from topicforge.storage import locked, write_json

_TARGET_MACRO = "-DTORCH_TARGET_VERSION=0x020a000000000000"  # OLDEST_TORCH, as torch encodes it
_VECTOR_BYTES = {"baseline": 16, "avx2": 32, "avx512": 64}
_ISA_FLAGS = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": [
        *("-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mfma"),
        "-mprefer-vector-width=512",
    ],
}
_CUDA_ARCHITECTURES = ("80", "90", "100")
_CUDA_MACROS = ["-DTOPICFORGE_CUDA", "-DTOPICFORGE_SET=cuda"]


def instruction_sets() -> tuple[str, ...]:
    """The instruction sets compiled for this machine's architecture, lowest first."""
    if platform.machine().lower() in ("x86_64", "amd64"):
        return ("baseline", "avx2", "avx512")
    return ("baseline",)


def build_kernels(
    target: Path | None = None,
    *,
    cuda: bool | None = None,
    flags: Sequence[str] = (),
    verbose: bool = False,
) -> list[Path]:
    """Compile csrc into shared libraries; returns their paths.

    Args:
        target: folder for the libraries, ``topicforge/_native`` by default.
        cuda: whether to build the CUDA library too; by default if this torch is a CUDA build
            and nvcc is found.
        flags: more compiler and linker flags, for example of a sanitizer.
        verbose: show the commands.

    Raises:
        KernelUnavailableError: torch, the sources or a compiler are missing, or compiling
            fails; the end of the compiler's output is in the message.
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
    target = (FOLDER if target is None else target).resolve()
    target.mkdir(parents=True, exist_ok=True)
    compiler = os.environ.get("CXX", "c++")
    if shutil.which(shlex.split(compiler)[0]) is None:
        raise KernelUnavailableError(
            f"kernels build: no C++ compiler {compiler!r} on the PATH; install one (g++ or clang) "
            "or name it in the environment variable CXX"
        )
    nvcc = _nvcc()
    if cuda is None:
        cuda = nvcc is not None and torch.version.cuda is not None
    if cuda and nvcc is None:
        raise KernelUnavailableError(
            "kernels build: the CUDA library needs nvcc, which is neither in CUDA_HOME nor on the "
            "PATH; install the CUDA toolkit or build without cuda"
        )
    with tempfile.TemporaryDirectory(prefix="topicforge-kernels-") as scratch:
        plan = _Plan(source, target, Path(torch.__file__).parent, compiler, list(flags))
        libraries = [plan.cpu_library()]
        if cuda and nvcc is not None:
            libraries.append(plan.cuda_library(nvcc))
        _run_ninja(plan.lines, _build_folder(source, target, flags) or Path(scratch), verbose)
    record = {
        "torch": torch.__version__,
        "target": OLDEST_TORCH,
        "compiler": _version_line(compiler),
        "flags": list(flags),
        "instruction_sets": list(instruction_sets()),
        "libraries": [path.name for path in libraries],
        "sources": source_digest(source),
    }
    write_json(target / INFO_NAME, record)
    return libraries


def _build_folder(source: Path, target: Path, flags: Sequence[str]) -> Path | None:
    """A lasting folder for objects in a checkout, so that a rebuild compiles what changed."""
    if source.name != "csrc":
        return None
    key = hashlib.sha256(f"{target} {list(flags)} {sys.version_info[:2]}".encode()).hexdigest()
    return source.parent / "build" / f"native-{key[:8]}"


class _Plan:
    """The lines of a build.ninja."""

    def __init__(
        self, source: Path, target: Path, torch: Path, compiler: str, flags: list[str]
    ) -> None:
        self.source, self.target, self.torch = source, target, torch
        includes = [f"-I{source}", "-isystem", f"{torch / 'include'}"]
        includes += ["-isystem", f"{torch / 'include' / 'torch' / 'csrc' / 'api' / 'include'}"]
        self.common = [*includes, _TARGET_MACRO]
        cxx = ["-O3", "-std=gnu++17", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra"]
        # Kernels may reassociate nothing and assume no finite math: NaN must stay NaN.
        cxx += ["-fno-math-errno", "-fno-trapping-math", "-Wno-psabi"]
        link = [f"-L{torch / 'lib'}", "-ltorch_cpu", "-lc10"]
        if sys.platform == "darwin":
            link.append("-Wl,-undefined,dynamic_lookup")
        self.lines = [
            f"cxx = {compiler}",
            f"cxxflags = {shlex.join([*cxx, *self.common, *flags])}",
            f"ldflags = {shlex.join(['-shared', *flags])}",
            f"libs = {shlex.join(link)}",
            "rule cxx",
            "  command = $cxx -MMD -MF $out.d $cxxflags $extra -c $in -o $out",
            "  depfile = $out.d",
            "  deps = gcc",
            "rule link",
            "  command = $cxx $ldflags $in -o $out $libs",
        ]

    def cpu_library(self) -> Path:
        objects = []
        sets = instruction_sets()
        many = ["-DTOPICFORGE_X86_SETS=1"] if len(sets) > 1 else []
        for pattern in ("*.cpp", "ops/*.cpp", "cpu/*.cpp"):
            for path in sorted(self.source.glob(pattern)):
                name = f"{path.parent.name}_{path.stem}.o"
                objects.append(self._compile(path, name, shlex.join(many)))
        for path in sorted((self.source / "cpu" / "kernels").glob("*.cpp")):
            for name in sets:
                macros = [*many, f"-DTOPICFORGE_SET={name}"]
                macros.append(f"-DTOPICFORGE_VECTOR_BYTES={_VECTOR_BYTES[name]}")
                extra = shlex.join([*_ISA_FLAGS[name], *macros])
                objects.append(self._compile(path, f"{path.stem}.{name}.o", extra))
        return self._link("cpu", objects)

    def cuda_library(self, nvcc: str) -> Path:
        objects = self.cuda_objects(nvcc)
        library = library_path("cuda", self.target)
        # nvcc knows where its run-time library is; linked statically, the result asks for no
        # particular one beside the driver.
        self.lines += [
            "rule nvlink",
            f"  command = {shlex.quote(nvcc)} -shared -cudart static $in -o $out -ltorch_cuda $libs",
            f"build {_escape(library)}: nvlink {' '.join(objects)}",
            f"  libs = -L{_escape(self.torch / 'lib')} -ltorch_cpu -lc10",
        ]
        return library

    def cuda_objects(self, nvcc: str, folder: str = "") -> list[str]:
        self.lines += [
            f"nvccflags = {shlex.join([*nvcc_flags(), *self.common, *_CUDA_MACROS])}",
            "rule nvcc",
            f"  command = {shlex.quote(nvcc)} -MD -MF $out.d $nvccflags -c $in -o $out",
            "  depfile = $out.d",
            "  deps = gcc",
        ]
        objects = []
        for pattern in ("ops/*.cpp", "cuda/*.cu"):
            for path in sorted(self.source.glob(pattern)):
                name = f"cuda_{path.parent.name}_{path.stem}.o"
                objects.append(_escape(Path(folder) / name))
                self.lines.append(f"build {objects[-1]}: nvcc {_escape(path)}")
        return objects

    def _compile(self, path: Path, object_name: str, extra: str) -> str:
        self.lines += [f"build {object_name}: cxx {_escape(path)}", f"  extra = {extra}"]
        return object_name

    def _link(self, device: str, objects: list[str]) -> Path:
        library = library_path(device, self.target)
        self.lines.append(f"build {_escape(library)}: link {' '.join(objects)}")
        return library


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
    folder.mkdir(parents=True, exist_ok=True)
    plan = _Plan(source_folder(), folder, Path(torch.__file__).parent, "c++", [])
    objects = plan.cuda_objects(nvcc, str(folder))
    _run_ninja(plan.lines, folder, verbose)
    return [Path(name) for name in objects]


def nvcc_flags() -> list[str]:
    """Flags for nvcc: sm_80, sm_90 and sm_100 machine code and PTX for what comes later.

    ``TOPICFORGE_CUDA_ARCHITECTURES`` ("90" or "80,90") narrows them for a quicker build.
    """
    asked = os.environ.get("TOPICFORGE_CUDA_ARCHITECTURES", "")
    names = [a.strip() for a in asked.split(",") if a.strip()] or list(_CUDA_ARCHITECTURES)
    flags = ["-O3", "-std=c++17", "-DUSE_CUDA", "-Xcompiler", "-fPIC,-fvisibility=hidden"]
    for name in names:
        flags += ["-gencode", f"arch=compute_{name},code=sm_{name}"]
    return [*flags, "-gencode", f"arch=compute_{names[-1]},code=compute_{names[-1]}"]


def _nvcc() -> str | None:
    home = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    if home and (Path(home) / "bin" / "nvcc").is_file():
        return str(Path(home) / "bin" / "nvcc")
    return shutil.which("nvcc")


def _escape(path: Path) -> str:
    return str(path).replace("$", "$$").replace(" ", "$ ").replace(":", "$:")


def _version_line(compiler: str) -> str:
    command = [*shlex.split(compiler), "--version"]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return lines[0] if lines else compiler


def _ninja() -> str:
    try:
        import ninja

        return str(Path(ninja.BIN_DIR) / "ninja")
    except ImportError:
        found = shutil.which("ninja")
    if found is None:
        raise KernelUnavailableError(
            "kernels build: ninja is neither importable nor on the PATH; pip install ninja"
        )
    return found


def _run_ninja(lines: list[str], folder: Path, verbose: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    command = [_ninja(), "-C", str(folder), *(["-v"] if verbose else [])]
    # two builds in one folder would write each other's objects
    with locked(folder / "lock", folder, wait=True):
        (folder / "build.ninja").write_text("\n".join(lines) + "\n", encoding="utf-8")
        result = subprocess.run(command, capture_output=not verbose, text=True, check=False)
    if result.returncode != 0:
        said = "" if verbose else "\n" + (result.stdout + result.stderr)[-4000:]
        raise KernelUnavailableError(
            f"kernels build: compiling failed; the compiler's words follow.{said}"
        )
