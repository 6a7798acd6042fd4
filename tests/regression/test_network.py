import pytest
import torch

from sklearn_m3s.regression._network import ACTIVATIONS, MLP, Dropout


def n_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("n_features", "expected"), [(15, 41_089), (720, 402_049), (2048, 1_081_985), (3635, 1_894_529)]
)
def test_parameter_counts_match_the_table_of_the_paper(n_features, expected):
    assert expected == (n_features + 1) * 512 + 513 * 64 + 65
    assert n_parameters(MLP(n_features, (512, 64), "mish", "sigmoid")) == expected


def test_a_hand_set_network_gives_exact_scores():
    module = MLP(2, (2,), "relu", "identity")
    with torch.no_grad():
        for parameter, value in zip(
            module.parameters(), ([[1, 0], [0, -1]], [0, 1], [[2, 3]], [-1]), strict=True
        ):
            parameter.copy_(torch.tensor([value]))
    scores = module(torch.tensor([[1.0, 0.0], [-5.0, 5.0], [2.0, -1.0]]))
    assert scores.tolist() == [[4.0, -1.0, 9.0]]


def test_the_sigmoid_comes_last():
    linear, sigmoid = (
        MLP(3, (4,), "mish", output, torch.Generator().manual_seed(0))
        for output in ("identity", "sigmoid")
    )
    x = torch.ones(1, 3)
    torch.testing.assert_close(sigmoid(x), torch.sigmoid(linear(x)))


@pytest.mark.parametrize(
    ("output", "score", "expected"),
    [("sigmoid", 0.86, 0.86), ("identity", 42.0, 42.0), ("sigmoid", 1.0, 0.999)],
)
def test_first_scores_lie_at_the_given_score(output, score, expected):
    module = MLP(3, (4,), "mish", output)
    torch.nn.init.zeros_(module[-3].weight)
    module.start_at(score)
    torch.testing.assert_close(module(torch.ones(2, 3)), torch.full((1, 2), expected))


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_activations_follow_the_hidden_layers(activation):
    module = MLP(3, (4, 5), activation, "identity")
    names = [type(layer).__name__.lower() for layer in module]
    assert names == ["linear", activation, "linear", activation, "linear", "identity", "flatten"]


def test_no_hidden_layers_give_a_linear_model():
    assert n_parameters(MLP(7, (), "mish", "identity")) == 8


def test_weights_come_from_the_generator_and_stay_within_their_bounds():
    before = torch.get_rng_state()
    first, second = (
        MLP(100, (50,), "mish", "sigmoid", torch.Generator().manual_seed(1)) for _ in range(2)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first[0].weight, second[0].weight)
    assert 0.099 < first[0].weight.abs().max() <= 0.1


def test_networks_side_by_side_are_those_of_torch_one_by_one():
    module = MLP(5, (4, 3), "relu", "identity", torch.Generator().manual_seed(2), n_networks=3)
    x = torch.randn(7, 5, generator=torch.Generator().manual_seed(3))
    expected = []
    for k in range(3):
        h = x
        for i in (0, 2, 4):
            h = torch.nn.functional.linear(h, module[i].weight[k], module[i].bias[k])
            h = torch.relu(h) if i < 4 else h
        expected.append(h.flatten())
    torch.testing.assert_close(module(x), torch.stack(expected))
    torch.testing.assert_close(module(x.expand(3, 7, 5)), torch.stack(expected))
    assert not torch.allclose(expected[0], expected[1])


def test_dropout_leaves_out_its_share_in_training_only():
    dropout = Dropout(0.25, seed=0)
    x = torch.ones(100, 100)
    before = torch.get_rng_state()
    kept = dropout(x)
    assert torch.equal(before, torch.get_rng_state())
    assert kept.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert 0.24 < (kept == 0).float().mean() < 0.26
    assert not torch.equal(dropout(x), kept)
    assert torch.equal(Dropout(0.25, seed=0)(x), kept)
    assert torch.equal(dropout.eval()(x), x)
