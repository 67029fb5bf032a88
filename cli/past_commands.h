// The past: show a file as it was, compare, restore, redact; and collect what retention lets go.
//
// `diff` and `restore` ask the store's log and its trees as of a seq (core/undo.h); they bring no
// content here but for the lines that `diff` shows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/context.h"

namespace outboard::cli {

struct ShowOptions {
  std::string path;
  std::string volume;
  std::optional<std::uint64_t> version;  // this version; else
  std::string as_of;                     // as of a seq or a time; empty: now
};
Status show_file(Context& context, const ShowOptions& options);

struct DiffOptions {
  std::string from;  // a seq or a time
  std::string to;    // empty: now
  std::string path = "/";
  std::string volume;
  bool names = false;  // names only
};
Status show_diff(Context& context, const DiffOptions& options);

struct RestoreOptions {
  std::string path = "/";
  std::string volume;
  // Exactly one of the four.
  std::optional<std::uint64_t> version;
  std::string to;  // a seq or a time
  std::string session;
  std::string op;
  bool force = false;
  bool dry_run = false;
};
// conflict: something changed while it was restored; what was done before stays done.
Status restore_files(Context& context, const RestoreOptions& options);

struct RedactOptions {
  std::string path;                    // of the file, or
  std::optional<std::uint64_t> inode;  // its number, when it was removed
  std::string volume;
  std::optional<std::uint64_t> version;  // unset: all
  bool yes = false;
};
Status redact_file(Context& context, const RedactOptions& options);

// Applies a volume's retention now, and says what went.
Status collect_volume(Context& context, const std::string& volume);

// "120" is a seq; "90m" is that long ago; "2026-01-31" or "2026-01-31T12:00:00" is a time in UTC.
Result<Seq> parse_moment(Context& context, Store& store, const Volume& volume,
                         const std::string& text);

}  // namespace outboard::cli
