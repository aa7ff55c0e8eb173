"""The C library's heap, set for a process that makes and drops megabytes all day."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of mallopt(3), glibc's <malloc.h>."""

KEPT_BYTES = 64 << 20
"""So much free memory is kept at the heap's end."""

MAPPED_BYTES = 16 << 20
"""What is as large gets a mapping of its own, and leaves nothing behind."""


def settle() -> bool:
    """Keep memory that was freed; return whether this C library can be told.

    A produce request passes through half a dozen copies of some megabytes. By default
    each is a mapping of its own, or the heap's end is given back between two of them:
    every page is a fault again, which takes more than ten times the copying.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        return False
    told = library.mallopt(_MMAP_THRESHOLD, MAPPED_BYTES)
    return bool(told and library.mallopt(_TRIM_THRESHOLD, KEPT_BYTES))
