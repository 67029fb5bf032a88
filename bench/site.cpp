#include "bench/site.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "core/check.h"
#include "server/cluster.h"

namespace outboard::bench {
namespace {

constexpr std::chrono::seconds kStart{60};
constexpr std::uint64_t kQuotaBytes = 1ULL << 40U;
constexpr std::uint64_t kQuotaNodes = 100'000'000;

std::string make_home(const std::string& directory) {
  std::string home = directory + "/outboard-bench-XXXXXX";
  CHECK(::mkdtemp(home.data()) != nullptr);
  CHECK(::chmod(home.c_str(), 0755) == 0);  // Postgres runs as another user
  return home;
}

std::string text_of(const std::string& file) {
  std::ifstream text(file);
  std::string line;
  std::getline(text, line);
  return line;
}

client::ChannelConfig channel(const std::string& address, const std::string& token) {
  client::ChannelConfig config;
  config.address = address;
  config.token = [token] { return token; };
  return config;
}

Call soon() {
  return Call::until(in(kStart));
}

}  // namespace

void fail_with(const Error& error) {
  std::cerr << "bench: " << error.message << "\n";
  std::exit(EXIT_FAILURE);
}

void must(const Status& status) {
  if (!status) fail_with(status.error());
}

Site::Site(const std::string& directory, int fsync_us) : home_(make_home(directory)) {
  address_ = "unix:" + home_ + "/s";
  if (fsync_us > 0) {
    start_postgres(fsync_us);
    start_server("--database=" + url_);
  } else {
    start_server("--data=" + home_ + "/data");
    url_ = text_of(home_ + "/data/url");
  }
  check_durable();
  must(admin_->create_organisation(soon(), "acme"));
  must(admin_->create_user(soon(), "acme", "ada"));
  TokenRequest request;
  request.organisation = "acme";
  request.principal = "ada";
  request.grants.push_back({"acme/*", "/", true});
  token_ = must(admin_->mint_token(soon(), request)).secret;
}

Site::~Site() {
  admin_.reset();
  server_.reset();
  postgres_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(home_, ignored);
}

// As the embedded mode does it, with the slow disk preloaded.
void Site::start_postgres(int fsync_us) {
  std::optional<server::Account> account;
  if (::geteuid() == 0) account = must(server::find_account("postgres"));
  const std::string shim = home_ + "/slow_fsync.so";
  std::filesystem::copy_file(SLOW_FSYNC_FILE, shim);
  const std::string data = home_ + "/data";
  CHECK(::mkdir(data.c_str(), 0755) == 0);
  if (account) CHECK(::chown(data.c_str(), account->uid, account->gid) == 0);
  const auto installed = server::installed_binaries("/usr/lib/postgresql", ::getenv("PATH"));
  const auto binaries = must(server::choose_binaries(installed, std::nullopt));
  must(server::make_cluster(binaries, data + "/postgres", account, in(kStart)));
  server::ClusterSettings settings;
  settings.cluster = data + "/postgres";
  settings.socket_directory = data + "/socket";
  CHECK(::mkdir(settings.socket_directory.c_str(), 0700) == 0);
  if (account) {
    CHECK(::chown(settings.socket_directory.c_str(), account->uid, account->gid) == 0);
  }
  const auto memory = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                      static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE));
  settings.shared_buffers_mib = server::shared_buffers_for(memory);
  auto command = server::postgres_command(binaries, settings, account);
  command.environment.push_back("LD_PRELOAD=" + shim);
  command.environment.push_back("OUTBOARD_FSYNC_US=" + std::to_string(fsync_us));
  postgres_ = must(server::ChildProcess::start(command));
  url_ = server::cluster_url(settings.socket_directory);
  const Moment until = in(kStart);
  for (;;) {
    auto opened = server::Connection::open(url_, until);
    if (opened) return;
    if (std::chrono::steady_clock::now() > until) fail_with(opened.error());
    std::this_thread::yield();
  }
}

void Site::start_server(const std::string& database) {
  std::array<int, 2> ready{};
  CHECK(::pipe(ready.data()) == 0);
  server_ = std::make_unique<tests::ChildProcess>(
      std::vector<std::string>{SERVER_FILE, database, "--listen=" + address_,
                               "--listen=127.0.0.1:0", "--site-token-file=" + home_ + "/site",
                               "--log=warning", "--ready-fd=" + std::to_string(ready[1])},
      tests::ChildOptions{.user = {}, .environment = {}, .output = home_ + "/server.log"});
  ::close(ready[1]);
  std::string lines;
  std::array<char, 512> part{};
  for (ssize_t size = 0; (size = ::read(ready[0], part.data(), part.size())) > 0;) {
    lines.append(part.data(), static_cast<std::size_t>(size));
  }
  ::close(ready[0]);
  if (lines.empty()) {
    std::cerr << std::ifstream(home_ + "/server.log").rdbuf();
    fail_with(Error{Code::unavailable, "the server did not start"});
  }
  std::istringstream(lines.substr(lines.find('\n') + 1)) >> tcp_address_;
  admin_ =
      must(client::GrpcAdmin::connect(channel(address_, text_of(home_ + "/site")), in(kStart)));
}

VolumeId Site::volume(const std::string& name) {
  VolumeSettings settings;
  settings.quota_bytes = kQuotaBytes;
  settings.quota_nodes = kQuotaNodes;
  return must(admin_->create_volume(soon(), "acme/" + name, settings)).id;
}

std::unique_ptr<client::GrpcStore> Site::connect() const {
  return must(client::GrpcStore::connect(channel(address_, token_), in(kStart)));
}

std::unique_ptr<server::Connection> Site::sql() const {
  return must(server::Connection::open(url_, in(kStart),
                                       {"plan_cache_mode=force_generic_plan", "jit=off"}));
}

namespace {

constexpr server::Sql kShow{"bench_show", "SELECT current_setting($1::text)"};

std::string setting(server::Connection& connection, const std::string& name) {
  return must(connection.run(kShow, server::Params().bytes(name), in(kStart))).text(0, 0);
}

}  // namespace

void Site::check_durable() const {
  const auto connection = sql();
  for (const char* name : {"fsync", "synchronous_commit", "full_page_writes"}) {
    if (setting(*connection, name) == "on") continue;
    fail_with(Error{Code::invalid, std::string(name) + " is not on: no figure would be durable"});
  }
}

std::string Site::settings() const {
  const auto connection = sql();
  std::string text = "build " BUILD_TYPE ", " +
                     std::to_string(std::thread::hardware_concurrency()) + " cores, Postgres";
  for (const char* name :
       {"server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method",
        "shared_buffers", "wal_compression", "max_wal_size"}) {
    text += std::string(" ") + name + "=" + setting(*connection, name);
  }
  return text;
}

}  // namespace outboard::bench
