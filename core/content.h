// Content as bytes: what a ContentEdit makes of its base. The meaning of an edit in one place, for
// stores that keep whole strings and for tests of those that keep chunks. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/op.h"
#include "core/working_set.h"

namespace outboard {

// `base` without all from `keep` on, with `extents` laid over it in order, cut or filled with zeros
// to `size`.
std::string edited(std::string_view base, std::uint64_t keep, const std::vector<Extent>& extents,
                   std::uint64_t size);

// The whole content of `edit.version`; `base` is the content of `edit.base` (empty for {0}).
std::string apply_edit(const ContentEdit& edit, std::string_view base);

// Bytes [offset, offset + size) of what `edit` makes; `below` are those of its base, so far as it
// keeps them.  REQUIRES: !edit.bytes, offset + size <= edit.size.
std::string passage_of(const ContentEdit& edit, std::string below, std::uint64_t offset,
                       std::uint64_t size);

// The size after the extents, before it is set: the largest of `kept` and the extents' ends.
std::uint64_t size_after(std::uint64_t kept, const std::vector<Extent>& extents);

// When the extents lie end to end from 0 to `size`: they become one, and true.
bool join_extents(std::vector<Extent>& extents, std::uint64_t size);

}  // namespace outboard
