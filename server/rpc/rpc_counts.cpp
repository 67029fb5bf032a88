#include "server/rpc/rpc_counts.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace outboard::server {
namespace {

namespace ext = grpc::experimental;

// As gRPC spells its codes.
constexpr std::array<const char*, 17> kCodeNames = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

}  // namespace

class RpcCounts::Call final : public ext::Interceptor {
 public:
  Call(Method& method, bool unary)
      : method_(method), unary_(unary), begun_(std::chrono::steady_clock::now()) {
    method_.begun.add();
  }
  // A call that nobody answered: the connection went first.
  ~Call() override {
    if (!answered_) method_.answered[grpc::CANCELLED].add();
  }

  void Intercept(ext::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(ext::InterceptionHookPoints::PRE_SEND_STATUS)) {
      answer(methods->GetSendStatus().error_code());
    }
    methods->Proceed();
  }

 private:
  void answer(grpc::StatusCode code) {
    if (std::exchange(answered_, true)) return;
    const auto index = static_cast<std::size_t>(code);
    method_.answered[std::min(index, kCodes - 1)].add();
    if (!unary_) return;
    const auto took = std::chrono::steady_clock::now() - begun_;
    method_.seconds.observe(std::chrono::duration<double>(took).count());
  }

  Method& method_;
  const bool unary_;
  const Moment begun_;
  bool answered_ = false;
};

class RpcCounts::Creator final : public ext::ServerInterceptorFactoryInterface {
 public:
  explicit Creator(RpcCounts& counts) : counts_(counts) {}
  ext::Interceptor* CreateServerInterceptor(ext::ServerRpcInfo* info) override {
    return new Call(counts_.of(info->method()), info->type() == ext::ServerRpcInfo::Type::UNARY);
  }

 private:
  RpcCounts& counts_;
};

std::vector<std::unique_ptr<ext::ServerInterceptorFactoryInterface>> RpcCounts::creators() {
  std::vector<std::unique_ptr<ext::ServerInterceptorFactoryInterface>> one;
  one.push_back(std::make_unique<Creator>(*this));
  return one;
}

RpcCounts::Method& RpcCounts::of(const char* method) {
  const std::string_view name = method == nullptr ? "?" : method;
  return *methods_.with([&](auto& methods) -> Method* {
    auto found = methods.find(name);
    if (found == methods.end()) {
      found = methods.emplace(std::string(name), std::make_unique<Method>()).first;
    }
    return found->second.get();
  });
}

void RpcCounts::measure(Figures& to) const {
  methods_.with([&](const auto& methods) {
    for (const auto& [name, method] : methods) {
      const Labels labels{{"method", name}};
      to.count("outboard_rpc_begun_total", "Calls that came.", method->begun.value(), labels);
      for (std::size_t i = 0; i < kCodes; ++i) {
        if (method->answered[i].value() == 0) continue;
        to.count("outboard_rpc_answered_total", "Calls answered, by gRPC's code.",
                 method->answered[i].value(), {{"method", name}, {"code", kCodeNames[i]}});
      }
      if (method->seconds.count() == 0) continue;
      to.spread("outboard_rpc_seconds", "From a unary call's arrival to its answer.",
                method->seconds, labels);
    }
  });
}

}  // namespace outboard::server
