import pytest

from topicforge.contracts import KINDS
from topicforge.ops import kernels_report
from topicforge.registry import default_registry, list_components
from topicforge.registry.report import report
from topicforge.wiring.composition import fit_table


def test_the_whole_table(run):
    ran = run("explain")
    rows = fit_table(default_registry())
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[0] == list(rows[0])
    assert lines[1:] == [" ".join(row.values()).split() for row in rows]
    assert run("explain", "--json").json == rows


def test_a_mix_that_fits(run):
    ran = run("explain", "--preset", "w-lda", "--set", "prior.concentration=0.3")
    assert ran.code == 0
    assert "  prior__concentration = 0.3  (given)\n" in ran.out
    assert "\nestimator: sample estimate" in ran.out
    assert run("explain", "--preset", "etm", "--json").json["preset"]["name"] == "etm"
    ran = run("explain", "--regulariser", "none", "--optimiser", "adam:beta1=0.5")
    assert "optimiser__beta1 = 0.5  (given)" in ran.out
    assert "regularisers: none" in ran.out


def test_everything_of_one_name(run):
    ran = run("plugins", "show", "mlp")
    assert "encoder mlp: " in ran.out
    assert "decoder mlp: " in ran.out
    assert run("plugins", "show", "topicforge:mlp").out == ran.out
    (row,) = run("plugins", "show", "gmm", "--json").json
    radius = next(option for option in row["options"] if option["name"] == "radius")
    assert (radius["type"], radius["default"]) == ("float", "3.0")
    assert "length of the means" in radius["meaning"]
    assert "better: lower" in run("plugins", "show", "perplexity").out
    preset = run("plugins", "show", "d-vae-paper").out
    assert "notes: The authors' code stops" in preset
    assert "  prior__concentration = 0.01\n" in preset
    ran = run("plugins", "show", "gm")
    assert ran.code == 2
    assert "Did you mean 'gmm'" in ran.error


def test_an_impossible_mix_exits_with_2_and_says_what_works(run):
    ran = run("explain", "--encoder", "mlp-point", "--prior", "gaussian", "--divergence", "kl")
    assert ran.code == 2
    assert ran.out == ""
    for part in ("infinite", "divergence='mmd'", "encoder='mlp'", "register.divergence_rule"):
        assert part in ran.error
    assert run("explain", "--encoder", "mlp-point", "--divergence", "mmd").code == 0


def test_plugins_lists_everything(run):
    ran = run("plugins")
    lines = [line.split() for line in ran.out.splitlines()]
    for spec in list_components():
        row = [spec.kind, spec.name] if spec.kind in KINDS else [spec.name]
        assert any(line[: len(row)] == row for line in lines)
    assert sum(line[:1] == ["kl"] for line in lines) == len(list(default_registry().rules))
    assert run("plugins", "--json").json == report(default_registry())


def test_a_broken_plugin_is_shown_and_stops_nobody(spawn, ended, tmp_path):
    info = tmp_path / "broken-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[topicforge]\nbad = broken_plugin\n")
    (tmp_path / "broken_plugin.py").write_text("raise RuntimeError('needs [the moon]')\n")
    import os

    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "TOPICFORGE_PLUGINS_ALLOW": "broken"}
    ran = ended(spawn("plugins", env=environment))
    assert ran.code == 0
    row = next(line for line in ran.out.splitlines() if line.startswith("broken:bad"))
    assert "1.2" in row
    assert "needs [the moon]" in row
    assert "gaussian" in ran.out
    assert len([line for line in ran.err.splitlines() if line.startswith("warning: ")]) == 1


def test_kernels(run):
    report = kernels_report()
    assert run("kernels").out == f"{report}\n"
    told = run("kernels", "--json").json
    assert told["operators"] == {name: list(devices) for name, devices in report.operators.items()}


@pytest.mark.parametrize("arguments", [["--cuda", "--no-cude"], ["--verbos"]])
def test_kernels_build_refuses_unknown_options(run, arguments):
    assert run("kernels", "build", *arguments).code == 2
