"""The garbage collector, set for a process that handles batches all day."""

import gc


def pause() -> None:
    """Collect nothing while modules are imported: they stay for good."""
    gc.disable()


def settle() -> None:
    """Leave what was imported alone, and wake seldom.

    Imported objects stay for good: there is nothing to find among them. Batches of
    short-lived records free themselves; a collection for every 700 of them is waste.
    """
    gc.enable()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
