# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Keys and values -> records sections, compiled: the twin of `batches.py`."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc

from streams.columns._feedback cimport Text, put_bytes, put_long
from streams.columns._murmur cimport partition_by_murmur2
from streams.columns._spans cimport LENGTH_BITS, LENGTH_MASK

cdef enum:
    MAX_PARTITIONS = 1 << 20
    MAX_BYTES = 800_000  # as in batches.py
    OVERHEAD = 48  # of a record: five varints and three zeros


cdef inline int64_t long_size(int64_t value) noexcept nogil:
    cdef uint64_t bits = <uint64_t>value << 1 ^ <uint64_t>(value >> 63)
    cdef int64_t size = 1
    while bits >= 128:
        bits >>= 7
        size += 1
    return size


cdef inline int64_t field_size(Text text) noexcept nogil:
    return long_size(text.n) + max(0, text.n)


cdef inline uint8_t* put_field(uint8_t* to, Text text) noexcept nogil:
    to = put_long(to, text.n)  # -1 is null
    return put_bytes(to, text.p, text.n) if text.n > 0 else to


cdef class Section:
    """Records of one partition while they are laid side by side."""

    cdef uint8_t* content
    cdef int64_t size
    cdef int64_t n_bytes
    cdef int64_t n_records
    cdef list full

    def __cinit__(self):
        self.full = []

    def __dealloc__(self):
        free(self.content)

    cdef int add(self, Text key, Text value, int64_t max_bytes) except -1:
        cdef int64_t fields = field_size(key) + field_size(value) + 3
        cdef int64_t n_body = fields + long_size(self.n_records)
        cdef uint8_t* to
        if self.n_records and self.n_bytes + long_size(n_body) + n_body > max_bytes:
            self.cut()
            n_body = fields + 1
        self.reserve(max(0, key.n) + max(0, value.n) + OVERHEAD)
        to = put_long(self.content + self.n_bytes, n_body)
        to[0] = 0  # attributes
        to[1] = 0  # timestamp delta
        to = put_field(put_field(put_long(to + 2, self.n_records), key), value)
        to[0] = 0  # headers
        self.n_bytes = to + 1 - self.content
        self.n_records += 1
        return 0

    cdef int reserve(self, int64_t room) except -1:
        cdef int64_t size
        cdef uint8_t* grown
        if self.n_bytes + room > self.size:
            size = (self.n_bytes + room) * 2
            grown = <uint8_t*>realloc(self.content, size)
            if grown == NULL:
                raise MemoryError
            self.content, self.size = grown, size
        return 0

    cdef int cut(self) except -1:
        if self.n_records:
            self.full.append((PyBytes_FromStringAndSize(<char*>self.content, self.n_bytes), self.n_records))
            self.n_bytes = self.n_records = 0
        return 0


cdef inline Text text_of(object content) except *:
    cdef Text text
    text.p, text.n = NULL, -1
    if content is not None:
        if not isinstance(content, bytes):
            raise TypeError(f"expected bytes or None, got {type(content).__name__}")
        text.p, text.n = <const uint8_t*>PyBytes_AS_STRING(content), PyBytes_GET_SIZE(content)
    return text


cdef inline Text text_at(const uint8_t* base, int64_t size, int64_t span) except *:
    cdef Text text
    cdef int64_t start = span >> LENGTH_BITS
    text.n = span & LENGTH_MASK
    if start < 0 or start + text.n > size:
        raise ValueError("a span leads out of its block")
    text.p = base + start
    return text


def sections(pairs, int64_t max_bytes=MAX_BYTES):
    """Return keys and values as sections; see `batches.python_sections`."""
    cdef Section section = Section()
    for key, value in pairs:
        section.add(text_of(key), text_of(value), max_bytes)
    section.cut()
    return section.full


def partitioned(blocks, int64_t n_partitions, int64_t max_bytes=MAX_BYTES):
    """Return messages as sections by partition; see `batches.python_partitioned`."""
    cdef dict by_partition = {}
    cdef Section section
    cdef const int64_t[::1] keys
    cdef const int64_t[::1] values
    cdef const uint8_t* base
    cdef bytes content
    cdef int64_t i, size, partition, last
    cdef Text key
    for block in blocks:
        content, keys, values = block.content, block.keys, block.values
        base, size = <const uint8_t*>PyBytes_AS_STRING(content), len(content)
        if keys.shape[0] != values.shape[0]:
            raise ValueError(f"{keys.shape[0]} keys and {values.shape[0]} values")
        if keys.shape[0] and not 0 < n_partitions <= MAX_PARTITIONS:
            raise ValueError("expected a topic with partitions")
        last, section = -1, None
        for i in range(values.shape[0]):
            key = text_at(base, size, keys[i])
            partition = partition_by_murmur2(key.p, key.n, <uint32_t>n_partitions)
            if partition != last:
                section = by_partition.get(partition)
                if section is None:
                    section = by_partition[partition] = Section()
                last = partition
            section.add(key, text_at(base, size, values[i]), max_bytes)
    found = {}
    for number in sorted(by_partition):
        section = by_partition[number]
        section.cut()
        found[number] = section.full
    return found
