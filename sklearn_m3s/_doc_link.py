"""Links from the HTML representation of estimators to their documentation pages."""

from importlib.metadata import PackageNotFoundError, metadata

import sklearn_m3s


class DocLinkMixin:
    """Link to the page of an estimator, with scikit-learn's hooks for it."""

    _doc_link_module = "sklearn_m3s"

    @property
    def _doc_link_template(self) -> str:
        """The URL template of a page. It is empty, for no link, if the package is not installed."""
        try:
            urls = metadata("sklearn-m3s").get_all("Project-URL") or []
        except PackageNotFoundError:
            urls = []
        for label, _, address in (url.partition(", ") for url in urls):
            if label == "Documentation":
                return f"{address}generated/{{page}}.html"
        return ""

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        """Return the name of the page, as docs/api.rst gives it to the class."""
        name, folder = type(self).__name__, type(self).__module__.split(".")[1]
        if name in sklearn_m3s.__all__:
            return {"page": f"sklearn_m3s.{name}"}
        # Estimators in private modules beside the folders belong to the pipeline.
        home = "pipeline" if folder.startswith("_") else folder
        return {"page": f"sklearn_m3s.{home}.{name}"}
