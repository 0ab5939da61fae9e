"""Which plugins there are: order, copies, and metadata that can't be read."""

import pytest

from topicforge.errors import PluginError, PluginWarning
from topicforge.registry import Registry, installed
from topicforge.registry.metadata import why_absent


def names(site, *more):
    return [(d.distribution, d.name) for d in installed([str(site.folder), *map(str, more)])]


def test_built_in_first_then_by_distribution_and_name(site, prior):
    for name in ("zeta", "alpha", "topicforge-b", "topicforge-a"):
        site.add(name, prior("p"))
    site.metadata("beta", "1", "[topicforge]\nz = z\na = a\n[console_scripts]\nq = q:q\n")
    assert names(site) == [
        ("topicforge", "builtin"),
        ("alpha", "alpha"),
        ("beta", "a"),
        ("beta", "z"),
        ("topicforge-a", "topicforge-a"),
        ("topicforge-b", "topicforge-b"),
        ("zeta", "zeta"),
    ]


def test_two_distributions_with_one_entry_point_name_both_load(site, prior):
    site.add("first", prior("one"), entry="same")
    site.add("second", prior("two"), entry="same")
    registry = site.registry()
    assert [r.name for r in registry.records[1:]] == ["first:same", "second:same"]
    assert registry.find("prior", "one").distribution == "first"
    assert registry.find("prior", "two").distribution == "second"


def test_names_of_distributions_are_put_in_normal_form(site, prior):
    site.add("My_Pack.age", prior("p"))
    registry = site.registry()
    assert registry.records[1].distribution == "my-pack-age"
    assert registry.find("prior", "my-pack-age:p") is registry.find("prior", "My_Pack.age:p")


def test_the_same_copy_twice_counts_once(site, prior):
    site.add("twice", prior("p"), version="1.0")
    site.metadata("twice", "1.0", "[topicforge]\ntwice = twice_module\n", kind="egg-info")
    assert names(site).count(("twice", "twice")) == 1
    assert [spec.name for spec in site.registry().specs("prior")].count("p") == 1


def test_stale_metadata_is_a_record_and_loads_nothing(site, prior, tmp_path):
    site.add("moved", prior("p"), version="2.0")
    old = tmp_path / "old"
    site.metadata("moved", "1.0", "[topicforge]\nmoved = moved_to_nowhere\n", folder=old)
    registry = Registry(installed([str(site.folder), str(old)]))
    new, stale = sorted(registry.records[1:], key=lambda r: r.version, reverse=True)
    assert (new.status, new.version) == ("loaded", "2.0")
    assert (stale.status, stale.version) == ("duplicate", "1.0")
    assert "behind version 2.0" in stale.error
    assert "pip uninstall moved" in stale.advice


def test_a_newer_copy_without_plugins_hides_the_older_ones(site, tmp_path):
    site.metadata("dropped", "2.0", "")
    old = tmp_path / "old"
    site.metadata("dropped", "1.0", "[topicforge]\ndropped = nowhere\n", folder=old)
    registry = Registry(installed([str(site.folder), str(old)]))
    assert [r.status for r in registry.records] == ["loaded", "duplicate"]


def test_entry_points_that_cannot_be_parsed(site, prior):
    site.metadata("garbled", "1.0", "[topicforge]\nthis is no entry point\n")
    site.add("sound", prior("p"))
    with pytest.warns(PluginWarning, match="garbled"):
        registry = site.registry()
    record = registry.records[1]
    assert (record.distribution, record.status) == ("garbled", "broken")
    assert "entry_points.txt can't be read" in record.error
    assert registry.find("prior", "p").distribution == "sound"


def test_an_unparsable_file_of_a_stranger_is_not_our_business(site):
    site.metadata("stranger", "1.0", "[console_scripts]\nthis is no entry point\n")
    assert [r.status for r in site.registry().records] == ["loaded"]


def test_a_value_that_is_no_module(site):
    site.metadata("odd", "1.0", "[topicforge]\nodd = not a module!\n")
    assert site.record("odd").status == "broken"


def test_a_removed_module(site):
    site.metadata("gone", "1.0", "[topicforge]\ngone = gone_module\n")
    record = site.record("gone")
    assert record.error == "ModuleNotFoundError: No module named 'gone_module'"
    assert (
        "the entry point 'gone' names the module 'gone_module', which does not exist"
        in record.advice
    )


def test_a_misspelt_module_inside_a_package(site):
    (site.folder / "spelt").mkdir()
    (site.folder / "spelt" / "__init__.py").write_text("")
    site.metadata("spelt", "1.0", "[topicforge]\nspelt = spelt.plugn\n")
    assert "names the module 'spelt.plugn', which does not exist" in site.record("spelt").advice


def test_a_package_without_an_entry_point_differs_from_one_that_is_absent(site):
    site.metadata(
        "silent", "1.0", "[topicforge.plugins]\nsilent = silent\n[console_scripts]\nq = q:q\n"
    )
    assert why_absent("silent").startswith(
        "silent is installed, but declares no entry point of the group 'topicforge' (its groups: "
        "console_scripts, topicforge.plugins); write [project.entry-points.topicforge]"
    )
    assert "no distribution called 'slient' is installed" in why_absent("slient")


def test_metadata_without_a_name(site, prior):
    info = site.add("nameless", prior("p"))
    (info / "METADATA").unlink()
    record = site.record("unknown")
    assert "has no name" in record.error


def test_a_binary_entry_points_file(site):
    info = site.metadata("binary", "1.0", "")
    (info / "entry_points.txt").write_bytes(b"\xff\xfe[topicforge]")
    assert [r.status for r in site.registry().records] == ["loaded"]


def test_topicforge_not_installed(tmp_path):
    with pytest.raises(PluginError, match=r"pip install -e \."):
        installed([str(tmp_path)])


def test_a_folder_that_is_no_folder_is_passed_over(site, tmp_path):
    assert names(site, tmp_path / "nowhere") == [("topicforge", "builtin")]
