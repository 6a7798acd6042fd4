import pytest

from sklearn_m3s.similarity import tsne_settings


def test_many_rows_keep_the_perplexity_and_scikit_learns_defaults():
    assert tsne_settings(600, perplexity=30.0) == {"perplexity": 30.0}


def test_under_600_rows_the_learning_rate_and_the_exaggeration_are_smaller():
    settings = tsne_settings(300, perplexity=30.0)
    assert settings == {"perplexity": 30.0, "learning_rate": 25.0, "early_exaggeration": 4.0}


@pytest.mark.parametrize(("n_rows", "perplexity"), [(31, 10), (4, 1), (1, 1)])
def test_the_perplexity_is_at_most_a_third_of_the_other_rows_and_at_least_1(n_rows, perplexity):
    assert tsne_settings(n_rows, perplexity=30.0)["perplexity"] == perplexity
