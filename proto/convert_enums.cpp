#include "core/check.h"
#include "proto/convert.h"
#include "proto/convert_batch.h"
#include "proto/convert_search.h"

// Enums both ways. A value that core has and the wire lacks does not compile; one that the wire has
// and core lacks is a fault. Where a message says that unset has a meaning, unset is read as that.

namespace outboard::wire {

v1::Kind write(Kind value) {
  switch (value) {
    case Kind::file: return v1::KIND_FILE;
    case Kind::directory: return v1::KIND_DIRECTORY;
    case Kind::symlink: return v1::KIND_SYMLINK;
    case Kind::fifo: return v1::KIND_FIFO;
    case Kind::socket: return v1::KIND_SOCKET;
    case Kind::char_device: return v1::KIND_CHAR_DEVICE;
    case Kind::block_device: return v1::KIND_BLOCK_DEVICE;
  }
  CHECK(false);
}

Kind read(v1::Kind value, Faults& faults) {
  switch (value) {
    case v1::KIND_FILE: return Kind::file;
    case v1::KIND_DIRECTORY: return Kind::directory;
    case v1::KIND_SYMLINK: return Kind::symlink;
    case v1::KIND_FIFO: return Kind::fifo;
    case v1::KIND_SOCKET: return Kind::socket;
    case v1::KIND_CHAR_DEVICE: return Kind::char_device;
    case v1::KIND_BLOCK_DEVICE: return Kind::block_device;
    case v1::KIND_UNSPECIFIED:
    case v1::Kind_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::Kind_INT_MAX_SENTINEL_DO_NOT_USE_: break;
  }
  faults.unknown("kind");
  return Kind::file;
}

v1::Policy write(Policy value) {
  switch (value) {
    case Policy::last_writer: return v1::POLICY_LAST_WRITER;
    case Policy::merge: return v1::POLICY_MERGE;
    case Policy::refuse: return v1::POLICY_REFUSE;
  }
  CHECK(false);
}

Policy read(v1::Policy value, Faults& faults) {
  switch (value) {
    case v1::POLICY_LAST_WRITER: return Policy::last_writer;
    case v1::POLICY_MERGE: return Policy::merge;
    case v1::POLICY_REFUSE: return Policy::refuse;
    case v1::POLICY_UNSPECIFIED: return Policy::last_writer;
    case v1::Policy_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::Policy_INT_MAX_SENTINEL_DO_NOT_USE_: break;
  }
  faults.unknown("policy");
  return Policy::last_writer;
}

v1::Strictness write(Strictness value) {
  switch (value) {
    case Strictness::off: return v1::STRICTNESS_OFF;
    case Strictness::warn: return v1::STRICTNESS_WARN;
    case Strictness::refuse: return v1::STRICTNESS_REFUSE;
  }
  CHECK(false);
}

Strictness read(v1::Strictness value, Faults& faults) {
  switch (value) {
    case v1::STRICTNESS_UNSPECIFIED:
    case v1::STRICTNESS_OFF: return Strictness::off;
    case v1::STRICTNESS_WARN: return Strictness::warn;
    case v1::STRICTNESS_REFUSE: return Strictness::refuse;
    case v1::Strictness_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::Strictness_INT_MAX_SENTINEL_DO_NOT_USE_: break;
  }
  faults.unknown("strictness");
  return Strictness::off;
}

v1::VolumeMode write(VolumeMode value) {
  switch (value) {
    case VolumeMode::direct: return v1::VOLUME_MODE_DIRECT;
    case VolumeMode::reviewed: return v1::VOLUME_MODE_REVIEWED;
  }
  CHECK(false);
}

VolumeMode read(v1::VolumeMode value, Faults& faults) {
  switch (value) {
    case v1::VOLUME_MODE_UNSPECIFIED:
    case v1::VOLUME_MODE_DIRECT: return VolumeMode::direct;
    case v1::VOLUME_MODE_REVIEWED: return VolumeMode::reviewed;
    case v1::VolumeMode_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::VolumeMode_INT_MAX_SENTINEL_DO_NOT_USE_: break;
  }
  faults.unknown("mode");
  return VolumeMode::direct;
}

v1::ChangeKind write(ChangeKind value) {
  switch (value) {
    case ChangeKind::create: return v1::CHANGE_KIND_CREATE;
    case ChangeKind::link: return v1::CHANGE_KIND_LINK;
    case ChangeKind::unlink: return v1::CHANGE_KIND_UNLINK;
    case ChangeKind::rename: return v1::CHANGE_KIND_RENAME;
    case ChangeKind::write: return v1::CHANGE_KIND_WRITE;
    case ChangeKind::append: return v1::CHANGE_KIND_APPEND;
    case ChangeKind::attributes: return v1::CHANGE_KIND_ATTRIBUTES;
    case ChangeKind::xattrs: return v1::CHANGE_KIND_XATTRS;
  }
  CHECK(false);
}

ChangeKind read(v1::ChangeKind value, Faults& faults) {
  switch (value) {
    case v1::CHANGE_KIND_CREATE: return ChangeKind::create;
    case v1::CHANGE_KIND_LINK: return ChangeKind::link;
    case v1::CHANGE_KIND_UNLINK: return ChangeKind::unlink;
    case v1::CHANGE_KIND_RENAME: return ChangeKind::rename;
    case v1::CHANGE_KIND_WRITE: return ChangeKind::write;
    case v1::CHANGE_KIND_APPEND: return ChangeKind::append;
    case v1::CHANGE_KIND_ATTRIBUTES: return ChangeKind::attributes;
    case v1::CHANGE_KIND_XATTRS: return ChangeKind::xattrs;
    case v1::CHANGE_KIND_UNSPECIFIED:
    case v1::ChangeKind_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::ChangeKind_INT_MAX_SENTINEL_DO_NOT_USE_: break;
  }
  faults.unknown("change.kind");
  return ChangeKind::create;
}

v1::WatchEndReason write(FeedEnd value) {
  switch (value) {
    case FeedEnd::closed: return v1::WATCH_END_REASON_CLOSED;
    case FeedEnd::history_gone: return v1::WATCH_END_REASON_HISTORY_GONE;
    case FeedEnd::too_slow: return v1::WATCH_END_REASON_TOO_SLOW;
    case FeedEnd::access_revoked: return v1::WATCH_END_REASON_ACCESS_REVOKED;
    case FeedEnd::volume_gone: return v1::WATCH_END_REASON_VOLUME_GONE;
    case FeedEnd::server_stopping: return v1::WATCH_END_REASON_SERVER_STOPPING;
    case FeedEnd::connection_lost: return v1::WATCH_END_REASON_CONNECTION_LOST;
  }
  CHECK(false);
}

FeedEnd read(v1::WatchEndReason value, Faults& faults) {
  switch (value) {
    case v1::WATCH_END_REASON_CLOSED: return FeedEnd::closed;
    case v1::WATCH_END_REASON_HISTORY_GONE: return FeedEnd::history_gone;
    case v1::WATCH_END_REASON_TOO_SLOW: return FeedEnd::too_slow;
    case v1::WATCH_END_REASON_ACCESS_REVOKED: return FeedEnd::access_revoked;
    case v1::WATCH_END_REASON_VOLUME_GONE: return FeedEnd::volume_gone;
    case v1::WATCH_END_REASON_SERVER_STOPPING: return FeedEnd::server_stopping;
    case v1::WATCH_END_REASON_CONNECTION_LOST: return FeedEnd::connection_lost;
    case v1::WATCH_END_REASON_UNSPECIFIED:
    case v1::WatchEndReason_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::WatchEndReason_INT_MAX_SENTINEL_DO_NOT_USE_: break;
  }
  faults.unknown("reason");
  return FeedEnd::connection_lost;
}

v1::RenameMode write(RenameMode value) {
  switch (value) {
    case RenameMode::replace: return v1::RENAME_MODE_REPLACE;
    case RenameMode::no_replace: return v1::RENAME_MODE_NO_REPLACE;
    case RenameMode::exchange: return v1::RENAME_MODE_EXCHANGE;
  }
  CHECK(false);
}

RenameMode read(v1::RenameMode value, Faults& faults) {
  switch (value) {
    case v1::RENAME_MODE_REPLACE: return RenameMode::replace;
    case v1::RENAME_MODE_NO_REPLACE: return RenameMode::no_replace;
    case v1::RENAME_MODE_EXCHANGE: return RenameMode::exchange;
    case v1::RENAME_MODE_UNSPECIFIED: return RenameMode::replace;
    case v1::RenameMode_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::RenameMode_INT_MAX_SENTINEL_DO_NOT_USE_: break;
  }
  faults.unknown("rename.mode");
  return RenameMode::replace;
}

v1::XattrMode write(XattrMode value) {
  switch (value) {
    case XattrMode::create_or_replace: return v1::XATTR_MODE_CREATE_OR_REPLACE;
    case XattrMode::create: return v1::XATTR_MODE_CREATE;
    case XattrMode::replace: return v1::XATTR_MODE_REPLACE;
  }
  CHECK(false);
}

XattrMode read(v1::XattrMode value, Faults& faults) {
  switch (value) {
    case v1::XATTR_MODE_CREATE_OR_REPLACE: return XattrMode::create_or_replace;
    case v1::XATTR_MODE_CREATE: return XattrMode::create;
    case v1::XATTR_MODE_REPLACE: return XattrMode::replace;
    case v1::XATTR_MODE_UNSPECIFIED: return XattrMode::create_or_replace;
    case v1::XattrMode_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::XattrMode_INT_MAX_SENTINEL_DO_NOT_USE_: break;
  }
  faults.unknown("xattr.mode");
  return XattrMode::create_or_replace;
}

v1::LockKind write(std::optional<LockKind> value) {
  if (!value) return v1::LOCK_KIND_UNSPECIFIED;
  switch (*value) {
    case LockKind::shared: return v1::LOCK_KIND_SHARED;
    case LockKind::exclusive: return v1::LOCK_KIND_EXCLUSIVE;
  }
  CHECK(false);
}

std::optional<LockKind> read(v1::LockKind value, Faults& faults) {
  switch (value) {
    case v1::LOCK_KIND_UNSPECIFIED: return std::nullopt;
    case v1::LOCK_KIND_SHARED: return LockKind::shared;
    case v1::LOCK_KIND_EXCLUSIVE: return LockKind::exclusive;
    case v1::LockKind_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::LockKind_INT_MAX_SENTINEL_DO_NOT_USE_: break;
  }
  faults.unknown("lock.kind");
  return std::nullopt;
}

v1::SearchKind write(SearchKind value) {
  switch (value) {
    case SearchKind::regex: return v1::SEARCH_KIND_REGEX;
    case SearchKind::literal: return v1::SEARCH_KIND_LITERAL;
    case SearchKind::words: return v1::SEARCH_KIND_WORDS;
  }
  CHECK(false);
}

SearchKind read(v1::SearchKind value, Faults& faults) {
  switch (value) {
    case v1::SEARCH_KIND_REGEX: return SearchKind::regex;
    case v1::SEARCH_KIND_LITERAL: return SearchKind::literal;
    case v1::SEARCH_KIND_WORDS: return SearchKind::words;
    case v1::SEARCH_KIND_UNSPECIFIED: return SearchKind::regex;
    case v1::SearchKind_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::SearchKind_INT_MAX_SENTINEL_DO_NOT_USE_: break;
  }
  faults.unknown("kind");
  return SearchKind::regex;
}

v1::SearchShow write(SearchShow value) {
  switch (value) {
    case SearchShow::lines: return v1::SEARCH_SHOW_LINES;
    case SearchShow::files: return v1::SEARCH_SHOW_FILES;
    case SearchShow::counts: return v1::SEARCH_SHOW_COUNTS;
  }
  CHECK(false);
}

SearchShow read(v1::SearchShow value, Faults& faults) {
  switch (value) {
    case v1::SEARCH_SHOW_LINES: return SearchShow::lines;
    case v1::SEARCH_SHOW_FILES: return SearchShow::files;
    case v1::SEARCH_SHOW_COUNTS: return SearchShow::counts;
    case v1::SEARCH_SHOW_UNSPECIFIED: return SearchShow::lines;
    case v1::SearchShow_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::SearchShow_INT_MAX_SENTINEL_DO_NOT_USE_: break;
  }
  faults.unknown("show");
  return SearchShow::lines;
}

v1::SearchCut write(SearchCut value) {
  switch (value) {
    case SearchCut::none: return v1::SEARCH_CUT_UNSPECIFIED;
    case SearchCut::matches: return v1::SEARCH_CUT_MATCHES;
    case SearchCut::bytes: return v1::SEARCH_CUT_BYTES;
    case SearchCut::time: return v1::SEARCH_CUT_TIME;
  }
  CHECK(false);
}

SearchCut read(v1::SearchCut value, Faults& faults) {
  switch (value) {
    case v1::SEARCH_CUT_MATCHES: return SearchCut::matches;
    case v1::SEARCH_CUT_BYTES: return SearchCut::bytes;
    case v1::SEARCH_CUT_TIME: return SearchCut::time;
    case v1::SEARCH_CUT_UNSPECIFIED: return SearchCut::none;
    case v1::SearchCut_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::SearchCut_INT_MAX_SENTINEL_DO_NOT_USE_: break;
  }
  faults.unknown("cut");
  return SearchCut::none;
}

v1::SearchIndex write(SearchIndex value) {
  switch (value) {
    case SearchIndex::none: return v1::SEARCH_INDEX_UNSPECIFIED;
    case SearchIndex::building: return v1::SEARCH_INDEX_BUILDING;
    case SearchIndex::used: return v1::SEARCH_INDEX_USED;
  }
  CHECK(false);
}

SearchIndex read(v1::SearchIndex value, Faults& faults) {
  switch (value) {
    case v1::SEARCH_INDEX_BUILDING: return SearchIndex::building;
    case v1::SEARCH_INDEX_USED: return SearchIndex::used;
    case v1::SEARCH_INDEX_UNSPECIFIED: return SearchIndex::none;
    case v1::SearchIndex_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::SearchIndex_INT_MAX_SENTINEL_DO_NOT_USE_: break;
  }
  faults.unknown("index");
  return SearchIndex::none;
}

}  // namespace outboard::wire
