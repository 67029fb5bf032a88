#include "server/access.h"

#include <algorithm>
#include <utility>

#include "core/digest.h"
#include "core/limits.h"
#include "core/path.h"
#include "server/access_limits.h"
#include "server/scoped_reader.h"
#include "server/sight.h"

namespace outboard::server {
namespace {

// The same words as for a volume that is not there.
Error hidden(std::string subject) {
  Error error;
  error.code = Code::not_found;
  error.message =
      "no volume " + subject +
      " that this token may see; check the name, or ask for a token with a grant for it";
  error.subject = std::move(subject);
  return error;
}

Error read_only(std::string subject) {
  Error error;
  error.code = Code::read_only;
  error.message = "this token may read volume " + subject +
                  " but not change it; ask for a token whose grant ends in :rw";
  error.subject = std::move(subject);
  return error;
}

// What of `roots` lies within `prefixes`.
std::vector<std::string> within(const std::vector<std::string>& roots,
                                const std::vector<std::string>& prefixes) {
  std::vector<std::string> both;
  for (const std::string& root : roots) {
    for (const std::string& prefix : prefixes) {
      if (is_within(root, prefix)) both.push_back(root);
      if (root != prefix && is_within(prefix, root)) both.push_back(prefix);
    }
  }
  return both;
}

bool by_pattern(const Caller& caller) {
  return std::any_of(caller.grants.begin(), caller.grants.end(),
                     [](const Grant& grant) { return !grant.pattern.empty(); });
}

// The prefixes as one text, which no other list of them gives; of a whole volume nothing.
std::string part_of(const Scope& scope) {
  std::string text;
  if (scope.reads_all()) return text;
  for (const std::string& prefix : scope.prefixes()) text += prefix + '\0';
  return text;
}

// What a client carries from its snapshot to its subscriptions. Nothing is trusted to it: the feed
// shows what the caller may see now, whatever it says, and who says another part than it holds goes
// on showing what it had been shown.
std::string mark_of(const Scope& scope) {
  const Sha256 digest = sha256(part_of(scope));
  return {digest.bytes.begin(), digest.bytes.end()};
}

bool audits(const Caller& caller, const Volume& volume) {
  return caller.auditor && (caller.organisation == 0 || caller.organisation == volume.organisation);
}

}  // namespace

void Access::remember(const Volume& volume) {
  const Moment until = std::chrono::steady_clock::now() + kTokenCacheFor;
  owners_.with([&](Owners& owners) {
    if (owners.size() >= kAccessVolumesMax) owners.clear();
    owners.insert_or_assign(volume.id, Owned{volume.organisation, volume.name, until});
  });
}

Result<Volume> Access::owner_of(const Call& call, VolumeId volume) {
  const bool name_counts = by_pattern(call.caller);
  const Moment now = std::chrono::steady_clock::now();
  const auto known = owners_.with([&](const Owners& owners) -> std::optional<Volume> {
    const auto found = owners.find(volume);
    if (found == owners.end()) return std::nullopt;
    if (name_counts && found->second.named_until <= now) return std::nullopt;
    Volume owned;
    owned.id = volume;
    owned.organisation = found->second.organisation;
    if (name_counts) owned.name = found->second.name;
    return owned;
  });
  if (known) return *known;
  auto described = store_.describe(call, volume);
  if (!described) {
    if (described.error().code == Code::not_found) return hidden(to_string(volume));
    return described.error();
  }
  remember(*described);
  return described;
}

void Access::note_loaded(const Call& call, VolumeId volume, const Scope& scope) {
  const ClientId client = call.caller.client;
  if (!client) return;
  const std::string part = part_of(scope);
  loaded_.with([&](Loaded& loaded) {
    if (part.empty()) {
      loaded.erase({client, volume});
      return;
    }
    if (loaded.size() >= kLoadedPartsMax) loaded.clear();  // they load once more
    loaded.insert_or_assign({client, volume}, part);
  });
}

// A part must be known to be the same one; a whole, not to have been a part.
bool Access::has_loaded(const Call& call, VolumeId volume, const Scope& scope,
                        const std::string& said) {
  if (!said.empty()) return said == mark_of(scope);
  const ClientId client = call.caller.client;
  if (!client) return true;  // it keeps nothing, as far as anybody knows
  const std::string part = part_of(scope);
  return loaded_.with([&](const Loaded& loaded) {
    const auto found = loaded.find({client, volume});
    return found == loaded.end() ? part.empty() : found->second == part;
  });
}

Result<Scope> Access::scope_of(Call& call, VolumeId volume) {
  auto owned = owner_of(call, volume);
  if (!owned) return owned.error();
  call.caller.grants = grants_in(call.caller, *owned);
  Scope scope = Scope::of(call.caller.grants, volume);
  if (scope.empty()) return hidden(to_string(volume));
  return scope;
}

Result<Volume> Access::shown(const Call& call, Volume volume, std::string subject) {
  remember(volume);
  const Scope scope = Scope::of(grants_in(call.caller, volume), volume.id);
  if (scope.empty() && !audits(call.caller, volume)) return hidden(std::move(subject));
  if (!scope.writes()) volume.read_only = true;
  return volume;
}

Result<Volume> Access::open_volume(const Call& call, std::string_view name) {
  auto volume = store_.open_volume(call, name);
  if (volume) return shown(call, *std::move(volume), std::string(name));
  if (volume.error().code == Code::not_found) return hidden(std::string(name));
  return volume;
}

Result<Volume> Access::describe(const Call& call, VolumeId id) {
  auto volume = store_.describe(call, id);
  if (volume) return shown(call, *std::move(volume), to_string(id));
  if (volume.error().code == Code::not_found) return hidden(to_string(id));
  return volume;
}

Result<Applied> Access::apply(const Call& call, VolumeId volume, const Batch& batch) {
  auto checked = admitted(call, volume, batch);
  if (!checked) {
    refused(call, volume, batch, Error{Code::no_access, {}});
    return checked.error();
  }
  count(call, bytes_of(batch));
  auto applied = store_.apply(*checked, volume, batch);
  if (!applied && is_on_record(applied.error().code)) {
    refused(call, volume, batch, applied.error());
  }
  return applied;
}

void Access::submit(const Call& call, VolumeId volume, Batch batch, ApplyDone done) {
  auto checked = admitted(call, volume, batch);
  if (!checked) {
    refused(call, volume, batch, Error{Code::no_access, {}});
    return done(checked.error());
  }
  count(call, bytes_of(batch));
  ApplyDone told = recorded(call, volume, batch, std::move(done));
  store_.submit(*checked, volume, std::move(batch), std::move(told));
}

Result<Call> Access::admitted(const Call& call, VolumeId volume, const Batch& batch) {
  Call here = call;
  auto scope = scope_of(here, volume);
  if (!scope) return scope.error();
  if (!scope->writes()) return read_only(to_string(volume));
  const bool redacts = std::any_of(batch.steps.begin(), batch.steps.end(), [](const Step& step) {
    return std::holds_alternative<Redact>(step.op);
  });
  if (redacts && !call.caller.admin && call.caller.token != 0) {
    return Error{Code::no_access,
                 "redaction takes bytes away for good: only an administrator's token may"};
  }
  return here;
}

void Access::refused(const Call& call, VolumeId volume, const Batch& batch, const Error& error) {
  if (trail_ == nullptr || error.step >= batch.steps.size()) return;
  const Op& op = batch.steps[error.step].op;
  trail_->refused(call.caller,
                  Attempt{volume, std::string(name_of(op)), subject_of(op), error.code});
}

// The batch will be gone when its answer comes: of a later step's refusal the first is told.
ApplyDone Access::recorded(const Call& call, VolumeId volume, const Batch& batch, ApplyDone done) {
  if (trail_ == nullptr || batch.steps.empty()) return done;
  const Op& first = batch.steps.front().op;
  Attempt attempt{volume, std::string(name_of(first)), subject_of(first), Code::no_access};
  return [this, caller = call.caller, attempt = std::move(attempt),
          done = std::move(done)](Result<Applied> applied) mutable {
    if (!applied && is_on_record(applied.error().code)) {
      attempt.code = applied.error().code;
      trail_->refused(caller, attempt);
    }
    done(std::move(applied));
  };
}

Result<At<Entry>> Access::lookup(const Call& call, VolumeId volume, const NameRef& name,
                                 const ReadAt& at) {
  Call here = call;
  auto scope = scope_of(here, volume);
  if (!scope) return scope.error();
  if (scope->reads_all()) return store_.lookup(here, volume, name, at);
  return ScopedReader(store_, here, volume, *scope).lookup(name, at);
}

Result<At<Node>> Access::attributes(const Call& call, VolumeId volume, const NodeRef& node,
                                    const ReadAt& at) {
  Call here = call;
  auto scope = scope_of(here, volume);
  if (!scope) return scope.error();
  if (scope->reads_all()) return store_.attributes(here, volume, node, at);
  return ScopedReader(store_, here, volume, *scope).attributes(node, at);
}

Result<At<Page>> Access::list(const Call& call, VolumeId volume, const NodeRef& directory,
                              std::string_view after, std::uint32_t limit, const ReadAt& at) {
  Call here = call;
  auto scope = scope_of(here, volume);
  if (!scope) return scope.error();
  if (scope->reads_all()) return store_.list(here, volume, directory, after, limit, at);
  return ScopedReader(store_, here, volume, *scope).list(directory, after, limit, at);
}

Result<At<Content>> Access::read(const Call& call, VolumeId volume, Inode inode, Version version,
                                 std::uint64_t offset, std::size_t size) {
  Call here = call;
  auto scope = scope_of(here, volume);
  if (!scope) return scope.error();
  auto answer = scope->reads_all()
                    ? store_.read(here, volume, inode, version, offset, size)
                    : ScopedReader(store_, here, volume, *scope).read(inode, version, offset, size);
  if (!answer) return answer;
  count(call, answer->value.bytes.size());
  // Who reads on, in pieces, reads once; who reads many makes a list, or a copy.
  if (trail_ != nullptr && offset == 0) trail_->read(call.caller, volume, inode);
  return answer;
}

Result<At<std::vector<Result<Content>>>> Access::read_many(const Call& call, VolumeId volume,
                                                           const std::vector<ContentKey>& keys) {
  Call here = call;
  auto scope = scope_of(here, volume);
  if (!scope) return scope.error();
  auto answer = scope->reads_all() ? store_.read_many(here, volume, keys)
                                   : ScopedReader(store_, here, volume, *scope).read_many(keys);
  if (!answer) return answer;
  for (const Result<Content>& one : answer->value) {
    if (one) count(call, one->bytes.size());
  }
  return answer;
}

Result<Seq> Access::snapshot(const Call& call, VolumeId volume, const SnapshotQuery& query,
                             const std::function<void(SnapshotPart)>& take) {
  Call here = call;
  auto scope = scope_of(here, volume);
  if (!scope) return scope.error();
  note_loaded(call, volume, *scope);
  const std::string mark = mark_of(*scope);
  const auto counted = [&](SnapshotPart part) {
    for (const auto& [key, bytes] : part.bodies) count(call, bytes.size());
    part.loaded = mark;
    take(std::move(part));
  };
  if (scope->reads_all()) return store_.snapshot(here, volume, query, counted);
  return ScopedReader(store_, here, volume, *scope).snapshot(query, counted);
}

Result<At<Xattrs>> Access::xattrs(const Call& call, VolumeId volume, Inode inode,
                                  const ReadAt& at) {
  Call here = call;
  auto scope = scope_of(here, volume);
  if (!scope) return scope.error();
  if (scope->reads_all()) return store_.xattrs(here, volume, inode, at);
  return ScopedReader(store_, here, volume, *scope).xattrs(inode, at);
}

Result<At<std::vector<Change>>> Access::history(const Call& call, VolumeId volume,
                                                const HistoryQuery& query) {
  auto owned = owner_of(call, volume);
  if (!owned) return owned.error();
  Call here = call;
  here.caller.grants = grants_in(call.caller, *owned);
  const Scope scope = Scope::of(here.caller.grants, volume);
  if (scope.reads_all() || audits(call.caller, *owned)) {
    return store_.history(here, volume, query);
  }
  if (scope.empty()) return hidden(to_string(volume));
  return ScopedReader(store_, here, volume, scope).history(query);
}

Result<At<std::vector<VersionInfo>>> Access::versions(const Call& call, VolumeId volume,
                                                      const NodeRef& node) {
  Call here = call;
  auto scope = scope_of(here, volume);
  if (!scope) return scope.error();
  if (scope->reads_all()) return store_.versions(here, volume, node);
  return ScopedReader(store_, here, volume, *scope).versions(node);
}

Result<SearchSummary> Access::search(const Call& call, VolumeId volume, const SearchQuery& query,
                                     const TakeSearched& take) {
  Call here = call;
  auto scope = scope_of(here, volume);
  if (!scope) return scope.error();
  if (scope->reads_all()) return store_.search(here, volume, query, take);
  SearchQuery narrowed = query;
  narrowed.roots = within(query.roots, scope->prefixes());
  return store_.search(here, volume, narrowed, take);
}

Result<std::unique_ptr<Subscription>> Access::subscribe(const Call& call, VolumeId volume,
                                                        Seq after, std::shared_ptr<FeedSink> sink) {
  Call here = call;
  auto scope = scope_of(here, volume);
  if (!scope) return scope.error();
  if (after && !has_loaded(call, volume, *scope, sink->loaded())) {
    note_loaded(call, volume, *scope);  // which it does next
    return Error{
        Code::history_gone,
        "this token shows another part of the volume than was loaded, or nobody here knows "
        "which that was: take a snapshot, then subscribe at its seq",
        to_string(volume)};
  }
  if (!scope->reads_all()) {
    sink = std::make_shared<ScopedSink>(*std::move(scope), std::move(sink));
  }
  return store_.subscribe(here, volume, after, std::move(sink));
}

void Access::lock(const Call& call, VolumeId volume, const LockQuery& query, LockDone done) {
  Call here = call;
  auto scope = scope_of(here, volume);
  if (!scope) return done(scope.error());
  const bool exclusive = query.kind == LockKind::exclusive;
  if (exclusive && !scope->writes()) return done(read_only(to_string(volume)));
  const bool all = exclusive ? scope->writes_all() : scope->reads_all();
  if (!all) {
    auto may = ScopedReader(store_, here, volume, *scope).may_lock(query.inode, exclusive);
    if (!may) return done(may.error());
  }
  store_.lock(here, volume, query, std::move(done));
}

Status Access::settle(const Call& call, VolumeId volume, Seq seq) {
  Call here = call;
  if (auto scope = scope_of(here, volume); !scope) return scope.error();
  return store_.settle(here, volume, seq);
}

}  // namespace outboard::server
