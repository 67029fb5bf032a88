#include "fusefs/volume/write_buffer.h"

#include <algorithm>
#include <iterator>

namespace outboard::fusefs {

void WriteBuffer::write(std::uint64_t below, std::uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  become_overlay(below);
  lay(offset, bytes);
  size_ = std::max(*size_, offset + bytes.size());
}

void WriteBuffer::append(std::uint64_t below, std::string_view bytes) {
  if (size_) return write(below, *size_, bytes);
  appended_.append(bytes);
  held_ += bytes.size();
}

void WriteBuffer::truncate(std::uint64_t below, std::uint64_t size) {
  if (size == this->size(below)) return;
  become_overlay(below);
  if (size < *size_) cut(size);
  size_ = size;
}

void WriteBuffer::absorb(std::uint64_t below, const WriteBuffer& upper) {
  if (!upper.appended_.empty()) append(below, upper.appended_);
  if (!upper.size_) return;
  become_overlay(below);
  if (upper.keep_ < *size_) cut(upper.keep_);
  for (const auto& [offset, bytes] : upper.extents_) lay(offset, bytes);
  size_ = upper.size_;
}

bool WriteBuffer::covers_all() const {
  if (!size_) return false;
  if (*size_ == 0) return true;
  return extents_.size() == 1 && extents_.begin()->first == 0 &&
         extents_.begin()->second.size() == *size_;
}

std::uint64_t WriteBuffer::size(std::uint64_t below) const {
  return size_ ? *size_ : below + appended_.size();
}

std::vector<Piece> WriteBuffer::pieces(std::uint64_t below, std::uint64_t offset,
                                       std::uint64_t size) const {
  using From = Piece::From;
  std::vector<Piece> found;
  const std::uint64_t end = std::min(offset + size, this->size(below));
  if (offset >= end) return found;
  const std::uint64_t shining = std::min(below, keep_);  // where the content below ends
  const auto gap = [&](std::uint64_t from, std::uint64_t to) {
    if (from < std::min(to, shining)) {
      found.push_back({From::below, from, std::min(to, shining) - from, {}});
    }
    const std::uint64_t zeros = std::max(from, shining);
    if (zeros < to) found.push_back({From::zeros, zeros, to - zeros, {}});
  };
  const auto held = [&](std::uint64_t start, const std::string& bytes) {
    const std::uint64_t from = std::max(start, offset);
    const std::uint64_t to = std::min(start + bytes.size(), end);
    gap(offset, from);
    const auto view = std::string_view(bytes).substr(from - start, to - from);
    found.push_back({From::buffer, from, to - from, view});
    offset = to;
  };
  if (!appended_.empty() && end > below) held(below, appended_);
  auto extent = extents_.upper_bound(offset);
  if (extent != extents_.begin() &&
      std::prev(extent)->first + std::prev(extent)->second.size() > offset) {
    --extent;
  }
  for (; extent != extents_.end() && extent->first < end; ++extent) {
    held(extent->first, extent->second);
  }
  if (offset < end) gap(offset, end);
  return found;
}

Edit WriteBuffer::to_edit(std::uint64_t below) const {
  Edit edit;
  if (keep_ < below) edit.keep = keep_;
  for (const auto& [offset, bytes] : extents_) edit.extents.push_back({offset, bytes});
  if (!appended_.empty()) edit.extents.push_back({below, appended_});
  edit.size = size(below);
  return edit;
}

Op WriteBuffer::to_op(Inode inode, Version base, std::uint64_t below) const {
  if (!size_) return Append{inode, appended_};
  Edit edit = to_edit(below);
  Write write;
  write.node = inode;
  write.base = base;
  write.keep = edit.keep;
  write.extents = std::move(edit.extents);
  write.size = edit.size;
  return write;
}

void WriteBuffer::become_overlay(std::uint64_t below) {
  if (size_) return;
  size_ = below + appended_.size();
  if (appended_.empty()) return;
  extents_.emplace(below, std::move(appended_));
  appended_.clear();
}

void WriteBuffer::lay(std::uint64_t offset, std::string_view bytes) {
  const std::uint64_t end = offset + bytes.size();
  auto next = extents_.upper_bound(offset);
  auto at = extents_.end();
  if (next != extents_.begin()) {
    const auto before = std::prev(next);
    const std::uint64_t before_end = before->first + before->second.size();
    if (before_end >= end) {
      before->second.replace(offset - before->first, bytes.size(), bytes);
      return;
    }
    if (before_end >= offset) at = before;
  }
  if (at == extents_.end()) {
    at = extents_.emplace(offset, bytes).first;
    held_ += bytes.size();
  } else {
    const std::uint64_t kept = offset - at->first;
    held_ += kept + bytes.size() - at->second.size();
    at->second.resize(kept);
    at->second.append(bytes);
  }
  while (next != extents_.end() && next->first <= end) {
    const std::uint64_t next_end = next->first + next->second.size();
    held_ -= next->second.size();
    if (next_end > end) {
      at->second.append(next->second, end - next->first);
      held_ += next_end - end;
      extents_.erase(next);
      break;
    }
    next = extents_.erase(next);
  }
}

void WriteBuffer::cut(std::uint64_t size) {
  keep_ = std::min(keep_, size);
  auto extent = extents_.lower_bound(size);
  extents_.erase(extent, extents_.end());
  if (!extents_.empty()) {
    auto& [offset, bytes] = *extents_.rbegin();
    if (offset + bytes.size() > size) bytes.resize(size - offset);
  }
  count();
}

void WriteBuffer::count() {
  held_ = appended_.size();
  for (const auto& [offset, bytes] : extents_) held_ += bytes.size();
}

}  // namespace outboard::fusefs
