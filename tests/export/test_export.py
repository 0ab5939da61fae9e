"""Exported files, opened where topicforge is not, give the theta of the model."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from topicforge import TopicModel
from topicforge.errors import ExportError, MissingExtraError, UnknownNameError
from topicforge.export import FORMATS, write
from topicforge.ops import kernels_report
from topicforge.plugin import DiagonalNormal, Encoder, Latent
from topicforge.registry import default_registry

PRESETS = [spec.name for spec in default_registry().specs("preset")]
PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
V = 60
# another program's matrix products round differently, and a mixture's exponentials make more of it
SENSITIVE = {("onnx", "gmntm"): 1e-5, ("onnx", "gmntm-paper"): 1e-4}
RUN = """
import json, sys
import numpy as np
{imports}
folder, names = sys.argv[1], sys.argv[2:]
batches = np.load(folder + "/batches.npz")
found = {{}}
for name in names:
    f = open_file(folder + "/" + name)
    found[name] = max(
        float(np.abs(f(*(batches[part + b] for part in ("crow", "col", "count")))
        - batches[name + b]).max()) for b in "0123"
    )
assert not any(module.startswith("topicforge") for module in sys.modules)
print(json.dumps(found))
"""
TORCH = """
import torch
if {library!r}:
    torch.ops.load_library({library!r})
def open_file(path):
    f = {open}
    return lambda *x: f(*map(torch.from_numpy, x)).detach().numpy()
"""
ONNX = """
import onnxruntime
def open_file(path):
    session = onnxruntime.InferenceSession(path)
    return lambda *x: session.run(None, dict(zip(("crow", "col", "count"), x)))[0]
"""
OPEN = {
    "torchscript": "torch.jit.load(path)",
    "torch-export": "torch.export.load(path).module()",
}


def library():
    """The operator library that torch's files need, empty where it isn't built."""
    status = kernels_report().libraries[0]
    return str(status.path) if status.loaded else ""


@pytest.fixture(scope="module")
def counts():
    """80 documents, of which the fourth is empty."""
    X = np.random.default_rng(0).poisson(0.3, (80, V)).astype(np.float32)
    X[3] = 0
    return sp.csr_matrix(X)


@pytest.fixture(scope="module")
def models(counts):
    words = [f"w{v}" for v in range(V)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the empty document, which is meant
        return {
            name: TopicModel(name, n_topics=4, epochs=1, seed=0, vocabulary=words).fit(counts)
            for name in PRESETS
        }


def parts(counts):
    return (
        torch.from_numpy(counts.indptr).long().numpy(),
        torch.from_numpy(counts.indices).long().numpy(),
        counts.data,
    )


def quietly(model, counts, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.transform(counts, **more)


@pytest.mark.slow
@pytest.mark.parametrize("to", FORMATS)
def test_every_preset_in_a_fresh_process_without_topicforge(to, models, counts, tmp_path):
    if to == "onnx":
        pytest.importorskip("onnxruntime", reason="needs the extra onnx")
        pytest.importorskip("onnxscript", reason="needs the extra onnx")
    saved = {}
    # all; one document; an empty one alone; an empty one among others
    batches = [counts, counts[:1], counts[3:4], counts[[3, 0, 3]]]
    for b, rows in enumerate(batches):
        for part, value in zip(("crow", "col", "count"), parts(rows), strict=True):
            saved[f"{part}{b}"] = value
    for name, model in models.items():
        model.export(tmp_path / name, to)
        for b, rows in enumerate(batches):
            saved[f"{name}{b}"] = quietly(model, rows)
    np.savez(tmp_path / "batches.npz", **saved)
    imports = ONNX if to == "onnx" else TORCH.format(library=library(), open=OPEN[to])
    run = subprocess.run(
        [sys.executable, "-I", "-c", RUN.format(imports=imports), str(tmp_path), *PRESETS],
        capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    for name, difference in json.loads(run.stdout).items():
        assert difference <= SENSITIVE.get((to, name), 1e-6), name


def test_words_and_topics_are_inside(models, tmp_path):
    model = models["default"]
    model.export(tmp_path / "model.pt")
    inside = dict.fromkeys(("vocabulary.txt", "topics.txt", "labels.txt", "model.json"), "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # promised here all the same
        torch.jit.load(str(tmp_path / "model.pt"), _extra_files=inside)
    assert inside["vocabulary.txt"].decode().split("\n")[:-1] == [f"w{v}" for v in range(V)]
    topics = [line.split() for line in inside["topics.txt"].decode().splitlines()]
    assert topics == model.topics(10)
    labels = inside["labels.txt"].decode().splitlines()
    assert labels == [row.label for row in model.topic_table()]
    described = json.loads(inside["model.json"])
    assert (described["n_topics"], described["vocab_size"]) == (4, V)


def fit_parts(counts, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        features = settings.pop("features", None)
        return TopicModel(n_topics=4, epochs=1, seed=0, **settings).fit(counts, features=features)


@pytest.mark.parametrize("to", ["torchscript", "torch-export"])
def test_parts_of_the_hyperspherical_package(to, counts, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(PLUGINS / "topicforge-hyperspherical" / "src"))
    from topicforge_hyperspherical.components import SphereSoftmaxLink, VmfEncoder, VmfPrior

    model = fit_parts(
        counts, preset="nvdm-gsm", encoder=VmfEncoder, link=SphereSoftmaxLink, prior=VmfPrior,
        divergence="mmd",
    )  # fmt: skip
    assert model.export(tmp_path / "file", to).difference <= 1e-6


@pytest.mark.parametrize("to", ["torchscript", "torch-export"])
@pytest.mark.parametrize("name", ["ContextualEncoder", "CombinedEncoder"])
def test_encoders_of_the_contextual_package_take_features(name, to, counts, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(PLUGINS / "topicforge-contextual" / "src"))
    from topicforge_contextual import encoders

    features = np.random.default_rng(1).normal(size=(80, 5)).astype(np.float32)
    model = fit_parts(counts, preset="nvdm-gsm", encoder=getattr(encoders, name), features=features)
    assert model.export(tmp_path / "file", to).difference <= 1e-6


class Deciding(Encoder):
    """Decides in Python by what its counts hold."""

    latent = Latent(DiagonalNormal)

    def __init__(self, context):
        super().__init__(context)
        self.loc = torch.nn.Linear(1, context.n_latent)

    def forward(self, batch):
        x = batch.lengths()[:, None] + (1.0 if batch.count.sum() > 100 else 0.0)
        loc = self.loc(x)
        return DiagonalNormal(loc, torch.zeros_like(loc))


@pytest.mark.parametrize("to", ["torchscript", "torch-export"])
def test_a_part_that_has_no_graph_is_named_with_the_reason(to, counts, tmp_path):
    model = fit_parts(counts, preset="nvdm-gsm", encoder=Deciding)
    with pytest.raises(ExportError) as raised:
        model.export(tmp_path / "file", to)
    message = str(raised.value)
    if to == "torchscript":  # recorded with one of the two results: the comparison finds it
        assert "theta must differ from the model's by at most 1e-06" in message
        assert "Converting a tensor to a Python boolean" in message
    else:
        assert "encoder 'Deciding'" in message or "encoder 'deciding'" in message
        assert "data-dependent" in message
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays_where_the_export_fails(counts, tmp_path):
    (tmp_path / "file").write_text("before")
    with pytest.raises(ExportError):
        fit_parts(counts, preset="nvdm-gsm", encoder=Deciding).export(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "before"


def test_an_unknown_format(models, tmp_path):
    with pytest.raises(UnknownNameError, match="must be one of torchscript, torch-export, onnx"):
        models["default"].export(tmp_path / "file", "torch-exprt")


def test_onnx_without_its_libraries(models, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"topicforge\[onnx\]"):
        models["default"].export(tmp_path / "file", "onnx")


def test_rounding_of_float32_is_told_from_a_wrong_theta(models, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "TOLERANCE", -1.0)
    monkeypatch.setattr(write, "_AS_EXACT", 1e9)
    assert models["default"].export(tmp_path / "file").difference <= 1e-6
    monkeypatch.setattr(write, "_AS_EXACT", -1.0)
    with pytest.raises(ExportError, match="but differs by"):
        models["default"].export(tmp_path / "file")


def test_onnx_loses_no_sum_between_threads(models, counts, tmp_path):
    """onnxruntime's ScatterND adds to one row from several threads at once, and lost sums."""
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    pytest.importorskip("onnxscript", reason="needs the extra onnx")
    models["etm"].export(tmp_path / "etm", "onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 2
    theta = quietly(models["etm"], counts)
    for _ in range(60):  # of which some 10 would be off
        session = runtime.InferenceSession(str(tmp_path / "etm"), options)
        names = [one.name for one in session.get_inputs()]
        got = session.run(None, dict(zip(names, parts(counts), strict=True)))[0]
        np.testing.assert_allclose(got, theta, rtol=0, atol=1e-6)
