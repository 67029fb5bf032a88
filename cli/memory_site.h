// MemorySite: an organisation in memory for the commands' tests, and a way to run a command line
// against it as main.cpp would.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "core/memory_store.h"

namespace outboard::cli {

// An Admin without rules of access: whoever asks is the site's administrator.
class MemoryAdmin final : public Admin {
 public:
  MemoryAdmin(MemoryStore& store, const Clock& clock) : store_(store), clock_(clock) {}

  Result<Organisation> create_organisation(const Call&, std::string_view name) override {
    for (const Organisation& one : organisations_) {
      if (one.name == name) return taken("organisation", name);
    }
    organisations_.push_back({organisations_.size() + 1, std::string(name), clock_.wall()});
    return organisations_.back();
  }
  Result<std::vector<Organisation>> organisations(const Call&) override {
    if (blind) return Error{Code::no_access, "this token administers nothing"};
    return organisations_;
  }
  Result<User> create_user(const Call&, std::string_view organisation,
                           std::string_view name) override {
    users_.push_back({std::string(organisation), std::string(name), clock_.wall()});
    return users_.back();
  }
  Result<std::vector<User>> users(const Call&, std::string_view) override { return users_; }

  Result<Volume> create_volume(const Call& call, std::string_view name,
                               const VolumeSettings& settings) override {
    if (settings_.contains(std::string(name))) return taken("volume", name);
    settings_[std::string(name)] = settings;
    store_.add_volume(std::string(name), settings);
    return store_.open_volume(call, name);
  }
  Result<Volume> change_volume(const Call& call, std::string_view name,
                               const VolumeSettings& settings) override {
    settings_[std::string(name)] = settings;
    return described(call, std::string(name));
  }
  Result<std::vector<Volume>> volumes(const Call& call, std::string_view) override {
    std::vector<Volume> all;
    for (const auto& [name, settings] : settings_) all.push_back(*described(call, name));
    return all;
  }
  Result<Collected> collect(const Call& call, std::string_view volume) override {
    auto found = store_.open_volume(call, volume);
    if (!found) return found.error();
    store_.forget(found->id, found->head);
    return Collected{std::string(volume), 1, 10, 2, found->head};
  }

  Result<MintedToken> mint_token(const Call&, const TokenRequest& request) override {
    TokenInfo info{tokens_.size() + 1, request.organisation, request.principal, request.grants,
                   request.admin,      clock_.wall(),        clock_.wall(),     false,
                   request.bound};
    info.expires.nanoseconds += std::chrono::nanoseconds(request.life).count();
    tokens_.push_back(info);
    return MintedToken{info, "ob_secret-of-" + std::to_string(info.id)};
  }
  Result<TokenInfo> renew_token(const Call&, std::uint64_t id, std::chrono::seconds life) override {
    if (id == 0 || id > tokens_.size()) return Error{Code::not_found, "there is no such token"};
    TokenInfo& info = tokens_[id - 1];
    info.expires = clock_.wall();
    info.expires.nanoseconds += std::chrono::nanoseconds(life).count();
    return info;
  }
  Status revoke_token(const Call&, std::uint64_t id) override {
    if (id == 0 || id > tokens_.size()) return Error{Code::not_found, "there is no such token"};
    tokens_[id - 1].revoked = true;
    return success();
  }
  Result<std::vector<TokenInfo>> tokens(const Call&, std::string_view) override { return tokens_; }

  bool blind = false;  // as for a token without admin

 private:
  static Error taken(std::string_view what, std::string_view name) {
    return Error{Code::exists, "the " + std::string(what) + " " + std::string(name) + " exists"};
  }
  Result<Volume> described(const Call& call, const std::string& name) {
    auto volume = store_.open_volume(call, name);
    if (!volume) return volume;
    take_settings(*volume, settings_[name]);
    return volume;
  }

  MemoryStore& store_;
  const Clock& clock_;
  std::vector<Organisation> organisations_;
  std::vector<User> users_;
  std::map<std::string, VolumeSettings> settings_;
  std::vector<TokenInfo> tokens_;
};

// Says what it was given.
class PlayedExaminer final : public Examiner {
 public:
  Result<Diagnosis> examine(const Call&) override { return diagnosis; }
  Diagnosis diagnosis;
};

// What a command wrote, and how it ended.
struct Said {
  int code = 0;
  std::string out;
  std::string err;
};

class MemorySite {
 public:
  MemorySite() : store(clock), admin(store, clock) {}

  Said run(std::vector<std::string> words, const std::string& input = {}) {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    const auto variable = [this](const char* name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      if (found == environment.end()) return std::nullopt;
      return found->second;
    };
    const auto connect = [this](RemoteAddress address) -> std::unique_ptr<Server> {
      asked = std::move(address);
      return std::make_unique<Connection>(*this);
    };
    const Surroundings around{in, out, err, screen, clock, variable, connect};
    const int code = cli::run(std::move(words), around);
    return {code, out.str(), err.str()};
  }

  // An organisation `acme` with the volumes skills and memory.
  void found_acme() {
    run({"org", "create", "acme"});
    run({"volume", "create", "acme/skills"});
    run({"volume", "create", "acme/memory"});
  }

  ManualClock clock;
  MemoryStore store;
  MemoryAdmin admin;
  ScreenConfig screen;
  std::map<std::string, std::string, std::less<>> environment = {
      {"OUTBOARD_SERVER", "unix:/run/outboard.sock"}, {"OUTBOARD_TOKEN", "ob_test"}};
  client::Agent* agent = nullptr;  // what sessions reach; null: nothing
  PlayedExaminer examiner;
  std::optional<client::MountReport> mount;  // unset: there is no mount
  client::ViewChange view_change;            // the last that was not refused
  Roster* roster = nullptr;                  // what groups and grants reach; null: nothing
  RemoteAddress asked;                       // by the last command
  std::optional<Error> broken;               // set: nobody answers

 private:
  class Connection final : public Server {
   public:
    explicit Connection(MemorySite& site) : site_(site), client_{random_uuid()} {}
    Result<Store*> store() override {
      if (site_.broken) return *site_.broken;
      return &site_.store;
    }
    Result<Admin*> admin() override {
      if (site_.broken) return *site_.broken;
      return &site_.admin;
    }
    Result<Audit*> audit() override {
      return Error{Code::unsupported, "nobody keeps an audit here"};
    }
    Result<Revisions*> revisions() override {
      return Error{Code::unsupported, "nobody publishes here"};
    }
    Result<client::Agent*> agent() override {
      if (site_.broken) return *site_.broken;
      if (site_.agent == nullptr) return Error{Code::unavailable, "nobody plays the harness here"};
      return site_.agent;
    }
    Result<Examiner*> examiner() override {
      if (site_.broken) return *site_.broken;
      return &site_.examiner;
    }
    Result<client::MountReport> mount(const std::string& control_socket) override {
      if (site_.mount) return *site_.mount;
      return Error{Code::unavailable, "nobody listens on " + control_socket};
    }
    Result<client::WarmReport> warm_mount(const std::string&, const std::string& path,
                                          std::uint64_t) override {
      if (path == "/skills") return client::WarmReport{3, 2048};
      return Error{Code::not_found, "no view is mounted at or above " + path, path};
    }
    Result<std::map<std::string, std::uint64_t>> await_mount(
        const std::string&, const std::map<std::string, std::uint64_t>& seqs) override {
      std::map<std::string, std::uint64_t> shown{{"acme/memory", 9}, {"acme/skills", 4}};
      for (const auto& [volume, seq] : seqs) {
        if (!shown.contains(volume)) return Error{Code::not_found, volume + " is not mounted here"};
        if (shown[volume] < seq) return Error{Code::timed_out, volume + " shows less"};
      }
      if (!seqs.empty()) std::erase_if(shown, [&](auto& one) { return !seqs.contains(one.first); });
      return shown;
    }
    Result<std::vector<ViewSpec>> change_views(const std::string&,
                                               const client::ViewChange& change) override {
      if (!change.force && (change.only || !change.going.empty())) {
        return Error{Code::conflict, "/memory is in use: a program has a file open in it"};
      }
      site_.view_change = change;
      return change.coming;
    }
    Status renew_mount_token(const std::string&, const std::string& token) override {
      if (token != "ob_new") return Error{Code::unauthenticated, "the server does not know it"};
      return success();
    }
    Result<Roster*> roster() override {
      if (site_.broken) return *site_.broken;
      if (site_.roster == nullptr) return Error{Code::unavailable, "nobody keeps a roster here"};
      return site_.roster;
    }
    Result<MintedToken> sign_in(const Call&, const std::string& id_token) override {
      if (id_token != "a.good.one") return Error{Code::unauthenticated, "the ID token is bad"};
      MintedToken minted{{}, "ob_signed-in"};
      minted.info.organisation = "acme";
      minted.info.principal = "ada";
      return minted;
    }
    ClientId client() const override { return client_; }
    std::string version() const override { return "0.1.0"; }

   private:
    MemorySite& site_;
    const ClientId client_;
  };
};

}  // namespace outboard::cli
