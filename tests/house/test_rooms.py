"""The import graph stays small, and arrows point down."""

from tests.generated.house import arrows, rooms

MOST_ROOMS, MOST_ARROWS = 30, 140


def test_there_are_few_rooms_and_few_arrows():
    assert len(rooms()) <= MOST_ROOMS
    assert len(arrows()) <= MOST_ARROWS


def test_every_room_with_an_import_is_drawn():
    assert {room for arrow in arrows() for room in arrow} <= set(rooms())


def test_every_arrow_points_down():
    height = {room: y for y, room in enumerate(rooms())}
    assert [
        arrow for arrow in sorted(arrows()) if height[arrow[0]] > height[arrow[1]]
    ] == []
