"""Hostile and unlucky plugins: each becomes a record and leaves everyone else standing."""

import io
import sys
from types import SimpleNamespace

import pytest

from topicforge.errors import PluginError, PluginWarning
from topicforge.registry import Registry, discovery


def test_a_sound_plugin_loads_with_distribution_version_and_time(site, prior):
    site.add("my-package", prior("mine"), version="2.5")
    registry = site.registry()
    assert [r.name for r in registry.records] == ["topicforge:builtin", "my-package:my-package"]
    record = registry.records[1]
    assert (record.status, record.version, record.module) == ("loaded", "2.5", "my_package_module")
    assert record.components == ("prior my-package:mine",)
    assert (record.error, record.advice, record.traceback, record.notes) == ("", "", "", ())
    assert record.seconds > 0


def test_import_error_names_what_is_missing_and_keeps_the_traceback(site):
    site.add("bad", "import no_such_library_at_all")
    record = site.record("bad")
    assert record.status == "broken"
    assert record.error == "ModuleNotFoundError: No module named 'no_such_library_at_all'"
    assert "pip install --force-reinstall bad" in record.advice
    assert "bad_module.py" in record.traceback


def test_syntax_error(site):
    site.add("bad", "def broken(:\n    pass")
    assert site.record("bad").error.startswith("SyntaxError")


def test_sys_exit_at_import_and_in_a_hook(site):
    site.add("bad-import", "import sys\nsys.exit(3)")
    site.add("bad-hook", "import sys\n@hookimpl\ndef topicforge_register(register): sys.exit()")
    with pytest.warns(PluginWarning) as caught:
        records = {r.distribution: r for r in site.registry().records}
    assert len(caught) == 1  # one warning names all
    assert "bad-import" in str(caught[0].message)
    assert "bad-hook" in str(caught[0].message)
    assert records["bad-import"].error == "it called sys.exit(3) while it loaded"
    assert records["bad-hook"].error == "it called sys.exit(None) while it loaded"


def test_an_exception_outside_exception(site):
    site.add("bad", "class Rude(BaseException): pass\nraise Rude('out of my way')")
    assert site.record("bad").error == "Rude: out of my way"


def test_an_interrupt_passes(site):
    site.add("bad", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        site.registry()


def test_output_is_kept_and_standard_output_stays_clean(site, prior, capsys):
    source = (
        "import sys\nprint('hello')\nsys.stdout.buffer.write(b'bytes\\n')\nsys.stdout.flush()\n"
    )
    site.add("loud", source + prior("mine"))
    record = site.registry().records[1]
    assert capsys.readouterr().out == ""
    assert record.status == "loaded"
    assert record.output == "hello\nbytes\n"
    assert any("printed" in note for note in record.notes)


def test_a_stream_that_a_plugin_kept_hands_on_what_comes_later(site, prior, capsys):
    site.add("loud", "import sys\nstream = sys.stdout\n" + prior("mine"))
    record = site.registry().records[1]
    print("later", file=sys.modules["loud_module"].stream)
    assert capsys.readouterr().out == "later\n"
    assert record.output == ""


def test_a_plugin_that_replaces_standard_output_is_undone(site, prior):
    before = sys.stdout
    site.add("loud", "import sys, io\nsys.stdout = io.StringIO()\n" + prior("mine"))
    site.registry()
    assert sys.stdout is before
    assert not isinstance(before, io.StringIO)


def test_a_slow_import_is_said(site, prior, monkeypatch):
    monkeypatch.setattr(discovery, "SLOW_SECONDS", 0.02)
    site.add("slow", "import time\ntime.sleep(0.05)\n" + prior("mine"))
    record = site.registry().records[1]
    assert record.seconds >= 0.05
    assert record.status == "loaded"
    assert any("to load" in note for note in record.notes)


def test_the_contract_number(site, prior):
    site.add("no-number", prior("one"), head="from topicforge.plugin import *\n")
    site.add("other", prior("two") + "\nTOPICFORGE_API = 2")
    site.add("truth", prior("three") + "\nTOPICFORGE_API = True")
    with pytest.warns(PluginWarning):
        registry = site.registry()
    records = {r.distribution: r for r in registry.records}
    assert {records[n].status for n in ("no-number", "other", "truth")} == {"wrong-api"}
    assert "does not state" in records["no-number"].error
    assert "states 2" in records["other"].error
    assert "states True" in records["truth"].error
    assert "other_module must state TOPICFORGE_API = 1" in records["other"].advice
    assert {spec.distribution for spec in registry.specs("prior")} == {"topicforge"}


def test_a_hook_that_raises_half_way_leaves_nothing(site, prior):
    preset = 'register.preset("whole", {}, summary="a test", source="a test")'
    site.add("half", prior("first", preset, "raise RuntimeError('half way')"))
    with pytest.warns(PluginWarning, match="half way"):
        registry = site.registry()
    assert registry.records[1].error == "RuntimeError: half way"
    assert all(spec.distribution == "topicforge" for spec in registry.specs("prior"))
    assert all(spec.distribution == "topicforge" for spec in registry.specs("preset"))


def test_one_bad_registration_costs_the_plugin_all_of_its_good_ones(site, prior):
    bad = 'register.prior("Not_Kebab", Mine, summary="a test", source="a test")'
    site.add("half", prior("good", bad))
    assert "kebab-case" in site.record("half").error


def test_the_entry_point_names_an_object(site, prior):
    indented = prior("mine").replace("def topicforge_register(register)", "def _free(register)")
    site.module(
        "objects_module",
        "from topicforge.plugin import *\n"
        + indented
        + """
class Plugin:
    TOPICFORGE_API = 1
    @hookimpl
    def topicforge_register(self, register):
        register.prior("mine", Mine, summary="a test", source="a test")
plugin = Plugin()
""",
    )
    site.metadata("objects", "1.0", "[topicforge]\nobjects = objects_module:plugin\n")
    assert site.registry().find("prior", "mine").distribution == "objects"


def test_a_plugin_that_registers_nothing_is_said(site):
    site.add("empty", "@hookimpl\ndef topicforge_register(register): pass")
    record = site.registry().records[1]
    assert record.status == "loaded"
    assert record.notes == ("its hook registered nothing",)


def test_a_broken_built_in_is_an_error():
    class Point:
        name, value = "builtin", "nowhere"
        dist = SimpleNamespace(name="topicforge", version="0.1.0")

        def load(self):
            raise ImportError("torch is gone")

    with pytest.raises(PluginError, match=r"(?s)built-in plugin did not load.*torch is gone"):
        Registry([Point()])
