#include "core/diagnosis.h"

namespace outboard {

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::fine: return "fine";
    case Verdict::doubtful: return "doubtful";
    case Verdict::wrong: return "wrong";
  }
  return "wrong";
}

}  // namespace outboard
