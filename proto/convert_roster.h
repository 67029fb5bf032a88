// Between core/roster.h's words and their messages. As proto/convert.h.
#pragma once

#include "core/roster.h"
#include "outboard/v1/admin.pb.h"
#include "proto/faults.h"

namespace outboard::wire {

v1::GrantMode write(Mode mode);
Mode read(v1::GrantMode mode, Faults& faults);
v1::Fate write(Fate fate);
Fate read(v1::Fate fate, Faults& faults);
void write(const Group& group, v1::Group* to);
Group read(const v1::Group& from, Faults& faults);
void write(const StandingGrant& grant, v1::StandingGrant* to);
StandingGrant read(const v1::StandingGrant& from, Faults& faults);
void write(const Departure& departure, v1::Departure* to);
Departure read(const v1::Departure& from, Faults& faults);

}  // namespace outboard::wire
