"""A union of branches that each take a block of columns."""

import warnings
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion

from sklearn_m3s.exceptions import M3SWarning


class BlockUnion(FeatureUnion):
    """Branches that each take a block of columns, as `make_m3s_from_features` makes them.

    `fit` checks the blocks against the columns of the features.
    """

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> Self:
        """Check the blocks, and fit all branches."""
        self._check_blocks(X)
        return super().fit(X, y, **fit_params)

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Check the blocks, fit all branches, and put their columns side by side."""
        self._check_blocks(X)
        return super().fit_transform(X, y, **params)

    def _check_blocks(self, X: Any) -> None:
        # One row that holds the index of each column. What a block selects of it are its columns.
        places = np.arange(np.shape(X)[1])[None]
        names = getattr(X, "columns", None)
        if names is not None:  # a table, so that blocks can select by name
            places = type(X)(places, columns=names)
        owner: dict[int, str] = {}
        for name, branch in self.transformer_list:
            if branch == "drop":
                continue
            block = clone(branch[0]).set_output(transform="default").fit_transform(places)
            if not block.size:
                raise ValueError(
                    f"the block {name!r} has no columns: give it some, or leave it out"
                )
            for place in map(int, block[0]):
                if place in owner:
                    raise ValueError(
                        f"the blocks {owner[place]!r} and {name!r} both contain the column "
                        f"{_column(names, place)}: give each column to one block"
                    )
                owner[place] = name
        unused = [_column(names, i) for i in range(places.shape[1]) if i not in owner]
        if unused:
            shown = ", ".join(unused[:10]) + (", ..." if len(unused) > 10 else "")
            warnings.warn(
                f"{len(unused)} columns are in no block, so the model ignores them: {shown}",
                M3SWarning,
                stacklevel=2,
            )


def _column(names: Any, place: int) -> str:
    return str(place) if names is None else repr(names[place])
