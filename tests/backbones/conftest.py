"""Shared fixtures of the backbones: golden weights, inputs and outputs."""

import contextlib
import importlib.util
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch

from sklearn_m3s.backbones._build import registry_spec


class Golden:
    """Reference features, with their weights and inputs."""

    def __init__(self, reference):
        spec = importlib.util.spec_from_file_location("fill", reference("golden/fill.py"))
        self._fill = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self._fill)
        self._features = np.load(reference("golden/backbones.npz"))
        self.keys = json.loads(reference("golden/backbone_keys.json").read_text())

    def state_dict(self, architecture):
        keys = self.keys[architecture]
        return self._fill.fill_state_dict({key: torch.empty(keys[key]) for key in keys})

    def case(self, name):
        """Return the input and the features of an entry such as ``"ip_csn_152/16x112"``."""
        features = self._features[name]
        sizes = [int(size) for size in name.split("/")[1].split("x")]
        n_axes = 2 if name.startswith("hrnet") else 3
        shape = (*sizes, *sizes[-1:] * (n_axes - len(sizes)))
        batch = self._fill.golden_input(name, (len(features), 3, *shape))
        return torch.from_numpy(batch), features


@pytest.fixture(scope="session")
def golden(reference):
    return Golden(reference)


@pytest.fixture(scope="session")
def build_from_file(tmp_path_factory):
    """Return a function that saves a state dict to a file and builds the network from it."""

    def build_saved(architecture, content):
        path = tmp_path_factory.mktemp("weights") / "saved.pth"
        torch.save(content, path)
        try:
            return registry_spec(architecture, weights=path).build()
        finally:
            path.unlink()  # hundreds of megabytes

    return build_saved


class Server(ThreadingHTTPServer):
    """A server that gives its answers in turn and repeats the last one.

    An answer is a status, pieces of a body, the length that is declared or None, and perhaps
    headers.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers = []
        self.asked = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        answers = self.server.answers
        status, pieces, length, *headers = answers.pop(0) if len(answers) > 1 else answers[0]
        self.server.asked.append(self.path)
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in (headers[0] if headers else {}).items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                self.wfile.write(piece)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
