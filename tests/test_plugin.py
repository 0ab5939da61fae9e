"""The one module that plugin authors import."""

from topicforge import contracts, distributions, plugin
from topicforge.errors import TopicForgeError


def test_every_name_is_there_once():
    assert len(set(plugin.__all__)) == len(plugin.__all__)
    assert all(hasattr(plugin, name) for name in plugin.__all__)


def test_it_offers_what_a_component_is_written_with():
    bases = {"Encoder", "Link", "Prior", "Divergence", "Decoder", "Callback"}
    records = {"Batch", "Context", "Latent", "Rule", "Samples", "Sides"}
    records |= {"ComponentSpec", "PresetSpec", "EpochReport", "FitStart"}
    assert bases | records <= set(plugin.__all__)
    assert all(getattr(plugin, name) is getattr(contracts, name) for name in bases | records)
    assert set(distributions.__all__) <= set(plugin.__all__)


def test_the_errors_that_a_component_raises_are_ours():
    errors = [getattr(plugin, name) for name in plugin.__all__ if name.endswith("Error")]
    assert {"OptionError", "MixError", "TrainingError"} <= {error.__name__ for error in errors}
    assert all(issubclass(error, TopicForgeError) for error in errors)


def test_the_contract_number_cannot_be_imported_where_it_must_be_said():
    assert plugin.API_VERSION == 1
    assert not hasattr(plugin, "TOPICFORGE_API")
