// Trail: takes note of what the audit tells of and no commit records: refused attempts, reads.
//
// Access → Trail, on the caller's thread, which it must not hold up; PgTrail keeps them. Any
// thread.
#pragma once

#include "core/call.h"
#include "core/op.h"

namespace outboard::server {

// A mutation that was turned away.
struct Attempt {
  VolumeId volume;
  std::string op;    // "publish"
  std::string path;  // as far as the op says; else "inode 7"
  Code code = Code::no_access;
};

class Trail {
 public:
  virtual ~Trail() = default;
  virtual void refused(const Caller& caller, const Attempt& attempt) = 0;
  virtual void read(const Caller& caller, VolumeId volume, Inode inode) = 0;
};

// Whether a refusal is somebody's trying what is not theirs to do, and not an everyday race or
// slip.
bool is_on_record(Code code);

}  // namespace outboard::server
