// FilesTool: `str_replace_based_edit_tool`, the file tool that models were trained on: view,
// create, str_replace, insert.
//
// Paths of volumes go to the store, without a sandbox; the rest to the sandbox's files. Every write
// is a compare-and-swap on what plan() read, by version in a volume, by SHA-256 in a sandbox.
// Any thread.
#pragma once

#include <variant>

#include "harness/tools/tool.h"
#include "harness/tools/volume_files.h"

namespace outboard::harness {

class FilesTool final : public Tool {
 public:
  FilesTool(Store& store, Route route);

  const ToolSpec& spec() const override { return spec_; }
  Result<Placed> place(std::string_view input) const override;
  Result<Plan> plan(const CallSite& site) override;
  Result<ToolResult> act(const CallSite& site, const Plan& plan, const OutputSink& live) override;
  Result<Sighting> look(const CallSite& site, const CallDispatched& dispatch) override;
  Result<ToolResult> resume(const CallSite& site, std::uint64_t offset, std::string printed,
                            const OutputSink& live) override;

 private:
  struct Request;

  Result<Request> read_request(std::string_view input) const;
  // not_found when there is none.
  Result<FileImage> image(const CallSite& site, const Request& request);
  Result<ToolResult> view(const CallSite& site, const Request& request);
  Result<ToolResult> view_directory(const CallSite& site, const Request& request);
  Result<Seq> write_volume(const CallSite& site, const Request& request, const Plan& plan);

  const ToolSpec spec_;
  const Route route_;
  VolumeFiles files_;
};

}  // namespace outboard::harness
