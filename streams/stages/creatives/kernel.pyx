# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Scores and best designs, compiled; `score.py` has the reference.

Every sum is made in the same order as there, so that both give the same bits; the
build forbids the compiler to fuse a multiplication with an addition.
"""

import numpy as np

DEF LANES = 8


def score_designs(
    layout,
    const Py_ssize_t[:, :, ::1] chosen,
    const float[:, :, ::1] continuous,
    const float[:, :, ::1] worth,
    const float[:, ::1] base,
):
    """Return click logits [n, K, S]; see `score.score_designs`."""
    cdef Py_ssize_t n = worth.shape[0], n_looks = worth.shape[1], n_draws = worth.shape[2]
    cdef Py_ssize_t k = continuous.shape[1], n_continuous = continuous.shape[2]
    cdef Py_ssize_t n_attributes = chosen.shape[0], n_logits = layout.n_logits
    cdef Py_ssize_t i, j, a, c, s, column
    cdef const float* row
    cdef const float* square
    cdef float value
    cdef float* total
    cdef bint inside = True
    if n_looks != layout.n_looks:
        raise ValueError(f"expected {layout.n_looks} looks, got {n_looks}")
    if (
        n_continuous != layout.n_continuous
        or n_attributes != len(layout.sizes)
        or continuous.shape[0] != n
        or base.shape[0] != n
        or base.shape[1] != n_draws
        or (n_attributes and (chosen.shape[1] != n or chosen.shape[2] != k))
    ):
        raise ValueError("designs that do not fit the worth of looks")
    answer = np.empty((n, k, n_draws), np.float32)
    cdef float[:, :, ::1] out = answer
    if n == 0 or k == 0 or n_draws == 0:
        return answer
    with nogil:
        for i in range(n):
            for j in range(k):
                total = &out[i, j, 0]
                for s in range(n_draws):
                    total[s] = base[i, s]
                for a in range(n_attributes):
                    column = chosen[a, i, j]
                    if column < 0 or column >= n_logits:
                        inside = False
                        break
                    row = &worth[i, column, 0]
                    for s in range(n_draws):
                        total[s] += row[s]
                for c in range(n_continuous):
                    value = <float>2.0 * continuous[i, j, c] - <float>1.0
                    row = &worth[i, n_logits + c, 0]
                    square = &worth[i, n_logits + n_continuous + c, 0]
                    for s in range(n_draws):
                        total[s] += value * (row[s] + value * square[s])
    if not inside:
        raise ValueError("designs that do not fit the worth of looks")
    return answer


def best_by_draw(layout, const float[:, :, ::1] worth, const Py_ssize_t[:, ::1] draws):
    """Return columns [A, n, k] and continuous [n, k, NC]; see `score.best_by_draw`."""
    cdef Py_ssize_t n = worth.shape[0], n_looks = worth.shape[1], n_draws = worth.shape[2]
    cdef Py_ssize_t k = draws.shape[1], n_continuous = layout.n_continuous
    cdef Py_ssize_t n_attributes = len(layout.sizes), n_logits = layout.n_logits
    cdef Py_ssize_t i, j, a, c, f, draw, start, stride, place
    cdef const float* one
    cdef bint inside = True
    sizes_array = np.array(layout.sizes, np.intp)
    cdef const Py_ssize_t[::1] sizes = sizes_array
    if n_looks != layout.n_looks:
        raise ValueError(f"expected {layout.n_looks} looks, got {n_looks}")
    chosen_array = np.empty((n_attributes, n, k), np.intp)
    continuous_array = np.empty((n, k, n_continuous), np.float32)
    mean_array = np.empty(n_looks, np.float32)
    cdef Py_ssize_t[:, :, ::1] chosen = chosen_array
    cdef float[:, :, ::1] continuous = continuous_array
    cdef float[::1] mean = mean_array
    if draws.shape[0] != n:
        raise ValueError("draws that do not fit the worth of looks")
    if n == 0 or k == 0 or n_looks == 0:
        return chosen_array, continuous_array
    if n_draws == 0:
        raise ValueError("draws that do not fit the worth of looks")
    with nogil:
        for i in range(n):
            for j in range(k):
                draw = draws[i, j]
                if draw < -1 or draw >= n_draws:
                    inside = False
                    break
                one, stride = &worth[i, 0, 0] + draw, n_draws
                if draw == -1:
                    for f in range(n_looks):
                        mean[f] = _mean(&worth[i, f, 0], n_draws)
                    one, stride = &mean[0], 1
                start = 0
                for a in range(n_attributes):
                    place = start
                    for f in range(start + 1, start + sizes[a]):
                        if one[f * stride] > one[place * stride]:
                            place = f
                    chosen[a, i, j] = place
                    start += sizes[a]
                for c in range(n_continuous):
                    continuous[i, j, c] = _highest(
                        one[(n_logits + c) * stride],
                        one[(n_logits + n_continuous + c) * stride],
                    )
    if not inside:
        raise ValueError("draws that do not fit the worth of looks")
    return chosen_array, continuous_array


cdef float _mean(const float* draws, Py_ssize_t n) noexcept nogil:
    cdef float[LANES] lanes
    cdef Py_ssize_t i, start = 0
    for i in range(LANES):
        lanes[i] = 0.0
    while start + LANES <= n:
        for i in range(LANES):
            lanes[i] += draws[start + i]
        start += LANES
    for i in range(n - start):
        lanes[i] += draws[start + i]
    for i in range(4):
        lanes[i] += lanes[i + 4]
    for i in range(2):
        lanes[i] += lanes[i + 2]
    return (lanes[0] + lanes[1]) / <float>n


cdef float _highest(float linear, float square) noexcept nogil:
    """Return where a parabola over [-1, 1] is highest, on a scale from 0 to 1."""
    cdef float top
    cdef double place
    if square < 0.0:
        top = -linear / (<float>2.0 * square)
        place = top
        if place < -1.0:
            place = -1.0
        elif place > 1.0:
            place = 1.0
    else:
        place = -1.0 if linear < 0.0 else 1.0
    return <float>((place + 1.0) / 2.0)
