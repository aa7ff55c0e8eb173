"""Impressions within their windows -> feedback as soon as it is due, in pure Python.

The table of one partition, and the twin of the compiled one
(`streams.stages.attribution._impressions`). Impressions that nobody reacted to are
dealt with here: sent as a `none` when their window closes, forgotten when the
correction window is over. Whatever has reactions is left to the listener.

When an impression is looked at, by its two timers: at its settling time by the wall
clock and at the end of its click window in event time; once settled, at the end of
what it is kept for on either clock.
"""

import numpy as np

from schemas.avro import Codec, SchemaIds
from schemas.records import Feedback
from streams.columns.columns import Columns
from streams.columns.encoded import Encoded, Ints, encoded
from streams.stages.attribution.event_rows import event_rows
from streams.stages.attribution.impression import Impression, packed_together, unpacked
from streams.stages.attribution.listener import Found, Listener
from streams.stages.attribution.outcome import Judgement, feedback_of
from streams.stages.attribution.shown_creatives import ShownCreatives
from streams.stages.attribution.state import KINDS, REACTIONS, KnownCreative
from streams.stages.attribution.timers import Timers
from streams.stages.attribution.traffic import is_robot


class Impressions:
    """One partition's impressions.

    Args:
        click_ms: click window, also the settling time.
        kept_ms: how long an impression may still be corrected, and a click window.
        ids: where the id of Feedback's schema comes from.
    """

    def __init__(self, click_ms: int, kept_ms: int, ids: SchemaIds) -> None:
        self.newest = 0
        """Newest event time."""
        self.ticked_at = self.ticked_newest = 0
        self._click_ms, self._kept_ms = click_ms, kept_ms
        self._settle_ms = max(1, click_ms)
        self._codec = Codec(Feedback, ids)
        self._entries: dict[str, Impression] = {}
        self._creatives = ShownCreatives()
        self._wall, self._event = Timers(), Timers()
        self._dirty: dict[str, Impression] = {}
        self._released: list[int] = []
        self._out: list[tuple[bytes, bytes]] = []

    def __len__(self) -> int:
        return sum(not entry.bare for entry in self._entries.values())

    # -- events ---------------------------------------------------------------------

    def see(self, at: int) -> None:
        """Move event time on; an older event moves nothing."""
        self.newest = max(self.newest, at)

    def show(
        self,
        key: str,
        user: str,
        at: int,
        creative: str | None,
        placement: str | None,
        surface: int,
        category: str | None,
        item: str | None,
        robot: bool,  # noqa: FBT001 - the compiled twin's order
        now: int,
        listener: Listener,
    ) -> bool:
        """Take an impression; return whether it is new. Surface -1 is none."""
        known = self._entries.get(key)
        if known is not None and not known.bare:
            return False
        entry = Impression(
            key, user, at, creative, placement, surface, category, item, robot, now
        )
        entry.reacted = known is not None
        self._add(entry)
        self._dirty[key] = entry
        if entry.reacted:
            listener.on_shown(key)
        elif min(self.newest, now) >= at + self._click_ms and not self._waits(entry):
            self._send_none(entry)
        return True

    def fold(self, columns: Columns, now: int, listener: Listener) -> int:
        """Take a batch of events in order; return how many impressions were not new."""
        n_repeated = 0
        for row in event_rows(columns):
            self.see(row.at)
            robot = is_robot(row.agent)
            if row.kind == "impression":
                n_repeated += not self.show(
                    row.impression or row.event,
                    row.user,
                    row.at,
                    row.creative,
                    row.placement,
                    row.surface,
                    row.category,
                    row.item,
                    robot,
                    now,
                    listener,
                )
            elif row.kind in REACTIONS:
                kind = KINDS.index(row.kind)
                listener.on_reaction(
                    row.impression, row.event, kind, row.at, row.value, robot
                )
        return n_repeated

    # -- reactions: what the listener asks ------------------------------------------

    def find(self, key: str) -> Found | None:
        """Return what decides about an impression, or None when it has not come."""
        entry = self._entries.get(key)
        if entry is None or entry.bare:
            return None
        waits = self._waits(entry)
        return entry.user, entry.at, entry.robot, entry.sent, waits, entry.arrived_at

    def react(self, key: str) -> None:
        """Leave an impression, come or to come, to the listener from now on."""
        entry = self._entries.get(key)
        if entry is None:
            entry = Impression(key, "", 0, None, None, -1, None, None, False, 0)  # noqa: FBT003
            entry.bare = True
            self._entries[key] = entry
        entry.reacted = True

    def unreact(self, key: str) -> None:
        """Take back what `react` said."""
        entry = self._entries.get(key)
        if entry is not None and entry.bare:
            del self._entries[key]
        elif entry is not None:
            entry.reacted = False

    def send(self, key: str, judgement: Judgement) -> None:
        """Write the feedback of an impression."""
        entry = self._entries[key]
        creative = self._creatives.get(entry.creative)
        if not entry.sent:
            entry.sent, entry.organic = True, creative is None
            self._dirty[key] = entry
        if entry.organic:
            creative = None
        feedback = feedback_of(entry, judgement, creative)
        self._out.append((entry.user.encode(), self._codec.encode(feedback)))

    def take_out(self) -> Encoded:
        """Return the feedback written since the last call."""
        out, self._out = self._out, []
        return encoded(Feedback, out)

    # -- time -----------------------------------------------------------------------

    def tick(self, now: int, listener: Listener) -> None:
        """Look at the impressions whose time has come."""
        self.ticked_at, self.ticked_newest = now, self.newest
        watermark = min(self.newest, now)
        for at, entry in self._wall.due(now):
            if self._is_called(entry, entry.wall_call, at):
                self._look(entry, now, watermark, listener)
                if self._entries.get(entry.key) is entry:
                    self._wind(entry, self._kept_ms, self._kept_ms)
        for at, entry in self._event.due(watermark):
            if self._is_called(entry, entry.event_call, at):
                entry.event_call = -1
                settled = now >= entry.arrived_at + self._settle_ms
                if settled or entry.sent or not self._waits(entry):
                    self._look(entry, now, watermark, listener)

    def _is_called(self, entry: Impression, call: int, at: int) -> bool:
        return call == at and self._entries.get(entry.key) is entry

    def _look(
        self, entry: Impression, now: int, watermark: int, listener: Listener
    ) -> None:
        if not entry.sent:
            self._decide(entry, listener)
        if self._is_over(entry, now, watermark):
            self._remove(entry)
            if entry.reacted:
                listener.on_end(entry.key)

    def _decide(self, entry: Impression, listener: Listener) -> None:
        if entry.reacted:
            listener.on_due(entry.key)
        else:
            self._send_none(entry)

    def _is_over(self, entry: Impression, now: int, watermark: int) -> bool:
        if now < entry.arrived_at + self._settle_ms:
            return False
        kept_ms = self._kept_ms
        return now >= entry.arrived_at + kept_ms or watermark >= entry.at + kept_ms

    # -- creatives ------------------------------------------------------------------

    def know(
        self,
        creative_id: str,
        creative: KnownCreative,
        now: int,
        listener: Listener | None,
    ) -> None:
        """Learn a creative; with a listener, decide on what waited for it."""
        self._creatives.known[creative_id] = creative
        if listener is None:
            return
        for entry in self._creatives.unsent(creative_id):
            is_closed = min(self.newest, now) >= entry.at + self._click_ms
            if entry.reacted or is_closed:
                self._decide(entry, listener)

    def forget(self, creative_id: str) -> None:
        """Forget a creative."""
        self._creatives.known.pop(creative_id, None)

    def shows(self, creative_id: str) -> bool:
        """Return whether a remembered impression is of this creative."""
        return self._creatives.shows(creative_id)

    # -- the changelog --------------------------------------------------------------

    def take_dirty(self, first_segment: int, max_bytes: int) -> list[tuple[bytes, int]]:
        """Return changed impressions as (content, number of them) of segments."""
        segments: list[tuple[bytes, int]] = []
        for content, entries in packed_together(self._dirty.values(), max_bytes):
            self._released += [entry.segment for entry in entries if entry.segment]
            for entry in entries:
                entry.segment = first_segment + len(segments)
            segments.append((content, len(entries)))
        self._dirty.clear()
        return segments

    def take_released(self) -> Ints:
        """Return the segments of impressions that ended or were written again [n]."""
        released, self._released = self._released, []
        return np.array(released, np.int64)

    def restore(self, content: bytes, segment: int) -> int:
        """Take a segment back; return how many impressions it holds."""
        n = 0
        for entry in unpacked(content, segment):
            known = self._entries.get(entry.key)
            if known is not None:
                entry.reacted = known.reacted
                self._remove(known)
            entry.segment = segment
            self._add(entry)
            n += 1
        return n

    def sweep(self, now: int, newest: int, dead: frozenset[int]) -> None:
        """Forget what had ended by a tick at `now`, and what is in dead segments."""
        self.see(newest)
        for entry in list(self._entries.values()):
            is_over = self._is_over(entry, now, min(newest, now))
            if not entry.bare and (is_over or entry.segment in dead):
                self._remove(entry)
                if entry.reacted:
                    self.react(entry.key)

    # -- entries --------------------------------------------------------------------

    def _waits(self, entry: Impression) -> bool:
        return self._creatives.is_awaited(entry.creative)

    def _send_none(self, entry: Impression) -> None:
        decided_at = entry.at + self._click_ms
        self.send(
            entry.key, Judgement("none", None, not entry.robot, decided_at, revision=0)
        )

    def _add(self, entry: Impression) -> None:
        self._entries[entry.key] = entry
        self._creatives.add(entry)
        self._wind(entry, self._settle_ms, self._click_ms)

    def _wind(self, entry: Impression, wall_ms: int, event_ms: int) -> None:
        entry.wall_call = entry.arrived_at + wall_ms
        entry.event_call = entry.at + event_ms
        self._wall.put(entry.wall_call, entry)
        self._event.put(entry.event_call, entry)

    def _remove(self, entry: Impression) -> None:
        del self._entries[entry.key]
        self._dirty.pop(entry.key, None)
        if entry.segment:
            self._released.append(entry.segment)
        self._creatives.remove(entry)
