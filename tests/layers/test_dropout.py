"""Our dropout is torch's in one process."""

import torch
from torch import nn

from topicforge.distributed import Share, sharing
from topicforge.layers import Dropout


def test_equals_torchs_bit_for_bit():
    x = torch.randn(40, 7)
    for p in (0.0, 0.3, 1.0):
        torch.manual_seed(0)
        ours = Dropout(p)(x)
        torch.manual_seed(0)
        assert torch.equal(ours, nn.Dropout(p)(x))


def test_outside_training_nothing_is_dropped():
    x = torch.randn(4, 3)
    assert torch.equal(Dropout(0.9).eval()(x), x)


def test_a_share_of_the_documents_gets_their_rows_of_the_mask():
    x, crumbs = torch.randn(9, 5), torch.randn(12)
    torch.manual_seed(0)
    whole, entries = nn.Dropout(0.4)(x), nn.Dropout(0.4)(crumbs)
    torch.manual_seed(0)
    with sharing(Share(1, (2, 4, 3), (5, 6, 1))):
        assert torch.equal(Dropout(0.4)(x[2:6]), whole[2:6])
        assert torch.equal(Dropout(0.4, entries=True)(crumbs[5:11]), entries[5:11])


def test_it_says_what_it_is():
    assert repr(Dropout(0.5, entries=True)) == "Dropout(p=0.5, entries=True)"
