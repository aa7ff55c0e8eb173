"""Memory of big tables."""

cdef extern from *:
    """
    #ifdef __linux__
    #include <sys/mman.h>
    #endif
    /* Big tables are read at random: with 4 KiB pages each read misses the TLB, too.
       Advice only (madvise(2)): an error changes nothing. It is given for whole pages, the
       first and the last one too: half a mapping cannot be moved, realloc would copy. */
    static void huge_pages(void *start, size_t n) {
    #if defined(__linux__) && defined(MADV_HUGEPAGE)
        const size_t page = 4096, least = (size_t)8 << 20;
        size_t first = (size_t)start & ~(page - 1);
        size_t last = ((size_t)start + n + page - 1) & ~(page - 1);
        if (n >= least)
            madvise((void *)first, last - first, MADV_HUGEPAGE);
    #else
        (void)start; (void)n;
    #endif
    }
    """
    void huge_pages(void*, size_t) noexcept nogil
