#include "cli/context.h"

#include <vector>

namespace outboard::cli {

void Context::name(Batch& batch) {
  batch.acknowledged = number_;
  batch.request = RequestId{server_.client(), ++number_};
}

Result<std::string> Context::organisation(std::string_view named) {
  if (!named.empty()) return std::string(named);
  if (!settings_.organisation.empty()) return settings_.organisation;
  auto admin = server_.admin();
  if (!admin) return admin.error();
  auto visible = (*admin)->organisations(call());
  if (!visible && visible.error().code != Code::no_access) return visible.error();
  if (visible && visible->size() == 1) return visible->front().name;
  Error error{Code::invalid, "no organisation was named"};
  if (!visible) error.message += ", and this token cannot list any";
  if (visible && visible->empty()) error.message += ", and there is none yet";
  if (visible && visible->size() > 1) {
    error.message += ", and this token sees " + std::to_string(visible->size());
  }
  error.message += ": give --org NAME or set OUTBOARD_ORG";
  return error;
}

Result<Volume> Context::open_volume(std::string_view named, std::string_view standard) {
  std::string name(named);
  if (name.empty()) {
    auto owner = organisation();
    if (!owner) {
      Error error = owner.error();
      if (error.code == Code::invalid) error.message += ", or give --volume ORG/VOLUME";
      return error;
    }
    name = *owner + "/" + std::string(standard);
  }
  auto store = server_.store();
  if (!store) return store.error();
  auto volume = (*store)->open_volume(call(), name);
  if (!volume && volume.error().code == Code::not_found) {
    return Error{Code::not_found,
                 "there is no volume \"" + name + "\" that this token may see: `outboard volume " +
                     "create " + name + "` makes it, --volume names another",
                 name};
  }
  return volume;
}

}  // namespace outboard::cli
