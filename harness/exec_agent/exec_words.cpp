#include "harness/exec_agent/exec_words.h"

#include <algorithm>

#include "core/limits.h"

namespace outboard::harness {
namespace {

std::int64_t milliseconds(Timestamp at) {
  return at.nanoseconds / 1'000'000;
}

}  // namespace

Result<OpId> read_op(const std::string& bytes) {
  OpId op;
  if (bytes.size() == op.uuid.bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), op.uuid.bytes.begin());
  }
  if (op) return op;
  return Error{Code::invalid,
               "op_id has " + std::to_string(bytes.size()) + " bytes; give a uuid, 16 bytes",
               {}};
}

Result<CommandRequest> read(const v1::StartRequest& from) {
  auto op = read_op(from.op_id());
  if (!op) return std::move(op).error();
  CommandRequest request;
  request.op = *op;
  request.epoch = Epoch{from.epoch()};
  request.arguments.assign(from.argv().begin(), from.argv().end());
  request.directory = from.directory();
  for (const auto& [name, value] : from.environment()) {
    request.environment.push_back(name + "=" + value);
  }
  request.timeout = std::chrono::milliseconds(from.timeout_ms());
  request.output_bytes_max = from.output_bytes_max();
  request.shell = from.shell();
  return request;
}

Result<WorkspaceWrite> read(const v1::WriteFileHeader& from) {
  WorkspaceWrite wanted;
  wanted.path = from.path();
  wanted.mode = from.mode() & 07777U;
  if (from.expected_sha256().empty()) return wanted;
  Sha256 expected;
  if (from.expected_sha256().size() != expected.bytes.size()) {
    return Error{Code::invalid, "expected_sha256 is no digest; give its 32 bytes", from.path()};
  }
  std::copy(from.expected_sha256().begin(), from.expected_sha256().end(), expected.bytes.begin());
  wanted.expected = expected;
  return wanted;
}

void write(const CallState& state, v1::CommandState* to) {
  to->set_op_id(std::string(state.op.uuid.bytes.begin(), state.op.uuid.bytes.end()));
  to->set_running(!state.end);
  to->set_output_bytes(state.output_bytes);
  to->set_dropped_bytes(state.dropped_bytes);
  to->set_started_unix_ms(milliseconds(state.started));
  if (!state.end) return;
  to->set_exit_code(state.end->exit_code);
  to->set_signal(state.end->signal);
  to->set_timed_out(state.end->timed_out);
  to->set_lost(state.end->lost);
  to->set_ended_unix_ms(milliseconds(state.end->ended));
}

Moment deadline_of(const grpc::ServerContextBase& context) {
  const auto left = std::min<std::chrono::nanoseconds>(
      context.deadline() - std::chrono::system_clock::now(), kCallDeadlineMax);
  return std::chrono::steady_clock::now() + std::chrono::duration_cast<Moment::duration>(left);
}

}  // namespace outboard::harness
