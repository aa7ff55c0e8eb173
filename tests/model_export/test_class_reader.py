import numpy as np

from model_export.images.measures import ClassReader


def labelled(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return three classes, each with a centre and a lot of noise in 20 dimensions."""
    rng = np.random.default_rng(seed)
    categories = rng.integers(3, size=n)
    vectors = rng.standard_normal((n, 20))
    vectors[np.arange(n), categories] += 3
    return (7 + 100 * vectors).astype(np.float32), categories


def test_classes_are_read_from_vectors_that_were_not_taught():
    reader = ClassReader.fitted(*labelled(600, 0), 3)
    vectors, categories = labelled(600, 1)
    assert reader.accuracy(vectors, categories) > 0.9
    assert reader.accuracy(vectors, np.roll(categories, 1)) < 0.5


def test_a_column_that_never_changes_does_no_harm():
    vectors, categories = labelled(600, 0)
    vectors[:, 5] = 4
    reader = ClassReader.fitted(vectors, categories, 3)
    assert np.isfinite(reader.weights).all()
    assert reader.accuracy(vectors, categories) > 0.9
