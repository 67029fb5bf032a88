#include "core/change.h"

#include "core/check.h"

namespace outboard {

std::string_view name_of(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::create: return "create";
    case ChangeKind::link: return "link";
    case ChangeKind::unlink: return "unlink";
    case ChangeKind::rename: return "rename";
    case ChangeKind::write: return "write";
    case ChangeKind::append: return "append";
    case ChangeKind::attributes: return "attributes";
    case ChangeKind::xattrs: return "xattrs";
  }
  CHECK(false);
}

}  // namespace outboard
