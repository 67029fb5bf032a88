"""One run of fsx: chooses operations, performs each on a mount and on the model, and looks at all mounts."""

import ctypes
import errno
import mmap
import os
import stat
import sys

import grpc

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import Deployment  # noqa: E402
from fsx_model import Model, Node, overlay, resized  # noqa: E402

VOLUME = "work"
FILE_BYTES_MAX = 400_000
HANDLES_MAX = 12
NAMES = ("a", "b", "c", "d", "e", "n" * 255, "name with spaces")
TOO_LONG = "x" * 256
PUNCH, KEEP, COLLAPSE, ZERO, INSERT = 2, 1, 8, 16, 32  # FALLOC_FL_*
LIBC = ctypes.CDLL(None, use_errno=True)
OMIT = (1 << 30) - 2  # UTIME_OMIT
RENAMES = {"replace": 0, "no_replace": 1, "exchange": 2}
OPENS = {
    "r": os.O_RDONLY, "w": os.O_WRONLY, "rw": os.O_RDWR, "ra": os.O_RDWR | os.O_APPEND,
    "rw+": os.O_RDWR | os.O_CREAT, "rwx": os.O_RDWR | os.O_CREAT | os.O_EXCL, "wt": os.O_WRONLY | os.O_TRUNC,
    "rwt+": os.O_RDWR | os.O_CREAT | os.O_TRUNC, "a+": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
}
# What is done, and how often beside the others.
WEIGHTS = {
    "open": 18, "close": 5, "write": 16, "read": 8, "ftruncate": 4, "truncate": 3, "fallocate": 3, "seek": 3,
    "map_write": 4, "map_keep": 2, "map_read": 3, "map_poke": 2, "map_drop": 1, "copy": 3, "fsync": 3, "forget": 1,
    "mkdir": 4, "rmdir": 2, "symlink": 2, "link": 3, "unlink": 5, "rename": 7, "chmod": 3, "chown": 1, "utime": 4,
    "set_xattr": 3, "remove_xattr": 1, "xattrs": 2, "stat": 4, "fstat": 2, "fchmod": 1, "list": 2, "save": 3,
    "switch": 4, "check": 2, "remount": 0.1,
}


class Difference(Exception):
    """The mount and the model disagree; `kind` is what stays the same when operations are left out."""

    def __init__(self, kind, text):
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class Site:
    """The deployment that runs share, each in a folder of its own. `options` are the daemons'."""

    def __init__(self, mounts, *options):
        self.deployment = Deployment()
        self.options = options
        self.folders = 0
        self.count = mounts

    def __enter__(self):
        site = self.deployment
        try:
            site.start_server()
            site.outboard("org", "create", "acme")
            site.outboard("user", "create", "acme/ada")
            site.outboard("volume", "create", f"acme/{VOLUME}")
            for number in range(self.count):
                site.add_mount(f"m{number}", "ada", [VOLUME], "--owners", "stored", *self.options)
            with open(site.site_token, encoding="utf-8") as token:
                self.metadata = (("authorization", f"Bearer {token.read().strip()}"),)
            self.store = site.store_grpc.StoreServiceStub(grpc.insecure_channel(site.address))
            self.controls = [self.control_of(mount) for mount in site.mounts]
        except BaseException:
            site.end()
            raise
        return self

    def __exit__(self, *_):
        self.deployment.end()

    def control_of(self, mount):
        """A connection of its own: another's to the daemon before may not have noticed that end yet."""
        own = (("grpc.use_local_subchannel_pool", 1),)
        return self.deployment.mount_grpc.MountServiceStub(grpc.insecure_channel("unix:" + mount.control, own))

    def meet(self):
        """All mounts show what was committed."""
        request = self.deployment.store.OpenVolumeRequest(name=f"acme/{VOLUME}")
        head = self.store.OpenVolume(request, metadata=self.metadata, timeout=20).volume.head
        asked = self.deployment.mount.BarrierRequest(seqs={f"acme/{VOLUME}": head})
        for control in self.controls:
            control.Barrier(asked, timeout=30, wait_for_ready=True)

    def remount(self, number):
        mount = self.deployment.mounts[number]
        code, _ = mount.program.end()
        if code != 0:
            raise Difference("remount", f"the daemon ended with {code}: {mount.program.words()[-2000:]}")
        mount.start()
        self.controls[number] = self.control_of(mount)

    def fresh_folder(self):
        self.folders += 1
        name = f"run-{self.folders}"
        os.mkdir(self.deployment.mounts[0].at(VOLUME, name), 0o755)
        self.meet()
        return [mount.at(VOLUME, name) for mount in self.deployment.mounts]


class Handle:
    def __init__(self, mount, fd, node, manner):
        self.mount, self.fd, self.node = mount, fd, node
        flags = OPENS[manner]
        self.reads = flags & os.O_ACCMODE != os.O_WRONLY
        self.writes = flags & os.O_ACCMODE != os.O_RDONLY
        self.appends = bool(flags & os.O_APPEND)
        self.kept = None   # another mount changed the file: what this descriptor goes on showing
        self.shown, self.was_there = node.content, node.links > 0  # when its mount last acted
        self.map = None

    def content(self):
        return self.node.content if self.kept is None else self.kept


def attempt(action, *words, **named):
    """(errno, answer)"""
    try:
        return 0, action(*words, **named)
    except OSError as error:
        return error.errno, None


def named(number):
    return errno.errorcode.get(number, number) if number else "done"


def libc(name, *words):
    number = getattr(LIBC, name)(*words)
    if number < 0:
        raise OSError(ctypes.get_errno(), name)
    return number


def fallocate(fd, mode, offset, length):
    libc("fallocate", fd, mode, ctypes.c_long(offset), ctypes.c_long(length))


def renameat2(path, to, manner):
    libc("renameat2", -100, os.fsencode(path), -100, os.fsencode(to), RENAMES[manner])


class Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanos", ctypes.c_long)]


def utimensat(path, *times):
    """Each in nanoseconds, or OMIT."""
    asked = (Timespec * 2)(*((0, at) if at == OMIT else divmod(at, 1_000_000_000) for at in times))
    libc("utimensat", -100, os.fsencode(path), asked, 0x100)  # AT_SYMLINK_NOFOLLOW


def first_difference(one, other):
    place = next((i for i, (x, y) in enumerate(zip(one, other)) if x != y), min(len(one), len(other)))
    return (f"{len(one)} bytes instead of {len(other)}, different from {place} on: {one[place:place + 24]!r} "
            f"instead of {other[place:place + 24]!r}")


class Run:
    def __init__(self, site, mounts):
        self.site, self.roots = site, site.fresh_folder()[:mounts]
        self.model, self.acting, self.handles, self.made = Model(), 0, {}, 0
        os.umask(0)

    def end(self):
        for handle in self.handles.values():
            if handle.map:
                handle.map.close()
            attempt(os.close, handle.fd)
        os.umask(0o022)

    # ── Choosing ──

    def choose(self, dice):
        verb = dice.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))[0]
        return (verb, *getattr(self, "choose_" + verb, lambda _: ())(dice))

    def path(self, dice, existing=0.8):
        found = [(path, node) for path, node in self.model.walk() if path]
        if found and dice.random() < existing:
            # What is open or unsaved is where it goes wrong.
            held = {id(handle.node) for handle in self.handles.values()}
            busy = [one for one in found if id(one[1]) in held or one[1].unsaved]
            return dice.choice(busy if busy and dice.random() < 0.4 else found)[0]
        folders = [path for path, node in self.model.walk() if node.is_directory() and path.count("/") < 3]
        if found and dice.random() < 0.04:
            folders = [dice.choice(found)[0]]  # perhaps no folder at all
        folder = dice.choice(folders)
        name = TOO_LONG if dice.random() < 0.01 else dice.choice(NAMES)
        return f"{folder}/{name}" if folder else name

    def label(self, dice):
        mine = [label for label, handle in self.handles.items() if handle.mount == self.acting]
        return dice.choice(mine) if mine else 0

    def size(self, dice):
        bound = dice.choice((200, 200, 200, 5_000, 5_000, 70_000, 200_000))
        if dice.random() < 0.2:
            return max(0, dice.choice((1024, 4096, 8192, 65_536, 131_072)) + dice.randrange(-2, 3))
        return dice.randrange(bound)

    def place(self, dice):
        """An offset, often within or at the end of what is there."""
        sizes = [len(handle.content()) for handle in self.handles.values()] or [0]
        size = dice.choice(sizes)
        return dice.choice((0, size, dice.randrange(size + 1), self.size(dice)))

    def mode(self, dice, permissions):
        """Now and then with set-id and sticky bits. Where others may write, too, the kernel has rules of its own for a sticky
        directory (fs.protected_symlinks and its like)."""
        mode = permissions | (dice.randrange(1, 8) << 9 if dice.random() < 0.2 else 0)
        return mode & ~0o022 if mode & stat.S_ISVTX else mode

    def choose_open(self, dice):
        manner = dice.choice(tuple(OPENS))
        path = self.path(dice, 0.5 if "+" in manner or "x" in manner else 0.95)
        files = [file for file, node in self.model.walk() if node.is_file()]
        if files and manner != "rwx" and dice.random() < 0.6:
            path = dice.choice(files)
        return dice.randrange(1, 1 << 30), path, manner, self.mode(dice, dice.choice((0o644, 0o755, 0o600)))

    def choose_label(self, dice):
        return (self.label(dice),)

    choose_close = choose_fsync = choose_forget = choose_map_read = choose_map_drop = choose_fstat = choose_label
    choose_map_keep = choose_label

    def choose_span(self, dice):
        return self.label(dice), self.place(dice), self.size(dice)

    choose_read = choose_map_write = choose_map_poke = choose_span

    def choose_write(self, dice):
        return (*self.choose_span(dice), dice.randrange(1 << 30))

    def choose_ftruncate(self, dice):
        return self.label(dice), self.place(dice)

    def choose_truncate(self, dice):
        return self.path(dice, 0.95), self.place(dice)

    def choose_fallocate(self, dice):
        return self.label(dice), dice.choice((0, 0, KEEP, PUNCH | KEEP, ZERO, ZERO | KEEP)), self.place(dice), self.size(dice)

    def choose_seek(self, dice):
        return self.label(dice), self.place(dice), dice.choice(("data", "hole"))

    def choose_copy(self, dice):
        return self.label(dice), self.place(dice), self.label(dice), self.place(dice), self.size(dice)

    def choose_mkdir(self, dice):
        return self.path(dice, 0.1), self.mode(dice, dice.choice((0o755, 0o700)))

    def choose_path(self, dice):
        return (self.path(dice, 0.95),)

    choose_rmdir = choose_unlink = choose_stat = choose_list = choose_xattrs = choose_path

    def choose_symlink(self, dice):
        return self.path(dice, 0.1), "void/" + "t" * dice.randrange(1, 80)

    def choose_link(self, dice):
        return self.path(dice), self.path(dice, 0.1)

    def choose_rename(self, dice):
        manner = dice.choice(("replace", "replace", "replace", "no_replace", "exchange"))
        return self.path(dice, 0.95), self.path(dice, 0.4 if manner != "exchange" else 0.9), manner

    def choose_chmod(self, dice):
        return self.path(dice, 0.95), self.mode(dice, dice.randrange(0o1000))

    def choose_fchmod(self, dice):
        return self.label(dice), self.mode(dice, dice.randrange(0o1000))

    def choose_chown(self, dice):
        return self.path(dice, 0.95), dice.choice((0, 1000, 65_000)), dice.choice((0, 100))

    def choose_utime(self, dice):
        return self.path(dice, 0.95), dice.randrange(1 << 60), dice.choice(("both", "both", "accessed", "modified"))

    def choose_set_xattr(self, dice):
        return (self.path(dice, 0.95), f"user.{dice.choice('xyz')}", dice.choice((0, 1, 100, 3000)),
                dice.choice(("", "", "create", "replace")))

    def choose_remove_xattr(self, dice):
        return self.path(dice, 0.95), f"user.{dice.choice('xyz')}"

    def choose_save(self, dice):
        return self.path(dice, 0.7), self.size(dice), dice.randrange(1 << 30)

    def choose_switch(self, dice):
        return (dice.randrange(len(self.roots)),)

    choose_remount = choose_switch

    # ── Performing ──

    def perform(self, operation):
        verb, *words = operation
        self.made += 1
        self.saying = " ".join(str(word) for word in operation)
        try:
            getattr(self, "do_" + verb)(*words)
        except OSError as error:  # of a call that cannot fail
            self.differ("error", str(error))

    def differ(self, kind, text):
        raise Difference(f"{self.saying.split(' ', 1)[0]} {kind}", f"{text}\n  at: {self.saying}, in mount {self.acting}")

    def same(self, kind, found, wanted):
        if found != wanted:
            self.differ(kind, f"{found!r} instead of {wanted!r}")

    def answered(self, found, wanted):
        self.same("errno", named(found), named(wanted))

    def at(self, path):
        return os.path.join(self.roots[self.acting], path)

    def handle(self, label):
        handle = self.handles.get(label)
        return handle if handle and handle.mount == self.acting else None

    def do_open(self, label, path, manner, mode):
        if len(self.handles) >= HANDLES_MAX:
            return
        number, parent, name, node = self.model.find(path)
        flags = OPENS[manner]
        if not number and node is None:
            number = 0 if flags & os.O_CREAT else errno.ENOENT
        elif not number and flags & os.O_EXCL:
            number = errno.EEXIST
        elif not number and node.kind == stat.S_IFLNK:
            number = errno.ELOOP
        elif not number and node.is_directory():
            if manner == "r":
                return
            number = errno.EISDIR
        found, fd = attempt(os.open, self.at(path), flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        if found == 0 and number:
            os.close(fd)
        self.answered(found, number)
        if number:
            return
        if node is None:
            node = Node(stat.S_IFREG, mode)
            self.model.add(path, node)
        elif flags & os.O_TRUNC and node.content:
            node.becomes(b"")
        self.handles[label] = Handle(self.acting, fd, node, manner)

    def do_close(self, label):
        handle = self.handle(label)
        if handle is None:
            return
        self.do_map_drop(label)
        self.answered(attempt(os.close, handle.fd)[0], 0)
        del self.handles[label]

    def do_read(self, label, offset, size):
        handle = self.handle(label)
        if handle is None:
            return
        found, data = attempt(os.pread, handle.fd, size, offset)
        self.answered(found, 0 if handle.reads else errno.EBADF)
        if handle.reads:
            self.same_bytes(data, handle.content()[offset:offset + size])

    def same_bytes(self, found, wanted):
        if found != wanted:
            self.differ("content", first_difference(found, wanted))

    def data(self, size, salt):
        unit = f"{self.made}.{salt} ".encode()
        return (unit * (size // len(unit) + 1))[:size]

    def writable(self, label):
        """Nothing, too, for who has been overtaken: what they write is another test's."""
        handle = self.handle(label)
        return handle if handle and handle.kept is None else None

    def do_write(self, label, offset, size, salt):
        handle = self.writable(label)
        if handle is None or offset + size > FILE_BYTES_MAX:
            return
        data = self.data(size, salt)
        if handle.appends:
            offset = len(handle.node.content)
            if offset + size > FILE_BYTES_MAX:
                return
        found, wrote = attempt(os.pwrite, handle.fd, data, offset)
        self.answered(found, 0 if handle.writes else errno.EBADF)
        if handle.writes:
            self.same("answer", wrote, size)
            handle.node.becomes(overlay(handle.node.content, offset, data))

    def do_ftruncate(self, label, size):
        handle = self.writable(label)
        if handle is None:
            return
        self.answered(attempt(os.ftruncate, handle.fd, size)[0], 0 if handle.writes else errno.EINVAL)
        if handle.writes:
            handle.node.becomes(resized(handle.node.content, size))

    def do_truncate(self, path, size):
        number, node = self.model.followed(path)
        if not number and node.is_directory():
            number = errno.EISDIR
        self.answered(attempt(os.truncate, self.at(path), size)[0], number)
        if not number:
            node.becomes(resized(node.content, size))
            if not node.loose:
                node.settle()

    def do_fallocate(self, label, mode, offset, size):
        handle = self.writable(label)
        if handle is None or offset + size > FILE_BYTES_MAX:
            return
        number = errno.EINVAL if size == 0 else 0 if handle.writes else errno.EBADF  # the kernel's order
        found, _ = attempt(fallocate, handle.fd, mode, offset, size)
        if found == errno.EOPNOTSUPP and mode:
            return
        self.answered(found, number)
        if number:
            return
        content = handle.node.content
        end = len(content) if mode & KEEP else max(len(content), offset + size)
        if mode & (PUNCH | ZERO):
            content = overlay(content, offset, b"\0" * size)
        handle.node.becomes(resized(content, end))

    def do_seek(self, label, offset, whence):
        handle = self.handle(label)
        if handle is None:
            return
        content = handle.content()
        found, place = attempt(os.lseek, handle.fd, offset, os.SEEK_DATA if whence == "data" else os.SEEK_HOLE)
        if found == errno.ENXIO and whence == "data" and not content[offset:].strip(b"\0"):
            return
        self.answered(found, errno.ENXIO if offset >= len(content) else 0)
        if found:
            return
        fits = offset <= place <= len(content)
        if whence == "data":
            fits = fits and not content[offset:place].strip(b"\0")
        elif fits and place < len(content):
            fits = content[place] == 0
        if not fits:
            self.differ("answer", f"{place}, of {len(content)} bytes")

    def do_copy(self, label, offset, to_label, to_offset, size):
        handle, to = self.handle(label), self.writable(to_label)
        if handle is None or to is None or to_offset + size > FILE_BYTES_MAX:
            return
        length = max(0, min(size, len(handle.content()) - offset))
        number = errno.EBADF if not handle.reads or not to.writes or to.appends else 0
        if not number and handle.node is to.node and offset < to_offset + size and to_offset < offset + size:
            if size:
                return  # EINVAL, or what is left of it at the end of the file
        found, copied = attempt(os.copy_file_range, handle.fd, to.fd, size, offset, to_offset)
        self.answered(found, number)
        if number:
            return
        if copied > length or (copied == 0 and length):
            self.differ("answer", f"{copied} copied of {length}")
        data = handle.content()[offset:offset + copied]
        to.node.becomes(overlay(to.node.content, to_offset, data))

    def do_fsync(self, label):
        handle = self.writable(label)
        if handle is None:
            return
        if handle.map:
            handle.map.flush()
        self.answered(attempt(os.fsync, handle.fd)[0], 0)
        handle.node.settle()

    def do_forget(self, label):
        """The kernel drops the pages it has, and asks for them again."""
        handle = self.handle(label)
        if handle:
            os.posix_fadvise(handle.fd, 0, 0, os.POSIX_FADV_DONTNEED)

    # ── Maps ──

    def do_map_write(self, label, offset, size):
        handle = self.writable(label)
        if handle is None or not (handle.reads and handle.writes):
            return
        size = min(size, len(handle.node.content) - offset)
        if size <= 0:
            return
        if handle.appends:  # past the kernel's cache, where nothing is mapped
            return self.answered(attempt(mmap.mmap, handle.fd, len(handle.node.content))[0], errno.ENODEV)
        data = self.data(size, "map")
        with mmap.mmap(handle.fd, len(handle.node.content)) as seen:
            seen[offset:offset + size] = data
            if self.made % 2:
                seen.flush()
        handle.node.becomes(overlay(handle.node.content, offset, data))
        handle.node.loose = True

    def do_map_keep(self, label):
        handle = self.writable(label)
        if handle and handle.reads and not handle.appends and handle.node.content and not handle.map:
            handle.map = mmap.mmap(handle.fd, len(handle.node.content),
                                   prot=mmap.PROT_READ | (mmap.PROT_WRITE if handle.writes else 0))

    def do_map_read(self, label):
        handle = self.handle(label)
        if handle and handle.map:
            size = min(len(handle.map), len(handle.content()))
            self.same_bytes(handle.map[:size], handle.content()[:size])

    def do_map_poke(self, label, offset, size):
        handle = self.writable(label)
        if handle is None or not handle.map or not handle.writes:
            return
        size = min(size, len(handle.map) - offset, len(handle.node.content) - offset)
        if size <= 0:
            return
        data = self.data(size, "poke")
        handle.map[offset:offset + size] = data
        handle.node.becomes(overlay(handle.node.content, offset, data))
        handle.node.loose = True

    def do_map_drop(self, label):
        handle = self.handle(label)
        if handle and handle.map:
            handle.map.close()
            handle.map = None

    # ── Names and attributes ──

    def do_mkdir(self, path, mode):
        number = self.model.add(path, Node(stat.S_IFDIR, mode & 0o1777))  # mkdir takes no set-id bits
        self.answered(attempt(os.mkdir, self.at(path), mode)[0], number)

    def do_rmdir(self, path):
        self.answered(attempt(os.rmdir, self.at(path))[0], self.model.remove(path, True))

    def do_unlink(self, path):
        self.answered(attempt(os.unlink, self.at(path))[0], self.model.remove(path, False))

    def do_symlink(self, path, target):
        number = self.model.add(path, Node(stat.S_IFLNK, 0o777, target))
        self.answered(attempt(os.symlink, target, self.at(path))[0], number)

    def do_link(self, path, to):
        number = self.model.link(path, to)
        self.answered(attempt(os.link, self.at(path), self.at(to), follow_symlinks=False)[0], number)

    def do_rename(self, path, to, manner):
        number = self.model.rename(path, to, manner)
        self.answered(attempt(renameat2, self.at(path), self.at(to), manner)[0], number)

    def do_chmod(self, path, mode):
        number, node = self.model.followed(path)
        self.answered(attempt(os.chmod, self.at(path), mode)[0], number)
        if not number:
            node.mode = mode

    def do_fchmod(self, label, mode):
        handle = self.writable(label)
        if handle:
            self.answered(attempt(os.fchmod, handle.fd, mode)[0], 0)
            handle.node.mode = mode

    def do_chown(self, path, uid, gid):
        number, node = self.model.existing(path)
        self.answered(attempt(os.lchown, self.at(path), uid, gid)[0], number)
        if not number:
            self.model.chown(node, uid, gid)

    def do_utime(self, path, at, which):
        number, node = self.model.existing(path)
        before = os.lstat(self.at(path)) if not number else None
        times = (OMIT if which == "modified" else at, OMIT if which == "accessed" else at)
        self.answered(attempt(utimensat, self.at(path), *times)[0], number)
        if number:
            return
        if which != "modified":
            node.accessed = at
        if which != "accessed":
            node.modified = None if node.loose else at  # what comes out of a map later counts as written then
        elif not node.loose:
            self.same("omitted time", os.lstat(self.at(path)).st_mtime_ns, before.st_mtime_ns)

    def do_set_xattr(self, path, name, size, flag):
        number, node = self.model.followed(path)
        value = self.data(size, "xattr")
        number = number or self.model.set_xattr(node, name, value, flag)
        flags = {"": 0, "create": os.XATTR_CREATE, "replace": os.XATTR_REPLACE}[flag]
        self.answered(attempt(os.setxattr, self.at(path), name, value, flags)[0], number)

    def do_remove_xattr(self, path, name):
        number, node = self.model.followed(path)
        number = number or self.model.remove_xattr(node, name)
        self.answered(attempt(os.removexattr, self.at(path), name)[0], number)

    def do_xattrs(self, path):
        number, node = self.model.followed(path)
        found, names = attempt(os.listxattr, self.at(path))
        self.answered(found, number)
        if not number:
            self.same("answer", {name: os.getxattr(self.at(path), name) for name in names}, node.xattrs)

    def do_save(self, path, size, salt):
        """As an editor: a new file, written and synced, over the old one."""
        number, parent, _, node = self.model.find(path)
        if number or (node and not node.is_file()):
            return
        folder = os.path.dirname(path)
        beside = f"{folder}/.saving" if folder else ".saving"
        made, data = Node(stat.S_IFREG, 0o640), self.data(size, salt)
        fd = os.open(self.at(beside), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        self.same("answer", os.write(fd, data), size)
        if salt % 2:
            os.fsync(fd)
        os.close(fd)
        os.rename(self.at(beside), self.at(path))
        if node:
            self.model.remove(path, False)
        made.becomes(data)
        made.settle()
        self.model.add(path, made)

    # ── Looking ──

    def attributes(self, node, found, path):
        wanted = {"kind": node.kind, "links": self.model.links_of(node), "mode": node.mode, "uid": node.uid, "gid": node.gid}
        if node.modified is not None:
            wanted["modified"] = node.modified
        if node.accessed is not None:
            wanted["accessed"] = node.accessed
        seen = {"kind": stat.S_IFMT(found.st_mode), "links": found.st_nlink, "mode": stat.S_IMODE(found.st_mode),
                "uid": found.st_uid, "gid": found.st_gid, "modified": found.st_mtime_ns,
                "accessed": found.st_atime_ns}
        for what, value in wanted.items():
            if seen[what] != value:
                self.differ(what, f"{seen[what]!r} instead of {value!r}, of {path}")

    def do_stat(self, path):
        number, node = self.model.existing(path)
        found, seen = attempt(os.lstat, self.at(path))
        self.answered(found, number)
        if not number:
            self.attributes(node, seen, path)
            if node.is_file():
                self.same("size", seen.st_size, len(node.content))

    def do_fstat(self, label):
        handle = self.handle(label)
        if handle is None:
            return
        seen = os.fstat(handle.fd)
        self.same("size", seen.st_size, len(handle.content()))
        if handle.kept is None:
            self.attributes(handle.node, seen, f"handle {label}")

    def do_list(self, path):
        number, node = self.model.followed(path)
        if not number and not node.is_directory():
            number = errno.ENOTDIR
        found, names = attempt(os.listdir, self.at(path))
        self.answered(found, number)
        if not number:
            self.same("answer", sorted(names), sorted(node.children))

    def do_check(self):
        """Everything in every mount."""
        self.site.meet()
        acting, first = self.acting, {}
        try:
            for self.acting in [acting] + [mount for mount in range(len(self.roots)) if mount != acting]:
                for path, node in self.model.walk():
                    self.check_node(path, node, self.acting == acting, first)
        finally:
            self.acting = acting

    def check_node(self, path, node, is_acting, first):
        at = self.at(path)
        found, seen = attempt(os.lstat, at)
        if found:
            self.differ("missing", f"{path}: {named(found)}")
        if path and (is_acting or not node.is_file() or node.clean()):
            self.attributes(node, seen, path)
            times = (seen.st_mtime_ns, seen.st_ctime_ns)
            if not node.is_file() or node.clean():
                if first.setdefault(path, times) != times:
                    self.differ("times", f"{times} instead of {first[path]}, of {path}")
        if node.is_directory():
            names = sorted(os.listdir(at))
            if names != sorted(node.children):
                self.differ("names", f"{names} instead of {sorted(node.children)}, in {path or '/'}")
        elif node.kind == stat.S_IFLNK:
            self.same("target", os.readlink(at), node.target)
        else:
            self.check_content(path, node, is_acting, seen)
        if node.kind != stat.S_IFLNK and path:
            xattrs = {name: os.getxattr(at, name) for name in os.listxattr(at)}
            if xattrs != node.xattrs:
                self.differ("xattrs", f"{sorted(xattrs)} instead of {sorted(node.xattrs)}, of {path}")

    def check_content(self, path, node, is_acting, seen):
        with open(self.at(path), "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            content = self.whole(file.fileno(), size)
        if size != len(content) or size != seen.st_size:
            self.differ("size", f"{seen.st_size} and {size}, of {len(content)} bytes, of {path}")
        if is_acting:
            if content != node.content:
                self.differ("content", f"{path}: {first_difference(content, node.content)}")
        elif content not in node.published and not node.loose:
            self.differ("content", f"{path} shows what it never held: {first_difference(content, node.content)}")

    def whole(self, fd, size):
        """In one of three manners."""
        if self.made % 3 == 0 and size:
            with mmap.mmap(fd, size, prot=mmap.PROT_READ) as seen:
                return seen[:]
        piece, parts = (1024 if self.made % 3 == 1 else 1 << 20), []
        while part := os.read(fd, piece):
            parts.append(part)
        return b"".join(parts)

    # ── Mounts ──

    def publish_all(self):
        """Nothing is unsaved in the mount that acts."""
        for handle in self.handles.values():
            if handle.mount == self.acting and handle.map and handle.kept is None:
                handle.map.flush()
        for path, node in self.model.walk():
            if node.is_file() and not node.clean():
                fd = os.open(self.at(path), os.O_RDWR)
                self.answered(attempt(os.fsync, fd)[0], 0)
                os.close(fd)
                node.settle()

    def do_switch(self, to):
        self.publish_all()
        self.do_check()
        self.look_at_open()
        self.acting = to

    def look_at_open(self):
        """What was open elsewhere while the mount that acted changed its file keeps what it showed, but for what was only
        appended. Where it cannot be told which of the two it was, and where it cannot be read, it is closed."""
        acting = self.acting
        for label, handle in list(self.handles.items()):
            self.acting, node = handle.mount, handle.node
            removed = node.links == 0 and handle.was_there
            if handle.mount == acting or handle.kept is not None or not (node.trail or removed):
                self.do_map_read(label)
            elif not handle.reads:
                self.do_close(label)
            else:
                self.look_at_overtaken(label, handle)
        self.acting = acting
        for handle in self.handles.values():
            handle.was_there, handle.shown = handle.node.links > 0, handle.content()
            handle.node.trail.clear()

    def look_at_overtaken(self, label, handle):
        content = os.pread(handle.fd, FILE_BYTES_MAX + 1, 0)
        self.same("size", os.fstat(handle.fd).st_size, len(content))
        if content not in handle.node.grown_from(handle.shown):
            self.differ("kept", f"handle {label}: {first_difference(content, handle.shown)}")
        handle.kept = content
        self.do_map_read(label)
        if content == handle.node.content:
            self.do_close(label)

    def do_remount(self, number):
        self.publish_all()
        for label, handle in list(self.handles.items()):
            if handle.mount == number:
                if handle.map:
                    handle.map.close()
                os.close(handle.fd)
                del self.handles[label]
        self.site.remount(number)
        self.site.meet()
