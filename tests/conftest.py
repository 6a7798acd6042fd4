"""Fixtures of the whole suite: reference data if present, drawn clips, seeds, a browser."""

import os
import shutil
import signal
from pathlib import Path

import av
import numpy as np
import pytest

from sklearn_m3s.tiers import _describe
from sklearn_m3s.video import _pyav

# A shell starts a command in the background (&) so that it ignores Ctrl-C, which tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)

DATA_VARIABLE = "SKLEARN_M3S_TEST_DATA"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync"
)


@pytest.fixture(scope="session")
def reference():
    """Return a function from a name to a path of the reference data, or skip."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get(DATA_VARIABLE, default))

    def find(name):
        if not (folder / name).exists():
            pytest.skip(f"reference data {name!r} not found in {folder} (set {DATA_VARIABLE})")
        return folder / name

    return find


@pytest.fixture(scope="session", autouse=True)
def weight_folder(tmp_path_factory):
    """Keep downloads and converted networks out of the user's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKLEARN_M3S_WEIGHTS", str(tmp_path_factory.mktemp("weight-folder")))
        yield


@pytest.fixture
def rng():
    """Return a seeded random generator."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def draw():
    """Return a function that draws frames whose grey level gives their number."""

    def frames(n_frames, height=48, width=64):
        """Draw frames. Frame i has the grey level 4 i, and a white bar at its left, to know up."""
        clip = np.empty((n_frames, height, width, 3), np.uint8)
        clip[:] = (4 * np.arange(n_frames) % 200).astype(np.uint8)[:, None, None, None]
        clip[:, :, : width // 8] = 255
        return clip

    return frames


@pytest.fixture(scope="session")
def write_clip():
    """Return a function that writes frames to a video file."""

    def write(path, frames, rate=30, codec="libx264", ticks=None, rotation=0, options=None):
        """Write near-lossless frames. `ticks` are irregular times in 1 / `rate` seconds."""
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, options=options or {"crf": "4"})
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = "yuv420p"
            if rotation:
                stream.set_display_rotation(rotation)
            for i, array in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(array, format="rgb24")
                frame.pts = i if ticks is None else ticks[i]
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return str(path)

    return write


@pytest.fixture
def decoded(monkeypatch):
    """Return a list that grows by the name of a file whenever a pass over it begins.

    A pass begins in this process, or with an order to a worker process.
    """
    names = []
    begin, order = _pyav.PyAVVideo.frames, _describe._read

    def count(self, wanted):
        names.append(self._path)
        return begin(self, wanted)

    def count_order(task, **settings):
        names.extend([str(task[0])] if Path(str(task[0])).is_file() else [])
        return order(task, **settings)

    monkeypatch.setattr(_pyav.PyAVVideo, "frames", count)
    monkeypatch.setattr(_describe, "_read", count_order)
    return names


@pytest.fixture
def clip_path(tmp_path, draw, write_clip):
    """Return the path of a clip of 30 frames, 64 x 48, at 30 frames per second."""
    return write_clip(tmp_path / "clip.mp4", draw(30))


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Return headless Chromium, driven by its own driver."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("chromium and chromedriver are not installed (apt: chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.fixture
def set_up(browser):
    """Return a function that sets the size of the window, the colours, and whether scripts run."""

    def settings(width=1200, colours="light", scripts=True):
        send = browser.execute_cdp_cmd
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        send("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": colours}]
        send("Emulation.setEmulatedMedia", {"media": "", "features": features})
        send("Emulation.setScriptExecutionDisabled", {"value": not scripts})

    settings()
    yield settings
    settings()
