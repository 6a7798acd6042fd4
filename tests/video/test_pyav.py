"""Large frames, which are reduced before they become RGB."""

import av
import cv2
import numpy as np
import pytest
from skimage.data import coffee

from sklearn_m3s.video import read_clip


@pytest.mark.parametrize("crop", [np.s_[:, :], np.s_[:200], np.s_[:120], np.s_[:399]], ids=str)
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_large_frames_are_those_resized_in_rgb(tmp_path, crop, pixels):
    path = str(tmp_path / "large.mkv")
    photograph = np.ascontiguousarray(coffee()[crop])  # 400 x 600
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=1)
        stream.height, stream.width = photograph.shape[:2]
        stream.pix_fmt = pixels
        container.mux(stream.encode(av.VideoFrame.from_ndarray(photograph, format="rgb24")))
        container.mux(stream.encode(None))
    with av.open(path) as container:
        whole = next(container.decode(video=0)).to_ndarray(format="rgb24")
    expected = cv2.resize(whole, (128, 128), interpolation=cv2.INTER_AREA).astype(int)
    difference = np.abs(read_clip(path, n_frames=1, frame_size=128)[0] - expected)
    assert difference.mean() < 0.6
    assert np.quantile(difference, 0.99) <= 3
