#include "core/commit_review.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/commit_step.h"
#include "core/limits.h"

namespace outboard::rules {
namespace {

constexpr std::string_view kSkillFile = "SKILL.md";

std::size_t step_of(const Review& review, Seq seq) {
  const auto& ends = review.step_ends;
  const auto at = std::lower_bound(ends.begin(), ends.end(), seq);
  return static_cast<std::size_t>(at - ends.begin());
}

// The fault of the change with this seq: a refusal or a warning, as the volume will have it.
Status report(const Review& review, Strictness strictness, Seq seq, const std::string& path,
              std::string fault) {
  const std::size_t step = step_of(review, seq);
  if (strictness == Strictness::refuse) {
    Error error = refuse(Code::invalid, path, fault);
    error.step = static_cast<std::uint32_t>(step);
    return error;
  }
  review.set.flag_warned(seq);
  auto& warnings = review.applied.outcomes.at(step).warnings;
  if (warnings.size() < kStepWarningsMax) warnings.push_back(std::move(fault));
  return success();
}

// ── Skills ──

// Names SKILL.md that the batch has given, or whose content it has changed, and the last change of
// each.
using Documents = std::map<Dentry, Seq>;

Status note_documents(const Review& review, const Change& change, Documents& documents) {
  const auto note = [&](const std::optional<Dentry>& name, Inode inode, bool directory) {
    if (directory) {
      documents[Dentry{inode, std::string(kSkillFile)}] = change.seq;
    } else if (name && name->name == kSkillFile) {
      documents[*name] = change.seq;
    }
  };
  switch (change.kind) {
    case ChangeKind::rename:
      note(change.after, change.node.inode, change.node.is(Kind::directory));
      if (change.other && change.other->exchanged) {
        auto other = review.set.node(change.other->inode);
        if (!other) return other.error();
        if (*other) note(change.before, change.other->inode, (*other)->node.is(Kind::directory));
      }
      return success();
    case ChangeKind::create:
    case ChangeKind::link: note(change.after, change.node.inode, false); return success();
    case ChangeKind::write:
    case ChangeKind::append: {
      if (!change.path.ends_with(kSkillFile)) return success();
      auto name = review.set.name_of(change.node.inode);
      if (name) note(*name, change.node.inode, false);
      return success();
    }
    case ChangeKind::unlink:
    case ChangeKind::attributes:
    case ChangeKind::xattrs: return success();
  }
  CHECK(false);
}

// What is wrong with the node that stands at a name SKILL.md.
Result<std::optional<std::string>> document_fault(const Review& review, const Node& node,
                                                  const std::string& path) {
  if (!node.is(Kind::file)) {
    return std::optional(path + " is no regular file: a skill's SKILL.md is a file of its own");
  }
  const std::uint64_t size = node.attributes.size;
  if (size == 0) return std::optional<std::string>();
  if (size > kSkillDocumentBytesMax) {
    return std::optional(path + " has " + std::to_string(size) + " bytes, the limit is " +
                         std::to_string(kSkillDocumentBytesMax) +
                         ": move what is long into files beside it and name them");
  }
  auto content = review.set.content(node.inode, node.version, 0, size);
  if (!content) return content.error();
  return review.rules.skill_fault(path, *content);
}

Status review_document(const Review& review, const Dentry& name, Seq seq) {
  auto inode = review.set.child(name);
  if (!inode) return inode.error();
  if (!*inode) return success();  // a folder without one, or it is gone again
  auto stored = review.set.node(**inode);
  if (!stored) return stored.error();
  if (!*stored) return success();
  auto path = review.set.path_of(name);
  if (!path) return path.error();
  auto fault = document_fault(review, (*stored)->node, *path);
  if (!fault) return fault.error();
  if (!*fault) return success();
  return report(review, review.set.volume().skill_lint, seq, *path, **std::move(fault));
}

Status review_skills(const Review& review) {
  Documents documents;
  for (std::size_t i = review.first_change; i < review.set.changes().size(); ++i) {
    const Change& change = review.set.changes()[i];
    if (auto noted = note_documents(review, change, documents); !noted) return noted;
  }
  for (const auto& [name, seq] : documents) {
    if (auto good = review_document(review, name, seq); !good) return good;
  }
  return success();
}

// ── Secrets ──

std::string path_of(const Review& review, const ContentEdit& edit) {
  const Seq first = review.set.changes().front().seq;
  return review.set.changes().at(edit.seq.value - first.value).path;
}

// What stands on both sides of `edge` within a large file, as far as a secret is long: one that was
// written in two halves. The bytes behind the edge, or before it, are the new ones.
Result<std::optional<std::string>> fault_across(const Review& review, const ContentEdit& edit,
                                                std::uint64_t edge, bool new_behind) {
  const std::uint64_t from = edge > kSecretContextBytes ? edge - kSecretContextBytes : 0;
  const std::uint64_t to = std::min(edit.size, edge + kSecretContextBytes);
  if (edge == 0 || edge >= edit.size) return std::optional<std::string>();
  auto text = review.set.content(edit.inode, edit.version, from, to - from);
  if (!text) return text.error();
  const std::string path = path_of(review, edit);
  const std::size_t middle = edge - from;
  return review.rules.secret_fault(
      {path, *text, new_behind ? middle : 0, new_behind ? text->size() : middle, from});
}

Result<std::optional<std::string>> fault_of_extent(const Review& review, const ContentEdit& edit,
                                                   const Extent& extent) {
  const std::string path = path_of(review, edit);
  auto fault =
      review.rules.secret_fault({path, extent.bytes, 0, extent.bytes.size(), extent.offset});
  if (fault) return fault;
  auto before = fault_across(review, edit, extent.offset, true);
  if (!before || *before) return before;
  return fault_across(review, edit, extent.end(), false);
}

// Of one new version. What it kept of its base was looked at when it was written.
Result<std::optional<std::string>> secret_in(const Review& review, const ContentEdit& edit) {
  if (edit.bytes) {
    return review.rules.secret_fault({path_of(review, edit), *edit.bytes, 0, edit.bytes->size()});
  }
  for (std::size_t i = 0; i < edit.extents.size(); ++i) {
    auto fault = fault_of_extent(review, edit, edit.extents[i]);
    if (!fault || *fault) return fault;
  }
  return std::optional<std::string>();
}

Status review_secrets(const Review& review) {
  for (std::size_t i = review.first_content; i < review.set.contents().size(); ++i) {
    const ContentEdit& edit = review.set.contents()[i];
    auto fault = secret_in(review, edit);
    if (!fault) return fault.error();
    if (!*fault) continue;
    auto reported = report(review, review.set.volume().secret_scan, edit.seq, path_of(review, edit),
                           **std::move(fault));
    if (!reported) return reported;
  }
  return success();
}

}  // namespace

Status review(const Review& review) {
  const Volume& volume = review.set.volume();
  if (volume.skill_lint != Strictness::off) {
    if (auto good = review_skills(review); !good) return good;
  }
  return volume.secret_scan == Strictness::off ? success() : review_secrets(review);
}

}  // namespace outboard::rules
