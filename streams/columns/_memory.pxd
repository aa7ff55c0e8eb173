"""Memory of big tables."""

cdef extern from *:
    """
    #include <stddef.h>
    #include <stdint.h>
    #include <stdlib.h>
    #include <string.h>
    #if defined(__linux__) || defined(__APPLE__)
    #include <sys/mman.h>
    #include <unistd.h>
    #define HAS_MAPPINGS 1
    #ifndef MAP_ANONYMOUS
    #define MAP_ANONYMOUS MAP_ANON
    #endif
    #ifndef MAP_NORESERVE
    #define MAP_NORESERVE 0
    #endif
    #endif
    #define HUGE_PAGE ((size_t)2 << 20)

    /* Big tables are read at random: with 4 KiB pages each read misses the TLB, too.
       Advice only (madvise(2)): an error changes nothing. For much memory it is best
       given when it is in use: the kernel joins its pages in its own time. What is first
       touched as a huge page costs more where a hypervisor has to find 2 MiB for it
       (measured: 2 ns a byte, in small pages 0.5). */
    static inline void huge_pages(void *start, size_t n) {
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

    /* Address space of n bytes, whole huge pages of it, from a huge page's start on;
       NULL without. What is not accessible costs nothing and is not accounted. */
    static inline void *map_space(size_t n, int is_accessible) {
    #ifdef HAS_MAPPINGS
        int prot = is_accessible ? PROT_READ | PROT_WRITE : PROT_NONE;
        uint8_t *space = (uint8_t *)mmap(NULL, n + HUGE_PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        size_t before;
        if (space == (uint8_t *)MAP_FAILED)
            return NULL;
        before = (HUGE_PAGE - ((size_t)space & (HUGE_PAGE - 1))) & (HUGE_PAGE - 1);
        if (before)
            munmap(space, before);
        munmap(space + before + n, HUGE_PAGE - before);
        return space + before;
    #else
        (void)n; (void)is_accessible;
        return NULL;
    #endif
    }

    static inline void unmap_space(void *space, size_t n) {
    #ifdef HAS_MAPPINGS
        munmap(space, n);
    #else
        (void)space; (void)n;
    #endif
    }

    /* Let [from, to) of a space be used; 0 when it cannot be. */
    static inline int open_space(void *space, size_t from, size_t to) {
    #ifdef HAS_MAPPINGS
        return mprotect((uint8_t *)space + from, to - from, PROT_READ | PROT_WRITE) == 0;
    #else
        (void)space; (void)from; (void)to;
        return 0;
    #endif
    }

    /* Have the pages of [from, to) of a space: in one call each takes two thirds of what a
       fault of its own does. Advice only; a kernel before Linux 5.14 does not know it. */
    static inline void touch_pages(void *space, size_t from, size_t to) {
    #if defined(__linux__)
    #ifndef MADV_POPULATE_WRITE
    #define MADV_POPULATE_WRITE 23
    #endif
        const size_t page = 4096;
        uint8_t *first = (uint8_t *)(((size_t)space + from) & ~(page - 1));
        uint8_t *last = (uint8_t *)(((size_t)space + to) & ~(page - 1));
        if (last > first)
            madvise(first, (size_t)(last - first), MADV_POPULATE_WRITE);
    #else
        (void)space; (void)from; (void)to;
    #endif
    }

    /* A table of n zero bytes. A big one is a mapping of its own: freed, it leaves
       nothing behind in the C library's heap, and it begins where a huge page does. */
    static inline int is_mapped(size_t n) {
    #ifdef HAS_MAPPINGS
        return n >= HUGE_PAGE && n % HUGE_PAGE == 0;
    #else
        (void)n;
        return 0;
    #endif
    }

    static inline void *new_table(size_t n) {
        void *table = is_mapped(n) ? map_space(n, 1) : calloc(n, 1);
        if (table != NULL)
            huge_pages(table, n);
        return table;
    }

    static inline void free_table(void *table, size_t n) {
        if (table == NULL || !is_mapped(n))
            free(table);
        else
            unmap_space(table, n);
    }
    """
    void huge_pages(void*, size_t) noexcept nogil
    void* map_space(size_t, int) noexcept nogil
    void unmap_space(void*, size_t) noexcept nogil
    int open_space(void*, size_t, size_t) noexcept nogil
    void touch_pages(void*, size_t, size_t) noexcept nogil
    void* new_table(size_t) noexcept nogil
    void free_table(void*, size_t) noexcept nogil
