"""Settings of t-SNE that suit small and large numbers of rows."""

MANY_ROWS = 600  # enough for scikit-learn's own settings


def tsne_settings(n_rows: int, *, perplexity: float) -> dict[str, float]:
    """Return keywords of `sklearn.manifold.TSNE` that suit a number of rows.

    t-SNE uses three neighbours per unit of perplexity. So the perplexity is at most a third of the
    number of other rows, but at least 1.

    Parameters
    ----------
    n_rows : int
        Number of rows, at least 1.
    perplexity : float
        Perplexity for many rows, at least 1.

    Returns
    -------
    dict of str to float
        The ``perplexity``. For fewer than 600 rows also ``learning_rate`` and
        ``early_exaggeration``.

    Examples
    --------
    >>> from sklearn_m3s.similarity import tsne_settings
    >>> tsne_settings(1000, perplexity=30.0)
    {'perplexity': 30.0}
    >>> tsne_settings(61, perplexity=30.0)["perplexity"]
    20.0
    """
    settings = {"perplexity": min(perplexity, max(1.0, (n_rows - 1) / 3))}
    if n_rows < MANY_ROWS:
        # scikit-learn's learning rate of at least 50 scatters few rows at random, and its early
        # exaggeration of 12 pulls them into one point.
        settings |= {"learning_rate": n_rows / 12, "early_exaggeration": 4.0}
    return settings
