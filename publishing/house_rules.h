// HouseRules: the ContentRules that every server asks: the format of skills, and secrets.
//
// Place in the flow: core/commit.h, within the transaction → HouseRules. Pure; any thread.
#pragma once

#include "core/content_rules.h"

namespace outboard::publishing {

class HouseRules final : public ContentRules {
 public:
  std::optional<std::string> skill_fault(std::string_view path,
                                         std::string_view content) const override;
  std::optional<std::string> secret_fault(const Passage& passage) const override;
};

}  // namespace outboard::publishing
