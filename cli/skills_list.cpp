#include <algorithm>
#include <ostream>

#include "cli/json_output.h"
#include "cli/remote_tree.h"
#include "cli/skills_commands.h"
#include "cli/table.h"
#include "core/limits.h"
#include "core/path.h"
#include "publishing/skill_document.h"

namespace outboard::cli {
namespace {

struct ListedSkill {
  std::string name;
  Node document;  // SKILL.md
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::optional<publishing::SkillHeader> header;
  std::string author;
  Timestamp changed;
};

std::vector<ListedSkill> skills_of(const RemoteTree& tree) {
  std::map<std::string, ListedSkill, std::less<>> skills;
  for (const auto& [path, node] : tree.nodes) {
    if (node.is(Kind::directory)) continue;
    const auto names = components_of(path);
    if (names.size() < 2) continue;
    ListedSkill& skill = skills.try_emplace(std::string(names[0])).first->second;
    skill.name = names[0];
    ++skill.files;
    skill.bytes += node.attributes.size;
    if (names.size() == 2 && names[1] == publishing::kSkillFile && node.is(Kind::file))
      skill.document = node;
  }
  std::vector<ListedSkill> listed;
  for (auto& [name, skill] : skills) {
    if (skill.document.inode) listed.push_back(std::move(skill));
  }
  return listed;
}

Status read_headers(Context& context, Store& store, VolumeId volume,
                    std::vector<ListedSkill>& skills) {
  for (std::size_t first = 0; first < skills.size(); first += kReadManyMax) {
    const std::size_t end = std::min(first + kReadManyMax, skills.size());
    std::vector<ContentKey> keys;
    for (std::size_t i = first; i < end; ++i) {
      keys.push_back({skills[i].document.inode, skills[i].document.version});
    }
    auto contents = store.read_many(context.call(), volume, keys);
    if (!contents) return contents.error();
    for (std::size_t i = first; i < end; ++i) {
      const Result<Content>& content = contents->value[i - first];
      if (content) skills[i].header = publishing::read_skill_header(content->bytes);
    }
  }
  return success();
}

// Who wrote the SKILL.md last, and when.
Status read_authors(Context& context, Store& store, VolumeId volume,
                    std::vector<ListedSkill>& skills) {
  for (ListedSkill& skill : skills) {
    HistoryQuery query;
    query.node = skill.document.inode;
    query.limit = 1;
    auto history = store.history(context.call(), volume, query);
    if (!history) return history.error();
    if (history->value.empty()) continue;  // pruned
    skill.author = history->value.front().origin.principal;
    skill.changed = history->value.front().at;
  }
  return success();
}

void print_as_json(Context& context, const std::vector<ListedSkill>& skills) {
  Json document = Json::array();
  for (const ListedSkill& skill : skills) {
    Json one = {{"name", skill.name},
                {"description", skill.header ? skill.header->description : ""},
                {"version", skill.document.version.value},
                {"files", skill.files},
                {"bytes", skill.bytes},
                {"author", skill.author},
                {"changed", to_string(skill.changed)}};
    if (skill.header && !skill.header->metadata.empty()) one["metadata"] = skill.header->metadata;
    document.push_back(std::move(one));
  }
  print_json(context.screen(), document);
}

// One line: a folded description keeps no newlines.
std::string in_one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

}  // namespace

Status list_skills(Context& context, const std::string& named) {
  auto volume = context.open_volume(named, "skills");
  if (!volume) return volume.error();
  auto store = context.store();
  if (!store) return store.error();
  auto tree = read_tree(context, **store, *volume, {"/"}, 1);
  if (!tree) return tree.error();
  std::vector<ListedSkill> skills = skills_of(*tree);
  if (auto read = read_headers(context, **store, volume->id, skills); !read) return read;
  if (auto read = read_authors(context, **store, volume->id, skills); !read) return read;
  if (context.json()) {
    print_as_json(context, skills);
    return success();
  }
  Table table({{"SKILL", Align::left, Colour::bold},
               {"VERSION", Align::right},
               {"FILES", Align::right},
               {"SIZE", Align::right},
               {"AUTHOR", Align::left, Colour::cyan},
               {"CHANGED"},
               {"DESCRIPTION", Align::left, Colour::dim}});
  for (const ListedSkill& skill : skills) {
    table.add({skill.name, to_string(skill.document.version), std::to_string(skill.files),
               readable_size(skill.bytes), skill.author, readable_time(skill.changed),
               skill.header ? in_one_line(skill.header->description)
                            : "(its SKILL.md cannot be "
                              "read)"});
  }
  table.print(context.screen(), "No skill in " + volume->name +
                                    " yet: `outboard skills push FOLDER` puts one there.");
  return success();
}

}  // namespace outboard::cli
