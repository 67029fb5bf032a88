// GrpcRevisions: the Revisions of a server somewhere else. As GrpcAdmin: questions are asked again
// after `unavailable`, what changes something is sent once.
#pragma once

#include <memory>

#include "client/channel_config.h"
#include "core/revisions.h"

namespace outboard::client {

class GrpcRevisions final : public Revisions {
 public:
  // As GrpcStore::connect.
  static Result<std::unique_ptr<GrpcRevisions>> connect(const ChannelConfig& config,
                                                        Moment deadline);
  ~GrpcRevisions() override;
  GrpcRevisions(const GrpcRevisions&) = delete;
  GrpcRevisions& operator=(const GrpcRevisions&) = delete;

  Result<Revision> submit(const Call& call, VolumeId volume, const Submission& submission) override;
  Result<Revision> review(const Call& call, VolumeId volume, std::uint64_t number, bool approve,
                          std::string_view remark) override;
  Result<Revision> publish(const Call& call, VolumeId volume, std::uint64_t number,
                           const Submission& submission) override;
  Result<Revision> pin(const Call& call, VolumeId volume, std::uint64_t token,
                       std::string_view revision) override;
  Result<std::vector<Revision>> list(const Call& call, VolumeId volume, std::uint64_t before,
                                     std::uint32_t limit) override;

 private:
  struct Parts;
  explicit GrpcRevisions(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::client
