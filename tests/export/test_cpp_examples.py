"""The programs of examples/cpp, built by CMake against the installed torch, give Python's numbers."""

import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from topicforge import TopicModel
from topicforge.ops import kernels_report

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "cpp"
DOCUMENTS = [
    "cats and dogs, dogs and cats",
    "Stars shine above the Moon",
    "",
    "unknown things only",
    "dogs bark at the moon",
] * 8


def run(*command, given=""):
    ran = subprocess.run(
        [str(part) for part in command], input=given, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran.stdout


@pytest.mark.slow
def test_topics_theta_and_operators_in_cpp(tmp_path):
    for program in ("cmake", "c++"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} on the PATH")
    library = kernels_report().libraries[0]
    if not library.loaded:
        pytest.skip(library.why)
    build = tmp_path / "build"
    run(
        "cmake", "-S", EXAMPLES, "-B", build, "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_CXX_FLAGS=-O0",
        f"-DCMAKE_PREFIX_PATH={torch.utils.cmake_prefix_path}",
    )  # fmt: skip
    run("cmake", "--build", build)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of documents without words, which are meant
        model = TopicModel("nvdm-gsm", n_topics=3, epochs=2, seed=0).fit(DOCUMENTS)
        theta = model.transform(DOCUMENTS)
    model.export(tmp_path / "model.pt")
    printed = run(
        build / "theta", tmp_path / "model.pt", library.path, given="\n".join(DOCUMENTS) + "\n"
    ).splitlines()
    topics = [f"topic {k}: {' '.join(words)}" for k, words in enumerate(model.topics(10))]
    assert printed[:3] == topics
    found = np.array([line.split() for line in printed[3:]], dtype=np.float32)
    np.testing.assert_allclose(found, theta, rtol=0, atol=1e-6)

    lines = run(build / "operators", library.path).splitlines()
    assert [line.split()[0] for line in lines] == ["diffusion_kernel", "mixture_log_prob"]
