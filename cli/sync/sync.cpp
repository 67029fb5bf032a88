#include "cli/sync/sync.h"

#include <poll.h>

#include <algorithm>
#include <array>

#include "cli/sync/bell.h"
#include "core/path.h"

namespace outboard::sync {
namespace {

// A program that saves a file by removing and making it, or by two renames, is through by then.
constexpr std::chrono::milliseconds kQuiet{200};
constexpr std::chrono::milliseconds kQuietMax{2'000};
// Looks at files that are being written, before a single pass gives up.
constexpr std::size_t kOnceRounds = 10;
// Until what could not be done is tried again.
constexpr std::chrono::milliseconds kRetry{1'000};

bool can_wait(const Error& error) {
  return error.code == Code::unavailable || error.code == Code::timed_out;
}

bool is_ours(std::string_view path) {
  for (const std::string_view name : components_of(path)) {
    if (name == kStateName || name.starts_with(kPartPrefix)) return true;
  }
  return false;
}

// Whether something can be read of one of them before the time is over.
bool wait_for(std::initializer_list<int> fds, std::chrono::milliseconds time) {
  std::array<pollfd, 2> polled{};
  nfds_t count = 0;
  for (const int fd : fds) polled[count++] = {fd, POLLIN, 0};
  return ::poll(polled.data(), count, static_cast<int>(time.count())) > 0;
}

}  // namespace

Result<std::unique_ptr<FolderSync>> FolderSync::open(Store& store, const Volume& volume,
                                                     ClientId client, const Clock& clock,
                                                     const std::filesystem::path& folder,
                                                     SyncOptions options) {
  if (auto good = check_path(options.part); !good) return good.error();
  auto opened = Folder::open(folder);
  if (!opened) return opened.error();
  const std::string place = volume.name + ":" + options.part + " (" + to_string(volume.id) + ")";
  auto state = State::load(opened->state_directory(), opened->path() / kStateName, place);
  if (!state) return state.error();
  return std::unique_ptr<FolderSync>(new FolderSync(
      store, volume, client, clock, *std::move(opened), *std::move(state), std::move(options)));
}

FolderSync::FolderSync(Store& store, const Volume& volume, ClientId client, const Clock& clock,
                       Folder folder, State state, SyncOptions options)
    : store_(store),
      volume_(volume),
      client_(client),
      clock_(clock),
      options_(std::move(options)),
      folder_(std::move(folder)),
      state_(std::move(state)),
      tree_(options_.part) {}

FolderSync::~FolderSync() = default;

Call FolderSync::call() const {
  Call call = Call::until(clock_.now() + options_.timeout);
  call.given_up = options_.stop;
  return call;
}

void FolderSync::tell(Happened what, const std::string& path, const std::string& note) {
  if (what == Happened::refused || what == Happened::passed_over) {
    std::string& told = told_[path];
    if (told == note) return;
    told = note;
  }
  if (options_.tell) options_.tell({what, path, note});
}

Status FolderSync::start() {
  if (auto following = follow(); !following) return following;
  if (const Node* top = tree_.at("/"); top != nullptr && !top->is(Kind::directory)) {
    return Error{Code::not_directory,
                 options_.part + " in " + volume_.name +
                     " is no directory: a folder can only be kept in step with one",
                 options_.part};
  }
  return scan("/");
}

// ── What is to be looked at ──────────────────────────────────────────────────────────────────────

bool FolderSync::takes(const std::string& path) {
  if (path == "/" || is_ours(path)) return false;
  if (auto good = check_path(path); !good) {
    tell(Happened::passed_over, path, good.error().message);
    return false;
  }
  return !options_.passes_over || !options_.passes_over(path);
}

void FolderSync::mark(const std::string& path) {
  if (takes(path)) dirty_.insert(path);
}

void FolderSync::mark_below(const std::string& path) {
  mark(path);
  tree_.each_below(path, [this](const std::string& at, const Node&) { mark(at); });
  state_.each_within(path, [this](const std::string& at, const Record&) { mark(at); });
}

void FolderSync::mark_differences() {
  tree_.each_below("/", [this](const std::string& path, const Node& node) {
    const Record* base = state_.at(path);
    Sides sides;
    if (base != nullptr) sides.base = *base;
    sides.remote = node;
    if (changed_there(sides)) mark(path);
  });
  state_.each_within("/", [this](const std::string& path, const Record&) {
    if (tree_.at(path) == nullptr) mark(path);
  });
}

Status FolderSync::scan(const std::string& path) {
  std::vector<std::string> open = {path};
  std::set<std::string> seen;
  while (!open.empty()) {
    const std::string directory = std::move(open.back());
    open.pop_back();
    if (auto done = scan_one(directory, open, seen); !done) return done;
  }
  bool had_files = false;
  state_.each_within(path, [&](const std::string& at, const Record& record) {
    had_files = had_files || record.kind != Kind::directory;
    if (!seen.contains(at)) mark(at);
  });
  if (path != "/" || !seen.empty() || !had_files || options_.accept_empty) return success();
  return Error{Code::not_empty,
               folder_.path().string() +
                   " is empty, and was not when it was last in step: nothing was removed from the "
                   "volume. To have its files here again, remove " +
                   (folder_.path() / kStateName).string() +
                   "; to remove them there too, give --accept-empty",
               folder_.path().string()};
}

Status FolderSync::scan_one(const std::string& path, std::vector<std::string>& open,
                            std::set<std::string>& seen) {
  if (watch_) {
    if (auto added = watch_->add(folder_, path); !added) return added;
  }
  auto names = folder_.list(path);
  if (!names) {
    const Code code = names.error().code;
    if (code == Code::not_found || code == Code::not_directory) return success();
    if (path == "/") return names.error();
    tell(Happened::refused, path, names.error().message);
    state_.each_within(path, [&](const std::string& at, const Record&) { seen.insert(at); });
    return success();
  }
  for (const std::string& name : *names) {
    const std::string at = join(path, name);
    if (!takes(at)) continue;
    auto found = folder_.look(at);
    if (!found) return found.error();
    if (!*found) continue;
    seen.insert(at);
    const Record* base = state_.at(at);
    if ((*found)->kind == Kind::directory) open.push_back(at);
    const bool known =
        base != nullptr && base->kind == (*found)->kind &&
        (base->kind == Kind::directory || (base->settled && base->stamp == (*found)->stamp));
    if (!known) mark(at);
  }
  return success();
}

Status FolderSync::follow() {
  subscription_.reset();
  lost_feed_ = true;
  if (auto loaded = tree_.load(store_, call(), volume_.id); !loaded) return loaded;
  bell_ = std::make_shared<Bell>();
  auto subscribed = store_.subscribe(call(), volume_.id, tree_.seq(), bell_);
  if (!subscribed) {
    if (subscribed.error().code != Code::history_gone) return subscribed.error();
    return Error{Code::unavailable, subscribed.error().message};
  }
  subscription_ = *std::move(subscribed);
  lost_feed_ = false;
  mark_differences();
  return success();
}

Status FolderSync::take_item(const FeedItem& item) {
  for (const Change& change : item.changes) {
    for (const FollowedTree::Touched& touched : tree_.apply(change)) {
      touched.below ? mark_below(touched.path) : mark(touched.path);
    }
  }
  tree_.reach(item.upto);
  if (!item.end) return success();
  lost_feed_ = true;
  if (*item.end == FeedEnd::access_revoked) {
    return Error{Code::unauthenticated, "the token ended, or no longer reaches " + volume_.name};
  }
  if (*item.end == FeedEnd::volume_gone) {
    return Error{Code::not_found, "the volume " + volume_.name + " is gone"};
  }
  return success();
}

Status FolderSync::take_remote() {
  if (!lost_feed_) bell_->silence();
  while (!lost_feed_) {
    const auto item = bell_->next(Moment{});
    if (!item) return success();
    if (auto taken = take_item(*item); !taken) return taken;
  }
  return follow();
}

Status FolderSync::reach(Seq seq) {
  const Moment deadline = clock_.now() + options_.timeout;
  const std::shared_ptr<Bell> bell = bell_;
  const Cancellation::Hook hook(options_.stop, [bell] { bell->ring(); });
  while (tree_.seq() < seq && !lost_feed_) {
    const auto item = bell_->next(deadline);
    if (!item) return Error{Code::timed_out, "the feed did not reach seq " + to_string(seq)};
    if (auto taken = take_item(*item); !taken) return taken;
  }
  return success();
}

Status FolderSync::check_there() const {
  if (folder_.still_there()) return success();
  return Error{Code::not_found,
               folder_.path().string() + " was moved or removed; nothing more was sent",
               folder_.path().string()};
}

// That the folder itself was moved is an event, too, but one without a path and only once: it may
// be among those that are taken here, so the folder is looked at behind them, before anybody waits.
Status FolderSync::take_local() {
  if (!watch_) return success();
  auto news = watch_->take();
  if (!news) return news.error();
  const Moment start = clock_.now();
  while (!news->empty() && !stopped()) {
    for (const std::string& path : news->paths) mark(path);
    for (const std::string& path : news->directories) {
      if (!takes(path)) continue;
      if (auto scanned = scan(path); !scanned) return scanned;
    }
    if (news->lost) {
      if (auto scanned = scan("/"); !scanned) return scanned;
    }
    if (clock_.now() - start > kQuietMax || !wait_for({watch_->fd()}, kQuiet)) break;
    news = watch_->take();
    if (!news) return news.error();
  }
  return check_there();
}

// ── Until it is stopped ──────────────────────────────────────────────────────────────────────────

Status FolderSync::catch_up() {
  for (;;) {
    if (stopped()) return success();
    if (auto sent = resend(); !sent) return sent;
    if (auto taken = take_remote(); !taken) return taken;
    if (auto taken = take_local(); !taken) return taken;
    if (dirty_.empty()) return state_.save();
    if (auto done = pass(); !done) return done;
  }
}

Status FolderSync::catch_up_once() {
  for (std::size_t i = 0; i < kOnceRounds; ++i) {
    if (auto done = catch_up(); !done) return done;
    if (later_.empty() || stopped()) return success();
    wait_for({bell_->fd()}, kQuiet);
    dirty_.merge(later_);
    later_.clear();
  }
  if (auto done = catch_up(); !done) return done;
  if (later_.empty()) return success();
  return Error{Code::unavailable, std::to_string(later_.size()) +
                                      " files could not be brought in step, the first is " +
                                      *later_.begin() + ": run it again when nobody writes them"};
}

Status FolderSync::run() {
  auto watch = FolderWatch::create();
  if (!watch) return watch.error();
  watch_.emplace(*std::move(watch));
  if (auto started = start(); !started) return started;
  for (;;) {
    auto done = check_there();  // while the server is not to be reached, too
    if (done) done = catch_up();
    if (stopped()) return state_.save();
    if (!done && !can_wait(done.error())) {
      if (auto saved = state_.save(); !saved) return saved;
      return done;
    }
    if (!done) {  // what else happens makes the server answer no sooner
      tell(Happened::waiting, "/", done.error().message);
      (void)options_.stop->wait_until(clock_.now() + kRetry);
    } else {
      const std::shared_ptr<Bell> bell = bell_;
      const Cancellation::Hook hook(options_.stop, [bell] { bell->ring(); });
      wait_for({bell->fd(), watch_->fd()}, later_.empty() ? std::chrono::milliseconds(-1) : kRetry);
    }
    dirty_.merge(later_);
    later_.clear();
  }
}

}  // namespace outboard::sync
