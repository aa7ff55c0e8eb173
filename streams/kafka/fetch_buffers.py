"""A size -> memory to read a response into, used again once nobody looks at it.

A fresh buffer of some megabytes costs a page fault for each 4 KiB, about as much as
copying the bytes into it. A buffer is free when no view of it is left, which Python's
buffer protocol knows: a bytearray that is looked at refuses to change its size
(https://docs.python.org/3/c-api/buffer.html), so nobody has to give one back.
"""

_SMALLEST = 64 * 1024
"""Below it a fresh buffer is cheaper than a look through the pool."""


class BufferPool:
    """Buffers of one fetcher.

    Args:
        budget: bytes of buffers kept for later; what is held beyond is not pooled.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._buffers: list[bytearray] = []

    def take(self, n_bytes: int) -> memoryview:
        """Return a writable view that shares its memory with no other live view.

        The contents are arbitrary. The memory is in use for as long as the view, a
        slice of it or anything made from those lives.
        """
        if n_bytes < _SMALLEST:
            return memoryview(bytearray(n_bytes))
        fitting = [b for b in self._buffers if len(b) >= n_bytes and _is_free(b)]
        buffer = min(fitting, key=len) if fitting else self._add(n_bytes)
        return memoryview(buffer)[:n_bytes]

    def _add(self, n_bytes: int) -> bytearray:
        # A power of two, and room for the headers of that many bytes of records.
        size = _SMALLEST + (1 << max(0, n_bytes - _SMALLEST - 1).bit_length())
        buffer = bytearray(size + 1)  # untouched pages cost nothing
        buffer.pop()  # room for `_is_free` to append without moving
        self._make_room(size)
        if size <= self._budget - sum(map(len, self._buffers)):
            self._buffers.append(buffer)
        return buffer

    def _make_room(self, size: int) -> None:
        """Forget free buffers, the oldest first, until `size` more fits."""
        excess = sum(map(len, self._buffers)) + size - self._budget
        for buffer in [b for b in self._buffers if _is_free(b)]:
            if excess <= 0:
                return
            self._buffers = [b for b in self._buffers if b is not buffer]
            excess -= len(buffer)


def _is_free(buffer: bytearray) -> bool:
    try:
        buffer.append(0)
    except BufferError:
        return False
    buffer.pop()
    return True
