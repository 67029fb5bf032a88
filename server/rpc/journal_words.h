// Between the journal's words and their messages. Pure; any thread.
#pragma once

#include "outboard/v1/journal.pb.h"
#include "proto/convert.h"
#include "proto/faults.h"
#include "server/journal.h"

namespace outboard::server {

void write(const Session& session, v1::Session* to);
void write(const SessionEvent& event, v1::Event* to);
void write(const ToolCall& call, v1::ToolCall* to);
void write(const InboxItem& item, v1::InboxItem* to);

// Faults: ids of other sizes than a uuid's, values that are unset or unknown.
NewSession read(const v1::CreateSessionRequest& from, wire::Faults& faults);
SessionQuery read(const v1::ListSessionsRequest& from, wire::Faults& faults);
ReleaseRequest read(const v1::ReleaseRequest& from, wire::Faults& faults);
AppendRequest read(const v1::AppendRequest& from, wire::Faults& faults);
InboxItem read(const v1::PostRequest& from, wire::Faults& faults);
SessionId read_session(std::string_view field, const std::string& bytes, wire::Faults& faults);

}  // namespace outboard::server
