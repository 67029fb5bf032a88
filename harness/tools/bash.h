// BashTool: `bash`, the session's long-lived shell in its sandbox.
//
// Runner → BashTool → Exec. A command is never run twice: it starts once by its op id, and when its
// sandbox is lost nobody guesses. Any thread.
#pragma once

#include "harness/tools/tool.h"

namespace outboard::harness {

class BashTool final : public Tool {
 public:
  explicit BashTool(const Clock& clock);

  const ToolSpec& spec() const override { return spec_; }
  Result<Placed> place(std::string_view input) const override;
  Result<Plan> plan(const CallSite& site) override;
  Result<ToolResult> act(const CallSite& site, const Plan& plan, const OutputSink& live) override;
  Result<Sighting> look(const CallSite& site, const CallDispatched& dispatch) override;
  Result<ToolResult> resume(const CallSite& site, std::uint64_t offset, std::string printed,
                            const OutputSink& live) override;

 private:
  class Transcript;

  Result<ToolResult> follow(const CallSite& site, Transcript& transcript, const OutputSink& live);

  const ToolSpec spec_;
  const Clock& clock_;
};

}  // namespace outboard::harness
