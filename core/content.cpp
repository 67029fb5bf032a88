#include "core/content.h"

#include <algorithm>

namespace outboard {

std::string edited(std::string_view base, std::uint64_t keep, const std::vector<Extent>& extents,
                   std::uint64_t size) {
  std::string bytes(base.substr(0, std::min<std::uint64_t>(keep, base.size())));
  bytes.resize(std::max(size_after(bytes.size(), extents), size), '\0');
  for (const Extent& extent : extents) {
    bytes.replace(extent.offset, extent.bytes.size(), extent.bytes);
  }
  bytes.resize(size);
  return bytes;
}

std::string apply_edit(const ContentEdit& edit, std::string_view base) {
  if (edit.bytes) return *edit.bytes;
  return edited(base, edit.keep, edit.extents, edit.size);
}

std::string passage_of(const ContentEdit& edit, std::string below, std::uint64_t offset,
                       std::uint64_t size) {
  below.resize(size, '\0');
  for (const Extent& extent : edit.extents) {
    const std::uint64_t from = std::max(extent.offset, offset);
    const std::uint64_t to = std::min(extent.end(), offset + size);
    if (from < to)
      below.replace(from - offset, to - from, extent.bytes, from - extent.offset, to - from);
  }
  return below;
}

std::uint64_t size_after(std::uint64_t kept, const std::vector<Extent>& extents) {
  std::uint64_t size = kept;
  for (const Extent& extent : extents) {
    if (!extent.bytes.empty()) size = std::max(size, extent.end());
  }
  return size;
}

bool join_extents(std::vector<Extent>& extents, std::uint64_t size) {
  std::uint64_t end = 0;
  for (const Extent& extent : extents) {
    if (extent.offset != end) return false;
    end = extent.end();
  }
  if (end != size) return false;
  if (extents.size() < 2) return true;
  std::string whole;
  whole.reserve(size);
  for (const Extent& extent : extents) whole += extent.bytes;
  extents = {Extent{0, std::move(whole)}};
  return true;
}

}  // namespace outboard
