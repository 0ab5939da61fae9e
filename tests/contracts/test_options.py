"""Every rejected option is a sentence that names the place, the option, the domain and the value."""

import numpy as np
import pytest

from topicforge.contracts.options import (
    between,
    number,
    one_of,
    positive,
    require,
    share,
    truth,
    whole,
    widths,
)
from topicforge.errors import OptionError, UnknownNameError
from topicforge.parts.layers import activation

NOT_NUMBERS = [None, "1", [1], True, 1j]


def test_require_says_where_what_and_what_came():
    require(True, "prior 'x'", "size", "big", 1)
    with pytest.raises(OptionError, match=r"^prior 'x': option 'size' must be big, got 1$"):
        require(False, "prior 'x'", "size", "big", 1)


@pytest.mark.parametrize("value", [0, -1.5, np.float32(0.5), np.int64(2), 1e300])
def test_number_takes_finite_numbers(value):
    assert number("part", "x", value) == float(value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, *NOT_NUMBERS])
def test_number_refuses(value):
    with pytest.raises(OptionError, match=r"part: option 'x' must be a finite number"):
        number("part", "x", value)


@pytest.mark.parametrize("value", [2, 3.0, np.float32(2.5)])
def test_between_takes_both_ends(value):
    assert between("part", "x", value, 2, 3) == float(value)


@pytest.mark.parametrize("value", [1.99, 3.01, np.nan, *NOT_NUMBERS])
def test_between_refuses(value):
    with pytest.raises(OptionError, match=r"part: option 'x' must be a number from 2 to 3, got"):
        between("part", "x", value, 2, 3)


def test_truth_is_no_number():
    assert truth("part", "x", True) is True
    for value in (1, 0, "yes", None):
        with pytest.raises(OptionError, match="part: option 'x' must be True or False"):
            truth("part", "x", value)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(2), 1e30, 1e-30])
def test_positive_takes_numbers_that_float32_holds(value):
    assert positive("part", "x", value) == float(value)


@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, 1e31, 1e-31, *NOT_NUMBERS])
def test_positive_refuses(value):
    with pytest.raises(OptionError, match=r"part: option 'x' must be a number from 1e-30"):
        positive("part", "x", value)


@pytest.mark.parametrize("value", [1, 1.5, -0.1, np.nan, *NOT_NUMBERS])
def test_share_refuses(value):
    with pytest.raises(OptionError, match=r"in \[0, 1\)"):
        share("part", "x", value)


def test_share_takes_zero_and_fractions():
    assert share("part", "x", 0) == 0.0
    assert share("part", "x", np.float64(0.9)) == 0.9


@pytest.mark.parametrize("value", [2, 1.0, np.nan, *NOT_NUMBERS])
def test_whole_refuses(value):
    with pytest.raises(OptionError, match="a whole number, at least 3"):
        whole("part", "x", value, least=3)


def test_whole_takes_numpys():
    assert whole("part", "x", np.int32(3), least=3) == 3


@pytest.mark.parametrize(
    ("value", "expected"), [(5, (5,)), ([3, 4], (3, 4)), ((), ()), ((np.int64(2),), (2,))]
)
def test_widths(value, expected):
    assert widths("part", "hidden", value) == expected


@pytest.mark.parametrize("value", [0, 1.5, (3, 0), (3, "4"), "34", None, True, {3}, ()])
def test_widths_refuses(value):
    with pytest.raises(OptionError, match=r"option 'hidden' must be positive whole.*at least 1"):
        widths("part", "hidden", value, least=1)


def test_one_of_suggests():
    one_of("part", "kernel", "imq", ("imq", "diffusion"))
    with pytest.raises(UnknownNameError, match=r"imq, diffusion, got 'difusion'.*'diffusion'\?"):
        one_of("part", "kernel", "difusion", ("imq", "diffusion"))


@pytest.mark.parametrize("value", [None, ["relu"], "selu"])
def test_activation_refuses(value):
    with pytest.raises(UnknownNameError, match=r"part: option 'activation' must be one of relu"):
        activation("part", value)
