# Who needs a creative, and when to look again: person.NeedRules, compiled.

cdef class Rules:
    """`person.NeedRules` as C numbers."""

    cdef int64_t cooldown_ms
    cdef int64_t expiry_ms
    cdef int64_t active_ms
    cdef int64_t forget_ms
    cdef int64_t fatigue
    cdef double shift
    cdef float enough

    def __init__(self, rules):
        self.cooldown_ms = rules.cooldown_ms
        self.expiry_ms = rules.expiry_ms
        self.active_ms = rules.active_ms
        self.forget_ms = rules.forget_ms
        self.fatigue = rules.fatigue_impressions
        self.shift = rules.shift
        self.enough = rules.enough_weight


cdef int judge(Rules rules, VectorPool pool, const Row* row, const float* vector, bint has_history, int64_t now) noexcept nogil:
    """Return whether a consenting, active person has a reason, and if it may be asked.

    NEEDS is also the answer where Python has to say it.
    """
    cdef const Spot* place
    cdef bint has_place = False, has_reason
    cdef double apart
    cdef int i, found = QUIET
    for i in range(N_PLACES):
        place = &row.places[i]
        if not place.used:
            continue
        has_place = True
        if place.snapshot:
            apart = distance_of(vector, pool.at(place.snapshot), pool.n_categories)
            if rules.shift - MARGIN < apart < rules.shift + MARGIN:
                return NEEDS
            has_reason = apart > rules.shift
        else:
            has_reason = has_history
        if not has_reason and place.requested_at:
            has_reason = <int64_t>row.n_unclicked - <int64_t>place.unclicked >= rules.fatigue or now >= place.requested_at + rules.expiry_ms
        if has_reason:
            if now >= place.requested_at + rules.cooldown_ms:
                return NEEDS
            found = HELD
    if not has_place and has_history:
        return NEEDS
    return found


cdef inline int64_t next_instant(Rules rules, const Row* row, int64_t now) noexcept nogil:
    """Return the next instant at which time alone changes something."""
    cdef int64_t due = row.active_at + rules.forget_ms
    cdef int64_t at
    cdef int i
    if due <= now:
        due = INT64_MAX
    for i in range(N_PLACES):
        if row.places[i].used and row.places[i].requested_at:
            at = row.places[i].requested_at + rules.cooldown_ms
            if now < at < due:
                due = at
            at = row.places[i].requested_at + rules.expiry_ms
            if now < at < due:
                due = at
    return due if due < INT64_MAX else now + 1
