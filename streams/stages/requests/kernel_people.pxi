# Person objects <-> rows.

cdef enum:
    GROWTH = 32  # rows grow by 1/32: the C library moves pages of big arrays, not bytes
    LEAST_ROWS = 1024

cdef Row _LAYOUT

_FIELDS = np.dtype(
    {
        "names": ["since", "alarm_at"],
        "formats": ["<i8", "<i8"],
        "offsets": [
            <size_t>&_LAYOUT.since - <size_t>&_LAYOUT,
            <size_t>&_LAYOUT.alarm_at - <size_t>&_LAYOUT,
        ],
        "itemsize": sizeof(Row),
    }
)


cdef class People:
    """Rows, user ids and vectors of people; `reference.PeopleByName` says what is kept."""

    cdef Rules rules
    cdef KeyIndex index
    cdef VectorPool pool
    cdef object rows  # numpy.ndarray
    cdef uint8_t* table
    cdef int64_t n_room
    cdef list dirty
    cdef readonly int64_t n_unfit

    def __cinit__(self, rules, int n_categories, bytes mark=b""):
        self.rules = Rules(rules)
        self.index = KeyIndex()
        self.pool = VectorPool(n_categories, mark)
        self.rows = np.zeros(0, _FIELDS)
        self.dirty = []
        self.reserve(1)

    def __len__(self):
        return self.index.n_keys

    @property
    def since(self):
        """[rows]; 0 is nobody."""
        return self.rows["since"]

    @property
    def alarm_at(self):
        """[rows]: when each is to be looked at, epoch ms."""
        return self.rows["alarm_at"]

    cdef int reserve(self, int64_t n) except -1:
        """Make room for `n` more people."""
        cdef int64_t needed = self.index.n_rows + n
        cdef uint8_t[::1] memory
        if needed > self.n_room:
            self.n_room = max(needed, self.n_room + self.n_room // GROWTH, LEAST_ROWS)
            self.rows.resize(self.n_room, refcheck=False)
            memory = self.rows.view(np.uint8)
            self.table = &memory[0]
        return 0

    cdef inline Row* row(self, int64_t number) noexcept nogil:
        return <Row*>(self.table + number * <int64_t>sizeof(Row))

    cdef Row* checked(self, int64_t number) except NULL:
        if not 0 <= number < self.n_room:
            raise IndexError(f"no row {number}")
        return self.row(number)

    cdef inline int touch(self, int64_t number) except -1:
        """Have a row written by the next checkpoint."""
        if not self.row(number).dirty:
            self.row(number).dirty = 1
            self.dirty.append(number)
        return 0

    def user_id(self, int64_t number):
        """Return the id of the person in a row."""
        cdef Row* row = self.checked(number)
        # A foreign key in the changelog becomes the id of nobody; it stops no worker.
        return self.index.key(row.key_start, row.key_length).decode(errors="replace")

    def agrees(self, user_id):
        """Return whether there is such a person, who consents."""
        cdef int64_t number = self.index.find(user_id.encode(), self.rows)
        return number >= 0 and self.row(number).consent != 0

    def load(self, user_id):
        """Return a copy of a person; None when there is nobody yet."""
        cdef int64_t number = self.index.find(user_id.encode(), self.rows)
        cdef Row* row
        cdef Spot* spot
        cdef int i
        if number < 0 or not self.row(number).since:
            return None
        row = self.row(number)
        places = {}
        for i in range(n_known_places):
            spot = &row.places[i]
            if spot.used:
                places[PLACES[i]] = Place(spot.n_requests, spot.requested_at, spot.unclicked, self.pool.read(spot.snapshot))
        return Person(
            row.since,
            row.active_at,
            row.consent != 0,
            "zh" if row.is_chinese else "en",
            self.pool.read(row.vector),
            row.has_history != 0,
            row.n_unclicked,
            places,
            row.alarm_at,
        )

    def store(self, user_id, person):
        """Put a person into a row; return its number, and whether its alarm is new."""
        key = user_id.encode()
        cdef int64_t number = self.index.find(key, self.rows)
        cdef Row* row
        cdef bint is_called
        if number < 0:
            self.reserve(1)
            number = self.index.add(key, self.rows)
        row = self.row(number)
        is_called = row.alarm_at != person.alarm_at
        row.since, row.active_at, row.alarm_at = person.since, person.active_at, person.alarm_at
        row.vector = <uint32_t>self.pool.written(row.vector, person.vector)
        row.n_unclicked, row.consent = person.n_unclicked, person.consent
        row.is_chinese, row.has_history = person.language == "zh", person.has_history
        row.is_pending = 0
        self.store_places(row, person.places)
        if person.is_changed:
            self.touch(number)
        return number, is_called

    cdef int store_places(self, Row* row, dict places) except -1:
        cdef Spot* spot
        cdef int i
        for i in range(n_known_places):
            place = places.get(PLACES[i])
            if place is not None:
                spot = &row.places[i]
                spot.requested_at, spot.n_requests = place.requested_at, place.n_requests
                spot.unclicked = place.unclicked
                spot.snapshot = <uint32_t>self.pool.written(spot.snapshot, place.snapshot)
                spot.used = 1
        return 0

    def remove(self, user_id):
        """Forget a person; return whether there was one."""
        return self.remove_key(user_id.encode())

    cdef bint remove_key(self, bytes key) except -1:
        cdef int64_t number = self.index.find(key, self.rows)
        if number < 0:
            return False
        self.clear(self.row(number))
        self.index.remove(key, self.rows)
        memset(self.row(number), 0, sizeof(Row))
        return True

    cdef int clear(self, Row* row) except -1:
        """Empty a row but for its key."""
        cdef uint32_t start = row.key_start
        cdef uint16_t length = row.key_length
        cdef int i
        self.pool.give(row.vector)
        for i in range(N_PLACES):
            self.pool.give(row.places[i].snapshot)
        memset(row, 0, sizeof(Row))
        row.key_start, row.key_length = start, length
        return 0
