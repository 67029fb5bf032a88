// bench_mount: the mount's figures, beside the same tree on tmpfs, on the disk and under its peers.
//
// Each round runs every side once, one after the other, so that what else the machine does falls on
// all of them; a figure is the median of its rounds, a ratio the median of the rounds' ratios.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>

#include "bench/figures.h"
#include "bench/mount/mounted.h"
#include "bench/mount/passes.h"
#include "bench/mount/peers.h"
#include "bench/mount/tree.h"
#include "bench/mount/writes.h"
#include "bench/parts.h"
#include "core/check.h"

namespace outboard::bench {
namespace {

using std::chrono::steady_clock;

// A directory of its own, gone with it.
class Scratch {
 public:
  explicit Scratch(const std::string& under) : path_(under + "/outboard-bench-tree-XXXXXX") {
    CHECK(::mkdtemp(path_.data()) != nullptr);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string at(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void push(const Site& site, const std::string& from, const std::string& volume) {
  const Scratch scratch("/tmp");
  std::ofstream(scratch.at("token")) << site.token();
  run_program("outboard", {"push", from, volume, "--server", site.address(), "--token-file",
                           scratch.at("token"), "--timeout", "60s"});
}

void drop_caches() {
  ::sync();
  std::ofstream("/proc/sys/vm/drop_caches") << "3" << std::flush;
}

// The sides of reading: each holds the same tree.
struct Sides {
  std::string tmpfs, disk, state;
  std::vector<std::unique_ptr<PeerMount>> peers;
};

// A peer without a cache takes minutes for what the others do in seconds: fewer rounds tell enough.
constexpr int kPeerRounds = 3;

void read_peers(const Pass& pass, const Sides& sides, Figures& figures) {
  for (const auto& peer : sides.peers) {
    figures.add("warm " + pass.name + ": " + peer->name() + ", ms",
                run_pass_ms(pass, peer->path(), sides.state + "/" + peer->name()));
  }
}

void read_warm(const Options& options, const Sides& sides, const Mounted& mount, Figures& figures) {
  const auto passes = all_passes();
  const auto state = [&](const std::string& side) { return sides.state + "/" + side; };
  for (const Pass& pass : passes) {  // each side once, so that it is warm
    run_pass_ms(pass, mount.path(), state("mount"));
    run_pass_ms(pass, sides.tmpfs, state("tmpfs"));
    for (const auto& peer : sides.peers) run_pass_ms(pass, peer->path(), state(peer->name()));
  }
  stat_us(mount.path());
  open_read_close_us(mount.path());
  for (int round = 0; round < options.rounds; ++round) {
    for (const Pass& pass : passes) {
      const double floor = run_pass_ms(pass, sides.tmpfs, state("tmpfs"));
      const std::uint64_t before = mount.requests();
      const double ours = run_pass_ms(pass, mount.path(), state("mount"));
      const std::uint64_t asked = mount.requests() - before;
      figures.add("warm " + pass.name + ": tmpfs, ms", floor);
      figures.add("warm " + pass.name + ": ours, ms", ours);
      figures.add("warm " + pass.name + ": ours / tmpfs", ours / floor);
      figures.add("warm " + pass.name + ": requests", static_cast<double>(asked));
      figures.add("M4", static_cast<double>(asked));
      if (round < kPeerRounds) read_peers(pass, sides, figures);
    }
    const double stats = stat_us(mount.path()) / stat_us(sides.tmpfs);
    const double reads = open_read_close_us(mount.path());
    const double reads_floor = open_read_close_us(sides.tmpfs);
    figures.add("open+read+close: ours, µs", reads);
    figures.add("open+read+close: tmpfs, µs", reads_floor);
    for (const auto& peer : sides.peers) {
      if (round >= kPeerRounds) break;
      figures.add("open+read+close: " + peer->name() + ", µs", open_read_close_us(peer->path()));
    }
    figures.add("M2", stats);
    figures.add("M3", reads / reads_floor);
  }
  double slowest = 0;
  for (const Pass& pass : passes) {
    slowest = std::max(slowest, figures.median("warm " + pass.name + ": ours / tmpfs"));
  }
  figures.add("M1", slowest);
}

void read_first(const Options& options, const Site& site, const Sides& sides, Figures& figures) {
  const auto passes = all_passes();
  const int rounds = std::max(1, options.rounds / 2);
  for (int round = 0; round < rounds; ++round) {
    double ours_all = 0;
    double floor_all = 0;
    double disk_all = 0;
    for (const Pass& pass : passes) {
      if (pass.name == "git status") continue;  // its index would be a first one each time
      const Mounted fresh(site, "acme/tree", {});
      const auto start = steady_clock::now();
      fresh.warm();
      const std::chrono::duration<double, std::milli> warming = steady_clock::now() - start;
      figures.add("prewarm, ms", warming.count());
      const double ours = run_pass_ms(pass, fresh.path(), sides.state + "/fresh");
      const double floor = run_pass_ms(pass, sides.tmpfs, sides.state + "/tmpfs");
      drop_caches();
      const double disk = run_pass_ms(pass, sides.disk, sides.state + "/disk");
      figures.add("first " + pass.name + " after prewarm: ours / tmpfs warm", ours / floor);
      ours_all += ours;
      floor_all += floor;
      disk_all += disk;
    }
    figures.add("M5", ours_all / floor_all);
    figures.add("M7", disk_all / ours_all);
    const Mounted fresh(site, "acme/tree", {.writable = false, .prewarm = true, .tcp = false});
    figures.add("M6", open_read_close_us(fresh.path()) / open_read_close_us(sides.tmpfs));
  }
}

void reads(const Options& options, Figures& figures) {
  Site site(options.memory, 0);
  std::cout << site.settings() << "\n" << std::flush;
  const Scratch in_memory(options.memory);
  const Scratch on_disk(options.directory);
  Sides sides{in_memory.at("tree"), on_disk.at("tree"), on_disk.at("state"), {}};
  const TreeSize size = make_tree(sides.tmpfs, 8'000);
  std::cout << size.files << " files, " << size.bytes / 1'000'000 << " MB\n" << std::flush;
  make_tree(sides.disk, 8'000);
  for (const PeerKind& kind : peers_here()) {
    const std::string at = on_disk.at("peer" + std::to_string(sides.peers.size()));
    sides.peers.push_back(std::make_unique<PeerMount>(kind, sides.disk, at));
  }
  site.volume("tree");
  push(site, sides.tmpfs, "acme/tree");
  {
    const Mounted mount(site, "acme/tree", {});
    mount.warm();
    read_warm(options, sides, mount, figures);
  }
  read_first(options, site, sides, figures);
}

// The same work in two mounts of one directory, which nobody makes durable.
void write_peer(const PeerKind& kind, const std::string& where, const std::string& called,
                Figures& figures) {
  constexpr int kWrites = 300;
  const Scratch scratch(where);
  const PeerMount one(kind, scratch.at("shared"), scratch.at("one"));
  const PeerMount other(kind, scratch.at("shared"), scratch.at("other"));
  const auto add = [&](const std::string& name, double value) {
    figures.add(called + ": " + kind.name + ": " + name, value);
  };
  const std::string root = one.path() + "/work";
  add("create+write+close of 1 KiB, p50 ms", quantile(creates_ms(root, kWrites), 0.5));
  add("the same by 8 writers, /s", creates_per_second(root, 8, kWrites / 2));
  add("append+close, p50 ms", quantile(appends_ms(root, kWrites), 0.5));
  add("open+read+close, warm, µs", open_read_close_us(root));
  add("close until read elsewhere, p50 ms",
      quantile(until_read_ms(one.path(), other.path(), kind.looks), 0.5));
  add("close until listed elsewhere, p50 ms",
      quantile(until_listed_ms(one.path(), other.path(), kind.looks), 0.5));
}

void write_through(const Options& options, const std::string& where, const std::string& called,
                   bool is_promised, Figures& figures) {
  constexpr int kWrites = 300;
  const std::vector<PeerKind> peers = peers_here();
  Site site(where, 0);
  std::cout << called << ": " << site.settings() << "\n" << std::flush;
  site.volume("notes");
  const Mounted one(site, "acme/notes", {.writable = true, .prewarm = false, .tcp = false});
  const Mounted other(site, "acme/notes", {.writable = true, .prewarm = false, .tcp = false});
  const auto add = [&](const std::string& promise, const std::string& name, double value) {
    figures.add(called + ": " + name, value);
    if (is_promised) figures.add(promise, value);
  };
  for (int round = 0; round < options.rounds; ++round) {
    const std::string root = one.path() + "/round" + std::to_string(round);
    add("M8", "create+write+close of 1 KiB, p50 ms", quantile(creates_ms(root, kWrites), 0.5));
    add("M9", "the same by 8 writers, /s", creates_per_second(root, 8, kWrites / 2));
    add("M10", "append+close, p50 ms", quantile(appends_ms(root, kWrites), 0.5));
    open_read_close_us(root);  // warm is what was read before
    add("M11", "open+read+close, warm, µs", open_read_close_us(root));
    const auto read = until_read_ms(one.path(), other.path(), 100);
    const auto listed = until_listed_ms(one.path(), other.path(), 100);
    add("M12", "close until read elsewhere, p50 ms", quantile(read, 0.5));
    add("M13", "close until read elsewhere, p99 ms", quantile(read, 0.99));
    add("M14", "close until listed elsewhere, p50 ms", quantile(listed, 0.5));
    std::filesystem::remove_all(one.path() + "/listed");
    if (round >= kPeerRounds) continue;
    for (const PeerKind& kind : peers) write_peer(kind, where, called, figures);
  }
}

void writes(const Options& options, Figures& figures) {
  write_through(options, options.directory, "on the disk", true, figures);
  write_through(options, options.memory, "in memory", false, figures);
}

void starts(const Options& options, Figures& figures) {
  Site site(options.memory, 0);
  const Scratch scratch(options.memory);
  make_flat_tree(scratch.at("large"), 10'000, 1'000);
  make_flat_tree(scratch.at("small"), 20, 20);
  for (const char* name : {"large", "small"}) {
    site.volume(name);
    push(site, scratch.at(name), std::string("acme/") + name);
  }
  const auto first_listing_ms = [&](const std::string& volume) {
    const auto start = steady_clock::now();
    const Mounted mount(site, volume, {.writable = false, .prewarm = false, .tcp = true});
    tests::run({"/bin/ls", "-l", mount.path() + "/0"},
               tests::ChildOptions{.user = {}, .environment = {}, .output = "/dev/null"});
    const std::chrono::duration<double, std::milli> took = steady_clock::now() - start;
    return took.count();
  };
  for (int round = 0; round < options.rounds; ++round) {
    figures.add("M15", first_listing_ms("acme/large"));
    figures.add("M16", first_listing_ms("acme/small"));
    const Mounted mount(site, "acme/large", {.writable = false, .prewarm = false, .tcp = true});
    const double bodies = static_cast<double>(mount.cached_bytes()) / 1e6;
    const double nodes = static_cast<double>(mount.nodes());
    figures.add("start until ready, 10,000 files, ms", mount.start_ms());
    figures.add("daemon with 10,000 files, MB", mount.memory_mb());
    figures.add("M17", (mount.memory_mb() - bodies - 25) * 1e6 / nodes);
  }
}

}  // namespace
}  // namespace outboard::bench

int main(int argc, char** argv) {
  using namespace outboard::bench;
  return run_parts(7, {argv + 1, argv + argc},
                   {{"reads", reads}, {"writes", writes}, {"starts", starts}});
}
