# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Columns -> rows, compiled: the twins of `key_index.py`, `window.py` and `fold.py`."""

import numpy as np

from libc.stdint cimport int16_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy, memset

from streams.core.columnar._read cimport hash_bytes, power_of_two

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define PREFETCH(p) __builtin_prefetch((const void *)(p))
    #else
    #define PREFETCH(p) ((void)0)
    #endif
    """
    void PREFETCH(const void*) noexcept nogil

cdef enum:
    LENGTH_BITS = 24
    LENGTH_MASK = 0xFFFFFF
    BLOCK = 128
    TICK_BITS = 9
    N_UNCLICKED = 6
    N_SURFACES = 5
    N_KINDS = 16
    MAX_LIVES = 16
    CATEGORY_SLOTS = 1024
    IMPRESSION = 0
    CLICK = 1

cdef int64_t NULL_VALUE = <int64_t>(<uint64_t>1 << 63)
cdef int64_t EPOCH_MS = 946684800000

cdef inline int64_t number_in(uint64_t slot) noexcept nogil:
    """Return the row number in a slot of the key index."""
    return <int64_t>(<uint32_t>slot) - 1


cdef packed struct Row:
    int64_t as_of
    uint32_t landmark
    uint32_t n_events
    uint32_t last_click
    uint32_t withdrawn
    uint32_t profile
    uint32_t key_start
    uint8_t key_length
    uint8_t consent
    uint8_t dirty
    uint8_t used
    float exposures[N_SURFACES]
    float bursts[2]
    uint32_t unclicked[N_UNCLICKED]

HEAD_BYTES = sizeof(Row)


cdef class KeyIndex:
    """User id -> row number, by open addressing; the ids lie in one arena."""

    cdef uint64_t* slots  # upper half of the hash, row + 1; 0: empty
    cdef uint64_t mask
    cdef uint8_t* arena
    cdef uint64_t arena_size
    cdef uint64_t arena_used
    cdef readonly int64_t n_keys
    cdef readonly int64_t n_rows
    cdef list free_rows

    def __cinit__(self):
        self.mask = 1023
        self.slots = <uint64_t*>calloc(self.mask + 1, 8)
        self.arena_size = 1 << 16
        self.arena = <uint8_t*>calloc(self.arena_size, 1)
        self.free_rows = []
        if self.slots == NULL or self.arena == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.slots)
        free(self.arena)

    def __len__(self):
        return self.n_keys

    cdef uint64_t* slot_of(self, uint64_t h) noexcept nogil:
        return self.slots + ((h >> 32) & self.mask)

    cdef int64_t find_hashed(self, const uint8_t* key, int64_t n, uint64_t h, const uint8_t* rows, int64_t stride, uint64_t** place) noexcept nogil:
        """Return the row of a key, or -1; `place` is its slot."""
        cdef uint64_t slot = (h >> 32) & self.mask
        cdef uint64_t found
        cdef const Row* row
        while True:
            found = self.slots[slot]
            if found == 0:
                return -1
            if (found >> 32) == (h >> 32):
                row = <const Row*>(rows + number_in(found) * stride)
                if row.key_length == n and memcmp(self.arena + row.key_start, key, n) == 0:
                    place[0] = self.slots + slot
                    return number_in(found)
            slot = (slot + 1) & self.mask

    cdef int64_t add_hashed(self, const uint8_t* key, int64_t n, uint64_t h, uint8_t* rows, int64_t stride) except -1:
        """Give a new key a row; the rows have room for it."""
        cdef int64_t number
        cdef Row* row
        if (self.n_keys + 1) * 4 > <int64_t>(self.mask + 1) * 3:
            self.grow_slots()
        if self.arena_used + n > self.arena_size:
            self.grow_arena(n)
        if self.free_rows:
            number = self.free_rows.pop()
        else:
            number = self.n_rows
            self.n_rows += 1
        row = <Row*>(rows + number * stride)
        row.key_start = <uint32_t>self.arena_used
        row.key_length = <uint8_t>n
        row.used = 1
        memcpy(self.arena + self.arena_used, key, n)
        self.arena_used += n
        self.n_keys += 1
        self.place(h >> 32, number)
        return number

    cdef void place(self, uint64_t upper, int64_t number) noexcept nogil:
        cdef uint64_t slot = upper & self.mask
        while self.slots[slot]:
            slot = (slot + 1) & self.mask
        self.slots[slot] = upper << 32 | <uint64_t>(number + 1)

    cdef int grow_arena(self, int64_t n) except -1:
        cdef uint64_t size = self.arena_size + self.arena_size // 16 + 65536 + n
        cdef uint8_t* grown
        if size > 0xFFFFFFFF:
            raise MemoryError("the user ids of one partition take more than 4 GiB")
        grown = <uint8_t*>realloc(self.arena, size)
        if grown == NULL:
            raise MemoryError
        self.arena = grown
        self.arena_size = size
        return 0

    cdef int grow_slots(self) except -1:
        cdef uint64_t* old = self.slots
        cdef uint64_t size = self.mask + 1, i
        cdef uint64_t* grown = <uint64_t*>calloc(size * 2, 8)
        if grown == NULL:
            raise MemoryError
        self.slots = grown
        self.mask = size * 2 - 1
        for i in range(size):
            if old[i]:
                self.place(old[i] >> 32, number_in(old[i]))
        free(old)
        return 0

    def find(self, const uint8_t[::1] key, rows):
        """Return the row number of a user id, or -1."""
        cdef const uint8_t[::1] memory = rows.view(np.uint8)
        cdef const uint8_t* p = &key[0] if key.shape[0] else NULL
        cdef uint64_t* place
        if rows.shape[0] == 0:
            return -1
        return self.find_hashed(p, key.shape[0], hash_bytes(p, key.shape[0], 0), &memory[0], rows.itemsize, &place)

    def add(self, const uint8_t[::1] key, rows):
        """Give a user id that has none a row; return its number."""
        cdef uint8_t[::1] memory = rows.view(np.uint8)
        return self.add_hashed(&key[0], key.shape[0], hash_bytes(&key[0], key.shape[0], 0), &memory[0], rows.itemsize)

    def remove(self, const uint8_t[::1] key, rows):
        """Forget a user id, its bytes too; return the row it had, or -1."""
        cdef uint8_t[::1] memory = rows.view(np.uint8)
        cdef uint64_t* place
        cdef uint64_t slot, hole, home
        cdef int64_t number
        cdef Row* row
        if rows.shape[0] == 0 or key.shape[0] == 0:
            return -1
        number = self.find_hashed(&key[0], key.shape[0], hash_bytes(&key[0], key.shape[0], 0), &memory[0], rows.itemsize, &place)
        if number < 0:
            return -1
        row = <Row*>(&memory[0] + number * <int64_t>rows.itemsize)
        memset(self.arena + row.key_start, 0, row.key_length)
        # Knuth's algorithm R (6.4): close the gap, so that no search ends early.
        hole = place - self.slots
        slot = hole
        while True:
            slot = (slot + 1) & self.mask
            if self.slots[slot] == 0:
                break
            home = (self.slots[slot] >> 32) & self.mask
            if ((slot - home) & self.mask) >= ((slot - hole) & self.mask):
                self.slots[hole] = self.slots[slot]
                hole = slot
        self.slots[hole] = 0
        self.n_keys -= 1
        self.free_rows.append(number)
        return number

    def key(self, int64_t start, int64_t length):
        """Return the user id that a row points at."""
        if start < 0 or length < 0 or start + length > <int64_t>self.arena_used:
            raise IndexError(f"no user id at {start} + {length}")
        return (<const char*>self.arena + start)[:length]


cdef class Window:
    """Which event ids came lately: the last `size` to 2 * `size` of them."""

    cdef uint64_t* now
    cdef uint64_t* before
    cdef uint64_t now_mask
    cdef uint64_t before_mask
    cdef int64_t n_now
    cdef int64_t n_before
    cdef int64_t size

    def __cinit__(self, int64_t size):
        if size < 1:
            raise ValueError(f"expected a window of 1 event or more, got {size}")
        self.size = size
        self.now_mask = self.before_mask = 1023
        self.now = <uint64_t*>calloc(1024, 8)
        self.before = <uint64_t*>calloc(1024, 8)
        if self.now == NULL or self.before == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.now)
        free(self.before)

    def __len__(self):
        return self.n_now + self.n_before

    cdef void prefetch(self, uint64_t h) noexcept nogil:
        PREFETCH(self.now + (h & self.now_mask))
        PREFETCH(self.before + (h & self.before_mask))

    cdef int see(self, uint64_t h) noexcept nogil:
        """Return 1 for a new id, 0 for one in the window; -1 without memory."""
        cdef uint64_t slot
        if h == 0:
            h = 1
        slot = h & self.before_mask
        while self.before[slot]:
            if self.before[slot] == h:
                return 0
            slot = (slot + 1) & self.before_mask
        slot = h & self.now_mask
        while self.now[slot]:
            if self.now[slot] == h:
                return 0
            slot = (slot + 1) & self.now_mask
        self.now[slot] = h
        self.n_now += 1
        if self.n_now >= self.size:
            return self.turn()
        if self.n_now * 2 > <int64_t>self.now_mask:
            return self.grow()
        return 1

    cdef int turn(self) noexcept nogil:
        """Forget the older half; what is new becomes the older half."""
        cdef uint64_t* emptied = self.before
        free(emptied)
        self.before = self.now
        self.before_mask = self.now_mask
        self.n_before = self.n_now
        self.now = <uint64_t*>calloc(self.now_mask + 1, 8)
        self.n_now = 0
        return 1 if self.now != NULL else -1

    cdef int grow(self) noexcept nogil:
        cdef uint64_t* old = self.now
        cdef uint64_t size = self.now_mask + 1, i, slot
        cdef uint64_t* grown = <uint64_t*>calloc(size * 2, 8)
        if grown == NULL:
            return -1
        self.now_mask = size * 2 - 1
        for i in range(size):
            if old[i]:
                slot = old[i] & self.now_mask
                while grown[slot]:
                    slot = (slot + 1) & self.now_mask
                grown[slot] = old[i]
        self.now = grown
        free(old)
        return 1

    def add(self, const uint64_t[::1] hashes):
        """See ids one after the other; return which of them are new [n]."""
        cdef int64_t i
        cdef int seen
        fresh = np.empty(hashes.shape[0], np.bool_)
        cdef uint8_t[::1] flags = fresh.view(np.uint8)
        for i in range(hashes.shape[0]):
            seen = self.see(hashes[i])
            if seen < 0:
                raise MemoryError
            flags[i] = seen
        return fresh

    def ids(self):
        """Return the ids, the older half first: `add` takes them back."""
        cdef int64_t n = 0
        cdef uint64_t i
        found = np.empty(self.n_now + self.n_before, np.uint64)
        cdef uint64_t[::1] out = found
        for i in range(self.before_mask + 1):
            if self.before[i]:
                out[n] = self.before[i]
                n += 1
        for i in range(self.now_mask + 1):
            if self.now[i]:
                out[n] = self.now[i]
                n += 1
        return found


cdef class Folder:
    """What an event is worth: half-lives, weights by kind, categories."""

    cdef int n_lives
    cdef int n_categories
    cdef double per_ms[MAX_LIVES]
    cdef double fatigue_per_ms
    cdef double burst_per_ms
    cdef double max_age_ms
    cdef float kind_weights[N_KINDS]
    cdef uint64_t category_hash[CATEGORY_SLOTS]
    cdef int16_t category_column[CATEGORY_SLOTS]
    cdef int64_t stride

    def __init__(self, rules):
        if len(rules.half_lives_ms) > MAX_LIVES or len(rules.kind_weights) > N_KINDS:
            raise ValueError(f"expected at most {MAX_LIVES} half-lives, got {len(rules.half_lives_ms)}")
        if len(rules.categories) * 2 > CATEGORY_SLOTS:
            raise ValueError(f"expected at most {CATEGORY_SLOTS // 2} categories, got {len(rules.categories)}")
        self.n_lives = len(rules.half_lives_ms)
        self.n_categories = len(rules.categories)
        for i, length in enumerate(rules.half_lives_ms):
            self.per_ms[i] = 1.0 / length
        self.fatigue_per_ms = 1.0 / rules.fatigue_half_life_ms
        self.burst_per_ms = 1.0 / rules.burst_half_life_ms
        self.max_age_ms = rules.max_age_ms
        for i, weight in enumerate(rules.kind_weights):
            self.kind_weights[i] = weight
        memset(self.category_hash, 0, sizeof(self.category_hash))
        for column, name in enumerate(rules.categories):
            self.know(name.encode(), column)
        self.stride = sizeof(Row) + self.n_lives * self.n_categories * 4

    cdef void know(self, bytes name, int column):
        cdef uint64_t h = hash_bytes(<const uint8_t*><const char*>name, len(name), 1) | 1
        cdef uint64_t slot = (h >> 32) % CATEGORY_SLOTS
        while self.category_hash[slot]:
            slot = (slot + 1) % CATEGORY_SLOTS
        self.category_hash[slot] = h
        self.category_column[slot] = column

    cdef int column_of(self, const uint8_t* base, int64_t span) noexcept nogil:
        cdef uint64_t h, slot
        if span == NULL_VALUE:
            return -1
        h = hash_bytes(base + (span >> LENGTH_BITS), span & LENGTH_MASK, 1) | 1
        slot = (h >> 32) % CATEGORY_SLOTS
        while self.category_hash[slot]:
            if self.category_hash[slot] == h:
                return self.category_column[slot]
            slot = (slot + 1) % CATEGORY_SLOTS
        return -1

    cdef void move_landmark(self, Row* row, uint32_t tick) noexcept nogil:
        """Express a row's sums relative to a newer landmark."""
        cdef float* weights = <float*>(<uint8_t*>row + sizeof(Row))
        cdef double passed = <double>(<int64_t>(tick - row.landmark) << TICK_BITS)
        cdef float shrink
        cdef int life, i
        if row.landmark:
            for life in range(self.n_lives):
                shrink = <float>power_of_two(-passed * self.per_ms[life])
                for i in range(self.n_categories):
                    weights[life * self.n_categories + i] *= shrink
            shrink = <float>power_of_two(-passed * self.fatigue_per_ms)
            for i in range(N_SURFACES):
                row.exposures[i] *= shrink
            shrink = <float>power_of_two(-passed * self.burst_per_ms)
            row.bursts[0] *= shrink
            row.bursts[1] *= shrink
        row.landmark = tick

    cdef void fold_event(self, Row* row, int64_t at, int kind, int surface, int column, int consent) noexcept nogil:
        cdef float* weights = <float*>(<uint8_t*>row + sizeof(Row))
        cdef uint32_t tick = <uint32_t>((at - EPOCH_MS) >> TICK_BITS)
        cdef double age = <double>(at - (EPOCH_MS + (<int64_t>row.landmark << TICK_BITS)))
        cdef float amount = self.kind_weights[kind]
        cdef int i
        if row.landmark == 0 or age > self.max_age_ms:
            self.move_landmark(row, tick)
            age = <double>(at - (EPOCH_MS + (<int64_t>tick << TICK_BITS)))
        row.n_events += 1
        if at > row.as_of:
            row.as_of = at
            row.consent = consent
        elif at == row.as_of:
            row.consent &= consent
        if not consent:
            if tick > row.withdrawn:
                row.withdrawn = tick
            memset(weights, 0, self.n_lives * self.n_categories * 4)
        elif column >= 0 and amount != 0 and tick > row.withdrawn:
            for i in range(self.n_lives):
                weights[i * self.n_categories + column] += amount * <float>power_of_two(age * self.per_ms[i])
        if kind == IMPRESSION:
            row.exposures[surface] += <float>power_of_two(age * self.fatigue_per_ms)
            row.bursts[0] += <float>power_of_two(age * self.burst_per_ms)
            if tick > row.last_click and tick > row.unclicked[N_UNCLICKED - 1]:
                keep_newest(row.unclicked, tick)
        elif kind == CLICK:
            row.bursts[1] += <float>power_of_two(age * self.burst_per_ms)
            if tick > row.last_click:
                row.last_click = tick
                for i in range(N_UNCLICKED):
                    if row.unclicked[i] <= tick:
                        row.unclicked[i] = 0


cdef inline void keep_newest(uint32_t* ticks, uint32_t tick) noexcept nogil:
    """Put a tick among the newest ones, newest first; the oldest falls out."""
    cdef int i = N_UNCLICKED - 1
    while i > 0 and ticks[i - 1] < tick:
        ticks[i] = ticks[i - 1]
        i -= 1
    ticks[i] = tick


def fold(Folder rules, KeyIndex index, Window window, rows, columns, int64_t[::1] replayed, int64_t[::1] dirty):
    """Fold columns into rows; return (number of newly dirty rows, number folded).

    See `fold.fold`. `rows` have room for a new row per event, `dirty` [n] too;
    `replayed` is empty, or holds per row the last offset that it includes already.
    """
    if not rows.flags.c_contiguous or rows.itemsize != rules.stride:
        raise ValueError(f"expected rows of {rules.stride} bytes, got {rows.itemsize}")
    cdef uint8_t[::1] memory = rows.view(np.uint8)
    cdef uint8_t* table = &memory[0]
    cdef int64_t n_room = rows.shape[0]
    cdef int64_t n = len(columns)
    if n_room - index.n_rows < n or dirty.shape[0] < n:
        raise ValueError(f"expected room for {n} rows, got {n_room - index.n_rows}")
    cdef const int64_t[::1] offsets = columns.offsets
    cdef const int64_t[::1] starts = columns.row_starts
    cdef const int64_t[::1] events = columns.slot("event_id")
    cdef const int64_t[::1] users = columns.slot("user_id")
    cdef const int64_t[::1] kinds = columns.slot("kind")
    cdef const int64_t[::1] times = columns.slot("occurred_at")
    cdef const int64_t[::1] surfaces = columns.slot("surface")
    cdef const int64_t[::1] categories = columns.slot("category")
    cdef const int64_t[::1] consents = columns.slot("consent")
    cdef const uint8_t[::1] view
    cdef const uint8_t* base
    cdef const uint8_t* key
    cdef uint64_t user_hash[BLOCK]
    cdef uint64_t event_hash[BLOCK]
    cdef uint8_t is_new[BLOCK]
    cdef uint64_t found
    cdef uint64_t* place
    cdef int64_t first, last, i, j, m, number, n_dirty = 0, n_folded = 0, surface
    cdef int64_t stride = rules.stride
    cdef int seen
    cdef Row* row
    cdef int payload
    for payload in range(len(columns.payloads)):
        if starts[payload + 1] <= starts[payload]:
            continue
        view = columns.payloads[payload].records
        base = &view[0]
        first = starts[payload]
        while first < starts[payload + 1]:
            last = min(first + BLOCK, starts[payload + 1])
            m = last - first
            with nogil:
                for j in range(m):
                    i = first + j
                    user_hash[j] = hash_bytes(base + (users[i] >> LENGTH_BITS), users[i] & LENGTH_MASK, 0)
                    PREFETCH(index.slot_of(user_hash[j]))
                    event_hash[j] = hash_bytes(base + (events[i] >> LENGTH_BITS), events[i] & LENGTH_MASK, user_hash[j])
                    window.prefetch(event_hash[j])
                for j in range(m):
                    found = index.slot_of(user_hash[j])[0]
                    if found:
                        PREFETCH(table + number_in(found) * stride)
                        PREFETCH(table + number_in(found) * stride + 64)
                    seen = window.see(event_hash[j])
                    if seen < 0:
                        with gil:
                            raise MemoryError
                    is_new[j] = seen
                for j in range(m):
                    found = index.slot_of(user_hash[j])[0]
                    if found and (found >> 32) == (user_hash[j] >> 32):
                        row = <Row*>(table + number_in(found) * stride)
                        PREFETCH(index.arena + row.key_start)
                for j in range(m):
                    if not is_new[j]:
                        continue
                    i = first + j
                    key = base + (users[i] >> LENGTH_BITS)
                    number = index.find_hashed(key, users[i] & LENGTH_MASK, user_hash[j], table, stride, &place)
                    if number < 0:
                        with gil:
                            number = index.add_hashed(key, users[i] & LENGTH_MASK, user_hash[j], table, stride)
                    if number < replayed.shape[0] and offsets[i] <= replayed[number]:
                        continue
                    row = <Row*>(table + number * stride)
                    surface = surfaces[i]
                    if surface < 0 or surface >= N_SURFACES:
                        surface = N_SURFACES - 1
                    rules.fold_event(row, times[i], <int>(kinds[i] & (N_KINDS - 1)), <int>surface, rules.column_of(base, categories[i]), <int>consents[i])
                    n_folded += 1
                    if not row.dirty:
                        row.dirty = 1
                        dirty[n_dirty] = number
                        n_dirty += 1
            first = last
    return n_dirty, n_folded
