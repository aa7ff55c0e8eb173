# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Columns -> open impressions -> feedback, compiled: twin of `attribution/impressions.py`."""

import os

import numpy as np

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy

from streams.core.columnar._feedback cimport Text, put_bytes, put_double, put_feedback_id, put_long, put_optional, put_text
from streams.core.columnar._read cimport hash_bytes
from streams.core.columnar._wheel cimport Link, Wheel, cut_link, next_due, push_link, start_timer, stop_timer

from schemas.records import Feedback
from streams.core.attribution.outcome import REWARDS
from streams.core.attribution.receipts import category_avro, receipt_avro
from streams.core.attribution.state import OUTCOMES
from streams.core.encoded import Encoded
from streams.core.traffic import is_robot

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define PREFETCH(p) __builtin_prefetch((const void *)(p))
    #else
    #define PREFETCH(p) ((void)0)
    #endif
    """
    void PREFETCH(const void*) noexcept nogil

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* n) except NULL

cdef enum:
    LENGTH_BITS = 24
    LENGTH_MASK = 0xFFFFFF
    BLOCK = 64
    N_AGENTS = 4096
    MAX_TEXT = 2048
    NO_TEXT = 0xFFFF
    NO_SURFACE = 255
    HEAD_BYTES = 30

cdef enum:
    SENT = 1
    ORGANIC = 2
    ROBOT = 4
    KEPT = 7  # flags that are written to the changelog
    REACTED = 8
    BARE = 16  # reactions wait under this id; the impression has not come
    SETTLED = 32

cdef enum:
    IMPRESSION = 0
    CLICK = 1
    CONVERSION = 2
    DISMISS = 5

cdef int64_t NULL_VALUE = <int64_t>(<uint64_t>1 << 63)

cdef struct Creative:
    Creative* next
    Link* unsent  # impressions of it without feedback so far
    uint8_t* known  # category and receipt as Avro; NULL: unknown
    uint32_t n_category
    uint32_t n_known
    uint32_t hash
    uint32_t n_impressions
    uint16_t n_id
    uint8_t is_fallback

cdef struct Entry:
    Link wall  # first: a link's address is its entry's
    Link event
    Link unsent
    Entry* next
    Creative* creative
    int64_t arrived_at
    int64_t at
    uint32_t hash
    uint32_t segment  # segment of the changelog that holds it; 0: none
    uint32_t dirty  # place in the dirty list, from 1; 0: clean
    uint16_t n_key
    uint16_t n_user
    uint16_t n_placement
    uint16_t n_category
    uint16_t n_item
    uint8_t surface
    uint8_t flags

cdef struct Shown:
    Text key
    Text user
    Text creative
    Text placement
    Text category
    Text item
    int64_t at
    int64_t arrived_at
    uint8_t surface
    uint8_t flags

cdef struct Agent:
    uint64_t hash
    uint8_t* text
    int64_t n
    bint robot

cdef struct Vector:
    int64_t* items
    int64_t n
    int64_t size

ENTRY_BYTES = sizeof(Entry)


cdef inline int push(Vector* vector, int64_t item) except -1:
    cdef int64_t size
    cdef int64_t* grown
    if vector.n == vector.size:
        size = vector.size * 2 if vector.size else 256
        grown = <int64_t*>realloc(vector.items, size * 8)
        if grown == NULL:
            raise MemoryError
        vector.items, vector.size = grown, size
    vector.items[vector.n] = item
    vector.n += 1
    return 0


cdef inline object taken(Vector* vector):
    """Return a vector's numbers [n] and empty it."""
    numbers = np.empty(vector.n, np.int64)
    cdef int64_t[::1] out = numbers
    if vector.n:
        memcpy(&out[0], vector.items, vector.n * 8)
    vector.n = 0
    return numbers


cdef inline Text text_at(const uint8_t* base, int64_t span) noexcept nogil:
    cdef Text text
    if span == NULL_VALUE:
        text.p, text.n = NULL, -1
    else:
        text.p, text.n = base + (span >> LENGTH_BITS), span & LENGTH_MASK
    return text


cdef inline Text text_of(object value) except *:
    cdef Text text
    cdef Py_ssize_t n
    text.p, text.n = NULL, -1
    if value is not None:
        text.p = <const uint8_t*>PyUnicode_AsUTF8AndSize(value, &n)
        text.n = n
    return text


cdef inline object str_of(Text text):
    return None if text.n < 0 else PyUnicode_DecodeUTF8(<const char*>text.p, text.n, NULL)


cdef inline uint8_t* texts_of(Entry* entry) noexcept nogil:
    return <uint8_t*>entry + sizeof(Entry)


cdef inline Text next_text(const uint8_t** at, uint16_t n) noexcept nogil:
    cdef Text text
    text.p, text.n = at[0], (-1 if n == NO_TEXT else n)
    at[0] += max(0, text.n)
    return text


cdef inline Text id_of(Creative* creative) noexcept nogil:
    cdef Text text
    text.p, text.n = NULL, -1
    if creative != NULL:
        text.p, text.n = <const uint8_t*>creative + sizeof(Creative), creative.n_id
    return text


cdef inline Shown shown_by(Entry* entry) noexcept nogil:
    cdef const uint8_t* at = texts_of(entry)
    cdef Shown shown
    shown.key = next_text(&at, entry.n_key)
    shown.user = next_text(&at, entry.n_user)
    shown.creative = id_of(entry.creative)
    shown.placement = next_text(&at, entry.n_placement)
    shown.category = next_text(&at, entry.n_category)
    shown.item = next_text(&at, entry.n_item)
    shown.at, shown.arrived_at = entry.at, entry.arrived_at
    shown.surface, shown.flags = entry.surface, entry.flags
    return shown


cdef class Impressions:
    """One partition's impressions within their windows; see the twin for the methods."""

    cdef Entry** entries
    cdef uint64_t entries_mask
    cdef int64_t n_entries
    cdef Creative** creatives
    cdef uint64_t creatives_mask
    cdef int64_t n_creatives
    cdef Wheel wall
    cdef Wheel event
    cdef Agent agents[N_AGENTS]
    cdef Vector dirty
    cdef Vector released
    cdef Vector keys
    cdef Vector values
    cdef uint8_t* out
    cdef int64_t n_out
    cdef int64_t out_size
    cdef uint64_t seed
    cdef int64_t click_ms
    cdef int64_t kept_ms
    cdef int64_t settle_ms
    cdef bytes frame
    cdef readonly int64_t n_shown
    cdef readonly int64_t newest
    cdef readonly int64_t ticked_at
    cdef readonly int64_t ticked_newest

    def __cinit__(self, int64_t click_ms, int64_t kept_ms, ids):
        self.click_ms, self.kept_ms = click_ms, kept_ms
        self.frame = b"\0" + ids.id_of(Feedback).to_bytes(4, "big")
        self.settle_ms = max(1, click_ms)
        self.seed = int.from_bytes(os.urandom(8), "little")
        self.entries_mask = self.creatives_mask = 1023
        self.entries = <Entry**>calloc(1024, sizeof(void*))
        self.creatives = <Creative**>calloc(1024, sizeof(void*))
        if self.entries == NULL or self.creatives == NULL:
            raise MemoryError

    def __dealloc__(self):
        cdef uint64_t i
        cdef Entry* entry
        cdef Creative* creative
        for i in range(self.entries_mask + 1 if self.entries != NULL else 0):
            while self.entries[i] != NULL:
                entry = self.entries[i]
                self.entries[i] = entry.next
                free(entry)
        for i in range(self.creatives_mask + 1 if self.creatives != NULL else 0):
            while self.creatives[i] != NULL:
                creative = self.creatives[i]
                self.creatives[i] = creative.next
                free(creative.known)
                free(creative)
        for i in range(N_AGENTS):
            free(self.agents[i].text)
        for memory in (<size_t>self.entries, <size_t>self.creatives, <size_t>self.out, <size_t>self.dirty.items,
                       <size_t>self.released.items, <size_t>self.keys.items, <size_t>self.values.items):
            free(<void*><size_t>memory)

    def __len__(self):
        return self.n_shown

    # -- tables ---------------------------------------------------------------------

    cdef inline uint32_t hashed(self, Text text) noexcept nogil:
        return <uint32_t>(hash_bytes(text.p, text.n, self.seed) >> 32)

    cdef Entry* find_entry(self, Text key, uint32_t h) noexcept nogil:
        cdef Entry* entry = self.entries[h & self.entries_mask]
        while entry != NULL:
            if entry.hash == h and entry.n_key == key.n and memcmp(texts_of(entry), key.p, key.n) == 0:
                return entry
            entry = entry.next
        return NULL

    cdef Entry* entry_of(self, object key) except? NULL:
        cdef Text text = text_of(key)
        return self.find_entry(text, self.hashed(text))

    cdef int grow_entries(self) except -1:
        cdef uint64_t size = (self.entries_mask + 1) * 2, i
        cdef Entry* entry
        cdef Entry* following
        cdef Entry** grown = <Entry**>calloc(size, sizeof(void*))
        if grown == NULL:
            raise MemoryError
        for i in range(self.entries_mask + 1):
            entry = self.entries[i]
            while entry != NULL:
                following = entry.next
                entry.next = grown[entry.hash & (size - 1)]
                grown[entry.hash & (size - 1)] = entry
                entry = following
        free(self.entries)
        self.entries, self.entries_mask = grown, size - 1
        return 0

    cdef Entry* add_entry(self, Shown* shown, uint32_t h) except NULL:
        """Give an impression, or a bare id, its place; the timers are the caller's."""
        cdef Text[5] texts
        cdef int64_t n = sizeof(Entry)
        cdef Entry* entry
        cdef uint8_t* at
        cdef int i
        texts[0], texts[1], texts[2], texts[3], texts[4] = shown.key, shown.user, shown.placement, shown.category, shown.item
        for i in range(5):
            if texts[i].n > MAX_TEXT or shown.creative.n > MAX_TEXT:
                raise ValueError(f"expected ids and names of at most {MAX_TEXT} bytes")
            n += max(0, texts[i].n)
        if self.n_entries > <int64_t>self.entries_mask:
            self.grow_entries()
        entry = <Entry*>calloc(1, n)
        if entry == NULL:
            raise MemoryError
        entry.n_key, entry.n_user = <uint16_t>shown.key.n, <uint16_t>shown.user.n
        entry.n_placement = NO_TEXT if shown.placement.n < 0 else <uint16_t>shown.placement.n
        entry.n_category = NO_TEXT if shown.category.n < 0 else <uint16_t>shown.category.n
        entry.n_item = NO_TEXT if shown.item.n < 0 else <uint16_t>shown.item.n
        at = texts_of(entry)
        for i in range(5):
            if texts[i].n > 0:
                at = put_bytes(at, texts[i].p, texts[i].n)
        entry.at, entry.arrived_at, entry.hash = shown.at, shown.arrived_at, h
        entry.surface, entry.flags = shown.surface, shown.flags
        entry.next = self.entries[h & self.entries_mask]
        self.entries[h & self.entries_mask] = entry
        self.n_entries += 1
        if not entry.flags & BARE:
            self.n_shown += 1
        if shown.creative.n >= 0:
            entry.creative = self.creative_of(shown.creative)
            entry.creative.n_impressions += 1
            if not entry.flags & SENT:
                push_link(&entry.creative.unsent, &entry.unsent)
        return entry

    cdef int remove_entry(self, Entry* entry) except -1:
        cdef Entry** place = &self.entries[entry.hash & self.entries_mask]
        while place[0] != entry:
            place = &place[0].next
        place[0] = entry.next
        self.n_entries -= 1
        if not entry.flags & BARE:
            self.n_shown -= 1
        stop_timer(&self.wall, &entry.wall)
        stop_timer(&self.event, &entry.event)
        if entry.unsent.back != NULL:
            cut_link(&entry.unsent)
        if entry.creative != NULL:
            entry.creative.n_impressions -= 1
            self.leave_creative(entry.creative)
        if entry.dirty:
            self.dirty.items[entry.dirty - 1] = 0
        if entry.segment:
            push(&self.released, entry.segment)
        free(entry)
        return 0

    cdef int mark_dirty(self, Entry* entry) except -1:
        if not entry.dirty:
            push(&self.dirty, <int64_t><size_t>entry)
            entry.dirty = <uint32_t>self.dirty.n
        return 0

    cdef Creative* find_creative(self, Text text, uint32_t h) noexcept nogil:
        cdef Creative* creative = self.creatives[h & self.creatives_mask]
        cdef Text name
        while creative != NULL:
            if creative.hash == h and creative.n_id == text.n:
                name = id_of(creative)
                if memcmp(name.p, text.p, text.n) == 0:
                    return creative
            creative = creative.next
        return NULL

    cdef Creative* creative_of(self, Text text) except NULL:
        """Return the creative with an id; a new one is unknown."""
        cdef uint32_t h = self.hashed(text)
        cdef Creative* creative = self.find_creative(text, h)
        if creative != NULL:
            return creative
        if self.n_creatives > <int64_t>self.creatives_mask:
            self.grow_creatives()
        creative = <Creative*>calloc(1, sizeof(Creative) + text.n)
        if creative == NULL:
            raise MemoryError
        memcpy(<uint8_t*>creative + sizeof(Creative), text.p, text.n)
        creative.hash, creative.n_id = h, <uint16_t>text.n
        creative.is_fallback = text.n >= 8 and memcmp(text.p, b"fallback", 8) == 0
        creative.next = self.creatives[h & self.creatives_mask]
        self.creatives[h & self.creatives_mask] = creative
        self.n_creatives += 1
        return creative

    cdef int grow_creatives(self) except -1:
        cdef uint64_t size = (self.creatives_mask + 1) * 2, i
        cdef Creative* creative
        cdef Creative* following
        cdef Creative** grown = <Creative**>calloc(size, sizeof(void*))
        if grown == NULL:
            raise MemoryError
        for i in range(self.creatives_mask + 1):
            creative = self.creatives[i]
            while creative != NULL:
                following = creative.next
                creative.next = grown[creative.hash & (size - 1)]
                grown[creative.hash & (size - 1)] = creative
                creative = following
        free(self.creatives)
        self.creatives, self.creatives_mask = grown, size - 1
        return 0

    cdef void leave_creative(self, Creative* creative) noexcept nogil:
        """Forget a creative that is unknown and of no impression."""
        cdef Creative** place = &self.creatives[creative.hash & self.creatives_mask]
        if creative.known != NULL or creative.n_impressions:
            return
        while place[0] != creative:
            place = &place[0].next
        place[0] = creative.next
        self.n_creatives -= 1
        free(creative)

    # -- events ---------------------------------------------------------------------

    cdef int64_t watermark(self, int64_t now) noexcept nogil:
        return min(self.newest, now)

    cdef bint waits(self, Entry* entry) noexcept nogil:
        """Return whether its creative is still to come."""
        return entry.creative != NULL and entry.creative.known == NULL and not entry.creative.is_fallback

    cdef bint is_robot(self, Text agent) except -1:
        cdef uint64_t h
        cdef Agent* cached
        if agent.n <= 0:
            return False
        h = hash_bytes(agent.p, agent.n, self.seed)
        cached = &self.agents[h % N_AGENTS]
        if cached.text != NULL and cached.hash == h and cached.n == agent.n and memcmp(cached.text, agent.p, agent.n) == 0:
            return cached.robot
        free(cached.text)
        cached.text = <uint8_t*>malloc(agent.n)
        if cached.text == NULL:
            raise MemoryError
        memcpy(cached.text, agent.p, agent.n)
        cached.hash, cached.n = h, agent.n
        cached.robot = is_robot(str_of(agent))
        return cached.robot

    cdef bint show_hashed(self, Shown* shown, uint32_t h, int64_t now, listener) except -1:
        cdef Entry* entry = self.find_entry(shown.key, h)
        if entry != NULL:
            if not entry.flags & BARE:
                return False
            self.remove_entry(entry)
            shown.flags |= REACTED
        entry = self.add_entry(shown, h)
        self.mark_dirty(entry)
        self.wind(entry)
        if entry.flags & REACTED:
            listener.on_shown(str_of(shown.key))
        elif self.watermark(now) >= entry.at + self.click_ms and not self.waits(entry):
            self.send_none(entry)
        return True

    cdef void wind(self, Entry* entry) noexcept nogil:
        start_timer(&self.wall, &entry.wall, entry.arrived_at + self.settle_ms)
        start_timer(&self.event, &entry.event, entry.at + self.click_ms)

    def see(self, int64_t at):
        self.newest = max(self.newest, at)

    def show(self, key, user, int64_t at, creative, placement, int surface, category, item, bint robot, int64_t now, listener):
        cdef Shown shown
        shown.key, shown.user, shown.creative = text_of(key), text_of(user), text_of(creative)
        shown.placement, shown.category, shown.item = text_of(placement), text_of(category), text_of(item)
        shown.at, shown.arrived_at = at, now
        shown.surface = NO_SURFACE if surface < 0 else <uint8_t>surface
        shown.flags = ROBOT if robot else 0
        return self.show_hashed(&shown, self.hashed(shown.key), now, listener)

    def fold(self, columns, int64_t now, listener):
        cdef const int64_t[::1] starts = columns.row_starts
        cdef const int64_t[::1] events = columns.slot("event_id")
        cdef const int64_t[::1] users = columns.slot("user_id")
        cdef const int64_t[::1] kinds = columns.slot("kind")
        cdef const int64_t[::1] times = columns.slot("occurred_at")
        cdef const int64_t[::1] creatives = columns.slot("creative_id")
        cdef const int64_t[::1] impressions = columns.slot("impression_id")
        cdef const int64_t[::1] placements = columns.slot("placement")
        cdef const int64_t[::1] surfaces = columns.slot("surface")
        cdef const int64_t[::1] categories = columns.slot("category")
        cdef const int64_t[::1] items = columns.slot("item")
        cdef const int64_t[::1] values = columns.slot("value")
        cdef const int64_t[::1] agents = columns.slot("user_agent")
        cdef const uint8_t[::1] view
        cdef const uint8_t* base
        cdef Text ids[BLOCK]
        cdef uint32_t hashes[BLOCK]
        cdef Shown shown
        cdef Entry* entry
        cdef int64_t first, last, i, j, payload, n_repeated = 0
        cdef double value
        for payload in range(len(columns.payloads)):
            if starts[payload + 1] <= starts[payload]:
                continue
            view = columns.payloads[payload].records
            base = &view[0]
            first = starts[payload]
            while first < starts[payload + 1]:
                last = min(first + BLOCK, starts[payload + 1])
                for j in range(last - first):
                    i = first + j
                    if kinds[i] == IMPRESSION:
                        ids[j] = text_at(base, impressions[i])
                        if ids[j].n <= 0:
                            ids[j] = text_at(base, events[i])
                        hashes[j] = self.hashed(ids[j])
                        PREFETCH(&self.entries[hashes[j] & self.entries_mask])
                for j in range(last - first):
                    if kinds[first + j] == IMPRESSION:
                        entry = self.entries[hashes[j] & self.entries_mask]
                        if entry != NULL:
                            PREFETCH(&entry.next)
                for j in range(last - first):
                    i = first + j
                    self.newest = max(self.newest, times[i])
                    if kinds[i] == IMPRESSION:
                        shown.key, shown.user = ids[j], text_at(base, users[i])
                        shown.creative = text_at(base, creatives[i])
                        shown.placement = text_at(base, placements[i])
                        shown.category = text_at(base, categories[i])
                        shown.item = text_at(base, items[i])
                        shown.at, shown.arrived_at = times[i], now
                        shown.surface = NO_SURFACE if surfaces[i] == NULL_VALUE else <uint8_t>surfaces[i]
                        shown.flags = ROBOT if self.is_robot(text_at(base, agents[i])) else 0
                        n_repeated += not self.show_hashed(&shown, hashes[j], now, listener)
                    elif kinds[i] == CLICK or kinds[i] == CONVERSION or kinds[i] == DISMISS:
                        memcpy(&value, &values[i], 8)
                        listener.on_reaction(
                            str_of(text_at(base, impressions[i])),
                            str_of(text_at(base, events[i])),
                            kinds[i],
                            times[i],
                            None if values[i] == NULL_VALUE else value,
                            self.is_robot(text_at(base, agents[i])),
                        )
                first = last
        return n_repeated

    # -- reactions: what the listener asks --------------------------------------------

    def find(self, key):
        cdef Entry* entry = self.entry_of(key)
        cdef Shown shown
        if entry == NULL or entry.flags & BARE:
            return None
        shown = shown_by(entry)
        return (
            str_of(shown.user),
            entry.at,
            entry.flags & ROBOT != 0,
            entry.flags & SENT != 0,
            bool(self.waits(entry)),
            entry.arrived_at,
        )

    def react(self, key):
        cdef Shown shown
        cdef Entry* entry = self.entry_of(key)
        if entry != NULL:
            entry.flags |= REACTED
            return
        shown.key = text_of(key)
        shown.user.n = shown.creative.n = shown.placement.n = shown.category.n = shown.item.n = -1
        shown.at = shown.arrived_at = 0
        shown.surface, shown.flags = NO_SURFACE, BARE | REACTED
        self.add_entry(&shown, self.hashed(shown.key))

    def unreact(self, key):
        cdef Entry* entry = self.entry_of(key)
        if entry == NULL:
            return
        if entry.flags & BARE:
            self.remove_entry(entry)
        else:
            entry.flags &= ~REACTED

    def send(self, key, judgement):
        cdef Entry* entry = self.entry_of(key)
        value, outcome = judgement.value, judgement.outcome
        if entry == NULL or entry.flags & BARE:
            raise KeyError(key)
        self.write(
            entry,
            judgement.revision,
            OUTCOMES.index(outcome),
            REWARDS[outcome],
            value is not None,
            0.0 if value is None else value,
            judgement.valid,
            judgement.decided_at,
        )

    # -- feedback ---------------------------------------------------------------------

    cdef int send_none(self, Entry* entry) except -1:
        return self.write(entry, 0, 0, 0.0, False, 0.0, not entry.flags & ROBOT, entry.at + self.click_ms)

    cdef int write(self, Entry* entry, int64_t revision, int outcome, double reward, bint has_value, double value, bint valid, int64_t decided_at) except -1:
        cdef Shown shown = shown_by(entry)
        cdef Creative* creative = entry.creative
        cdef bint is_known = creative != NULL and creative.known != NULL
        cdef int64_t room, start = self.n_out, user
        cdef uint8_t* to
        cdef Text arm
        if not entry.flags & SENT:
            entry.flags |= SENT if is_known else SENT | ORGANIC
            if entry.unsent.back != NULL:
                cut_link(&entry.unsent)
            self.mark_dirty(entry)
        is_known = is_known and not entry.flags & ORGANIC
        room = 256 + shown.key.n + shown.user.n + max(0, shown.creative.n) + max(0, shown.placement.n)
        room += max(0, shown.category.n) + max(0, shown.item.n) + (creative.n_known if is_known else 0)
        self.reserve(room)
        to = put_bytes(self.out + start, <const uint8_t*>PyBytes_AS_STRING(self.frame), 5)
        to = put_feedback_id(to, shown.key, revision)
        to = put_text(to, shown.key)
        to = put_long(to, revision)
        to = put_text(to, shown.user)
        user = to - self.out - shown.user.n
        to = put_double(put_long(to, outcome), reward)
        to[0] = 2 if has_value else 0
        to = put_double(to + 1, value) if has_value else to + 1
        to[0] = valid
        to = put_long(put_long(to + 1, shown.at), decided_at)
        to[0] = 2 if outcome else 0
        to = put_long(to + 1, max(0, decided_at - shown.at)) if outcome else to + 1
        to = put_optional(put_optional(to, shown.creative), shown.placement)
        to[0] = 0 if shown.surface == NO_SURFACE else 2
        to = to + 1 if shown.surface == NO_SURFACE else put_long(to + 1, shown.surface)
        if is_known:
            to = put_bytes(to, creative.known, creative.n_category)
            to = put_optional(to, shown.item)
            to = put_bytes(to, creative.known + creative.n_category, creative.n_known - creative.n_category)
        else:
            arm.p, arm.n = b"organic", 7
            if creative != NULL and creative.is_fallback:
                arm.p, arm.n = b"fallback", 8
            to = put_text(put_optional(put_optional(to, shown.category), shown.item), arm)
            to = put_bytes(to, b"\0\0\0\0\0", 5)
        push(&self.keys, user << LENGTH_BITS | shown.user.n)
        self.n_out = to - self.out
        push(&self.values, start << LENGTH_BITS | (self.n_out - start))
        return 0

    cdef int reserve(self, int64_t room) except -1:
        cdef uint8_t* grown
        cdef int64_t size
        if self.n_out + room > self.out_size:
            size = (self.n_out + room) * 2 + 65536
            grown = <uint8_t*>realloc(self.out, size)
            if grown == NULL:
                raise MemoryError
            self.out, self.out_size = grown, size
        return 0

    def take_out(self):
        content = PyBytes_FromStringAndSize(<char*>self.out, self.n_out)
        self.n_out = 0
        if self.out_size > 1 << 24:
            free(self.out)
            self.out, self.out_size = NULL, 0
        return Encoded(Feedback, content, taken(&self.keys), taken(&self.values))

    # -- time ---------------------------------------------------------------------------

    cdef int decide(self, Entry* entry, listener) except -1:
        if entry.flags & REACTED:
            listener.on_due(str_of(shown_by(entry).key))
        else:
            self.send_none(entry)
        return 0

    cdef bint is_over(self, Entry* entry, int64_t now, int64_t watermark) noexcept nogil:
        if now < entry.arrived_at + self.settle_ms:
            return False
        return now >= entry.arrived_at + self.kept_ms or watermark >= entry.at + self.kept_ms

    cdef int end(self, Entry* entry, listener) except -1:
        cdef bint had_reactions = entry.flags & REACTED != 0
        key = str_of(shown_by(entry).key) if had_reactions else None
        self.remove_entry(entry)
        if had_reactions:
            listener.on_end(key)
        return 0

    def tick(self, int64_t now, listener):
        cdef Entry* entry
        cdef Link* link
        cdef int64_t watermark = self.watermark(now)
        self.ticked_at, self.ticked_newest = now, self.newest
        while True:
            link = next_due(&self.wall, now)
            if link == NULL:
                break
            entry = <Entry*>link
            if not entry.flags & SENT:
                self.decide(entry, listener)
            if self.is_over(entry, now, watermark):
                self.end(entry, listener)
            else:
                entry.flags |= SETTLED
                start_timer(&self.wall, &entry.wall, entry.arrived_at + self.kept_ms)
                start_timer(&self.event, &entry.event, entry.at + self.kept_ms)
        while True:
            link = next_due(&self.event, watermark)
            if link == NULL:
                break
            entry = <Entry*>(<uint8_t*>link - sizeof(Link))
            if not entry.flags & SENT and not self.waits(entry):
                self.decide(entry, listener)
            if self.is_over(entry, now, watermark):
                self.end(entry, listener)

    # -- creatives ------------------------------------------------------------------------

    def know(self, creative_id, known_creative, int64_t now, listener):
        cdef Creative* creative = self.creative_of(text_of(creative_id))
        cdef bytes category = category_avro(known_creative)
        cdef bytes known = category + receipt_avro(known_creative)
        cdef Link* link = creative.unsent
        cdef Link* following
        cdef Entry* entry
        free(creative.known)
        creative.known = <uint8_t*>malloc(len(known))
        if creative.known == NULL:
            raise MemoryError
        memcpy(creative.known, PyBytes_AS_STRING(known), len(known))
        creative.n_known, creative.n_category = len(known), len(category)
        if listener is None:
            return
        while link != NULL:
            following = link.next
            entry = <Entry*>(<uint8_t*>link - 2 * sizeof(Link))
            if entry.flags & REACTED or self.watermark(now) >= entry.at + self.click_ms:
                self.decide(entry, listener)
            link = following

    def forget(self, creative_id):
        cdef Text text = text_of(creative_id)
        cdef Creative* creative = self.find_creative(text, self.hashed(text))
        if creative != NULL:
            free(creative.known)
            creative.known = NULL
            self.leave_creative(creative)

    def shows(self, creative_id):
        cdef Text text = text_of(creative_id)
        cdef Creative* creative = self.find_creative(text, self.hashed(text))
        return creative != NULL and creative.n_impressions > 0

    # -- the changelog ----------------------------------------------------------------------

    def take_dirty(self, uint32_t first_segment, int64_t max_bytes):
        cdef int64_t i, room, n = 0
        cdef Entry* entry
        cdef Shown shown
        cdef uint8_t* to
        cdef uint8_t* limit
        cdef uint8_t* content = <uint8_t*>malloc(max_bytes + 8 * MAX_TEXT)
        if content == NULL:
            raise MemoryError
        segments = []
        to, limit = content, content + max_bytes
        try:
            for i in range(self.dirty.n):
                entry = <Entry*><size_t>self.dirty.items[i]
                if entry == NULL:
                    continue
                if entry.segment:
                    push(&self.released, entry.segment)
                entry.segment = first_segment + <uint32_t>len(segments)
                entry.dirty = 0
                shown = shown_by(entry)
                to = put_entry(to, &shown)
                n += 1
                if to >= limit:
                    segments.append((PyBytes_FromStringAndSize(<char*>content, to - content), n))
                    to, n = content, 0
            if n:
                segments.append((PyBytes_FromStringAndSize(<char*>content, to - content), n))
        finally:
            free(content)
        self.dirty.n = 0
        return segments

    def take_released(self):
        return taken(&self.released)

    def restore(self, const uint8_t[::1] content, uint32_t segment):
        cdef const uint8_t* at = &content[0] if content.shape[0] else NULL
        cdef const uint8_t* end = at + content.shape[0]
        cdef Shown shown
        cdef Entry* entry
        cdef uint32_t h
        cdef int64_t n = 0
        while at < end:
            if not read_entry(&at, end, &shown):
                raise ValueError(f"segment {segment} is cut off after {n} impressions")
            h = self.hashed(shown.key)
            entry = self.find_entry(shown.key, h)
            if entry != NULL:
                shown.flags |= entry.flags & REACTED
                self.remove_entry(entry)
            entry = self.add_entry(&shown, h)
            entry.segment = segment
            self.wind(entry)
            n += 1
        return n

    def sweep(self, int64_t now, int64_t newest, dead):
        cdef uint64_t i
        cdef Entry* entry
        cdef Entry* following
        self.newest = max(self.newest, newest)
        bereft = []
        for i in range(self.entries_mask + 1):
            entry = self.entries[i]
            while entry != NULL:
                following = entry.next
                if entry.flags & BARE:
                    entry = following
                    continue
                if self.is_over(entry, now, min(newest, now)) or (entry.segment and dead and entry.segment in dead):
                    if entry.flags & REACTED:
                        bereft.append(str_of(shown_by(entry).key))
                    self.remove_entry(entry)
                entry = following
        for key in bereft:
            self.react(key)


cdef inline uint8_t* put_number(uint8_t* to, uint64_t number, int n_bytes) noexcept nogil:
    memcpy(to, &number, n_bytes)
    return to + n_bytes


cdef uint8_t* put_entry(uint8_t* to, Shown* shown) noexcept nogil:
    """Write an impression as `segments.ENTRY` says, little-endian."""
    cdef Text[6] texts
    cdef int i
    texts[0], texts[1], texts[2] = shown.key, shown.user, shown.creative
    texts[3], texts[4], texts[5] = shown.placement, shown.category, shown.item
    to = put_number(put_number(to, shown.arrived_at, 8), shown.at, 8)
    to = put_number(put_number(to, shown.flags & KEPT, 1), shown.surface, 1)
    for i in range(6):
        to = put_number(to, NO_TEXT if texts[i].n < 0 else texts[i].n, 2)
    for i in range(6):
        if texts[i].n > 0:
            to = put_bytes(to, texts[i].p, texts[i].n)
    return to


cdef bint read_entry(const uint8_t** at, const uint8_t* end, Shown* shown) noexcept nogil:
    """Read what `put_entry` wrote; False when it is cut off."""
    cdef uint16_t lengths[6]
    cdef const uint8_t* p = at[0]
    cdef int64_t n = HEAD_BYTES
    cdef int i
    if end - p < n:
        return False
    memcpy(&shown.arrived_at, p, 8)
    memcpy(&shown.at, p + 8, 8)
    shown.flags, shown.surface = p[16] & KEPT, p[17]
    memcpy(lengths, p + 18, 12)
    for i in range(6):
        n += 0 if lengths[i] == NO_TEXT else lengths[i]
    if end - p < n or lengths[0] == NO_TEXT or lengths[1] == NO_TEXT:
        return False
    p += HEAD_BYTES
    shown.key, shown.user = next_text(&p, lengths[0]), next_text(&p, lengths[1])
    shown.creative, shown.placement = next_text(&p, lengths[2]), next_text(&p, lengths[3])
    shown.category, shown.item = next_text(&p, lengths[4]), next_text(&p, lengths[5])
    at[0] = p
    return True
