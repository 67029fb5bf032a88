#include "cli/token_commands.h"

#include <istream>
#include <optional>
#include <ostream>

#include "cli/amounts.h"
#include "cli/json_output.h"
#include "cli/local_files.h"
#include "cli/secret_input.h"
#include "cli/table.h"

namespace outboard::cli {
namespace {

constexpr std::uint64_t kIdTokenFileBytesMax = 65'536;

Result<std::chrono::seconds> life_of(const std::string& text) {
  if (text.empty()) return kTokenLifeDefault;
  auto life = parse_duration(text);
  if (!life) return life;
  if (*life > std::chrono::seconds(0) && *life <= kTokenLifeMax) return life;
  return Error{Code::invalid,
               "a token's life of " + text + " is out of range: 1s to " +
                   std::to_string(kTokenLifeMax.count() / 86'400) + "d",
               text};
}

Result<TokenRequest> request_from(const MintOptions& options) {
  auto user = parse_user(options.user);
  if (!user) return user.error();
  TokenRequest request;
  request.organisation = user->first;
  request.principal = user->second;
  request.admin = options.admin;
  for (const std::string& text : options.grants) {
    auto grant = parse_grant(text);
    if (!grant) return grant.error();
    request.grants.push_back(*grant);
  }
  request.bound = request.grants.empty() && !request.admin;
  auto life = life_of(options.life);
  if (!life) return life.error();
  request.life = *life;
  return request;
}

std::string grants_text(const TokenInfo& token) {
  std::string text = token.admin ? "admin" : "";
  if (token.bound) text += text.empty() ? "bound" : " bound";
  for (const GrantByName& grant : token.grants) {
    if (!text.empty()) text += " ";
    text += to_text(grant);
  }
  return text;
}

std::string_view state_of(const TokenInfo& token, Timestamp now) {
  if (token.revoked) return "revoked";
  return token.expires <= now ? "expired" : "valid";
}

}  // namespace

namespace {

// Where a secret goes: a file that is opened first, for a secret that cannot be kept is not minted;
// or standard output.
Result<std::optional<SecretFile>> open_secret(const std::string& to_file) {
  std::optional<SecretFile> file;
  if (to_file.empty()) return file;
  auto opened = SecretFile::create(to_file);
  if (!opened) return opened.error();
  file.emplace(std::move(*opened));
  return file;
}

Status tell_minted(Context& context, const MintedToken& minted, std::optional<SecretFile> file,
                   const std::string& to_file) {
  Screen& screen = context.screen();
  const TokenInfo& info = minted.info;
  if (file) {
    if (auto kept = file->keep(minted.secret + "\n"); !kept) return kept.error();
  }
  if (context.json()) {
    Json document = {
        {"id", info.id}, {"principal", info.principal}, {"expires", to_string(info.expires)}};
    if (!file) document["secret"] = minted.secret;
    print_json(screen, document);
    return success();
  }
  if (!file) screen.out() << minted.secret << "\n";
  screen.err() << "token " << info.id << " of "
               << printable(info.organisation + "/" + info.principal) << ": "
               << printable(grants_text(info)) << ", until " << readable_time(info.expires)
               << " UTC" << (file ? ", in " + printable(to_file) : "; shown only once") << "\n";
  return success();
}

}  // namespace

Status mint_token(Context& context, const MintOptions& options) {
  auto request = request_from(options);
  if (!request) return request.error();
  auto file = open_secret(options.to_file);
  if (!file) return file.error();
  auto admin = context.admin();
  if (!admin) return admin.error();
  auto minted = (*admin)->mint_token(context.call(), *request);
  if (!minted) return minted.error();
  return tell_minted(context, *minted, std::move(*file), options.to_file);
}

Status log_in(Context& context, const std::string& id_token_file, const std::string& to_file) {
  const auto id_token = read_secret(context.in(), id_token_file, kIdTokenFileBytesMax, "ID token");
  if (!id_token) return id_token.error();
  auto file = open_secret(to_file);
  if (!file) return file.error();
  auto minted = context.server().sign_in(context.call(), *id_token);
  if (!minted && minted.error().code == Code::unsupported) {
    return Error{Code::unsupported,
                 "nobody can sign in at this server: it was started without --oidc-issuer", ""};
  }
  if (!minted) return minted.error();
  return tell_minted(context, *minted, std::move(*file), to_file);
}

Status renew_token(Context& context, std::uint64_t id, const std::string& life) {
  auto time = life_of(life);
  if (!time) return time.error();
  auto admin = context.admin();
  if (!admin) return admin.error();
  auto renewed = (*admin)->renew_token(context.call(), id, *time);
  if (!renewed) return renewed.error();
  Screen& screen = context.screen();
  screen.out() << screen.paint(Colour::green, "renewed token") << " " << renewed->id << ", until "
               << readable_time(renewed->expires) << " UTC\n";
  return success();
}

Status list_tokens(Context& context, const std::string& organisation, bool all) {
  auto owner = context.organisation(organisation);
  if (!owner) return owner.error();
  auto admin = context.admin();
  if (!admin) return admin.error();
  auto tokens = (*admin)->tokens(context.call(), *owner);
  if (!tokens) return tokens.error();
  const Timestamp now = context.clock().wall();
  Json document = Json::array();
  Table table(
      {{"ID", Align::right, Colour::bold}, {"USER"}, {"STATE"}, {"CREATED"}, {"EXPIRES"}, {"MAY"}});
  for (const TokenInfo& one : *tokens) {
    const std::string_view state = state_of(one, now);
    if (!all && state != "valid") continue;
    Json grants = Json::array();
    for (const GrantByName& grant : one.grants) grants.push_back(to_text(grant));
    document.push_back({{"id", one.id},
                        {"organisation", one.organisation},
                        {"principal", one.principal},
                        {"state", state},
                        {"admin", one.admin},
                        {"bound", one.bound},
                        {"grants", grants},
                        {"created", to_string(one.created)},
                        {"expires", to_string(one.expires)}});
    table.add({std::to_string(one.id), one.principal, std::string(state),
               readable_time(one.created), readable_time(one.expires), grants_text(one)});
  }
  if (context.json()) print_json(context.screen(), document);
  if (!context.json()) {
    table.print(context.screen(),
                "No valid token: `outboard token mint` makes one, --all shows "
                "revoked and expired ones.");
  }
  return success();
}

Status revoke_token(Context& context, std::uint64_t id) {
  auto admin = context.admin();
  if (!admin) return admin.error();
  if (auto revoked = (*admin)->revoke_token(context.call(), id); !revoked) return revoked.error();
  Screen& screen = context.screen();
  screen.out() << screen.paint(Colour::green, "revoked token") << " " << id
               << ", and those minted with it\n";
  return success();
}

}  // namespace outboard::cli
