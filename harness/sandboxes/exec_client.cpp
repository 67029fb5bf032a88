#include "harness/sandboxes/exec_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "core/limits.h"
#include "outboard/v1/exec.grpc.pb.h"
#include "proto/status.h"

namespace outboard::harness {
namespace {

std::string bytes_of(const Uuid& uuid) {
  return std::string(uuid.bytes.begin(), uuid.bytes.end());
}

Uuid read_uuid(const std::string& bytes) {
  Uuid uuid;
  if (bytes.size() == uuid.bytes.size()) std::copy(bytes.begin(), bytes.end(), uuid.bytes.begin());
  return uuid;
}

Sha256 read_digest(const std::string& bytes) {
  Sha256 digest;
  if (bytes.size() == digest.bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
  }
  return digest;
}

Timestamp at_milliseconds(std::int64_t unix_ms) {
  return Timestamp{unix_ms * 1'000'000};
}

ExecState read(const v1::CommandState& from) {
  ExecState state;
  state.op = OpId{read_uuid(from.op_id())};
  state.running = from.running();
  state.lost = from.lost();
  state.exit_code = from.exit_code();
  state.signal = from.signal();
  state.timed_out = from.timed_out();
  state.output_bytes = from.output_bytes();
  state.dropped_bytes = from.dropped_bytes();
  state.started = at_milliseconds(from.started_unix_ms());
  state.ended = at_milliseconds(from.ended_unix_ms());
  return state;
}

// How long a call waits for an agent that is not there.
constexpr std::chrono::milliseconds kAgentBackWait{3'000};

// gRPC's deadlines are of the wall clock.
void limit(grpc::ClientContext& context, Moment deadline) {
  if (deadline == Moment::max()) return;
  const auto left = deadline - std::chrono::steady_clock::now();
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::duration_cast<std::chrono::microseconds>(left));
}

std::shared_ptr<grpc::Channel> open_channel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kAnswerBytesMax));
  // The next agent's socket is there within milliseconds; the default waits a second at least.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                   static_cast<int>(kReconnectWaitMin.count()));
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(kReconnectWaitMin.count()));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, static_cast<int>(kReconnectWaitMax.count()));
  // A later sandbox of the session has the same address, and must not be given this one's channel.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

void fill(const ExecCommand& command, v1::StartRequest& request) {
  request.set_op_id(bytes_of(command.op.uuid));
  request.set_epoch(command.epoch.value);
  request.set_generation(command.generation.value);
  for (const auto& argument : command.arguments) request.add_argv(argument);
  request.set_directory(command.directory);
  for (const auto& [name, value] : command.environment) {
    (*request.mutable_environment())[name] = value;
  }
  request.set_timeout_ms(command.timeout.count());
  request.set_output_bytes_max(command.output_bytes_max);
  for (const auto& [volume, seq] : command.barrier) {
    (*request.mutable_barrier())[volume] = seq.value;
  }
  request.set_author(command.author);
  request.set_shell(command.shell);
}

}  // namespace

struct ExecClient::Parts {
  explicit Parts(const std::string& address)
      : channel(open_channel(address)), stub(v1::ExecService::NewStub(channel)) {}

  // An agent that is started anew is back in milliseconds; who waits longer waits for one that is
  // gone with its sandbox, and had better look whether it is.
  Status reach(Moment deadline) {
    const Moment until = std::min(deadline, std::chrono::steady_clock::now() + kAgentBackWait);
    const auto left = until - std::chrono::steady_clock::now();
    if (channel->WaitForConnected(std::chrono::system_clock::now() +
                                  std::chrono::duration_cast<std::chrono::microseconds>(left))) {
      return success();
    }
    return Error{Code::unavailable, "the sandbox's exec agent does not answer; try again", {}};
  }

  // One unary call: the answer, or what its status stands for.
  template <class Request, class Response>
  Result<Response> ask(grpc::Status (v1::ExecService::Stub::*call)(grpc::ClientContext*,
                                                                   const Request&, Response*),
                       const Request& request, Moment deadline) {
    if (auto there = reach(deadline); !there) return std::move(there).error();
    grpc::ClientContext context;
    limit(context, deadline);
    Response response;
    const grpc::Status status = (*stub.*call)(&context, request, &response);
    if (status.ok()) return response;
    return wire::to_error(status);
  }

  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<v1::ExecService::Stub> stub;
};

ExecClient::ExecClient(const std::string& address) : parts_(std::make_unique<Parts>(address)) {}
ExecClient::~ExecClient() = default;

Result<ExecHello> ExecClient::hello(Epoch epoch, Moment deadline) {
  v1::ExecHelloRequest request;
  request.set_epoch(epoch.value);
  auto answer = parts_->ask(&v1::ExecService::Stub::Hello, request, deadline);
  if (!answer) return std::move(answer).error();
  return ExecHello{SessionId{read_uuid(answer->session())},
                   Generation{answer->generation()},
                   Epoch{answer->epoch()},
                   {answer->capabilities().begin(), answer->capabilities().end()}};
}

Result<ExecStarted> ExecClient::start(const ExecCommand& command, Moment deadline) {
  v1::StartRequest request;
  fill(command, request);
  auto answer = parts_->ask(&v1::ExecService::Stub::Start, request, deadline);
  if (!answer) return std::move(answer).error();
  return ExecStarted{answer->started(), read(answer->state())};
}

Result<ExecState> ExecClient::attach(const OpId& op, std::uint64_t offset, const OutputSink& sink,
                                     Moment deadline) {
  if (auto there = parts_->reach(deadline); !there) return std::move(there).error();
  grpc::ClientContext context;
  limit(context, deadline);
  v1::AttachRequest request;
  request.set_op_id(bytes_of(op.uuid));
  request.set_offset(offset);
  const auto reader = parts_->stub->Attach(&context, request);
  v1::AttachResponse part;
  std::optional<ExecState> ended;
  bool stopped = false;
  while (!stopped && reader->Read(&part)) {
    if (part.has_ended()) ended = read(part.ended());
    if (part.has_output()) stopped = !sink(part.output().offset(), part.output().bytes());
  }
  if (stopped) context.TryCancel();
  const grpc::Status status = reader->Finish();
  if (ended) return *ended;
  if (stopped) {
    ExecState running;
    running.op = op;
    running.running = true;
    return running;
  }
  if (!status.ok()) return wire::to_error(status);
  return Error{Code::unavailable, "the exec agent stopped in the middle; attach again",
               to_string(op)};
}

Result<bool> ExecClient::signal(const OpId& op, Epoch epoch, int number, Moment deadline) {
  v1::SignalRequest request;
  request.set_op_id(bytes_of(op.uuid));
  request.set_epoch(epoch.value);
  request.set_signal(number);
  auto answer = parts_->ask(&v1::ExecService::Stub::Signal, request, deadline);
  if (!answer) return std::move(answer).error();
  return answer->delivered();
}

Result<ExecState> ExecClient::wait(const OpId& op, Moment deadline) {
  v1::WaitRequest request;
  request.set_op_id(bytes_of(op.uuid));
  auto answer = parts_->ask(&v1::ExecService::Stub::Wait, request, deadline);
  if (!answer) return std::move(answer).error();
  return read(answer->state());
}

Result<std::vector<ExecState>> ExecClient::commands(Moment deadline) {
  auto answer =
      parts_->ask(&v1::ExecService::Stub::ListCommands, v1::ListCommandsRequest(), deadline);
  if (!answer) return std::move(answer).error();
  std::vector<ExecState> states;
  for (const auto& state : answer->commands()) states.push_back(read(state));
  return states;
}

Result<FreezeOutcome> ExecClient::freeze(Epoch epoch, Moment deadline) {
  v1::FreezeRequest request;
  request.set_epoch(epoch.value);
  auto answer = parts_->ask(&v1::ExecService::Stub::Freeze, request, deadline);
  if (!answer) return std::move(answer).error();
  return FreezeOutcome{answer->deferred(), std::chrono::microseconds(answer->took_us())};
}

Result<std::chrono::microseconds> ExecClient::thaw(Epoch epoch, const SeqMap& barrier,
                                                   Moment deadline) {
  v1::ThawRequest request;
  request.set_epoch(epoch.value);
  for (const auto& [volume, seq] : barrier) (*request.mutable_barrier())[volume] = seq.value;
  auto answer = parts_->ask(&v1::ExecService::Stub::Thaw, request, deadline);
  if (!answer) return std::move(answer).error();
  return std::chrono::microseconds(answer->took_us());
}

Result<FileContent> ExecClient::read_file(std::string_view path, std::uint64_t offset,
                                          std::uint64_t size, Moment deadline) {
  if (auto there = parts_->reach(deadline); !there) return std::move(there).error();
  grpc::ClientContext context;
  limit(context, deadline);
  v1::ReadFileRequest request;
  request.set_path(std::string(path));
  request.set_offset(offset);
  request.set_size(size);
  const auto reader = parts_->stub->ReadFile(&context, request);
  v1::ReadFileResponse part;
  FileContent content;
  bool first = true;
  while (reader->Read(&part)) {
    if (first) content.total_size = part.total_size();
    if (first) content.digest = read_digest(part.sha256());
    first = false;
    content.bytes.append(part.bytes());
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return wire::to_error(status);
  return content;
}

Result<FileWritten> ExecClient::write_file(const FileWrite& write, Moment deadline) {
  if (auto there = parts_->reach(deadline); !there) return std::move(there).error();
  grpc::ClientContext context;
  limit(context, deadline);
  v1::WriteFileResponse response;
  const auto writer = parts_->stub->WriteFile(&context, &response);
  v1::WriteFileRequest part;
  v1::WriteFileHeader& header = *part.mutable_header();
  header.set_op_id(bytes_of(write.op.uuid));
  header.set_epoch(write.epoch.value);
  header.set_path(write.path);
  if (write.expected) {
    header.set_expected_sha256(
        std::string(write.expected->bytes.begin(), write.expected->bytes.end()));
  }
  header.set_mode(write.mode);
  header.set_author(write.author);
  header.set_size(write.bytes.size());
  bool open = writer->Write(part);
  for (std::size_t at = 0; open && at < write.bytes.size(); at += kPartBytes) {
    part.set_bytes(write.bytes.substr(at, kPartBytes));
    open = writer->Write(part);
  }
  if (open) writer->WritesDone();
  const grpc::Status status = writer->Finish();
  if (!status.ok()) return wire::to_error(status);
  return FileWritten{read_digest(response.sha256()), response.unchanged()};
}

}  // namespace outboard::harness
