"""The one module that plugin authors import."""

import inspect
from textwrap import dedent

from topicforge import contracts, distributions, plugin
from topicforge.errors import TopicForgeError
from topicforge.registry.kinds import KINDS
from topicforge.registry.register import Register


def test_every_name_is_there_once():
    assert len(set(plugin.__all__)) == len(plugin.__all__)
    assert all(hasattr(plugin, name) for name in plugin.__all__)


def test_it_offers_what_a_component_is_written_with():
    bases = {"Encoder", "Link", "Prior", "Divergence", "Decoder", "Callback"}
    records = {"Batch", "Context", "Latent", "Rule", "Samples", "Pair"}
    records |= {"EpochReport", "FitStart"}
    assert bases | records <= set(plugin.__all__)
    assert all(getattr(plugin, name) is getattr(contracts, name) for name in bases | records)
    assert set(distributions.__all__) <= set(plugin.__all__)


def test_the_errors_that_a_component_raises_are_ours():
    errors = [getattr(plugin, name) for name in plugin.__all__ if name.endswith("Error")]
    assert {"OptionError", "MixError", "TrainingError"} <= {error.__name__ for error in errors}
    assert all(issubclass(error, TopicForgeError) for error in errors)


def test_the_contract_number_must_be_written_and_cannot_be_imported():
    assert not hasattr(plugin, "TOPICFORGE_API")


def test_the_plugin_of_the_docstring_loads():
    """The page that a newcomer reads first is right."""
    block = inspect.getdoc(plugin).partition("    import torch\n")[2].partition("\nFrom then on")[0]
    names = {}
    exec(dedent("    import torch\n" + block), names)
    register = Register("docs", "1")
    names["topicforge_register"](register)
    assert [spec.name for spec in register.specs] == ["wide"]


def test_the_docstring_names_every_kind():
    for kind in KINDS:
        assert f"\n{kind} " in inspect.getdoc(plugin), kind
