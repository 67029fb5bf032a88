#include "harness/tools/files.h"

#include "core/path.h"
#include "harness/session/limits.h"
#include "harness/tools/text_edit.h"
#include "harness/tools/tool_input.h"

namespace outboard::harness {
namespace {

constexpr const char* kDescription =
    "View, create and edit text files. Paths are absolute. /skills and /memory are shared with "
    "other sessions and people; everything else is this session's workspace. `view` shows a file "
    "with line numbers, or what is in a directory; `create` makes a new file; `str_replace` "
    "replaces text that occurs exactly once; `insert` adds text behind a line.";

constexpr const char* kSchema = R"({"type": "object", "properties": {
  "command": {"type": "string", "enum": ["view", "create", "str_replace", "insert"]},
  "path": {"type": "string", "description": "Absolute path of the file or directory"},
  "view_range": {"type": "array", "items": {"type": "integer"},
                 "description": "[first, last] line to view; last -1 is the end"},
  "file_text": {"type": "string", "description": "create: the content"},
  "old_str": {"type": "string", "description": "str_replace: the text to replace"},
  "new_str": {"type": "string", "description": "str_replace: what replaces it; default nothing"},
  "insert_line": {"type": "integer", "description": "insert: the line to insert behind; 0: top"},
  "insert_text": {"type": "string", "description": "insert: the text"}},
  "required": ["command", "path"]})";

enum class FileCommand : std::uint8_t { view, create, str_replace, insert };

// Not for the model: somebody else decides what to make of it.
bool not_a_result(const Error& error) {
  return may_pass(error) || error.code == Code::fenced;
}

// An error of store or sandbox as the model is told it; what may pass stays as it is.
Error worded(Error error, const std::string& path) {
  if (not_a_result(error)) return error;
  if (error.code == Code::not_found || error.code == Code::not_directory) {
    error.message = "The path " + path + " does not exist. Please provide a valid path.";
  } else if (error.code == Code::conflict) {
    error.message = "The file " + path +
                    " was changed by somebody else in the meantime; nothing was written. View it "
                    "again and repeat the edit on what is there now.";
  } else if (error.code == Code::is_directory) {
    error.message = "The path " + path +
                    " is a directory and only the `view` command can be used on directories";
  }
  return error;
}

Error exists_already(const std::string& path) {
  return Error{Code::exists, "File already exists at: " + path +
                                 ". Cannot overwrite files using command `create`."};
}

}  // namespace

struct FilesTool::Request {
  FileCommand command = FileCommand::view;
  std::string path;
  std::optional<VolumePath> volume;
  std::optional<std::pair<std::int64_t, std::int64_t>> range;
  std::string text;  // the content, the new text
  std::string old_text;
  std::int64_t line = 0;
};

FilesTool::FilesTool(Store& store, Route route)
    : spec_{"str_replace_based_edit_tool", kDescription, kSchema},
      route_(std::move(route)),
      files_(store) {}

Result<FilesTool::Request> FilesTool::read_request(std::string_view text) const {
  auto input = ToolInput::parse(text);
  if (!input) return std::move(input).error();
  auto command = input->text("command");
  if (!command) return std::move(command).error();
  auto path = input->text("path");
  if (!path) return std::move(path).error();
  auto normal = normal_path(*path);
  if (!normal) return std::move(normal).error();
  Request request;
  request.path = *normal;
  request.volume = route_.find(*normal);

  // Each parameter that must be there, the first missing one in the error.
  std::optional<Error> missing;
  const auto take = [&](const char* name, std::string& into) {
    auto value = input->text(name);
    if (value)
      into = *std::move(value);
    else if (!missing)
      missing = value.error();
  };
  if (*command == "view") {
    request.command = FileCommand::view;
    if (input->has("view_range")) {
      auto range = input->range("view_range");
      if (!range) return std::move(range).error();
      request.range = *range;
    }
  } else if (*command == "create") {
    request.command = FileCommand::create;
    take("file_text", request.text);
  } else if (*command == "str_replace") {
    request.command = FileCommand::str_replace;
    take("old_str", request.old_text);
    if (input->has("new_str")) take("new_str", request.text);
  } else if (*command == "insert") {
    request.command = FileCommand::insert;
    take(input->has("insert_text") ? "insert_text" : "new_str", request.text);
    auto line = input->number("insert_line");
    if (!line) return std::move(line).error();
    request.line = *line;
  } else {
    return Error{Code::invalid, "Unrecognized command " + *command +
                                    ". The allowed commands for the " + spec_.name +
                                    " tool are: view, create, str_replace, insert"};
  }
  if (missing) return *std::move(missing);
  return request;
}

Result<Placed> FilesTool::place(std::string_view input) const {
  auto request = read_request(input);
  if (!request) return std::move(request).error();
  const Effect effect = request->command == FileCommand::view ? Effect::read : Effect::write;
  if (effect == Effect::write && request->volume && !request->volume->writable) {
    return Error{Code::read_only, "The path " + request->path +
                                      " is read-only in this session. Write to the workspace or "
                                      "to /memory instead."};
  }
  return Placed{effect, !request->volume};
}

Result<FileImage> FilesTool::image(const CallSite& site, const Request& request) {
  if (request.volume) {
    auto image = files_.read(*request.volume, site.deadline);
    if (!image) return worded(std::move(image).error(), request.path);
    return image;
  }
  auto content = site.exec->read_file(request.path, 0, kToolFileBytesMax, site.deadline);
  if (!content) return worded(std::move(content).error(), request.path);
  if (content->total_size > kToolFileBytesMax) {
    return Error{Code::too_big, "The file " + request.path + " has " +
                                    std::to_string(content->total_size) +
                                    " bytes; this tool takes up to " +
                                    std::to_string(kToolFileBytesMax) + ". Use bash for it."};
  }
  return FileImage{std::move(content->bytes), content->digest, {}, {}, {}};
}

Result<Plan> FilesTool::plan(const CallSite& site) {
  auto request = read_request(site.input);
  if (!request) return std::move(request).error();
  if (request->command == FileCommand::view) return Plan{};
  Plan plan;
  auto now = image(site, *request);
  if (request->command == FileCommand::create) {
    if (now || now.error().code == Code::is_directory) return exists_already(request->path);
    if (now.error().code != Code::not_found) return std::move(now).error();
    plan.content = request->text;
    plan.done = "File created successfully at: " + request->path;
  } else {
    if (!now) return std::move(now).error();
    auto edited = request->command == FileCommand::insert
                      ? insert_after(request->path, now->bytes, request->line, request->text)
                      : replace_once(request->path, now->bytes, request->old_text, request->text);
    if (!edited) return std::move(edited).error();
    plan.before = now->digest;
    plan.inode = now->inode;
    plan.version = now->version;
    plan.content = std::move(edited->content);
    plan.same = common_front(now->bytes, plan.content);
    plan.done = head_and_tail(edited->done, kResultCharsMax);
  }
  if (plan.content.size() > kToolFileBytesMax) {
    return Error{Code::too_big, "The file " + request->path + " would have " +
                                    std::to_string(plan.content.size()) +
                                    " bytes; this tool makes files of up to " +
                                    std::to_string(kToolFileBytesMax) + ". Use bash for it."};
  }
  plan.after = sha256(plan.content);
  return plan;
}

Result<Seq> FilesTool::write_volume(const CallSite& site, const Request& request,
                                    const Plan& plan) {
  if (!plan.before) return files_.create(*request.volume, plan.content, site.deadline);
  return files_.replace(*request.volume, plan.inode, plan.version, plan.same, plan.content,
                        site.deadline);
}

Result<ToolResult> FilesTool::act(const CallSite& site, const Plan& plan, const OutputSink&) {
  auto request = read_request(site.input);
  if (!request) return std::move(request).error();
  if (request->command == FileCommand::view) return view(site, *request);
  ToolResult result{false, plan.done, std::nullopt, {}};
  if (request->volume) {
    auto seq = write_volume(site, *request, plan);
    if (!seq) {
      if (!plan.before && seq.error().code == Code::conflict) return exists_already(request->path);
      return worded(std::move(seq).error(), request->path);
    }
    result.seen[request->volume->volume] = seq->value;
    return result;
  }
  FileWrite write{site.op, site.epoch, request->path, plan.content, plan.before, 0, site.author};
  if (!plan.before) write.expected = Sha256{};
  auto written = site.exec->write_file(write, site.deadline);
  if (!written) return worded(std::move(written).error(), request->path);
  return result;
}

Result<ToolResult> FilesTool::view(const CallSite& site, const Request& request) {
  auto now = image(site, request);
  if (!now && now.error().code == Code::is_directory) return view_directory(site, request);
  if (!now) return std::move(now).error();
  auto text = numbered_view(request.path, now->bytes, request.range);
  if (!text) return std::move(text).error();
  ToolResult result{false, head_and_tail(*text, kResultCharsMax), std::nullopt, {}};
  if (request.volume) result.seen[request.volume->volume] = now->seq.value;
  return result;
}

Result<ToolResult> FilesTool::view_directory(const CallSite& site, const Request& request) {
  if (!request.volume) {
    return Error{Code::is_directory, "The path " + request.path +
                                         " is a directory of the workspace. Use bash to list it."};
  }
  std::string names = request.path + "\n";
  auto top = files_.list(*request.volume, site.deadline);
  if (!top) return worded(std::move(top).error(), request.path);
  for (const Entry& entry : top->value.entries) {
    const std::string& name = entry.dentry.name;
    if (name.starts_with('.')) continue;
    names += join(request.path, name) + "\n";
    if (!entry.node.is(Kind::directory) || names.size() > kResultCharsMax) continue;
    const VolumePath below{request.volume->volume, join(request.volume->path, name), false};
    auto inner = files_.list(below, site.deadline);
    if (!inner) continue;  // gone in between
    for (const Entry& deep : inner->value.entries) {
      if (deep.dentry.name.starts_with('.')) continue;
      names += join(join(request.path, name), deep.dentry.name) + "\n";
    }
  }
  const std::string text = "Here're the files and directories up to 2 levels deep in " +
                           request.path + ", excluding hidden items:\n" + names;
  return ToolResult{false,
                    head_and_tail(text, kResultCharsMax),
                    std::nullopt,
                    {{request.volume->volume, top->seq.value}}};
}

Result<Sighting> FilesTool::look(const CallSite& site, const CallDispatched&) {
  Sighting sighting;  // nobody keeps record of file calls: the file itself is the witness
  auto request = read_request(site.input);
  if (!request || request->command == FileCommand::view) return sighting;
  if (!request->volume && site.exec == nullptr) return sighting;
  auto now = image(site, *request);
  if (now) {
    sighting.found = Found{now->digest};
    if (request->volume) sighting.seen[request->volume->volume] = now->seq.value;
  } else if (now.error().code == Code::not_found) {
    sighting.found = Found{};
  } else if (not_a_result(now.error())) {
    return std::move(now).error();
  }
  return sighting;
}

Result<ToolResult> FilesTool::resume(const CallSite&, std::uint64_t, std::string,
                                     const OutputSink&) {
  return Error{Code::unsupported, "a file call does not run on; it is looked at and done again"};
}

}  // namespace outboard::harness
