#include "cli/mount_commands.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <ostream>
#include <vector>

#include "cli/amounts.h"
#include "cli/json_output.h"
#include "cli/secret_input.h"
#include "core/view_spec.h"

namespace outboard::cli {
namespace {

Result<std::string> socket_of(Context& context, const MountOptions& options) {
  if (!options.control.empty()) return options.control;
  if (auto named = context.variable("OUTBOARD_CONTROL"); named && !named->empty()) return *named;
  return Error{
      Code::invalid,
      "no mount daemon was named: give --control SOCKET, as outboard-fuse was given it, or "
      "set OUTBOARD_CONTROL"};
}

Json to_json(const client::MountedView& view) {
  return {{"path", view.path},
          {"volume", view.volume},
          {"writable", view.writable},
          {"seq", view.seq},
          {"head", view.head},
          {"stale", view.stale},
          {"nodes", view.nodes},
          {"cached_bytes", view.cached_bytes},
          {"unsaved_bytes", view.unsaved_bytes},
          {"open_handles", view.open_handles},
          {"errors", view.errors},
          {"requests", view.requests}};
}

Json to_json(const client::DiskCacheReport& disk) {
  return {{"directory", disk.directory}, {"bytes", disk.bytes},   {"bytes_max", disk.bytes_max},
          {"hits", disk.hits},           {"misses", disk.misses}, {"failing", disk.failing}};
}

void print_disk_cache(Screen& screen, const client::DiskCacheReport& disk) {
  screen.out() << "  on disk in " << printable(disk.directory) << ": " << readable_size(disk.bytes)
               << " of " << readable_size(disk.bytes_max) << ", found " << disk.hits
               << ", asked for " << disk.misses;
  if (disk.failing) screen.out() << screen.paint(Colour::red, "  nothing new is kept: see the log");
  screen.out() << "\n";
}

// "12,345 requests: LOOKUP 9,000, READ 3,000 …", the most frequent first.
std::string describe_requests(const client::MountedView& view) {
  std::vector<std::pair<std::uint64_t, std::string>> sorted;
  std::uint64_t all = 0;
  for (const auto& [name, count] : view.requests) {
    sorted.emplace_back(count, name);
    all += count;
  }
  std::sort(sorted.rbegin(), sorted.rend());
  constexpr std::size_t kShown = 6;
  std::string text = counted(all, "request");
  for (std::size_t i = 0; i < sorted.size() && i < kShown; ++i) {
    text += (i == 0 ? ": " : ", ") + sorted[i].second + " " + std::to_string(sorted[i].first);
  }
  if (sorted.size() > kShown) text += ", …";
  return text;
}

void print_view(Screen& screen, const client::MountedView& view) {
  std::ostream& out = screen.out();
  out << screen.paint(Colour::bold, printable(view.path)) << "  " << printable(view.volume)
      << (view.writable ? "  read and write" : "  read only");
  if (view.stale) {
    out << screen.paint(Colour::red, "  cut off: only what is cached can be read");
  } else if (view.head > view.seq) {
    out << screen.paint(Colour::yellow, "  behind");
  }
  out << "\n  seq " << view.seq;
  if (view.head > view.seq) out << " of " << view.head;
  out << ", " << counted(view.nodes, "node") << ", " << readable_size(view.cached_bytes)
      << " cached, " << readable_size(view.unsaved_bytes) << " unsaved, "
      << counted(view.open_handles, "open file") << "\n  " << describe_requests(view);
  if (view.errors > 0) {
    out << screen.paint(Colour::red, "; " + counted(view.errors, "error") + " (EIO)");
  }
  out << "\n";
}

// "acme/memory=42" each, what a commit or `outboard log` said of a volume.
Result<std::map<std::string, std::uint64_t>> parse_seqs(const std::vector<std::string>& words) {
  std::map<std::string, std::uint64_t> seqs;
  for (const std::string& word : words) {
    const std::size_t equals = word.rfind('=');
    const std::string digits = equals == std::string::npos ? "" : word.substr(equals + 1);
    std::uint64_t seq = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, failed] = std::from_chars(digits.data(), end, seq);
    if (equals == 0 || digits.empty() || failed != std::errc() || stop != end) {
      return Error{Code::invalid,
                   "\"" + word + "\" names no volume and seq: write them as acme/memory=42", word};
    }
    seqs[word.substr(0, equals)] = seq;
  }
  return seqs;
}

Result<std::vector<ViewSpec>> parse_views(const std::vector<std::string>& words) {
  std::vector<ViewSpec> views;
  for (const std::string& word : words) {
    auto view = parse_view(word);
    if (!view) return std::move(view).error();
    views.push_back(*std::move(view));
  }
  return views;
}

Status change_views(Context& context, const MountOptions& options,
                    const client::ViewChange& change) {
  const auto socket = socket_of(context, options);
  if (!socket) return socket.error();
  const auto shown = context.server().change_views(*socket, change);
  if (!shown) return shown.error();
  Screen& screen = context.screen();
  if (context.json()) {
    Json document = Json::array();
    for (const ViewSpec& view : *shown) {
      document.push_back(
          {{"path", view.path}, {"volume", view.volume}, {"writable", !view.read_only}});
    }
    print_json(screen, document);
    return success();
  }
  for (const ViewSpec& view : *shown) screen.out() << printable(to_string(view)) << "\n";
  return success();
}

}  // namespace

Status add_views(Context& context, const MountOptions& options) {
  auto coming = parse_views(options.views);
  if (!coming) return std::move(coming).error();
  return change_views(context, options, {*std::move(coming), {}, false, options.force});
}

Status remove_views(Context& context, const MountOptions& options) {
  return change_views(context, options, {{}, options.paths, false, options.force});
}

Status set_views(Context& context, const MountOptions& options) {
  auto coming = parse_views(options.views);
  if (!coming) return std::move(coming).error();
  return change_views(context, options, {*std::move(coming), {}, true, options.force});
}

Status show_mount(Context& context, const MountOptions& options) {
  const auto socket = socket_of(context, options);
  if (!socket) return socket.error();
  const auto report = context.server().mount(*socket);
  if (!report) return report.error();
  Screen& screen = context.screen();
  if (context.json()) {
    Json document = {
        {"version", report->version},     {"server", report->server},
        {"connected", report->connected}, {"disconnected_ms", report->disconnected.count()},
        {"handovers", report->handovers}, {"views", Json::array()}};
    if (report->disk_cache) document["disk_cache"] = to_json(*report->disk_cache);
    for (const auto& view : report->views) document["views"].push_back(to_json(view));
    print_json(screen, document);
    return success();
  }
  screen.out() << screen.paint(Colour::dim, "outboard-fuse ") << printable(report->version)
               << " at " << printable(report->server);
  if (report->connected) {
    screen.out() << screen.paint(Colour::green, "  connected") << "\n";
  } else {
    const std::string since = std::to_string(report->disconnected.count() / 1000) + " s";
    screen.out() << screen.paint(Colour::red, "  cut off for " + since) << "\n";
  }
  if (report->handovers > 0) {
    screen.out() << "  taken over " << to_string(report->taken_over) << " from a running daemon, "
                 << counted(report->handovers, "time") << " in all\n";
  }
  if (report->disk_cache) print_disk_cache(screen, *report->disk_cache);
  for (const auto& view : report->views) print_view(screen, view);
  return success();
}

Status warm_mount(Context& context, const MountOptions& options) {
  const auto socket = socket_of(context, options);
  if (!socket) return socket.error();
  std::uint64_t bytes_max = 0;
  if (!options.bytes.empty()) {
    const auto size = parse_size(options.bytes);
    if (!size) return size.error();
    bytes_max = *size;
  }
  const auto warmed = context.server().warm_mount(*socket, options.path, bytes_max);
  if (!warmed) return warmed.error();
  Screen& screen = context.screen();
  if (context.json()) {
    print_json(screen, {{"files", warmed->files}, {"bytes", warmed->bytes}});
    return success();
  }
  screen.out() << "warm: " << counted(warmed->files, "file") << ", " << readable_size(warmed->bytes)
               << "\n";
  return success();
}

Status await_mount(Context& context, const MountOptions& options) {
  const auto socket = socket_of(context, options);
  if (!socket) return socket.error();
  const auto wanted = parse_seqs(options.seqs);
  if (!wanted) return wanted.error();
  const auto shown = context.server().await_mount(*socket, *wanted);
  if (!shown) return shown.error();
  Screen& screen = context.screen();
  if (context.json()) {
    Json document = Json::object();
    for (const auto& [volume, seq] : *shown) document[volume] = seq;
    print_json(screen, document);
    return success();
  }
  for (const auto& [volume, seq] : *shown) screen.out() << printable(volume) << " " << seq << "\n";
  return success();
}

Status renew_mount_token(Context& context, const MountOptions& options) {
  const auto socket = socket_of(context, options);
  if (!socket) return socket.error();
  const auto token = read_secret(context.in(), options.token_file, kTokenFileBytesMax, "token");
  if (!token) return token.error();
  const auto renewed = context.server().renew_mount_token(*socket, *token);
  if (!renewed) return renewed.error();
  Screen& screen = context.screen();
  if (context.json()) {
    print_json(screen, {{"renewed", true}});
    return success();
  }
  screen.out() << screen.paint(Colour::green, "renewed")
               << ": the mount shows the new token from now on\n";
  return success();
}

}  // namespace outboard::cli
