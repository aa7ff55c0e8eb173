# User ids -> row numbers.

cdef uint64_t MOST_ID_BYTES = 0xFFFFFFFF
cdef uint64_t TOUCHED_BYTES = 256 << 10

cdef inline int64_t number_in(uint64_t slot) noexcept nogil:
    """Return the row number in a slot of the key index."""
    return <int64_t>(<uint32_t>slot) - 1


cdef class KeyIndex:
    """User id -> row number, by open addressing; the ids lie in one arena."""

    cdef uint64_t* slots  # upper half of the hash, row + 1; 0: empty
    cdef uint64_t mask
    cdef Region ids
    cdef uint8_t* arena  # of the ids
    cdef uint64_t arena_used
    cdef readonly int64_t n_keys
    cdef readonly int64_t n_rows
    cdef uint64_t touched  # bytes of the rows whose pages are there
    cdef list free_rows
    cdef int64_t n_free

    def __cinit__(self):
        self.mask = 1023
        self.slots = <uint64_t*>new_table((self.mask + 1) * 8)
        if self.slots == NULL:
            raise MemoryError
        self.ids = Region(MOST_ID_BYTES)
        self.free_rows = []
        self.grow_arena(0)

    def __dealloc__(self):
        free_table(self.slots, (self.mask + 1) * 8)

    def __len__(self):
        return self.n_keys

    cdef int64_t likely_row(self, uint64_t h) noexcept nogil:
        """Return the first row whose key may have this hash, or -1; looks at no row."""
        cdef uint64_t slot = (h >> 32) & self.mask
        cdef uint64_t found
        while True:
            found = self.slots[slot]
            if found == 0:
                return -1
            if (found >> 32) == (h >> 32):
                return number_in(found)
            slot = (slot + 1) & self.mask

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
        self.reserve(1, n)
        return self.put(key, n, h, rows, stride)

    cdef int64_t put(self, const uint8_t* key, int64_t n, uint64_t h, uint8_t* rows, int64_t stride) noexcept nogil:
        """Give a new key a row; there has been room made for it."""
        cdef int64_t number = self.n_rows
        cdef Row* row
        if self.n_free:
            with gil:
                number = self.free_rows.pop()
            self.n_free -= 1
        else:
            self.n_rows += 1
        row = <Row*>(rows + number * stride)
        row.key_start = <uint32_t>self.arena_used
        row.key_length = <uint16_t>n
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
        """Make room for `n` more bytes of ids, and some."""
        cdef uint64_t size = min(self.arena_used + n + self.ids.size // 16 + 65536, <uint64_t>MOST_ID_BYTES)
        if self.arena_used + n > size:
            raise MemoryError("the user ids of one partition take more than 4 GiB")
        self.ids.grow(size)
        self.arena = self.ids.base
        return 0

    cdef int grow_slots(self, uint64_t size) except -1:
        """Place all keys anew in `size` slots, a power of two."""
        cdef uint64_t* old = self.slots
        cdef uint64_t old_size = self.mask + 1, i
        cdef uint64_t* grown = <uint64_t*>new_table(size * 8)
        if grown == NULL:
            raise MemoryError
        self.slots = grown
        self.mask = size - 1
        for i in range(old_size):
            if old[i]:
                self.place(old[i] >> 32, number_in(old[i]))
        free_table(old, old_size * 8)
        return 0

    cdef int reserve(self, int64_t n, int64_t n_bytes) except -1:
        """Make room for `n` more keys of `n_bytes` together, in one step."""
        cdef uint64_t size = self.mask + 1
        while (self.n_keys + n) * 4 > <int64_t>size * 3:
            size *= 2
        if size > self.mask + 1:
            self.grow_slots(size)
        if self.arena_used + n_bytes > self.ids.size:
            self.grow_arena(n_bytes)
        return 0

    cdef void touch(self, uint8_t* rows, int64_t n_bytes, int64_t stride, int64_t n) noexcept nogil:
        """Have the pages of the next `n` rows, and some; the rows have `n_bytes`."""
        cdef uint64_t needed = (self.n_rows + n) * stride
        if needed > self.touched:
            needed = min(needed + TOUCHED_BYTES, <uint64_t>n_bytes)
            touch_pages(rows, self.touched, needed)
            self.touched = needed

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
        self.n_free += 1
        return number

    def key(self, int64_t start, int64_t length):
        """Return the user id that a row points at."""
        if start < 0 or length < 0 or start + length > <int64_t>self.arena_used:
            raise IndexError(f"no user id at {start} + {length}")
        return (<const char*>self.arena + start)[:length]


def keys_of(KeyIndex index, rows):
    """Return the user ids of rows, one after the other; rows know their lengths."""
    cdef const uint8_t[::1] memory = rows.view(np.uint8)
    cdef int64_t stride = rows.itemsize, n = rows.shape[0], i, size = 0
    cdef const Row* row
    for i in range(n):
        row = <const Row*>(&memory[0] + i * stride)
        if row.key_start + <uint64_t>row.key_length > index.arena_used:
            raise IndexError(f"row {i} is broken")
        size += row.key_length
    found = np.empty(size, np.uint8)
    cdef uint8_t[::1] out = found
    size = 0
    for i in range(n):
        row = <const Row*>(&memory[0] + i * stride)
        if row.key_length:
            memcpy(&out[size], index.arena + row.key_start, row.key_length)
        size += row.key_length
    return found.tobytes()


def put_rows(KeyIndex index, rows, const uint8_t[::1] content, const uint8_t[::1] keys):
    """Put rows from a snapshot in; a person who is there already is overwritten."""
    cdef uint8_t[::1] memory = rows.view(np.uint8)
    cdef int64_t stride = rows.itemsize, n = content.shape[0] // stride, i, number
    cdef int64_t at = 0, first = 0, last
    cdef int64_t starts[BLOCK]
    cdef uint64_t hashes[BLOCK]
    cdef uint32_t key_start
    cdef uint64_t h
    cdef uint64_t* place
    cdef const uint8_t* key
    cdef const Row* row
    cdef Row* target
    if content.shape[0] % stride or rows.shape[0] - index.n_rows < n:
        raise ValueError(f"expected room for {n} rows of {stride} bytes")
    index.reserve(n, keys.shape[0])
    if n == 0:
        return
    cdef uint8_t* table = &memory[0]
    index.touch(table, memory.shape[0], stride, n)
    cdef const uint8_t* source = &content[0]
    cdef const uint8_t* ids = &keys[0] if keys.shape[0] else NULL
    cdef int64_t n_bytes = keys.shape[0]
    with nogil:
        while first < n and at >= 0:
            last = min(first + BLOCK, n)
            for i in range(first, last):
                row = <const Row*>(source + i * stride)
                starts[i - first] = at
                at += row.key_length
                if at > n_bytes:
                    at = -1
                    break
                if row.key_length:
                    hashes[i - first] = hash_bytes(ids + starts[i - first], row.key_length, 0)
                    PREFETCH(index.slot_of(hashes[i - first]))
            if at < 0:
                break
            for i in range(first, last):
                row = <const Row*>(source + i * stride)
                if row.key_length == 0:
                    continue
                key = ids + starts[i - first]
                h = hashes[i - first]
                number = index.find_hashed(key, row.key_length, h, table, stride, &place)
                if number < 0:
                    number = index.put(key, row.key_length, h, table, stride)
                target = <Row*>(table + number * stride)
                key_start = target.key_start
                memcpy(target, row, stride)
                target.key_start = key_start
                target.dirty = 0
            first = last
    if at < 0:
        raise ValueError("the ids of a snapshot end too early")
