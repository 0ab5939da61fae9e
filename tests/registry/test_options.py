"""Options are listed, checked by name, and construction speaks in our errors."""

# ruff: noqa: ARG001, ARG002  (stand-ins have the signatures that contracts prescribe)

import pytest
from torch import nn

from topicforge.contracts import ComponentSpec
from topicforge.errors import OptionError, PluginError, UnknownNameError
from topicforge.plugin import Context, Divergence, Link, MixError
from topicforge.registry import build, check_options, option_defaults

CONTEXT = Context(vocab_size=5, n_topics=3, n_latent=3)


def spec(factory, kind="link"):
    return ComponentSpec(
        "mine", factory, kind=kind, summary="a test", source="a test",
        distribution="pack", version="1.2",
    )  # fmt: skip


class Sound(Link):
    def __init__(self, context, *, temperature=1.0, bias=False):
        super().__init__(context)
        self.temperature = temperature

    def forward(self, z):
        return z


def test_options_and_their_defaults():
    assert option_defaults(spec(Sound)) == {"temperature": 1.0, "bias": False}


def test_options_of_something_without_a_signature():
    with pytest.raises(PluginError, match=r"link 'pack:mine' 1.2: its options can't be read"):
        option_defaults(spec(type))


def test_an_unknown_option():
    with pytest.raises(UnknownNameError) as caught:
        check_options(spec(Sound), {"temprature": 1}, "link 'mine'")
    assert str(caught.value) == (
        "link 'mine': no option is called 'temprature'. Did you mean 'temperature'? "
        "It has temperature=1.0, bias=False."
    )


def test_known_options_pass():
    check_options(spec(Sound), {"bias": True}, "link 'mine'")


def test_build():
    built = build(spec(Sound), {"temperature": 2.0}, CONTEXT)
    assert built.temperature == 2.0
    assert built.context is CONTEXT


def test_a_divergence_is_built_without_context():
    class Far(Divergence):
        def __init__(self, *, weight=1.0):
            self.weight = weight

        def resolve(self, pair):
            raise MixError("never")

    assert build(spec(Far, "divergence"), {"weight": 3.0}).weight == 3.0
    assert build(spec(Far, "divergence"), {}, CONTEXT).weight == 1.0


def test_our_own_errors_pass_unchanged():
    refusal = OptionError("link 'mine': option 'temperature' must be positive, got -1")

    def factory(context, *, temperature=1.0):
        raise refusal

    with pytest.raises(OptionError) as caught:
        build(spec(factory), {"temperature": -1}, CONTEXT)
    assert caught.value is refusal


def test_other_errors_name_component_package_and_version():
    def factory(context, *, width=1):
        return nn.Linear(width, "three")

    with pytest.raises(PluginError) as caught:
        build(spec(factory), {"width": 2}, CONTEXT)
    message = str(caught.value)
    assert message.startswith("link 'pack:mine' 1.2: construction failed with TypeError: ")
    assert "(options: width=2)" in message
    assert "an error in the component" in message
    assert isinstance(caught.value.__cause__, TypeError)


def test_another_type():
    def factory(context):
        return nn.Identity()

    with pytest.raises(PluginError, match=r"must give a topicforge.plugin.Link, got Identity"):
        build(spec(factory), {}, CONTEXT)


def forgets(self, context):
    pass


def forgets_and_assigns(self, context):
    self.register_buffer("scale", None)


@pytest.mark.parametrize("init", [forgets, forgets_and_assigns])
def test_a_forgotten_super_init(init):
    class Forgetful(Link):
        __init__ = init

        def forward(self, z):
            return z

    with pytest.raises(PluginError, match=r"Forgetful.__init__ must begin with super\(\).__init__"):
        build(spec(Forgetful), {}, CONTEXT)


def test_an_interrupt_passes():
    def factory(context):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(spec(factory), {}, CONTEXT)


def test_built_in_components_build_with_their_defaults(site):
    registry = site.registry()
    for kind in ("encoder", "link", "prior", "decoder"):
        for component in registry.specs(kind):
            assert isinstance(build(component, {}, CONTEXT), nn.Module)
    for component in registry.specs("divergence"):
        assert isinstance(build(component, {}), Divergence)
