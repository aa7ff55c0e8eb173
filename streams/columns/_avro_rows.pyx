# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Columns -> Avro bodies, compiled: the twin of `avro_rows.py`, which says what."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from streams.columns import avro_columns

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    PyObject* PyList_GET_ITEM(object items, Py_ssize_t at)
    object PyList_New(Py_ssize_t n)
    void PyList_SET_ITEM(object items, Py_ssize_t at, object item)
    void Py_INCREF(object item)

cdef enum Kind:
    CONSTANT
    TEXTS
    PIECES
    CHOSEN
    LONGS
    DOUBLES
    MAYBE_DOUBLES
    BLOCKS

cdef struct Column:
    Kind kind
    PyObject* items  # list of str or bytes
    Py_ssize_t n_items
    const int64_t* longs
    const double* doubles
    const uint8_t* block
    Py_ssize_t width


def rows(Py_ssize_t n, columns):
    """Return n bodies; see `avro_rows.rows`."""
    cdef Py_ssize_t n_columns = len(columns), i, row
    cdef list answer = PyList_New(n)
    cdef list kept = []  # what the structures below point into
    cdef bytes body
    cdef Column* plan = <Column*>calloc(n_columns + 1, sizeof(Column))
    if plan == NULL:
        raise MemoryError
    try:
        for i in range(n_columns):
            _read(n, columns[i], &plan[i], kept)
        for row in range(n):
            body = _row(plan, n_columns, row)
            Py_INCREF(body)
            PyList_SET_ITEM(answer, row, body)
    finally:
        free(plan)
    return answer


cdef int _read(Py_ssize_t n, column, Column* into, list kept) except -1:
    cdef const int64_t[::1] longs
    cdef const double[::1] doubles
    cdef const uint8_t[:, ::1] blocks
    cdef Py_ssize_t found = n
    kind = type(column)
    if kind is bytes:
        kept.append(column)
        into.kind = CONSTANT
        into.block = <const uint8_t*>PyBytes_AS_STRING(column)
        into.width = PyBytes_GET_SIZE(column)
    elif kind is avro_columns.Texts or kind is avro_columns.Pieces:
        into.kind = TEXTS if kind is avro_columns.Texts else PIECES
        _read_items(column.values, str if into.kind == TEXTS else bytes, into, kept)
        found = into.n_items
    elif kind is avro_columns.Chosen:
        into.kind = CHOSEN
        _read_items(column.table, bytes, into, kept)
        longs = column.places
        found = longs.shape[0]
        into.longs = &longs[0] if found else NULL
    elif kind is avro_columns.Longs:
        into.kind = LONGS
        longs = column.values
        found = longs.shape[0]
        into.longs = &longs[0] if found else NULL
    elif kind is avro_columns.Doubles or kind is avro_columns.MaybeDoubles:
        into.kind = DOUBLES if kind is avro_columns.Doubles else MAYBE_DOUBLES
        doubles = column.values
        found = doubles.shape[0]
        into.doubles = &doubles[0] if found else NULL
    elif kind is avro_columns.Blocks:
        into.kind = BLOCKS
        blocks = column.values
        found, into.width = blocks.shape[0], blocks.shape[1]
        into.block = &blocks[0, 0] if found and into.width else NULL
    else:
        raise TypeError(f"expected a column, got {kind.__name__}")
    if found != n:
        raise ValueError(f"expected {n} rows, got {found}")
    kept.append(column)
    return 0


cdef int _read_items(list items, kind, Column* into, list kept) except -1:
    cdef list own = items[:]  # nobody else can change it while it is read
    for item in own:
        if type(item) is not kind:
            raise TypeError(f"expected {kind.__name__}, got {type(item).__name__}")
    kept.append(own)
    into.items = <PyObject*>own
    into.n_items = len(own)
    return 0


cdef bytes _row(const Column* plan, Py_ssize_t n_columns, Py_ssize_t row):
    cdef Py_ssize_t i, size = 0
    for i in range(n_columns):
        size += _size(&plan[i], row)
    body = PyBytes_FromStringAndSize(NULL, size)
    cdef uint8_t* at = <uint8_t*>PyBytes_AS_STRING(body)
    for i in range(n_columns):
        at = _put(&plan[i], row, at)
    return body


cdef Py_ssize_t _size(const Column* column, Py_ssize_t row) except -1:
    cdef Py_ssize_t length
    cdef int64_t place
    if column.kind == CONSTANT or column.kind == BLOCKS:
        return column.width
    if column.kind == CHOSEN:
        place = column.longs[row]
        if not 0 <= place < column.n_items:
            raise ValueError(f"a place outside a table of {column.n_items}")
        return PyBytes_GET_SIZE(_item(column, place))
    if column.kind == PIECES:
        return PyBytes_GET_SIZE(_item(column, row))
    if column.kind == TEXTS:
        PyUnicode_AsUTF8AndSize(_item(column, row), &length)
        return _varint_size(_zigzag(length)) + length
    if column.kind == LONGS:
        return _varint_size(_zigzag(column.longs[row]))
    if column.kind == DOUBLES or column.doubles[row] == column.doubles[row]:
        return 8 if column.kind == DOUBLES else 9
    return 1


cdef uint8_t* _put(const Column* column, Py_ssize_t row, uint8_t* at) except NULL:
    cdef Py_ssize_t length
    cdef const char* content
    if column.kind == CONSTANT:
        return _copied(at, column.block, column.width)
    if column.kind == BLOCKS:
        return _copied(at, column.block + row * column.width, column.width)
    if column.kind == CHOSEN or column.kind == PIECES:
        piece = _item(column, column.longs[row] if column.kind == CHOSEN else row)
        return _copied(
            at, <const uint8_t*>PyBytes_AS_STRING(piece), PyBytes_GET_SIZE(piece)
        )
    if column.kind == TEXTS:
        content = PyUnicode_AsUTF8AndSize(_item(column, row), &length)
        return _copied(_varint(at, _zigzag(length)), <const uint8_t*>content, length)
    if column.kind == LONGS:
        return _varint(at, _zigzag(column.longs[row]))
    if column.kind == MAYBE_DOUBLES:
        if column.doubles[row] != column.doubles[row]:
            at[0] = 0
            return at + 1
        at[0] = 2
        at += 1
    return _copied(at, <const uint8_t*>&column.doubles[row], 8)


cdef inline object _item(const Column* column, Py_ssize_t at):
    return <object>PyList_GET_ITEM(<object>column.items, at)


cdef inline uint8_t* _copied(
    uint8_t* at, const uint8_t* content, Py_ssize_t n
) noexcept nogil:
    if n:
        memcpy(at, content, n)
    return at + n


cdef inline uint64_t _zigzag(int64_t number) noexcept nogil:
    return (<uint64_t>number << 1) ^ <uint64_t>(number >> 63)


cdef inline Py_ssize_t _varint_size(uint64_t bits) noexcept nogil:
    cdef Py_ssize_t n = 1
    while bits > 0x7F:
        bits >>= 7
        n += 1
    return n


cdef inline uint8_t* _varint(uint8_t* at, uint64_t bits) noexcept nogil:
    while bits > 0x7F:
        at[0] = <uint8_t>(bits & 0x7F | 0x80)
        bits >>= 7
        at += 1
    at[0] = <uint8_t>bits
    return at + 1
