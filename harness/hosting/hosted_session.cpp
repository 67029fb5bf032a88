#include "harness/hosting/hosted_session.h"

#include "core/limits.h"
#include "harness/loop/runner.h"
#include "harness/session/agent_choice.h"
#include "harness/tools/bash.h"
#include "harness/tools/files.h"
#include "harness/tools/skills.h"

namespace outboard::harness {
namespace {

constexpr const char* kRole =
    "You are an agent that works with a shell and files. Do what the user asks, with the tools "
    "you have; say briefly what you did and what you found.\n";

std::string describe_places(const std::vector<Mapping>& mappings) {
  std::string text =
      "Commands run in a sandbox of this session, in /workspace, which is its own; what lies there "
      "stays with the session.\n";
  for (const Mapping& mapping : mappings) {
    text += mapping.path + " is shared with people and other sessions" +
            (mapping.writable ? ", and what you write there they see at once.\n"
                              : "; it is read-only.\n");
  }
  return text;
}

// Its tools' store: the rights end with it.
class ToolStore {
 public:
  static Result<std::unique_ptr<ToolStore>> open(const Host& host, const SessionInfo& session) {
    std::unique_ptr<ToolStore> made(new ToolStore(host.rights));
    std::string token;
    if (!host.mappings.empty()) {
      auto minted = host.rights.for_tools(session);
      if (!minted) return std::move(minted).error();
      made->token_ = minted->info.id;
      token = minted->secret;
    }
    auto store = host.open_store(token);
    if (!store) return std::move(store).error();
    made->store_ = *std::move(store);
    return made;
  }
  ~ToolStore() {
    store_.reset();
    if (token_ != 0) rights_.give_back(token_);
  }
  ToolStore(const ToolStore&) = delete;
  ToolStore& operator=(const ToolStore&) = delete;

  Store& store() { return *store_; }

 private:
  explicit ToolStore(Rights& rights) : rights_(rights) {}

  Rights& rights_;
  std::uint64_t token_ = 0;
  std::unique_ptr<Store> store_;
};

Toolbox make_toolbox(const Host& host, Store& store) {
  std::vector<std::unique_ptr<Tool>> tools;
  tools.push_back(std::make_unique<BashTool>(host.clock));
  tools.push_back(std::make_unique<FilesTool>(store, Route(host.mappings)));
  return Toolbox(std::move(tools));
}

class HostedSession final : public SessionRun {
 public:
  HostedSession(const Host& host, SessionInfo info, std::string model_name,
                std::shared_ptr<Model> model, std::unique_ptr<ToolStore> store)
      : host_(host),
        info_(std::move(info)),
        model_name_(std::move(model_name)),
        model_(std::move(model)),
        store_(std::move(store)),
        toolbox_(make_toolbox(host, store_->store())),
        runner_(parts(), info_) {}
  ~HostedSession() override { host_.on_rest(info_.id); }

  Rest run() override { return runner_.run(); }
  void notice() override { runner_.notice(); }
  void leave() override { runner_.leave(); }

 private:
  RunnerParts parts() {
    return {host_.journal,
            host_.blobs,
            *model_,
            toolbox_,
            host_.sandboxes,
            host_.watcher,
            host_.clock,
            host_.worker,
            [this] { return opening(); },
            [this](const State&, Generation generation) { return sandbox_spec(generation); }};
  }

  Result<Opening> opening() {
    Opening opening;
    opening.agent = read_choice(info_.agent_revision).agent;
    opening.model = provider_name(model_name_);
    opening.approve = host_.approve;
    opening.system = kRole + describe_places(host_.mappings);
    VolumeFiles files(store_->store());
    for (const Mapping& mapping : host_.mappings) {
      if (mapping.writable) continue;  // skills are read-only; memories have no catalogue
      auto skills = find_skills(files, mapping, host_.clock.now() + kReadDeadline);
      if (!skills) return std::move(skills).error();
      opening.system += "\n" + skill_catalogue(*skills);
    }
    return opening;
  }

  Result<SandboxSpec> sandbox_spec(Generation generation) {
    SandboxSpec spec;
    spec.session = info_.id;
    spec.generation = generation;
    spec.author = info_.creator;
    if (host_.mappings.empty()) return spec;
    auto minted = host_.rights.for_sandbox(info_.id, info_.creator, generation);
    if (!minted) return std::move(minted).error();
    spec.server = host_.server;
    spec.token = minted->secret;
    for (const Mapping& mapping : host_.mappings) {
      spec.views.push_back({mapping.path, mapping.volume, mapping.writable});
    }
    return spec;
  }

  const Host& host_;
  const SessionInfo info_;
  const std::string model_name_;
  const std::shared_ptr<Model> model_;
  const std::unique_ptr<ToolStore> store_;
  Toolbox toolbox_;
  Runner runner_;
};

}  // namespace

OpenSession host_sessions(const Host& host) {
  return [&host](const SessionInfo& info) -> Result<std::unique_ptr<SessionRun>> {
    std::string name = read_choice(info.agent_revision).model;
    if (name.empty()) name = host.models.standard();
    auto model = host.models.find(name);
    if (!model) return std::move(model).error();
    auto store = ToolStore::open(host, info);
    if (!store) return std::move(store).error();
    return std::unique_ptr<SessionRun>(
        std::make_unique<HostedSession>(host, info, name, *std::move(model), *std::move(store)));
  };
}

}  // namespace outboard::harness
