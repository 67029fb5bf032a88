"""One system call in a mount, as a process of its own: for what may take long, hang, or be killed.

    calls.py CALL PLACE      prepares it at PLACE, says "ready", waits for a line, calls; prints one line of JSON:
                             its errno, 0 if it was done, and how many seconds it took

PLACE is a directory as plant() makes it. Each call below prepares until its `yield`; what comes behind that is measured.
"""

import ctypes
import fcntl
import json
import mmap
import os
import sys
import time

LARGE = 300_000  # bytes; more than comes with the names
TEXT = b"written by a call"
LIBC = ctypes.CDLL(None, use_errno=True)


def plant(place, large):
    """What a call finds: an empty directory, a file with an attribute, another; perhaps one whose content no other mount has."""
    os.makedirs(os.path.join(place, "empty"))
    for name, content in (("small", b"small"), ("other", b"other"), *([("large", b"l" * LARGE)] if large else [])):
        with open(os.path.join(place, name), "wb") as file:
            file.write(content)
    os.setxattr(os.path.join(place, "small"), "user.kept", b"v" * 2000)


def opened(place, name, flags=os.O_RDWR):
    return os.open(os.path.join(place, name), flags)


# ── What asks the server for what is not here ──

def read(place):
    fd = opened(place, "large")
    yield
    os.pread(fd, 10, LARGE // 2)


def open_and_read(place):
    yield
    os.read(opened(place, "large"), 10)


def map_read(place):
    with mmap.mmap(opened(place, "large"), LARGE, prot=mmap.PROT_READ) as seen:
        yield
        print(seen[LARGE // 2], file=sys.stderr)


def copy(place):
    fd, to = opened(place, "large"), opened(place, "small")
    yield
    os.copy_file_range(fd, to, 10, 0, 0)


def getxattr(place):
    yield
    os.getxattr(os.path.join(place, "small"), "user.kept")


def listxattr(place):
    yield
    os.listxattr(os.path.join(place, "small"))


def author(place):
    yield
    os.getxattr(os.path.join(place, "small"), "user.outboard.author")


def past(place):
    root, _, below = place.partition("/memory/")
    yield
    os.listdir(os.path.join(root, "memory", ".history", below, "small"))


def lookup(place):
    os.stat(place)
    yield
    os.stat(os.path.join(place, "small"))


def absence(place):
    os.stat(place)
    yield
    os.lstat(os.path.join(place, "nothing"))  # who cannot ask does not know that it is not there


def listing(place):
    os.stat(place)
    yield
    os.listdir(place)


def open_name(place):
    os.stat(place)
    yield
    opened(place, "small")


def statfs(place):
    yield
    os.statvfs(place)


def open_strict(place):
    """What was proved current stays so for a lease."""
    root = place.partition("/memory/")[0]
    yield
    until = time.monotonic() + 10
    while time.monotonic() < until:
        os.close(opened(os.path.join(root, "ledger"), "kept", os.O_RDONLY))


# ── What changes something ──

def create(place):
    yield
    os.close(opened(place, "new", os.O_WRONLY | os.O_CREAT | os.O_EXCL))


def mkdir(place):
    yield
    os.mkdir(os.path.join(place, "made"))


def mknod(place):
    yield
    os.mkfifo(os.path.join(place, "pipe"))


def symlink(place):
    yield
    os.symlink("small", os.path.join(place, "symlink"))


def link(place):
    yield
    os.link(os.path.join(place, "small"), os.path.join(place, "linked"))


def unlink(place):
    yield
    os.unlink(os.path.join(place, "small"))


def rmdir(place):
    yield
    os.rmdir(os.path.join(place, "empty"))


def rename(place):
    yield
    os.rename(os.path.join(place, "small"), os.path.join(place, "renamed"))


def rename_over(place):
    yield
    os.rename(os.path.join(place, "small"), os.path.join(place, "other"))


def chmod(place):
    yield
    os.chmod(os.path.join(place, "small"), 0o600)


def truncate(place):
    yield
    os.truncate(os.path.join(place, "small"), 2)


def utime(place):
    yield
    os.utime(os.path.join(place, "small"), (1, 2))


def setxattr(place):
    yield
    os.setxattr(os.path.join(place, "small"), "user.kept", b"new")


def removexattr(place):
    yield
    os.removexattr(os.path.join(place, "small"), "user.kept")


def fcntl_lock(place):
    fd = opened(place, "small")
    yield
    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def fcntl_lock_wait(place):
    fd = opened(place, "small")
    yield
    fcntl.lockf(fd, fcntl.LOCK_EX)


def flock(place):
    fd = opened(place, "small")
    yield
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def flock_wait(place):
    fd = opened(place, "small")
    yield
    fcntl.flock(fd, fcntl.LOCK_EX)


# ── What is kept here, and what sends that ──

def write(place):
    fd = opened(place, "small")
    yield
    os.write(fd, TEXT)


def ftruncate(place):
    fd = opened(place, "small")
    yield
    os.ftruncate(fd, 2)


def fallocate(place):
    fd = opened(place, "small")
    yield
    os.posix_fallocate(fd, 0, 1000)


def fsync(place):
    fd = opened(place, "small")
    os.write(fd, TEXT)
    yield
    os.fsync(fd)


def close(place):
    fd = opened(place, "small")
    os.write(fd, TEXT)
    yield
    os.close(fd)


def append_and_close(place):
    fd = opened(place, "small", os.O_WRONLY | os.O_APPEND)
    yield
    os.write(fd, TEXT)
    os.close(fd)


def empty_and_close(place):
    fd = opened(place, "small", os.O_WRONLY | os.O_TRUNC)
    os.write(fd, TEXT)
    yield
    os.close(fd)


def main():
    call = globals()[sys.argv[1]](sys.argv[2])
    next(call)
    print("ready", flush=True)
    sys.stdin.readline()
    number, start = 0, time.monotonic()
    try:
        next(call, None)
    except OSError as error:
        number = error.errno
    print(json.dumps({"errno": number, "seconds": time.monotonic() - start}), flush=True)


if __name__ == "__main__":
    main()
