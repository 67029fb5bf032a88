// The descriptor guard: what was once on the wire stays as it was.
//
// proto/fields.txt records every field, enum value and method of outboard.v1. Adding is fine and
// the test says which lines to append; what is recorded may never change or go.

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "outboard/v1/admin.pb.h"
#include "outboard/v1/agent.pb.h"
#include "outboard/v1/audit.pb.h"
#include "outboard/v1/blob.pb.h"
#include "outboard/v1/exec.pb.h"
#include "outboard/v1/journal.pb.h"
#include "outboard/v1/mount.pb.h"
#include "outboard/v1/revision.pb.h"
#include "outboard/v1/store.pb.h"
#include "outboard/v1/types.pb.h"
#include "outboard/v1/watch.pb.h"

namespace outboard::wire {
namespace {

using Lines = std::set<std::string>;
namespace pb = google::protobuf;

void add_enum(const pb::EnumDescriptor& type, Lines& lines) {
  for (int i = 0; i < type.value_count(); ++i) {
    const auto& value = *type.value(i);
    lines.insert("enum " + type.full_name() + " " + std::to_string(value.number()) + " " +
                 value.name());
  }
}

std::string type_of(const pb::FieldDescriptor& field) {
  if (field.message_type() != nullptr) return field.message_type()->full_name();
  if (field.enum_type() != nullptr) return field.enum_type()->full_name();
  return field.type_name();
}

void add_message(const pb::Descriptor& type, Lines& lines) {
  for (int i = 0; i < type.field_count(); ++i) {
    const auto& field = *type.field(i);
    std::string line = "field " + type.full_name() + " " + std::to_string(field.number()) + " " +
                       field.name() + " " + (field.is_repeated() ? "repeated " : "") +
                       (field.has_optional_keyword() ? "optional " : "") + type_of(field);
    if (const auto* oneof = field.real_containing_oneof()) line += " in " + oneof->name();
    lines.insert(line);
  }
  for (int i = 0; i < type.nested_type_count(); ++i) add_message(*type.nested_type(i), lines);
  for (int i = 0; i < type.enum_type_count(); ++i) add_enum(*type.enum_type(i), lines);
}

void add_service(const pb::ServiceDescriptor& service, Lines& lines) {
  for (int i = 0; i < service.method_count(); ++i) {
    const auto& method = *service.method(i);
    lines.insert("method " + method.full_name() + " " +
                 (method.client_streaming() ? "stream " : "") + method.input_type()->full_name() +
                 " -> " + (method.server_streaming() ? "stream " : "") +
                 method.output_type()->full_name());
  }
}

void add_file(const pb::FileDescriptor& file, Lines& lines) {
  for (int i = 0; i < file.message_type_count(); ++i) add_message(*file.message_type(i), lines);
  for (int i = 0; i < file.enum_type_count(); ++i) add_enum(*file.enum_type(i), lines);
  for (int i = 0; i < file.service_count(); ++i) add_service(*file.service(i), lines);
}

Lines described() {
  Lines lines;
  for (const pb::FileDescriptor* file :
       {v1::Node::descriptor()->file(), v1::HandshakeRequest::descriptor()->file(),
        v1::WatchRequest::descriptor()->file(), v1::TokenInfo::descriptor()->file(),
        v1::Session::descriptor()->file(), v1::BlobHeader::descriptor()->file(),
        v1::ExecHelloRequest::descriptor()->file(), v1::BarrierRequest::descriptor()->file(),
        v1::SendMessageRequest::descriptor()->file(), v1::CheckLogRequest::descriptor()->file(),
        v1::Revision::descriptor()->file()}) {
    add_file(*file, lines);
  }
  return lines;
}

TEST(Fields, WhatIsRecordedStandsUnchanged) {
  std::ifstream file(PROTO_FIELDS_FILE);
  ASSERT_TRUE(file) << PROTO_FIELDS_FILE << " is missing";
  Lines recorded;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line[0] != '#') recorded.insert(line);
  }
  const Lines lines = described();
  for (const std::string& line : recorded) {
    EXPECT_TRUE(lines.contains(line))
        << "changed or gone, though clients of it may exist: " << line;
  }
  std::ostringstream added;
  for (const std::string& line : lines) {
    if (!recorded.contains(line)) added << line << "\n";
  }
  EXPECT_EQ(added.str(), "") << "new on the wire: append these lines to proto/fields.txt";
}

}  // namespace
}  // namespace outboard::wire
