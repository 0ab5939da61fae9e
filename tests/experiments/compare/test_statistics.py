import math

import numpy as np
import pytest
from scipy import stats

from topicforge.errors import InputError
from topicforge.experiments.compare import rank


def test_hand_worked_ranks():
    # ranks by row: 1 2 3; 2 1 3; 1 2.5 2.5  ->  means 4/3, 5.5/3, 8.5/3
    found = rank(["a", "b", "c"], np.array([[3.0, 2, 1], [2, 3, 1], [3, 1, 1]]))
    assert found.names == ("a", "b", "c")
    np.testing.assert_allclose(found.mean_ranks, [4 / 3, 5.5 / 3, 8.5 / 3])


def test_critical_differences_of_the_paper():
    # Demšar 2006, section 3.2.2: four classifiers on 14 data sets, q_0.05 = 2.569, q_0.10 = 2.291
    values = np.random.default_rng(0).normal(size=(14, 4))
    for alpha, q in ((0.05, 2.569), (0.10, 2.291)):
        found = rank(list("abcd"), values, alpha)
        # q is printed with three decimals
        assert found.critical_difference == pytest.approx(q * math.sqrt(4 * 5 / (6 * 14)), abs=3e-4)


def test_tests_are_scipys():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(8, 4)) + np.array([0, 0, 1, 2])
    found = rank(list("abcd"), values)
    assert found.test == "Friedman"
    assert found.p_value == stats.friedmanchisquare(*values.T).pvalue
    two = rank(["a", "b"], values[:, :2])
    assert two.p_value == stats.wilcoxon(values[:, 0], values[:, 1]).pvalue


def test_equal_contestants_do_not_differ():
    for k in (2, 3):
        assert rank(list("abc")[:k], np.ones((5, k))).p_value == 1.0


def test_one_corpus_ranks_but_does_not_test():
    found = rank(["a", "b", "c"], np.array([[1.0, 3, 2]]))
    assert found.names == ("b", "c", "a")
    assert math.isnan(found.p_value)
    assert found.groups() == [(0, 2)]


def test_groups_are_the_longest_runs_within_the_critical_difference():
    # four contestants always in one order over many corpora: neighbours are 1 apart
    values = np.tile([4.0, 3, 2, 1], (12, 1))
    found = rank(list("abcd"), values)
    assert 1 < found.critical_difference < 2
    assert found.groups() == [(0, 1), (1, 2), (2, 3)]
    assert rank(list("abcd"), np.tile([4.0, 3, 2, 1], (100, 1))).groups() == []


@pytest.mark.parametrize(
    "values", [np.ones((2, 3)), np.ones(2), np.ones((0, 2)), np.array([[1.0, np.nan]])]
)
def test_unusable_values_are_named(values):
    with pytest.raises(InputError, match="rank: "):
        rank(["a", "b"], values)
