"""The test images on disk are what their script makes."""

from tests import make_image_vectors


def test_the_vectors_are_what_the_script_makes():
    assert make_image_vectors.OUTPUT.read_text() == make_image_vectors.text()
