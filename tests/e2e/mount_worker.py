"""What a program does in a mount, as a process of its own; prints one line of JSON at its end.

    grow_and_shrink FILE ROUNDS [FD]      writes ROUNDS contents of random sizes, in two manners; a byte to FD behind each close
    read FILE ROUNDS [SECONDS]            checks all it can see, in three manners, until the last round
    append FILE NAME COUNT PROGRESS_FD    COUNT lines, each opened, appended, closed
    claim FOLDER COUNT                    tries to be the one who makes each of COUNT lock files
    cat FILE                              opens, says so, reads
    put FILE                              opens, writes, says so, closes
"""

import json
import mmap
import os
import random
import sys
import time

SIZE_MAX = 50_000
PIECE = 1024
SECONDS = 200  # of a machine with other work: it is for what never comes


def content(number, size):
    """Every 16 bytes name the round and the size: any mixture and any wrong length shows."""
    unit = f"{number:07d}/{size:07d}\n".encode()
    return (unit * (size // len(unit) + 1))[:size]


def fault_of(data, size):
    if len(data) != size:
        return f"{len(data)} bytes at size {size}"
    if size < 16:
        return f"a size that was never written: {size}"
    number, told = int(data[:7]), int(data[8:15])
    if told != size:
        return f"round {number} has {told} bytes, not {size}"
    return None if data == content(number, size) else f"round {number} is torn"


def grow_and_shrink(file, rounds, published=None):
    dice = random.Random(7)
    for number in range(1, int(rounds) + 1):
        data = content(number, dice.choice((16, 1000, 4096, dice.randrange(16, SIZE_MAX))))
        if number % 2:
            fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            for start in range(0, len(data), 20_000):
                os.write(fd, data[start:start + 20_000])
        else:
            fd = os.open(file, os.O_RDWR)
            os.pwrite(fd, data, 0)
            os.ftruncate(fd, len(data))
        os.close(fd)
        if published:
            os.write(int(published), b".")
    return {"rounds": int(rounds)}


def by_pieces(fd):
    size = os.fstat(fd).st_size
    pieces = []
    while piece := os.read(fd, PIECE):
        pieces.append(piece)
    after = os.fstat(fd).st_size
    return b"".join(pieces), size if size == after else after


def by_mmap(fd):
    size = os.fstat(fd).st_size
    with mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ) as seen:
        return b"".join(seen[i:i + PIECE] for i in range(0, size, PIECE)), size


def by_fstat(fd):
    sizes = {os.fstat(fd).st_size}
    data = os.pread(fd, 2 * SIZE_MAX, 0)
    sizes.add(os.fstat(fd).st_size)
    sizes.add(os.lseek(fd, 0, os.SEEK_END))
    return data, sizes.pop() if len(sizes) == 1 else -1


def read(file, rounds, seconds=SECONDS):
    reads, faults, seen, newest = 0, [], set(), 0
    until = time.monotonic() + float(seconds)
    while int(rounds) not in seen and time.monotonic() < until and len(faults) < 10:
        for look in (by_pieces, by_mmap, by_fstat):
            try:
                fd = os.open(file, os.O_RDONLY)
                try:
                    data, size = look(fd)
                finally:
                    os.close(fd)
            except (OSError, ValueError) as error:
                faults.append(f"{look.__name__}: {error!r}")
                continue
            reads += 1
            if fault := fault_of(data, size):
                faults.append(f"{look.__name__}: {fault}")
                continue
            number = int(data[:7])
            if number < newest:
                faults.append(f"{look.__name__}: round {number} when round {newest} had been seen")
            newest = max(newest, number)
            seen.add(number)
    return {"reads": reads, "seen": len(seen), "faults": faults, "last": int(rounds) in seen}


def append(file, name, count, progress):
    kept, refused = [], []
    for number in range(int(count)):
        line = f"{name}-{number} {'x' * (number % 50)}\n"
        try:
            fd = os.open(file, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(fd, line.encode())
            finally:
                os.close(fd)
            kept.append(line)
        except OSError as error:
            refused.append([line, error.errno])
        os.write(int(progress), b".")
    return {"kept": kept, "refused": refused}


def claim(folder, count):
    won = []
    for number in range(int(count)):
        try:
            os.close(os.open(os.path.join(folder, f"lock-{number}"), os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            won.append(number)
        except FileExistsError:
            pass
    return {"won": won}


def errno_of(action, *words):
    print("ready", flush=True)
    try:
        action(*words)
    except OSError as error:
        return {"errno": error.errno}
    return {"errno": 0}


def cat(file):
    return errno_of(os.read, os.open(file, os.O_RDONLY), 1 << 20)


def put(file):
    fd = os.open(file, os.O_WRONLY)
    os.write(fd, b"crowd")
    return errno_of(os.close, fd)


if __name__ == "__main__":
    verbs = (grow_and_shrink, read, append, claim, cat, put)
    chosen = next(verb for verb in verbs if verb.__name__ == sys.argv[1])
    print(json.dumps(chosen(*sys.argv[2:])))
