// Between core/admin.h's words and their messages. As proto/convert.h.
#pragma once

#include "core/admin.h"
#include "core/diagnosis.h"
#include "outboard/v1/admin.pb.h"
#include "proto/faults.h"

namespace outboard::wire {

void write(const Organisation& organisation, v1::Organisation* to);
Organisation read(const v1::Organisation& from, Faults& faults);
void write(const User& user, v1::User* to);
User read(const v1::User& from, Faults& faults);
void write(const VolumeSettings& settings, v1::VolumeSettings* to);
VolumeSettings read(const v1::VolumeSettings& from, Faults& faults);
void write(const GrantByName& grant, v1::GrantByName* to);
GrantByName read(const v1::GrantByName& from, Faults& faults);
// 0: the default.
std::chrono::seconds read_life(std::uint64_t seconds, Faults& faults);
void write(const TokenRequest& request, v1::MintTokenRequest* to);
TokenRequest read(const v1::MintTokenRequest& from, Faults& faults);
void write(const TokenInfo& info, v1::TokenInfo* to);
TokenInfo read(const v1::TokenInfo& from, Faults& faults);
void write(const Diagnosis& diagnosis, v1::DiagnoseResponse* to);
Diagnosis read(const v1::DiagnoseResponse& from, Faults& faults);

}  // namespace outboard::wire
