// The calls of exec.proto that go on for a while: attach, wait, reading and writing a file. Each is
// a gRPC reactor that owns itself until gRPC is done with it.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>

#include "harness/exec_agent/agent.h"
#include "harness/exec_agent/workers.h"
#include "outboard/v1/exec.pb.h"

namespace outboard::harness {

grpc::ServerWriteReactor<v1::AttachResponse>* attach_to(std::shared_ptr<CallLog> log,
                                                        std::uint64_t offset);
grpc::ServerUnaryReactor* wait_for(std::shared_ptr<CallLog> log, v1::WaitResponse* response);
grpc::ServerWriteReactor<v1::ReadFileResponse>* read_file(Agent& agent, Workers& workers,
                                                          const v1::ReadFileRequest* request);
grpc::ServerReadReactor<v1::WriteFileRequest>* write_file(Agent& agent, Workers& workers,
                                                          v1::WriteFileResponse* response);

// A stream that is refused at once.
template <class Reactor>
class Refused final : public Reactor {
 public:
  explicit Refused(const grpc::Status& status) { this->Finish(status); }
  void OnDone() override { delete this; }
};

Error too_busy();

}  // namespace outboard::harness
