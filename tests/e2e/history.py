"""What programs in several mounts wrote and read, with the times of it, and whether that can have happened.

A register is a file whose whole content is one value, replaced by rename; no value is written twice. Times are of one clock,
from before a call to behind it, so that whatever is late makes an operation longer and no answer wrong.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Operation:
    kind: str    # "write" or "read"
    value: str   # that was written or read
    start: float
    end: float
    mount: int = 0  # where


def stale_reads(operations):
    """(read, the write that it should have seen or a later one): what it read had been replaced before it began.

    Of two writes that overlap either may be the later one."""
    writes = {one.value: one for one in operations if one.kind == "write"}
    by_end = sorted(writes.values(), key=lambda write: write.end)
    # At each place the latest start among the writes that had ended by then.
    latest, newest = [], None
    for write in by_end:
        newest = write if newest is None or write.start > newest.start else newest
        latest.append(newest)
    found = []
    for read in (one for one in operations if one.kind == "read"):
        written = writes.get(read.value)
        if written is None or written.start > read.end:
            found.append((read, None))  # nobody had written that
            continue
        low, high = 0, len(by_end)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if by_end[middle].end < read.start else (low, middle)
        if low and latest[low - 1].start > written.end:
            found.append((read, latest[low - 1]))
    return found


def disorder(operations):
    """(within a mount, between mounts): what no order of whole operations allows, of all writes with the reads of one mount,
    and of what only the reads of several show together."""
    within = set()
    for mount in {one.mount for one in operations}:
        within.update(not_linearizable([one for one in operations if one.kind == "write" or one.mount == mount]))
    return sorted(within), sorted(set(not_linearizable(operations)) - within)


def zones(operations):
    """Value → (earliest end, latest start) of all that wrote or read it."""
    found = {}
    for one in operations:
        end, start = found.get(one.value, (one.end, one.start))
        found[one.value] = (min(end, one.end), max(start, one.start))
    return found


def not_linearizable(operations):
    """Pairs of values that no order of whole operations allows (Gibbons and Korach, 1997), besides stale_reads():
    two values that were each the current one at some moment between two of the other's."""
    spans = sorted((end, start, value) for value, (end, start) in zones(operations).items() if end < start)
    found = [(one[2], other[2]) for one, other in zip(spans, spans[1:]) if other[0] < one[1]]
    points = sorted((start, end, value) for value, (end, start) in zones(operations).items() if end >= start)
    place = 0
    for start, end, value in points:
        while place < len(spans) and spans[place][1] < start:
            place += 1
        if place < len(spans) and spans[place][0] < start and end < spans[place][1]:
            found.append((spans[place][2], value))
    return found
