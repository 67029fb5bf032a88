// Verbs that change names: each is one committed request, then the tree, then the answer.
#include "core/log.h"
#include "fusefs/volume/doubt.h"
#include "fusefs/volume/request_scope.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {
namespace {

constexpr std::uint32_t kModeBits = 07777;
constexpr std::uint32_t kSetGroupBit = 02000;

// In which an op makes a name.
Inode directory_in(const Op& op) {
  return std::visit(
      [](const auto& any) {
        if constexpr (requires { any.at; }) return std::get<Inode>(any.at.parent);
        return Inode{};
      },
      op);
}

}  // namespace

Status MountedVolume::check_writable() const {
  if (!view_.read_only) return success();
  return Error{Code::read_only, "this view is mounted read-only: mount it as VOLUME:rw to write",
               volume_.name};
}

Result<Outcome> MountedVolume::commit(const Op& op, bool announce) {
  if (auto writable = check_writable(); !writable) return std::move(writable).error();
  Batch batch;
  batch.request = numbers_.begin();
  batch.acknowledged = numbers_.acknowledged();
  batch.steps.push_back({op, {}});
  {
    Lock lock(mutex_);
    state_.own.insert(batch.request.number);
    if (announce) state_.announce_own.insert(batch.request.number);
  }
  auto applied = store_.apply(RequestScope::call(write_deadline()), volume_.id, batch);
  numbers_.end(batch.request.number);
  if (!applied) {
    const bool in_doubt = is_in_doubt(applied.error());
    {
      Lock lock(mutex_);
      // It may have happened or still happen. Should the feed tell of it, the kernel must be told.
      if (in_doubt) state_.announce_own.insert(batch.request.number);
      if (!in_doubt) state_.own.erase(batch.request.number);
    }
    if (in_doubt) announce_doubt(op);
    if (!in_doubt) (void)await_answer_settled(write_deadline());
    return std::move(applied).error();
  }
  {
    Lock lock(mutex_);
    state_.unsettled.settled(applied->last);  // before it was answered
    if (!applied->last) state_.own.erase(batch.request.number);
    changed_.notify_all();
  }
  if (!applied->last) {  // it is there already
    if (auto settled = await_answer_settled(write_deadline()); !settled) return settled.error();
  }
  Outcome outcome = std::move(applied->outcomes.front());
  absorb_outcome(op, outcome, announce);
  if (const auto* rename = std::get_if<Rename>(&op); rename && outcome.conflict_copy) {
    announce_aside(*rename, *outcome.conflict_copy);
  }
  return outcome;
}

// The kernel believes that the target was replaced.
void MountedVolume::announce_aside(const Rename& op, const Dentry& copy) {
  log(Severity::warning, "a rename met a file that had changed; what was renamed stands beside it",
      {{"volume", volume_.name}, {"copy", copy.name}});
  announce_doubt(op);
  Notices notices;
  {
    Lock lock(mutex_);
    announce_name(NoticeKind::name_new, copy, {}, notices);
  }
  post(std::move(notices));
}

void MountedVolume::absorb_outcome(const Op& op, const Outcome& outcome, bool announce) {
  Notices notices;
  {
    Lock lock(mutex_);
    const auto change = change_of(op, outcome, state_.tree);
    if (!change) return;
    Source source;
    source.own = true;
    source.announce = announce;
    absorb(*change, source, notices);
  }
  post(std::move(notices));
}

void MountedVolume::announce_doubt(const Op& op) {
  Notices notices;
  {
    Lock lock(mutex_);
    const auto doubt = [&](const NameRef& name) {
      const Dentry dentry{std::get<Inode>(name.parent), name.name};
      announce_name(NoticeKind::name_new, dentry, {}, notices);
    };
    if (const auto* rename = std::get_if<Rename>(&op)) {
      doubt(rename->from);
      doubt(rename->to);
    } else {
      std::visit(
          [&](const auto& any) {
            if constexpr (requires { any.at; }) doubt(any.at);
          },
          op);
    }
  }
  post(std::move(notices));
}

Result<Shown> MountedVolume::await_node(const Outcome& outcome, Moment deadline) {
  for (;;) {
    {
      Lock lock(mutex_);
      // An existing file was answered that the feed has yet to tell of: it is on its way.
      while (state_.tree.find(outcome.node.inode) == nullptr) {
        if (!outcome.created && !state_.tree.complete(outcome.dentry.parent)) break;
        if (outcome.created || !wait_for_change(deadline)) {
          return Error{Code::not_found, "it was removed again at once", outcome.dentry.name};
        }
      }
      if (state_.tree.find(outcome.node.inode) != nullptr) return look_up(outcome.node.inode);
    }
    if (auto known = know(outcome.dentry.parent); !known) return std::move(known).error();
  }
}

Result<Shown> MountedVolume::make(const Op& op) {
  const Stay stay(*this);
  {
    Lock lock(mutex_);
    state_.tree.use(directory_in(op), ++state_.uses);  // what comes into it stays until it is found
  }
  auto outcome = commit(op);
  if (!outcome) return std::move(outcome).error();
  return await_node(*outcome, read_deadline());
}

bool MountedVolume::is_mountpoint_name(const Dentry& name) const {
  return name.parent == kRootInode && mountpoints_.find(name.name).has_value();
}

Status MountedVolume::keep_for_view(std::string_view name, Moment deadline) {
  if (!mountpoints_.add(name)) return success();
  announce_place(name);
  forget_for_views();
  if (invalidator_.flushed(deadline)) return success();
  give_back(name);
  return Error{Code::timed_out,
               "the kernel did not forget " + std::string(name) +
                   " in time: is a program busy in the directory it is to stand in?",
               std::string(name)};
}

// Of a volume that is not here whole the kernel is to be told, after a gap, to look up every name
// again. From here on it cannot be, so that it may remember none.
void MountedVolume::forget_for_views() {
  {
    Lock lock(mutex_);  // who drops names has seen that a view stands here, or has said so
    if (!on_demand_ || !view_.kernel_forgets_all) return;
  }
  if (mountpoints_.all().size() == 1) invalidator_.forget_names();
}

void MountedVolume::give_back(std::string_view name) {
  mountpoints_.remove(name);
  announce_place(name);
}

// What stands there is another node than before; past the filter that lets nobody say so.
void MountedVolume::announce_place(std::string_view name) {
  Notice notice;
  notice.kind = NoticeKind::name_new;
  notice.directory = kRootId;
  notice.name = name;
  invalidator_.post({std::move(notice)});
}

Result<NameRef> MountedVolume::name_to_change(NodeId directory, std::string_view name) const {
  Lock lock(mutex_);
  const auto parent = directory_of(directory);
  if (!parent) return parent.error();
  if (is_mountpoint_name({*parent, std::string(name)})) return is_mountpoint(name);
  return NameRef{*parent, std::string(name)};
}

// The kernel knows the directory, so that it is here, whatever else is not.
std::optional<std::uint32_t> MountedVolume::given_group(NodeId directory) const {
  if (view_.owners != Owners::stored) return std::nullopt;
  Lock lock(mutex_);
  const Node* node = node_of(directory);
  if (node == nullptr || (node->attributes.mode & kSetGroupBit) == 0) return std::nullopt;
  return node->attributes.gid;
}

Result<Shown> MountedVolume::make_directory(NodeId directory, std::string_view name,
                                            std::uint32_t mode, const Requester& who) {
  auto at = name_to_change(directory, name);
  if (!at) return std::move(at).error();
  MakeDirectory op;
  op.at = *std::move(at);
  op.mode = mode & kModeBits;
  op.uid = who.uid;
  op.gid = who.gid;
  if (const auto group = given_group(directory)) {
    op.gid = *group;
    op.mode |= kSetGroupBit;
  }
  return make(op);
}

Result<Shown> MountedVolume::make_node(NodeId directory, std::string_view name, Kind kind,
                                       std::uint32_t mode, std::uint64_t device,
                                       const Requester& who) {
  auto at = name_to_change(directory, name);
  if (!at) return std::move(at).error();
  const std::uint32_t gid = given_group(directory).value_or(who.gid);
  if (kind == Kind::file) {
    return make(CreateFile{*std::move(at), mode & kModeBits, who.uid, gid, true});
  }
  return make(MakeNode{*std::move(at), kind, mode & kModeBits, who.uid, gid, device});
}

Result<Shown> MountedVolume::make_symlink(NodeId directory, std::string_view name,
                                          std::string_view target, const Requester& who) {
  auto at = name_to_change(directory, name);
  if (!at) return std::move(at).error();
  const std::uint32_t gid = given_group(directory).value_or(who.gid);
  return make(MakeSymlink{*std::move(at), std::string(target), who.uid, gid});
}

Result<Shown> MountedVolume::make_link(NodeId node, NodeId directory, std::string_view name) {
  auto at = name_to_change(directory, name);
  if (!at) return std::move(at).error();
  MakeLink op;
  op.at = *std::move(at);
  {
    Lock lock(mutex_);
    const auto inode = inode_of(node);
    if (!inode) return inode.error();
    op.node = *inode;
  }
  return make(op);
}

MountedVolume::Leaving::Leaving(MountedVolume& volume, const NameRef& name) : volume_(volume) {
  const Moment deadline = volume.write_deadline();
  Lock lock(volume.mutex_);
  State& state = volume.state_;
  const Child* child = state.tree.child(std::get<Inode>(name.parent), name.name);
  if (child != nullptr) node_ = state.inodes.current(child->inode);
  if (!node_) return;
  state.leaving.insert(node_);
  for (;;) {
    const auto file = state.files.find(node_);
    if (file == state.files.end() || !file->second.publishing) return;
    if (!volume.wait_for_change(deadline)) return;
  }
}

MountedVolume::Leaving::~Leaving() {
  if (!node_) return;
  Lock lock(volume_.mutex_);
  std::multiset<NodeId>& leaving = volume_.state_.leaving;
  leaving.erase(leaving.find(node_));
  volume_.changed_.notify_all();
}

Status MountedVolume::remove(NodeId directory, std::string_view name, bool is_directory) {
  const auto at = name_to_change(directory, name);
  if (!at) return at.error();
  const Leaving leaving(*this, *at);
  auto outcome = is_directory ? commit(RemoveDirectory{*at, false}) : commit(Unlink{*at});
  if (!outcome) return std::move(outcome).error();
  return success();
}

Status MountedVolume::rename(NodeId directory, std::string_view name, NodeId to_directory,
                             std::string_view to_name, RenameMode mode) {
  auto from = name_to_change(directory, name);
  if (!from) return std::move(from).error();
  auto to = name_to_change(to_directory, to_name);
  if (!to) return std::move(to).error();
  Rename op;
  op.from = *std::move(from);
  op.to = *std::move(to);
  op.mode = mode;
  const Stay stay(*this);
  if (auto known = know(std::get<Inode>(op.to.parent), to_name); !known) return known;
  const Leaving leaving(*this, op.to);
  {
    Lock lock(mutex_);
    const Child* stood = state_.tree.child(std::get<Inode>(op.to.parent), to_name);
    if (mode != RenameMode::replace) {
      // no_replace and exchange say themselves what must stand there
    } else if (stood == nullptr) {
      op.base = Version{};
    } else if (const Node& node = state_.tree.find(stood->inode)->node; node.is(Kind::file)) {
      op.base = node.version;  // what this mount last showed [S4]
    }
  }
  auto outcome = commit(op);
  if (!outcome) return std::move(outcome).error();
  return success();
}

}  // namespace outboard::fusefs
