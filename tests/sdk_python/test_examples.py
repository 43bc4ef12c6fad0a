"""The shipped Python example runs as it is, with nothing but the two variables of its header set."""

import os
import re
import subprocess
import sys

from harness import pictures

PROGRAM = pictures.EXAMPLES / "text_and_image.py"
VALUES = re.compile(r"First 5 values: \[(.*)\]")


def output_of(server, **variables) -> str:
    environment = {
        **os.environ,
        "TWELVELABS_BASE_URL": server.base_url,
        "TWELVE_LABS_API_KEY": server.api_key(),
        **variables,
    }
    done = subprocess.run(
        [sys.executable, str(PROGRAM)], capture_output=True, text=True, env=environment, timeout=60, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_text_and_image(server):
    printed = output_of(server)
    lines = printed.splitlines()
    assert "Number of embeddings: 1" in lines
    assert "Embedding dimensions: 512" in lines
    assert "Number of embeddings of 2 named images: 1" in lines
    values = [[float(value) for value in found.split(",")] for found in VALUES.findall(printed)]
    assert [len(each) for each in values] == [5, 5]
    assert values[0] != values[1]


def test_with_a_picture_by_url(server, origin):
    assert "Number of embeddings of 3 named images: 1" in output_of(server, PICTURE_URL=origin.url("/tree.webp"))


def test_the_python_and_node_examples_are_alike():
    """Both name the same pictures, texts and calls, so that neither falls behind."""
    python, node = PROGRAM.read_text(), PROGRAM.with_suffix(".mjs").read_text()
    for said in ("cat.png", "house.jpg", "A drawing of a cat", "marengo3.0", "The animal of <@img1>", "PICTURE_URL"):
        assert said in python and said in node, said
