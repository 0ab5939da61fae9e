"""Warm-up, cyclical annealing and turns against values worked by hand."""

import pytest

from topicforge.errors import OptionError
from topicforge.parts.regularisers import Alternate, Cyclical, WarmUp
from topicforge.plugin import Progress


@pytest.mark.parametrize(
    ("epoch", "weight", "rising"),
    [(0.0, 0.0, True), (0.5, 0.125, True), (3.0, 0.75, True), (4.0, 1.0, False), (9.5, 1.0, False)],
)
def test_warm_up_is_linear_and_then_one(epoch, weight, rising):
    rule, now = WarmUp(epochs=4), Progress(epoch, 10)
    assert rule.divergence_weight(now) == weight
    assert rule.rising(now) is rising


def fu(t, steps, cycles, share):
    """Fu 2019, eq. 6 and 7, in steps: beta = min(1, tau / R), tau = mod(t - 1, T / M) / (T / M)."""
    length = steps / cycles
    tau = ((t - 1) % length) / length
    return tau / share if tau <= share else 1.0


@pytest.mark.parametrize(("cycles", "share"), [(4, 0.5), (2, 1.0), (1, 0.25)])
def test_cyclical_is_the_formula_of_its_paper(cycles, share):
    epochs, steps_per_epoch = 8, 10
    rule, steps = Cyclical(cycles=cycles, share=share), epochs * steps_per_epoch
    for t in range(1, steps + 1):
        now = Progress((t - 1) / steps_per_epoch, epochs)
        # 80 steps in 1, 2 or 4 cycles: places within a cycle are off by float64 rounding alone
        assert rule.divergence_weight(now) == pytest.approx(fu(t, steps, cycles, share), abs=1e-12)


def test_cyclical_by_hand():
    rule = Cyclical(cycles=2, share=0.5)
    weights = [rule.divergence_weight(Progress(e, 8)) for e in range(8)]
    assert weights == [0, 0.5, 1, 1, 0, 0.5, 1, 1]
    assert [rule.rising(Progress(e, 8)) for e in range(8)] == [True] * 6 + [False] * 2
    assert rule.divergence_weight(Progress(0.0, 0)) == 1.0  # nothing is trained


def test_turns():
    rule = Alternate(epochs=2)

    def turns(part):
        return [rule.trains(part, Progress(e, 6)) for e in range(6)]

    assert turns("decoder") == [True, True, False, False, True, True]
    for part in ("encoder", "link"):
        assert turns(part) == [False, False, True, True, False, False]
    assert all(turns("prior"))


@pytest.mark.parametrize(
    "build",
    [
        lambda: WarmUp(epochs=0),
        lambda: WarmUp(epochs=1.5),
        lambda: WarmUp(epochs=True),
        lambda: Cyclical(cycles=0),
        lambda: Cyclical(share=0),
        lambda: Cyclical(share=1.1),
        lambda: Cyclical(share=float("nan")),
        lambda: Alternate(epochs=0),
    ],
)
def test_options_outside_their_domain(build):
    with pytest.raises(OptionError, match="regulariser '"):
        build()
