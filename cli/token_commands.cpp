#include "cli/token_commands.h"

#include <ostream>

#include "cli/amounts.h"
#include "cli/json_output.h"
#include "cli/local_files.h"
#include "cli/table.h"

namespace outboard::cli {
namespace {

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
  if (request.grants.empty() && !request.admin) {
    return Error{Code::invalid,
                 "a token that may do nothing is of no use: give --grant VOLUME:ro|rw, as often "
                 "as needed, or --admin",
                 ""};
  }
  if (!options.life.empty()) {
    auto life = parse_duration(options.life);
    if (!life) return life.error();
    if (*life <= std::chrono::seconds(0) || *life > kTokenLifeMax) {
      return Error{Code::invalid,
                   "a token's life of " + options.life + " is out of range: 1s to " +
                       std::to_string(kTokenLifeMax.count() / 86'400) + "d",
                   options.life};
    }
    request.life = *life;
  }
  return request;
}

std::string grants_text(const TokenInfo& token) {
  std::string text = token.admin ? "admin" : "";
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

Status mint_token(Context& context, const MintOptions& options) {
  auto request = request_from(options);
  if (!request) return request.error();
  std::optional<SecretFile> file;  // opened first: a secret that cannot be kept is not minted
  if (!options.to_file.empty()) {
    auto opened = SecretFile::create(options.to_file);
    if (!opened) return opened.error();
    file.emplace(std::move(*opened));
  }
  auto admin = context.admin();
  if (!admin) return admin.error();
  auto minted = (*admin)->mint_token(context.call(), *request);
  if (!minted) return minted.error();
  Screen& screen = context.screen();
  const TokenInfo& info = minted->info;
  if (file) {
    if (auto kept = file->keep(minted->secret + "\n"); !kept) return kept.error();
  }
  if (context.json()) {
    Json document = {
        {"id", info.id}, {"principal", info.principal}, {"expires", to_string(info.expires)}};
    if (!file) document["secret"] = minted->secret;
    print_json(screen, document);
    return success();
  }
  if (!file) screen.out() << minted->secret << "\n";
  screen.err() << "token " << info.id << " of " << printable(options.user) << ": "
               << printable(grants_text(info)) << ", until " << readable_time(info.expires)
               << " UTC" << (file ? ", in " + printable(options.to_file) : "; shown only once")
               << "\n";
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
