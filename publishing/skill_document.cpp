#include "publishing/skill_document.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

namespace outboard::publishing {
namespace {

struct Parts {
  std::string header;         // YAML between the two lines of dashes
  std::size_t body_line = 0;  // 0: there is no second line of dashes
  bool body_empty = true;
};

// As a message can show it: short, and without anything that moves a cursor.
std::string printable(std::string_view text) {
  constexpr std::size_t kShown = 80;
  std::string shown(text.substr(0, kShown));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return text.size() > kShown ? shown + "…" : shown;
}

// Characters of UTF-8: the bytes that continue none.
std::size_t characters_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}

std::optional<Parts> split(std::string_view document) {
  if (document.starts_with("\xEF\xBB\xBF")) document.remove_prefix(3);  // a byte order mark
  if (take_line(document) != "---") return std::nullopt;
  Parts parts;
  for (std::size_t line = 2; !document.empty(); ++line) {
    const std::string_view text = take_line(document);
    if (text == "---") {
      parts.body_line = line + 1;
      parts.body_empty = document.find_first_not_of(" \t\r\n") == std::string_view::npos;
      break;
    }
    parts.header += std::string(text) + "\n";
  }
  return parts;
}

bool is_name(std::string_view name) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (name.empty() || !good(name.front()) || !good(name.back())) return false;
  if (name.find("--") != std::string_view::npos) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) { return good(c) || c == '-'; });
}

// The file's line of a node of the header, which starts at the file's second line.
std::size_t line_of(const YAML::Node& node) {
  return static_cast<std::size_t>(std::max(node.Mark().line, 0)) + 2;
}

class Linter {
 public:
  explicit Linter(std::string_view folder) : folder_(folder) {}

  void check(const YAML::Node& header) {
    static const std::set<std::string> kKeys = {"name",     "description",   "license",
                                                "metadata", "allowed-tools", "compatibility"};
    std::set<std::string> seen;
    for (const auto& pair : header) {
      const std::string key = pair.first.Scalar();
      const std::size_t line = line_of(pair.first);
      if (!seen.insert(key).second)
        find(line, "the key \"" + key + "\" stands there twice: " + "keep one");
      if (!kKeys.contains(key)) {
        find(line, "unknown key \"" + printable(key) + "\": the format has name, description, " +
                       "license, compatibility, metadata and allowed-tools; put your own below " +
                       "metadata");
      }
    }
    check_name(header["name"]);
    check_description(header["description"]);
    check_text(header["license"], "license", 0);
    check_text(header["compatibility"], "compatibility", kSkillCompatibilityMax);
    check_metadata(header["metadata"]);
    check_tools(header["allowed-tools"]);
  }

  void find(std::size_t line, std::string message) {
    result.findings.push_back({line, std::move(message)});
  }

  LintedSkill result;

 private:
  void check_name(const YAML::Node& node) {
    if (!node) return find(1, "there is no name: add \"name: " + std::string(folder_) + "\"");
    if (!node.IsScalar()) return find(line_of(node), "name is no text");
    const std::string& name = result.header.name = node.Scalar();
    const std::string shown = "the name \"" + printable(name) + "\"";
    if (name.size() > kSkillNameMax) {
      find(line_of(node), shown + " has " + std::to_string(name.size()) + " characters: at most " +
                              std::to_string(kSkillNameMax));
    } else if (!is_name(name)) {
      find(line_of(node),
           shown + " breaks the rule: lowercase letters, digits and single hyphens between them");
    }
    if (name != folder_) {
      find(line_of(node),
           shown + " is not its folder's, \"" + printable(folder_) + "\": rename one of them");
    }
  }

  void check_description(const YAML::Node& node) {
    if (!node) {
      return find(1, "there is no description: say what the skill does and when to use it");
    }
    check_text(node, "description", kSkillDescriptionMax);
    if (!node.IsScalar()) return;
    result.header.description = node.Scalar();
    if (node.Scalar().find_first_not_of(" \t\r\n") == std::string::npos) {
      find(line_of(node), "the description is empty: say what the skill does and when to use it");
    }
  }

  void check_text(const YAML::Node& node, const std::string& key, std::size_t characters_max) {
    if (!node) return;
    if (!node.IsScalar()) return find(line_of(node), key + " is no text: quote it");
    const std::size_t characters = characters_of(node.Scalar());
    if (characters_max != 0 && characters > characters_max) {
      find(line_of(node), "the " + key + " has " + std::to_string(characters) +
                              " characters: at most " + std::to_string(characters_max) +
                              "; move the rest into the body");
    }
  }

  void check_metadata(const YAML::Node& node) {
    if (!node) return;
    if (!node.IsMap()) return find(line_of(node), "metadata is no map: write \"key: value\" lines");
    for (const auto& pair : node) {
      if (pair.first.IsScalar() && pair.second.IsScalar()) {
        result.header.metadata[pair.first.Scalar()] = pair.second.Scalar();
      } else {
        find(line_of(pair.first), "metadata holds more than text: values are plain strings");
      }
    }
  }

  void check_tools(const YAML::Node& node) {
    if (!node || node.IsScalar()) return;
    const bool texts = node.IsSequence() && std::all_of(node.begin(), node.end(),
                                                        [](auto& tool) { return tool.IsScalar(); });
    if (!texts) {
      find(line_of(node), "allowed-tools is neither text nor a list of texts: write \"Bash Read\"");
    }
  }

  std::string_view folder_;
};

}  // namespace

LintedSkill lint_skill(std::string_view folder, std::string_view document) {
  Linter linter(folder);
  const auto parts = split(document);
  if (!parts) {
    linter.find(1,
                "there is no header: begin with a line \"---\", then name and description, "
                "then \"---\"");
    return linter.result;
  }
  if (parts->body_line == 0) {
    linter.find(1, "the header has no end: close it with a line \"---\"");
    return linter.result;
  }
  try {
    const YAML::Node header = YAML::Load(parts->header);
    if (header.IsMap()) {
      linter.check(header);
    } else {
      linter.find(2, "the header is no map: write \"key: value\" lines");
    }
  } catch (const YAML::Exception& failed) {
    linter.find(
        static_cast<std::size_t>(std::max(failed.mark.line, 0)) + 2,
        "the header is no YAML: " + printable(failed.msg) + "; quote values that contain a colon");
  }
  if (parts->body_empty) {
    linter.find(parts->body_line, "there are no instructions behind the header: write them");
  }
  return linter.result;
}

std::optional<SkillHeader> read_skill_header(std::string_view document) {
  const auto parts = split(document);
  if (!parts) return std::nullopt;
  try {
    const YAML::Node header = YAML::Load(parts->header);
    if (!header.IsMap()) return std::nullopt;
    Linter linter("");
    linter.check(header);
    return linter.result.header;
  } catch (const YAML::Exception&) {
    return std::nullopt;
  }
}

}  // namespace outboard::publishing
