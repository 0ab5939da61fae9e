"""check_op passes a right operator and catches each way to be wrong."""

import pytest
import torch

from topicforge.testing import CheckError, check_op

INPUTS = [(torch.linspace(-1, 2, 15).view(5, 3),), (torch.ones(1, 7),), (torch.zeros(0, 3),)]


def reference(x):
    return x.square().sum(-1)


@torch.library.custom_op("topicforge_test::sum_of_squares", mutates_args=())
def operator(x: torch.Tensor) -> torch.Tensor:
    return torch.einsum("ij,ij->i", x, x)


@operator.register_fake
def _(x):
    return x.new_empty(x.shape[0])


operator.register_autograd(
    lambda ctx, grad: 2 * ctx.saved_tensors[0] * grad[:, None],
    setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs),  # noqa: ARG005
)


@torch.library.custom_op("topicforge_test::without_fake", mutates_args=())
def without_fake(x: torch.Tensor) -> torch.Tensor:
    return torch.einsum("ij,ij->i", x, x)


def test_a_right_operator_passes():
    check_op(operator, reference, INPUTS)


def wrong_value(x):
    return reference(x) * 1.001


def wrong_shape(x):
    return reference(x)[:, None]


def wrong_gradient(x):
    return x.detach().mul(x).sum(-1)


def ignores_strides(x):
    base = x if x.is_contiguous() else torch.as_strided(x, x.shape, (x.shape[1], 1))
    return reference(base)


def writes(x):
    value = reference(x)
    x.detach().add_(1)
    return value


def follows_threads(x):
    return reference(x) + (x.dtype == torch.float32) * 1e-6 * torch.get_num_threads()


def fails_on_none(x):
    return reference(x) / (1 / len(x)) * (1 / len(x))


@pytest.mark.parametrize(
    ("op", "said"),
    [
        (wrong_value, "off the reference"),
        (wrong_shape, "shape"),
        (wrong_gradient, "gradcheck"),
        (ignores_strides, "strided"),
        (writes, "wrote to argument 0"),
        (follows_threads, "number of threads"),
        (fails_on_none, "ZeroDivisionError"),
    ],
)
def test_a_wrong_operator_is_caught(op, said):
    with pytest.raises(CheckError, match=said):
        check_op(op, reference, INPUTS)


def test_an_incomplete_registration_is_caught():
    with pytest.raises(CheckError, match=r"opcheck"):
        check_op(without_fake, reference, INPUTS[:1], gradients=False)


def test_nothing_to_compare_is_refused():
    with pytest.raises(CheckError, match="no input"):
        check_op(operator, reference, [])
