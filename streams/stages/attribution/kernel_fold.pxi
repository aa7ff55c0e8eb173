# Behavior columns -> impressions; reactions are the listener's.

cdef enum:
    BLOCK = 64
    N_AGENTS = 4096

cdef enum:
    IMPRESSION = 0
    CLICK = 1
    CONVERSION = 2
    DISMISS = 5

cdef struct Agent:
    uint64_t hash
    uint8_t* text
    int64_t n
    bint robot


cdef class Folded(Timed):
    """Impressions that events come to."""

    cdef Agent agents[N_AGENTS]

    def __dealloc__(self):
        for i in range(N_AGENTS):
            free(self.agents[i].text)

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

    def show(self, event, int64_t now, listener):
        cdef Shown shown
        shown.key = text_of(event.impression_id or event.event_id)
        shown.user, shown.creative = text_of(event.user_id), text_of(event.creative_id)
        shown.placement, shown.category, shown.item = text_of(event.placement), text_of(event.category), text_of(event.item)
        shown.at, shown.arrived_at = event.occurred_at, now
        shown.surface = NO_SURFACE if event.surface is None else SURFACES.index(event.surface)
        shown.flags = ROBOT if is_robot(event.user_agent) else 0
        return self.show_hashed(&shown, self.hashed(shown.key), now, listener)

    cdef void hash_shown(
        self, const uint8_t* base, const int64_t[::1] kinds, const int64_t[::1] impressions,
        const int64_t[::1] events, int64_t first, int64_t m, Text* ids, uint32_t* hashes
    ) noexcept nogil:
        """Find the ids of the impressions among m events, and hash them [m]."""
        cdef int64_t i, j
        for j in range(m):
            i = first + j
            if kinds[i] == IMPRESSION:
                ids[j] = text_at(base, impressions[i])
                if ids[j].n <= 0:
                    ids[j] = text_at(base, events[i])
                hashes[j] = self.hashed(ids[j])
                PREFETCH(&self.entries[hashes[j] & self.entries_mask])

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
                self.hash_shown(base, kinds, impressions, events, first, last - first, ids, hashes)
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
                        shown.creative, shown.placement = text_at(base, creatives[i]), text_at(base, placements[i])
                        shown.category, shown.item = text_at(base, categories[i]), text_at(base, items[i])
                        shown.at, shown.arrived_at = times[i], now
                        shown.surface = NO_SURFACE if surfaces[i] == NULL_VALUE else <uint8_t>surfaces[i]
                        shown.flags = ROBOT if self.is_robot(text_at(base, agents[i])) else 0
                        n_repeated += not self.show_hashed(&shown, hashes[j], now, listener)
                    elif kinds[i] == CLICK or kinds[i] == CONVERSION or kinds[i] == DISMISS:
                        memcpy(&value, &values[i], 8)
                        reaction = Reaction(
                            KINDS[kinds[i]],
                            times[i],
                            None if values[i] == NULL_VALUE else value,
                            self.is_robot(text_at(base, agents[i])),
                        )
                        listener.on_reaction(str_of(text_at(base, impressions[i])), str_of(text_at(base, events[i])), reaction)
                first = last
        return n_repeated

    def find(self, key):
        cdef Entry* entry = self.entry_of(key)
        cdef Shown shown
        if entry == NULL or entry.flags & BARE:
            return None
        shown = shown_by(entry)
        return Found(
            str_of(shown.user),
            entry.at,
            entry.flags & ROBOT != 0,
            entry.flags & SENT != 0,
            bool(self.waits(entry)),
            entry.arrived_at,
        )
