#include "harness/exec_agent/exec_service.h"

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <utility>

#include "core/limits.h"
#include "harness/exec_agent/exec_streams.h"
#include "harness/exec_agent/exec_words.h"
#include "harness/exec_agent/workers.h"
#include "outboard/v1/exec.grpc.pb.h"
#include "proto/status.h"

namespace outboard::harness {
namespace {

using Context = grpc::CallbackServerContext;

constexpr std::string_view kVersion = "0.1.0";

std::int64_t microseconds_since(Moment begin) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                               begin)
      .count();
}

class ExecCalls final : public v1::ExecService::CallbackService {
 public:
  ExecCalls(Agent& agent, Workers& workers) : agent_(agent), workers_(workers) {}

  grpc::ServerUnaryReactor* Hello(Context* context, const v1::ExecHelloRequest* request,
                                  v1::ExecHelloResponse* response) override {
    return on_worker(context, [this, request, response]() -> Status {
      // A harness may ask before it has an epoch, to look only.
      if (request->epoch() != 0) {
        if (auto passed = agent_.greet(Epoch{request->epoch()}); !passed) return passed;
      }
      const auto& session = agent_.config().session.uuid.bytes;
      response->set_session(std::string(session.begin(), session.end()));
      response->set_generation(agent_.config().generation.value);
      response->set_epoch(agent_.epoch().value);
      response->set_version(std::string(kVersion));
      response->add_capabilities(std::string(agent_.freezer_name()));
      response->add_capabilities("shell");
      return success();
    });
  }

  grpc::ServerUnaryReactor* Start(Context* context, const v1::StartRequest* request,
                                  v1::StartResponse* response) override {
    return on_worker(context, [this, context, request, response]() -> Status {
      auto command = read(*request);
      if (!command) return std::move(command).error();
      auto started = agent_.start(*command, Generation{request->generation()}, request->author(),
                                  read_seqs(request->barrier()), deadline_of(*context));
      if (!started) return std::move(started).error();
      response->set_started(started->started);
      write(started->log->state(), response->mutable_state());
      return success();
    });
  }

  grpc::ServerWriteReactor<v1::AttachResponse>* Attach(Context*,
                                                       const v1::AttachRequest* request) override {
    auto log = log_of(request->op_id());
    if (log) return attach_to(*log, request->offset());
    return new Refused<grpc::ServerWriteReactor<v1::AttachResponse>>(wire::to_status(log.error()));
  }

  grpc::ServerUnaryReactor* Signal(Context* context, const v1::SignalRequest* request,
                                   v1::SignalResponse* response) override {
    return on_worker(context, [this, request, response]() -> Status {
      auto op = read_op(request->op_id());
      if (!op) return std::move(op).error();
      auto delivered = agent_.signal(*op, Epoch{request->epoch()}, request->signal());
      if (!delivered) return std::move(delivered).error();
      response->set_delivered(*delivered);
      return success();
    });
  }

  grpc::ServerUnaryReactor* Wait(Context*, const v1::WaitRequest* request,
                                 v1::WaitResponse* response) override {
    auto log = log_of(request->op_id());
    if (log) return wait_for(*log, response);
    return new Refused<grpc::ServerUnaryReactor>(wire::to_status(log.error()));
  }

  grpc::ServerUnaryReactor* ListCommands(Context* context, const v1::ListCommandsRequest*,
                                         v1::ListCommandsResponse* response) override {
    return on_worker(context, [this, response]() -> Status {
      for (const CallState& state : agent_.commands().list()) {
        write(state, response->add_commands());
      }
      return success();
    });
  }

  grpc::ServerUnaryReactor* Freeze(Context* context, const v1::FreezeRequest* request,
                                   v1::FreezeResponse* response) override {
    return on_worker(context, [this, context, request, response]() -> Status {
      const Moment begin = std::chrono::steady_clock::now();
      auto frozen = agent_.freeze(Epoch{request->epoch()}, deadline_of(*context));
      if (!frozen) return std::move(frozen).error();
      response->set_deferred(!*frozen);
      response->set_took_us(microseconds_since(begin));
      return success();
    });
  }

  grpc::ServerUnaryReactor* Thaw(Context* context, const v1::ThawRequest* request,
                                 v1::ThawResponse* response) override {
    return on_worker(context, [this, context, request, response]() -> Status {
      const Moment begin = std::chrono::steady_clock::now();
      auto thawed = agent_.thaw(Epoch{request->epoch()}, read_seqs(request->barrier()),
                                deadline_of(*context));
      if (!thawed) return thawed;
      response->set_took_us(microseconds_since(begin));
      return success();
    });
  }

  grpc::ServerWriteReactor<v1::ReadFileResponse>* ReadFile(
      Context*, const v1::ReadFileRequest* request) override {
    return read_file(agent_, workers_, request);
  }

  grpc::ServerReadReactor<v1::WriteFileRequest>* WriteFile(
      Context*, v1::WriteFileResponse* response) override {
    return write_file(agent_, workers_, response);
  }

 private:
  template <class Body>
  grpc::ServerUnaryReactor* on_worker(Context* context, Body body) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const bool queued = workers_.offer([reactor, body = std::move(body)] {
      const Status done = body();
      reactor->Finish(done ? grpc::Status::OK : wire::to_status(done.error()));
    });
    if (!queued) reactor->Finish(wire::to_status(too_busy()));
    return reactor;
  }

  Result<std::shared_ptr<CallLog>> log_of(const std::string& op_bytes) const {
    auto op = read_op(op_bytes);
    if (!op) return std::move(op).error();
    return agent_.commands().find(*op);
  }

  Agent& agent_;
  Workers& workers_;
};

}  // namespace

// Declared in the order of their lives: the server ends before what serves it.
struct ExecServer::Parts {
  explicit Parts(Agent& agent) : workers(kExecWorkers, kExecQueueMax), calls(agent, workers) {}
  ~Parts() {
    if (server) server->Shutdown(std::chrono::system_clock::now());
  }

  Workers workers;
  ExecCalls calls;
  std::unique_ptr<grpc::Server> server;
};

ExecServer::ExecServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ExecServer::~ExecServer() = default;

Result<std::unique_ptr<ExecServer>> ExecServer::start(const std::string& socket, Agent& agent) {
  auto parts = std::make_unique<Parts>(agent);
  ::unlink(socket.c_str());  // of an earlier life
  grpc::ServerBuilder builder;
  int bound = 0;
  builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials(), &bound);
  builder.RegisterService(&parts->calls);
  builder.SetMaxReceiveMessageSize(static_cast<int>(kMessageBytesMax));
  parts->server = builder.BuildAndStart();
  if (parts->server == nullptr || bound == 0) {
    return Error{Code::unavailable,
                 "cannot listen on " + socket +
                     "; its directory must exist and be writable, the path at most 107 bytes",
                 socket};
  }
  return std::unique_ptr<ExecServer>(new ExecServer(std::move(parts)));
}

}  // namespace outboard::harness
