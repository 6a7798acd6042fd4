"""The report page: its size, the time to write it, and how quick it is in a browser.

    python benchmarks/report.py [--videos 1000] [--training 5000]

The videos are three frames each, at random places of the clips of ``raw_perception.py``. They are
described before the time is taken; their thumbnails are made in it. The model has three tiers, so
the page shows the nearest training videos in each. The browser is headless Chromium. Without it or
Selenium, the page is not opened.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from raw_perception import load
from sklearn.linear_model import Ridge

from sklearn_m3s import PredictionIntervals, RawPerception, make_m3s
from sklearn_m3s.io import make_reference_set
from sklearn_m3s.pipeline import take_apart
from sklearn_m3s.report import make_report
from sklearn_m3s.tiers import DescribedVideos, describe

TIERS = {"raw": ["contrast", "brightness"], "scene": ["blurriness"], "event": ["hog"]}
FLAGS = "--headless", "--no-sandbox", "--disable-gpu"
SORT = """const sort = document.getElementById("sort"), start = performance.now();
sort.value = "name 1"; sort.dispatchEvent(new Event("change"));
document.body.offsetHeight; return performance.now() - start"""
LOAD = """const [page] = performance.getEntriesByType("navigation"); return page.loadEventEnd"""


def cut(clips, n_videos, seed):
    """Return arrays of three frames from random places of the clips."""
    rng = np.random.default_rng(seed)
    videos = []
    for k in rng.integers(len(clips), size=n_videos):
        start = rng.integers(len(clips[k]) - 2)
        videos.append(clips[k][start : start + 3])
    return videos


def fit(videos):
    """Return a model with intervals, and its reference set."""
    tiers = {
        name: RawPerception(descriptors=names, frame_size=32, hog_components=2)
        for name, names in TIERS.items()
    }
    model = PredictionIntervals(make_m3s(**tiers, similarity=None, regressor=Ridge()))
    scores = np.random.default_rng(0).uniform(size=len(videos))
    model.fit(videos, scores)
    return model, make_reference_set(model, videos, scores)


def open_in_browser(path):
    """Print the seconds to load and to sort a page."""
    try:
        from selenium import webdriver
    except ImportError:
        webdriver = None
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (webdriver and chromium and driver):
        print("no Selenium or Chromium here: the page was not opened")
        return
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        browser.get(path.as_uri())
        loaded = browser.execute_script(LOAD)
        took = min(browser.execute_script(SORT) for _ in range(3))
        print(f"loaded in {loaded / 1000:.1f} s, sorted in {took / 1000:.1f} s")
    finally:
        browser.quit()


def main():
    """Print the size and the times."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--videos", type=int, default=1000)
    parser.add_argument("--training", type=int, default=5000)
    args = parser.parse_args()
    clips = list(load()[1].values())
    model, reference = fit(cut(clips, args.training, seed=0))
    videos = cut(clips, args.videos, seed=1)
    tiers = list(take_apart(model.estimator_).tiers.values())
    described = DescribedVideos(videos, tiers, describe(tiers, videos))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        start = time.perf_counter()
        make_report(model, described, path, reference=reference)
        seconds = time.perf_counter() - start
        print(f"{args.videos} videos, {args.training} training videos")
        print(f"{path.stat().st_size / 1e6:.0f} MB, written in {seconds:.1f} s")
        open_in_browser(path)


if __name__ == "__main__":
    main()
