import subprocess
import sys

import pytest


@pytest.mark.parametrize("to", ["torchscript", "torch-export", "onnx"])
def test_export_writes_a_file_in_a_process_of_its_own(run, spawn, ended, model, tmp_path, to):
    if to == "onnx":
        pytest.importorskip("onnxruntime", reason="needs the extra onnx")
        pytest.importorskip("onnxscript", reason="needs the extra onnx")
    file = tmp_path / "theta"
    ran = ended(spawn("export", model, "--to", to, "--output", file, "--json"))
    assert ran.code == 0, ran.err
    assert ran.json["bytes"] == file.stat().st_size
    assert ran.json["difference"] <= 1e-6
    again = run("export", model, "--to", to, "--output", file)
    assert again.code == 2
    assert "--force" in again.error


def test_serve_without_its_libraries_names_the_extra(model):
    code = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from topicforge.cli import main; main(['serve', sys.argv[1]])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, model], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "pip install 'topicforge[serve]'" in ran.stderr
