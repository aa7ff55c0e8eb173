# What to read, field by field: plan.py's steps as C structs.

cdef enum:
    MAX_STEPS = 64
    MAX_SYMBOLS = 64

cdef enum:
    LONG = 0
    STRING = 1
    BYTES = 2
    BOOLEAN = 3
    DOUBLE = 4
    ENUM = 5
    LONGS = 6
    DESIGN = 7

cdef enum:
    NONE = 0
    TEXT = 1
    NAME = 2
    USER = 3
    INSTANT = 4
    RANGE = 5

cdef struct CStep:
    int op
    int null_branch
    int slot
    int check
    int64_t limit
    double low
    double high
    int n_symbols
    int16_t symbols[MAX_SYMBOLS]


cdef class CompiledPlan:
    """A decode plan as C structs."""

    cdef CStep steps[MAX_STEPS]
    cdef int n_steps
    cdef int n_slots
    cdef int key_slot
    cdef uint32_t schema_id
    cdef int missing[MAX_STEPS]
    cdef int n_missing
    cdef readonly object names

    def __init__(self, plan):
        if len(plan.steps) > MAX_STEPS or len(plan.names) > MAX_STEPS:
            raise ValueError(f"expected at most {MAX_STEPS} fields, got {len(plan.steps)}")
        self.n_steps = len(plan.steps)
        self.n_slots = len(plan.names)
        self.key_slot = plan.key_slot
        self.schema_id = plan.schema_id
        self.names = plan.names
        self.n_missing = len(plan.missing)
        for i, slot in enumerate(plan.missing):
            self.missing[i] = slot
        for i, step in enumerate(plan.steps):
            if len(step.symbols) > MAX_SYMBOLS:
                raise ValueError(f"expected at most {MAX_SYMBOLS} symbols of an enum")
            self.steps[i].op = step.op
            self.steps[i].null_branch = step.null_branch
            self.steps[i].slot = step.slot
            self.steps[i].check = step.limits.check
            self.steps[i].limit = step.limits.limit
            self.steps[i].low = step.limits.low
            self.steps[i].high = step.limits.high
            self.steps[i].n_symbols = len(step.symbols)
            for j, symbol in enumerate(step.symbols):
                self.steps[i].symbols[j] = symbol
