// Between core/audit.h and its messages. As convert.h.
#pragma once

#include "core/audit.h"
#include "outboard/v1/audit.pb.h"
#include "proto/faults.h"

namespace outboard::wire {

void write(const SealCheck& check, v1::CheckSealsResponse* to);
SealCheck read(const v1::CheckSealsResponse& from, Faults& faults);
void write(const Refusal& refusal, v1::Refusal* to);
Refusal read(const v1::Refusal& from, Faults& faults);
void write(const ReadCount& count, v1::ReadCount* to);
ReadCount read(const v1::ReadCount& from, Faults& faults);

}  // namespace outboard::wire
