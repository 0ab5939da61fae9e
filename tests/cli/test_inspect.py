import hashlib
import json
import shutil


def test_inspect_names_settings_seed_history_and_checksums(run, model):
    ran = run("inspect", model)
    assert ran.code == 0
    lines = ran.out.splitlines()
    facts = {line.split()[0]: line for line in lines}
    assert facts["training"].split()[1] == "finished"
    assert facts["seed"].split() == ["seed", "0"]
    assert facts["encoder"].startswith("encoder     spectral (topicforge ")
    assert "n_topics 4" in facts["sizes"]
    assert sum(line.startswith("train ") for line in lines) == 3
    digest = hashlib.sha256((model / "weights.safetensors").read_bytes()).hexdigest()
    assert any("weights.safetensors" in line and line.endswith(digest) for line in lines)


def test_inspect_as_json_is_the_whole_description(run, model):
    told = run("inspect", model, "--json").json
    described = json.loads((model / "model.json").read_text())
    assert {name: told[name] for name in described} == described
    assert set(told["files"]) == {
        "model.json", "topics.safetensors", "vocabulary.txt", "weights.safetensors",
    }  # fmt: skip


def test_inspect_says_that_a_training_was_interrupted(run, model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    text = (folder / "model.json").read_text()
    # as many bytes, so that its size is that of the manifest
    changed = text.replace('"unfinished": false', '"unfinished":  true')
    (folder / "model.json").write_text(changed)
    ran = run("inspect", folder, "--no-verify")
    assert "training    unfinished" in ran.out
    assert "was interrupted" in ran.err
    assert run("inspect", folder).code == 1  # its checksum differs


def test_inspect_of_what_is_no_model(run, tmp_path):
    ran = run("inspect", tmp_path)
    assert ran.code == 1
    assert "model folder" in ran.error
