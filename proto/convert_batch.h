// Between core's Batch and its messages, whole or with its content sent behind it.
//
// Whole: one ApplyRequest. Announced: the steps say how long each body is and the bodies follow in
// the order of bodies_of(), so that neither side ever copies a large batch into one message.
#pragma once

#include <string_view>
#include <vector>

#include "core/op.h"
#include "outboard/v1/types.pb.h"
#include "proto/faults.h"

namespace outboard::wire {

// Whether bodies are in their steps' messages or only announced by them.
enum class Bodies : std::uint8_t { within, announced };

v1::RenameMode write(RenameMode mode);
RenameMode read(v1::RenameMode mode, Faults& faults);
v1::XattrMode write(XattrMode mode);
XattrMode read(v1::XattrMode mode, Faults& faults);

void write(const Step& step, Bodies bodies, v1::Step* to);
// An announced body is read as that many zero bytes, to be overwritten in place; `allowed` is what
// may still be announced and goes down with each (0 where announcing is not allowed).
Step read(const v1::Step& from, std::uint64_t& allowed, Faults& faults);

void write(const RequestId& request, v1::RequestId* to);
RequestId read(const v1::RequestId& from, Faults& faults);

void write(const Batch& batch, v1::Batch* to);
Batch read(const v1::Batch& from, Faults& faults);

// Every body of the steps that is not empty, in order.
std::vector<std::string_view> bodies_of(const Batch& batch);
// The same, to be filled.
std::vector<std::string*> bodies_in(Batch& batch);

}  // namespace outboard::wire
