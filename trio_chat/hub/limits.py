"""What bounds rooms: their size, their notices, and how many new ones an address may open."""

from attrs import frozen


@frozen
class RoomLimits:
    """Limits of all rooms, from the settings.

    Attributes:
        crowd_size: Rooms of more users than this are told less often.
        notice_rate: Notices of a user in a room in ten minutes; 0 for no limit.
    """

    crowd_size: int
    notice_rate: int
