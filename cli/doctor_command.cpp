#include "cli/doctor_command.h"

#include <algorithm>
#include <ostream>

#include "cli/json_output.h"
#include "cli/status_command.h"
#include "core/diagnosis.h"
#include "core/limits.h"

namespace outboard::cli {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

std::string milliseconds(std::chrono::nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) +
         " ms";
}

// "0.1" of "0.1.0": what must agree for all features to be there.
std::string minor_of(std::string_view version) {
  return std::string(version.substr(0, version.find_last_of('.')));
}

void check_version(const std::string& server, Diagnosis& to) {
  const std::string found =
      "the server is " + server + ", this command " + std::string(program_version());
  if (minor_of(server) == minor_of(program_version())) {
    to.fine("version", found);
  } else {
    to.doubtful("version", found + ": what only one of them has is refused as unsupported",
                "upgrade the older one");
  }
}

// The middle of the exchange is compared, so half of its time is what the comparison may be off by.
void check_clock(Timestamp here, std::chrono::nanoseconds exchange, Timestamp database,
                 Diagnosis& to) {
  if (database.nanoseconds == 0) return;
  const std::int64_t off =
      (database.nanoseconds - here.nanoseconds - exchange.count() / 2) / kMillisecond;
  const std::string found = "this machine's is " + std::to_string(off < 0 ? -off : off) + " ms " +
                            (off < 0 ? "ahead of" : "behind") + " the database's";
  const std::int64_t allowed = kClockSkewMax.count() + exchange.count() / 2 / kMillisecond;
  if (off > -allowed && off < allowed) {
    to.fine("clock", found);
  } else {
    to.doubtful("clock",
                found +
                    "; tokens and leases go by the database's, but logs cannot be "
                    "compared, and TLS may fail",
                "run an NTP client (chrony, systemd-timesyncd) on both");
  }
}

void check_view(const client::MountedView& view, Diagnosis& to) {
  std::string found = view.path + " shows " + view.volume + " at seq " + std::to_string(view.seq);
  if (view.unsaved_bytes > 0) found += ", " + readable_size(view.unsaved_bytes) + " unsaved";
  if (view.stale) {
    to.wrong("view", found + ", cut off: only what is cached can be read",
             "when the server is well, it goes on by itself; the daemon's log says what it tries");
  } else if (view.head > view.seq) {
    to.doubtful("view", found + ", the server is at " + std::to_string(view.head),
                "ask again: if it stays behind, the daemon's log says why");
  } else if (view.errors > 0) {
    to.doubtful("view", found + "; " + counted(view.errors, "request") + " ended with EIO",
                "the daemon's log says which and when");
  } else {
    to.fine("view", std::move(found));
  }
}

void check_mount(Context& context, const std::string& control, Diagnosis& to) {
  const auto report = context.server().mount(control);
  if (!report) {
    to.wrong(
        "mount", "no answer on " + control + ": " + report.error().message,
        "does outboard-fuse run with --control " + control + ", and is this its user or root?");
    return;
  }
  const std::string found = "outboard-fuse " + report->version + " at " + report->server;
  if (report->connected) {
    to.fine("mount", found);
  } else {
    to.wrong("mount", found + ", cut off for " + milliseconds(report->disconnected),
             "does the server run, and has the token not ended?");
  }
  for (const client::MountedView& view : report->views) check_view(view, to);
}

// What the server says, and what of it can be judged only from here.
Status check_server(Context& context, Diagnosis& to) {
  const Moment start = context.clock().now();
  auto store = context.store();
  if (!store) {
    to.wrong("server", store.error().message,
             "does outboard-server run, and does --server name it? Its log says more");
    return store.error();
  }
  to.fine("server",
          context.address() + " answers in " + milliseconds(context.clock().now() - start));
  check_version(context.server().version(), to);
  auto examiner = context.server().examiner();
  const Timestamp before = context.clock().wall();
  const Moment asked = context.clock().now();
  auto said = examiner ? (*examiner)->examine(context.call()) : Result<Diagnosis>(examiner.error());
  if (!said) {
    to.wrong("diagnosis", said.error().message, "the server's log says more");
    return said.error().code == Code::unavailable ? Status(said.error()) : success();
  }
  check_clock(before, context.clock().now() - asked, said->database_time, to);
  const bool little =
      said->findings.size() < 3 &&
      std::ranges::all_of(said->findings, [](const auto& one) { return one.check == "token"; });
  for (auto& finding : said->findings) to.findings.push_back(std::move(finding));
  if (little) {
    to.doubtful("deployment", "this token hears of itself only",
                "ask again with the site administrator's: --token-file SITE_TOKEN_FILE");
  }
  return success();
}

void print_findings(Screen& screen, const Diagnosis& diagnosis) {
  struct Sign {
    const char* utf8;
    const char* ascii;
    Colour colour;
  };
  const auto sign_of = [](Verdict verdict) -> Sign {
    switch (verdict) {
      case Verdict::fine: return {"✓", "ok", Colour::green};
      case Verdict::doubtful: return {"!", "! ", Colour::yellow};
      case Verdict::wrong: return {"✗", "x ", Colour::red};
    }
    return {"✗", "x ", Colour::red};
  };
  std::size_t width = 0;
  for (const auto& finding : diagnosis.findings) width = std::max(width, finding.check.size());
  for (const auto& finding : diagnosis.findings) {
    const Sign sign = sign_of(finding.verdict);
    const std::string pad(width - finding.check.size() + 2, ' ');
    const bool utf8 = screen.config().utf8;
    screen.out() << screen.paint(sign.colour, utf8 ? sign.utf8 : sign.ascii) << " "
                 << printable(finding.check) << pad << printable(finding.found) << "\n";
    if (finding.way_out.empty()) continue;
    screen.out() << std::string(width + (utf8 ? 4 : 5), ' ')
                 << screen.paint(Colour::dim, printable(finding.way_out)) << "\n";
  }
}

Json to_json(const Diagnosis& diagnosis) {
  Json document = {{"findings", Json::array()}};
  for (const auto& finding : diagnosis.findings) {
    document["findings"].push_back({{"check", finding.check},
                                    {"verdict", name_of(finding.verdict)},
                                    {"found", finding.found},
                                    {"way_out", finding.way_out}});
  }
  return document;
}

}  // namespace

Status examine(Context& context, const DoctorOptions& options) {
  Diagnosis diagnosis;
  const Status reached = check_server(context, diagnosis);
  if (!options.control.empty()) check_mount(context, options.control, diagnosis);
  if (context.json()) {
    print_json(context.screen(), to_json(diagnosis));
  } else {
    print_findings(context.screen(), diagnosis);
  }
  if (!reached) return reached;
  const auto wrong =
      std::ranges::count(diagnosis.findings, Verdict::wrong, &Diagnosis::Finding::verdict);
  if (wrong == 0) return success();
  return Error{Code::invalid, counted(static_cast<std::uint64_t>(wrong), "finding") + " of " +
                                  std::to_string(diagnosis.findings.size()) +
                                  " say that something is wrong"};
}

}  // namespace outboard::cli
