#include "proto/convert_batch.h"

#include "proto/convert.h"

namespace outboard::wire {
namespace {

// Fills a Step message from an op, one overload for each.
class StepWriter {
 public:
  StepWriter(Bodies bodies, v1::Step* to) : bodies_(bodies), to_(to) {}

  void operator()(const CreateFile& op) {
    auto* to = to_->mutable_create_file();
    write(op.at, to->mutable_at());
    owner(op, to);
    to->set_mode(op.mode);
    to->set_exclusive(op.exclusive);
  }
  void operator()(const MakeDirectory& op) {
    auto* to = to_->mutable_make_directory();
    write(op.at, to->mutable_at());
    owner(op, to);
    to->set_mode(op.mode);
    to->set_parents(op.parents);
  }
  void operator()(const MakeNode& op) {
    auto* to = to_->mutable_make_node();
    write(op.at, to->mutable_at());
    owner(op, to);
    to->set_kind(write(op.kind));
    to->set_mode(op.mode);
    to->set_device(op.device);
  }
  void operator()(const MakeSymlink& op) {
    auto* to = to_->mutable_make_symlink();
    write(op.at, to->mutable_at());
    owner(op, to);
    to->set_target(op.target);
  }
  void operator()(const MakeLink& op) {
    auto* to = to_->mutable_make_link();
    write(op.node, to->mutable_node());
    write(op.at, to->mutable_at());
  }
  void operator()(const Rename& op) {
    auto* to = to_->mutable_rename();
    write(op.from, to->mutable_from());
    write(op.to, to->mutable_to());
    to->set_mode(write(op.mode));
    if (op.base) to->set_base(op.base->value);
  }
  void operator()(const Unlink& op) { write(op.at, to_->mutable_unlink()->mutable_at()); }
  void operator()(const RemoveDirectory& op) {
    auto* to = to_->mutable_remove_directory();
    write(op.at, to->mutable_at());
    to->set_recursive(op.recursive);
  }
  void operator()(const SetAttributes& op) {
    auto* to = to_->mutable_set_attributes();
    write(op.node, to->mutable_node());
    if (op.mode) to->set_mode(*op.mode);
    if (op.uid) to->set_uid(*op.uid);
    if (op.gid) to->set_gid(*op.gid);
    if (op.accessed) to->set_accessed_unix_ns(op.accessed->nanoseconds);
    if (op.modified) to->set_modified_unix_ns(op.modified->nanoseconds);
  }
  void operator()(const SetXattr& op) {
    auto* to = to_->mutable_set_xattr();
    write(op.node, to->mutable_node());
    to->set_name(op.name);
    to->set_value(op.value);
    to->set_mode(write(op.mode));
  }
  void operator()(const RemoveXattr& op) {
    auto* to = to_->mutable_remove_xattr();
    write(op.node, to->mutable_node());
    to->set_name(op.name);
  }
  void operator()(const Write& op) {
    auto* to = to_->mutable_write();
    write(op.node, to->mutable_node());
    if (op.base) to->set_base(op.base->value);
    edit(op, to);
    if (op.merged) edit(*op.merged, to->mutable_merged());
  }
  void operator()(const Truncate& op) {
    auto* to = to_->mutable_truncate();
    write(op.node, to->mutable_node());
    to->set_size(op.size);
  }
  void operator()(const Append& op) {
    auto* to = to_->mutable_append();
    write(op.node, to->mutable_node());
    if (!op.bytes.empty()) body(op.bytes, to->mutable_body());
  }
  void operator()(const Publish& op) {
    auto* to = to_->mutable_publish();
    write(op.at, to->mutable_at());
    if (!op.bytes.empty()) body(op.bytes, to->mutable_body());
    if (op.base) to->set_base(op.base->value);
    if (op.mode) to->set_mode(*op.mode);
    owner(op, to);
    to->set_parents(op.parents);
  }
  void operator()(const Restore& op) {
    auto* to = to_->mutable_restore();
    to->set_inode(op.inode.value);
    to->set_version(op.version.value);
    if (op.to) write(*op.to, to->mutable_to());
    to->set_parents(op.parents);
  }
  void operator()(const Redact& op) {
    auto* to = to_->mutable_redact();
    to->set_inode(op.inode.value);
    to->set_version(op.version.value);
  }

 private:
  template <class O, class Message>
  void owner(const O& op, Message* to) {
    to->set_uid(op.uid);
    to->set_gid(op.gid);
  }
  // A Write, or the Edit in one.
  template <class From, class Message>
  void edit(const From& from, Message* to) {
    if (from.keep) to->set_keep(*from.keep);
    for (const Extent& extent : from.extents) {
      auto* piece = to->add_extents();
      piece->set_offset(extent.offset);
      if (!extent.bytes.empty()) body(extent.bytes, piece->mutable_body());
    }
    if (from.size) to->set_size(*from.size);
  }
  void body(const std::string& bytes, v1::Body* to) {
    if (bodies_ == Bodies::announced) {
      to->set_announced(bytes.size());
    } else {
      to->set_bytes(bytes);
    }
  }

  const Bodies bodies_;
  v1::Step* const to_;
};

// Reads an op from its message, one overload for each.
class StepReader {
 public:
  StepReader(std::uint64_t& allowed, Faults& faults) : allowed_(allowed), faults_(faults) {}

  Op operator()(const v1::CreateFile& from) {
    return CreateFile{name(from), from.mode(), from.uid(), from.gid(), from.exclusive()};
  }
  Op operator()(const v1::MakeDirectory& from) {
    return MakeDirectory{name(from), from.mode(), from.uid(), from.gid(), from.parents()};
  }
  Op operator()(const v1::MakeNode& from) {
    return MakeNode{name(from),   read(from.kind(), faults_), from.mode(), from.uid(), from.gid(),
                    from.device()};
  }
  Op operator()(const v1::MakeSymlink& from) {
    return MakeSymlink{name(from), from.target(), from.uid(), from.gid()};
  }
  Op operator()(const v1::MakeLink& from) { return MakeLink{node(from), name(from)}; }
  Op operator()(const v1::Rename& from) {
    return Rename{read(from.from(), faults_), read(from.to(), faults_), read(from.mode(), faults_),
                  base(from)};
  }
  Op operator()(const v1::Unlink& from) { return Unlink{name(from)}; }
  Op operator()(const v1::RemoveDirectory& from) {
    return RemoveDirectory{name(from), from.recursive()};
  }
  Op operator()(const v1::SetAttributes& from) {
    SetAttributes op;
    op.node = node(from);
    if (from.has_mode()) op.mode = from.mode();
    if (from.has_uid()) op.uid = from.uid();
    if (from.has_gid()) op.gid = from.gid();
    if (from.has_accessed_unix_ns()) op.accessed = Timestamp{from.accessed_unix_ns()};
    if (from.has_modified_unix_ns()) op.modified = Timestamp{from.modified_unix_ns()};
    return op;
  }
  Op operator()(const v1::SetXattr& from) {
    return SetXattr{node(from), from.name(), from.value(), read(from.mode(), faults_)};
  }
  Op operator()(const v1::RemoveXattr& from) { return RemoveXattr{node(from), from.name()}; }
  Op operator()(const v1::Write& from) {
    Write op;
    op.node = node(from);
    op.base = base(from);
    edit(from, op);
    if (from.has_merged()) edit(from.merged(), op.merged.emplace());
    return op;
  }
  Op operator()(const v1::Truncate& from) { return Truncate{node(from), from.size()}; }
  Op operator()(const v1::Append& from) { return Append{node(from), body(from.body())}; }
  Op operator()(const v1::Publish& from) {
    Publish op;
    op.at = name(from);
    op.bytes = body(from.body());
    op.base = base(from);
    if (from.has_mode()) op.mode = from.mode();
    op.uid = from.uid();
    op.gid = from.gid();
    op.parents = from.parents();
    return op;
  }
  Op operator()(const v1::Restore& from) {
    Restore op;
    op.inode = Inode{from.inode()};
    op.version = Version{from.version()};
    if (from.has_to()) op.to = read(from.to(), faults_);
    op.parents = from.parents();
    return op;
  }
  Op operator()(const v1::Redact& from) {
    return Redact{Inode{from.inode()}, Version{from.version()}};
  }

 private:
  template <class Message, class To>
  void edit(const Message& from, To& to) {
    if (from.has_keep()) to.keep = from.keep();
    to.extents.reserve(static_cast<std::size_t>(from.extents_size()));
    for (const auto& extent : from.extents()) {
      to.extents.push_back(Extent{extent.offset(), body(extent.body())});
    }
    if (from.has_size()) to.size = from.size();
  }
  template <class Message>
  NameRef name(const Message& from) {
    return read(from.at(), faults_);
  }
  template <class Message>
  NodeRef node(const Message& from) {
    return read(from.node(), faults_);
  }
  template <class Message>
  std::optional<Version> base(const Message& from) {
    if (!from.has_base()) return std::nullopt;
    return Version{from.base()};
  }
  std::string body(const v1::Body& from) {
    if (from.announced() == 0) return from.bytes();
    if (from.announced() > allowed_ || !from.bytes().empty()) {
      faults_.broken("body.announced",
                     "does not fit: announce bytes only in ApplyStream, at most "
                     "as many as its header says, and send none beside them");
      return {};
    }
    allowed_ -= from.announced();
    return std::string(static_cast<std::size_t>(from.announced()), '\0');
  }

  std::uint64_t& allowed_;
  Faults& faults_;
};

Op read_op(const v1::Step& from, StepReader reader, Faults& faults) {
  switch (from.op_case()) {
    case v1::Step::kCreateFile: return reader(from.create_file());
    case v1::Step::kMakeDirectory: return reader(from.make_directory());
    case v1::Step::kMakeNode: return reader(from.make_node());
    case v1::Step::kMakeSymlink: return reader(from.make_symlink());
    case v1::Step::kMakeLink: return reader(from.make_link());
    case v1::Step::kRename: return reader(from.rename());
    case v1::Step::kUnlink: return reader(from.unlink());
    case v1::Step::kRemoveDirectory: return reader(from.remove_directory());
    case v1::Step::kSetAttributes: return reader(from.set_attributes());
    case v1::Step::kSetXattr: return reader(from.set_xattr());
    case v1::Step::kRemoveXattr: return reader(from.remove_xattr());
    case v1::Step::kWrite: return reader(from.write());
    case v1::Step::kTruncate: return reader(from.truncate());
    case v1::Step::kAppend: return reader(from.append());
    case v1::Step::kPublish: return reader(from.publish());
    case v1::Step::kRestore: return reader(from.restore());
    case v1::Step::kRedact: return reader(from.redact());
    case v1::Step::OP_NOT_SET: break;
  }
  faults.unknown("step.op");
  return Op{};
}

// Calls `take` with each body of the batch, empty ones too.
template <class B, class F>
void each_body(B& batch, F take) {
  for (auto& step : batch.steps) {
    if (auto* write = std::get_if<Write>(&step.op)) {
      for (auto& extent : write->extents) take(extent.bytes);
      if (!write->merged) continue;
      for (auto& extent : write->merged->extents) take(extent.bytes);
    } else if (auto* append = std::get_if<Append>(&step.op)) {
      take(append->bytes);
    } else if (auto* publish = std::get_if<Publish>(&step.op)) {
      take(publish->bytes);
    }
  }
}

}  // namespace

void write(const Step& step, Bodies bodies, v1::Step* to) {
  std::visit(StepWriter(bodies, to), step.op);
  if (step.when.empty()) return;
  auto* when = to->mutable_when();
  when->set_absent(step.when.absent);
  if (step.when.version) when->set_version(step.when.version->value);
  when->set_digest(write_digest(step.when.digest));
}

Step read(const v1::Step& from, std::uint64_t& allowed, Faults& faults) {
  Step step;
  step.op = read_op(from, StepReader(allowed, faults), faults);
  step.when.absent = from.when().absent();
  if (from.when().has_version()) step.when.version = Version{from.when().version()};
  step.when.digest = read_digest("when.digest", from.when().digest(), faults);
  return step;
}

void write(const RequestId& request, v1::RequestId* to) {
  to->set_client(write_uuid(request.client.uuid));
  to->set_number(request.number);
}

RequestId read(const v1::RequestId& from, Faults& faults) {
  return {ClientId{read_uuid("request.client", from.client(), faults)}, from.number()};
}

void write(const Batch& batch, v1::Batch* to) {
  write(batch.request, to->mutable_request());
  to->set_acknowledged(batch.acknowledged);
  to->set_written_unix_ns(batch.written.nanoseconds);
  for (const Step& step : batch.steps) write(step, Bodies::within, to->add_steps());
}

Batch read(const v1::Batch& from, Faults& faults) {
  Batch batch;
  batch.request = read(from.request(), faults);
  batch.acknowledged = from.acknowledged();
  batch.written = Timestamp{from.written_unix_ns()};
  batch.steps.reserve(static_cast<std::size_t>(from.steps_size()));
  std::uint64_t allowed = 0;
  for (const auto& step : from.steps()) batch.steps.push_back(read(step, allowed, faults));
  return batch;
}

std::vector<std::string_view> bodies_of(const Batch& batch) {
  std::vector<std::string_view> bodies;
  each_body(batch, [&](const std::string& body) {
    if (!body.empty()) bodies.emplace_back(body);
  });
  return bodies;
}

std::vector<std::string*> bodies_in(Batch& batch) {
  std::vector<std::string*> bodies;
  each_body(batch, [&](std::string& body) {
    if (!body.empty()) bodies.push_back(&body);
  });
  return bodies;
}

}  // namespace outboard::wire
