"""How far the vectors of an engine are from those of the reference."""

import numpy


def lowest_cosine(left, right) -> float:
    """Between the rows of two `[vectors, dimension]`, one by one."""
    left, right = numpy.asarray(left, numpy.float64), numpy.asarray(right, numpy.float64)
    norms = numpy.linalg.norm(left, axis=1) * numpy.linalg.norm(right, axis=1)
    return float(((left * right).sum(axis=1) / norms).min())


def agreement(vectors: numpy.ndarray, reference: numpy.ndarray) -> dict:
    """The lowest cosine to the reference: of the vectors, and of what sets them apart."""
    unit = vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)
    expected = reference / numpy.linalg.norm(reference, axis=1, keepdims=True)
    centred = lowest_cosine(unit - unit.mean(axis=0), expected - expected.mean(axis=0))
    return {"cosine": lowest_cosine(unit, expected), "cosine_centred": centred}
