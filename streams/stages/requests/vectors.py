"""Vectors by number, in Python: the twin of the compiled `VectorPool`."""

from schemas.preference_vector import Floats


class VectorPool:
    """Float vectors of one length; number 0 is none."""

    def __init__(self, n_categories: int) -> None:
        self.n_categories = n_categories
        self._vectors: dict[int, Floats] = {}
        self._free: list[int] = []
        self._n_taken = 1

    def take(self) -> int:
        """Return the number of a vector that is nobody's."""
        if self._free:
            return self._free.pop()
        self._n_taken += 1
        return self._n_taken - 1

    def give(self, number: int) -> None:
        """Take a number back; 0 is none."""
        if number:
            self._vectors.pop(number, None)
            self._free.append(number)

    def read(self, number: int) -> Floats:
        """Return a copy of a vector."""
        return self._vectors[number].copy()

    def write(self, number: int, vector: Floats) -> None:
        """Set a vector."""
        if len(vector) != self.n_categories:
            raise ValueError(f"expected {self.n_categories} floats, got {len(vector)}")
        self._vectors[number] = vector.copy()
