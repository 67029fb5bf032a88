"""What a volume should hold and answer, in the simplest way that can be right: a tree of nodes in memory, with open files
that outlive their names, and for each file the contents that a mount elsewhere may show until the next publish.

tests/model/reference_tree keeps what the store keeps; here are descriptors, modes, times and attributes as well, as the
system calls of one mount after the other change them. Each verb answers errno, or 0 and has changed the model.
"""

import errno
import stat

NAME_BYTES_MAX = 255
PUBLISHED = None  # in a trail: what stands before it is certainly in the store


class Node:
    def __init__(self, kind, mode, target=None):
        self.kind, self.mode, self.target = kind, mode, target
        self.uid = self.gid = 0
        self.accessed = None    # nanoseconds, once a program has set them: nothing else does
        self.modified = None    # the same, until something else does
        self.xattrs = {}
        self.links = 0
        self.children = {}      # of a directory
        self.content = b""      # as the mount that acts shows it
        self.published = [b""]  # what others may show
        self.unsaved = False    # written since the last publish, be it the same bytes
        self.loose = False      # pages of a map may be written back at any moment
        self.trail = []         # contents since what is open elsewhere was looked at

    def is_directory(self):
        return self.kind == stat.S_IFDIR

    def is_file(self):
        return self.kind == stat.S_IFREG

    def clean(self):
        return not self.loose and not self.unsaved

    def becomes(self, content):
        """A change of the content that is not published yet."""
        self.modified, self.unsaved = None, True
        self.trail.append(content)
        if content != self.content:
            self.content = content
            self.published.append(content)

    def grown_from(self, content):
        """What a descriptor elsewhere may show that showed `content`: what is only appended arrives in it."""
        shown, current, last = [content], [content], content
        for later in self.trail:
            if later is not PUBLISHED:
                last = later
                if any(later.startswith(one) for one in current):
                    shown.append(later)
                    current.append(later)
            elif last in current:
                current = [last]
            else:
                break  # an overwrite: from here on it keeps what it shows
        return shown

    def settle(self):
        self.published, self.loose, self.unsaved = [self.content], False, False
        if self.trail:
            self.trail.append(PUBLISHED)


def overlay(content, offset, data):
    if not data:
        return content
    padded = content.ljust(offset, b"\0")
    return padded[:offset] + data + padded[offset + len(data):]


def resized(content, size):
    return content[:size].ljust(size, b"\0")


class Model:
    def __init__(self):
        self.root = Node(stat.S_IFDIR, 0o755)
        self.root.links = 1

    def walk(self):
        """(path, node) of everything, parents first."""
        waiting = [("", self.root)]
        while waiting:
            path, node = waiting.pop()
            yield path, node
            for name in sorted(node.children):
                waiting.append((f"{path}/{name}" if path else name, node.children[name]))

    def find(self, path):
        """(errno, parent, name, node or None)"""
        parent = self.root
        *folders, name = path.split("/")
        for folder in folders:
            if len(folder) > NAME_BYTES_MAX:
                return errno.ENAMETOOLONG, None, name, None
            below = parent.children.get(folder)
            if below is None or below.kind == stat.S_IFLNK:  # all symlinks dangle
                return errno.ENOENT, None, name, None
            if not below.is_directory():
                return errno.ENOTDIR, None, name, None
            parent = below
        if len(name) > NAME_BYTES_MAX:
            return errno.ENAMETOOLONG, parent, name, None
        return 0, parent, name, parent.children.get(name)

    def links_of(self, node):
        return 2 + sum(child.is_directory() for child in node.children.values()) if node.is_directory() else node.links

    def existing(self, path):
        number, _, _, node = self.find(path)
        return (number or (0 if node else errno.ENOENT)), node

    def followed(self, path):
        """As existing(), for calls that follow symlinks, of which all dangle."""
        number, node = self.existing(path)
        if not number and node.kind == stat.S_IFLNK:
            return errno.ENOENT, None
        return number, node

    # ── Names ──

    def add(self, path, node):
        number, parent, name, there = self.find(path)
        if number:
            return number
        if there:
            return errno.EEXIST
        if node.links == 0 and parent.mode & stat.S_ISGID:  # what is made there is of its group
            node.gid = parent.gid
            node.mode |= stat.S_ISGID if node.is_directory() else 0
        parent.children[name] = node
        parent.modified = None
        node.links += 1
        return 0

    def link(self, path, to):
        number, node = self.existing(path)
        if number:
            return number
        number, _, _, there = self.find(to)
        if number:
            return number
        if there:
            return errno.EEXIST
        if node.is_directory():
            return errno.EPERM
        return self.add(to, node)

    def remove(self, path, directory):
        number, parent, name, node = self.find(path)
        if number:
            return number
        if node is None:
            return errno.ENOENT
        if directory and not node.is_directory():
            return errno.ENOTDIR
        if directory and node.children:
            return errno.ENOTEMPTY
        if not directory and node.is_directory():
            return errno.EISDIR
        self.drop(parent, name)
        return 0

    def drop(self, parent, name):
        parent.children.pop(name).links -= 1
        parent.modified = None

    def rename(self, path, to, manner):
        number, parent, name, node = self.find(path)
        to_number, to_parent, to_name, there = self.find(to)
        # The kernel resolves both parents, then takes the last names.
        for wrong in ((number if parent is None else 0), (to_number if to_parent is None else 0), number):
            if wrong:
                return wrong
        if node is None:
            return errno.ENOENT
        if to_number:
            return to_number
        if manner == "no_replace" and there:
            return errno.EEXIST
        if manner == "exchange" and there is None:
            return errno.ENOENT
        if node.is_directory() and self.is_below(to_parent, node):
            return errno.EINVAL
        if there and there.is_directory() and self.is_below(parent, there):
            return errno.EINVAL if manner == "exchange" else errno.ENOTEMPTY
        if node is there:
            return 0
        if manner == "exchange":
            parent.children[name], to_parent.children[to_name] = there, node
            parent.modified = to_parent.modified = None
            return 0
        if there:
            if node.is_directory() and not there.is_directory():
                return errno.ENOTDIR
            if there.is_directory() and not node.is_directory():
                return errno.EISDIR
            if there.children:
                return errno.ENOTEMPTY
            self.drop(to_parent, to_name)
        del parent.children[name]
        to_parent.children[to_name] = node
        parent.modified = to_parent.modified = None
        return 0

    def is_below(self, node, directory):
        if node is directory:
            return True
        return any(self.is_below(node, child) for child in directory.children.values() if child.is_directory())

    # ── Attributes ──

    def chown(self, node, uid, gid):
        """Also by root it takes the set-id bits of what may be run; a group's without its x is another matter."""
        node.uid, node.gid = uid, gid
        if not node.is_directory():
            node.mode &= ~(stat.S_ISUID | (stat.S_ISGID if node.mode & stat.S_IXGRP else 0))

    def set_xattr(self, node, name, value, flag):
        if flag == "create" and name in node.xattrs:
            return errno.EEXIST
        if flag == "replace" and name not in node.xattrs:
            return errno.ENODATA
        node.xattrs[name] = value
        return 0

    def remove_xattr(self, node, name):
        return 0 if node.xattrs.pop(name, None) is not None else errno.ENODATA
