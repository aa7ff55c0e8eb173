# cython: language_level=3
"""Timers: a hierarchical timing wheel, exact to the ms (Varghese and Lauck, 1987).

A link waits in the level of the highest byte in which its key differs from the base, in
the slot of that byte: linking, cutting and every step down are O(1).
"""

from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define HIGHEST_BIT(x) (63 - __builtin_clzll(x))
    #else
    static inline int HIGHEST_BIT(unsigned long long x) {
        int bit = -1;
        while (x) { x >>= 1; bit++; }
        return bit;
    }
    #endif
    #define LAST_KEY ((int64_t)((1ULL << 56) - 1))
    """
    int HIGHEST_BIT(uint64_t) noexcept nogil
    int64_t LAST_KEY

cdef enum:
    WHEEL_LEVELS = 7
    WHEEL_SLOTS = 256

cdef struct Link:
    Link* next
    Link** back  # what points here; NULL: in no wheel
    int64_t key

cdef struct Wheel:
    int64_t base  # no key below it is waiting
    int64_t n
    Link* slots[WHEEL_LEVELS][WHEEL_SLOTS]


cdef inline void cut_link(Link* link) noexcept nogil:
    """Take a link out of its list."""
    link.back[0] = link.next
    if link.next != NULL:
        link.next.back = link.back
    link.back = NULL


cdef inline void push_link(Link** head, Link* link) noexcept nogil:
    link.next = head[0]
    if link.next != NULL:
        link.next.back = &link.next
    link.back = head
    head[0] = link


cdef inline void stop_timer(Wheel* wheel, Link* link) noexcept nogil:
    if link.back != NULL:
        cut_link(link)
        wheel.n -= 1


cdef inline void start_timer(Wheel* wheel, Link* link, int64_t key) noexcept nogil:
    """Have a link come out when the clock reads `key`, once, instead of before."""
    cdef int level = 0
    stop_timer(wheel, link)
    link.key = min(max(key, wheel.base), LAST_KEY)
    if link.key != wheel.base:
        level = HIGHEST_BIT(<uint64_t>(link.key ^ wheel.base)) >> 3
    push_link(&wheel.slots[level][(link.key >> (8 * level)) & 255], link)
    wheel.n += 1


cdef inline Link* next_due(Wheel* wheel, int64_t clock) noexcept nogil:
    """Take out a link whose key is `clock` or before; NULL when there is none."""
    cdef int level = 0, slot = wheel.base & 255
    cdef int64_t low
    cdef Link* link
    cdef Link* following
    if wheel.n == 0:
        wheel.base = max(wheel.base, min(clock, LAST_KEY))
        return NULL
    while level < WHEEL_LEVELS:
        low = (wheel.base >> (8 * level + 8)) << (8 * level + 8) | <int64_t>slot << (8 * level)
        if slot < WHEEL_SLOTS and low > clock:
            return NULL
        if slot < WHEEL_SLOTS and wheel.slots[level][slot] == NULL:
            slot += 1
            continue
        if slot == WHEEL_SLOTS:
            level += 1
            slot = ((wheel.base >> (8 * level)) & 255) + 1
            continue
        wheel.base = low
        link = wheel.slots[level][slot]
        if level == 0:
            stop_timer(wheel, link)
            return link
        wheel.slots[level][slot] = NULL
        while link != NULL:
            following = link.next
            link.back = NULL
            wheel.n -= 1
            start_timer(wheel, link, link.key)
            link = following
        level = 0
        slot = wheel.base & 255
    return NULL
