#include "cli/audit_commands.h"

#include <ostream>

#include "cli/json_output.h"
#include "cli/table.h"

namespace outboard::cli {
namespace {

// "57:9f86…", as the command prints it.
struct Seal {
  Seq at;
  std::string digest;
};

Result<Seal> parse_seal(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string number = text.substr(0, colon);
  const bool digits = !number.empty() && number.size() <= 19 &&
                      number.find_first_not_of("0123456789") == std::string::npos;
  if (colon == std::string::npos || !digits || text.size() != colon + 65) {
    return Error{Code::invalid,
                 "\"" + text + "\" is no seal: give one as `outboard audit verify` prints it, " +
                     "a seq, a colon and 64 hexadecimal digits",
                 text};
  }
  return Seal{Seq{std::stoull(number)}, text.substr(colon + 1)};
}

std::string name_of(const VerifyOptions& options) {
  return options.refusals ? "the record of refusals" : options.volume;
}

Error another(const VerifyOptions& options) {
  return Error{Code::corrupt,
               name_of(options) + " has another seal there than " + options.expect +
                   ": it is not the record that this was taken from; compare with a backup before "
                   "anything is changed",
               options.volume};
}

Error broken(const VerifyOptions& options, const SealCheck& found) {
  return Error{Code::corrupt,
               name_of(options) + " is not as it was written from " + to_string(*found.broken_at) +
                   " on: " + found.fault + "; compare with a backup before anything is changed",
               options.volume};
}

// All pages together.
struct Verified {
  Seq first;
  Seq last;
  std::uint64_t seals = 0;
  std::string digest;  // of the seal at `last`
};

Status verify_range(Context& context, Audit& audit, const VerifyOptions& options, Seq upto,
                    Verified& all) {
  for (;;) {
    const SealQuery query{all.last, upto, options.contents};
    auto page = options.refusals ? audit.check_refusals(context.call(), query)
                                 : audit.check_log(context.call(), options.volume, query);
    if (!page) return page.error();
    if (page->broken_at) return broken(options, *page);
    if (page->seals == 0) return success();
    if (all.seals == 0) all.first = page->first;
    all.seals += page->seals;
    all.last = page->last;
    if (page->digest) all.digest = to_string(*page->digest);
    if (!page->more) return success();
  }
}

Result<Verified> verify_all(Context& context, Audit& audit, const VerifyOptions& options) {
  Verified all;
  all.last = Seq{options.after};
  if (!options.expect.empty()) {
    auto seal = parse_seal(options.expect);
    if (!seal) return seal.error();
    if (auto good = verify_range(context, audit, options, seal->at, all); !good)
      return good.error();
    if (all.last != seal->at || all.digest != seal->digest) return another(options);
  }
  if (auto good = verify_range(context, audit, options, Seq{}, all); !good) return good.error();
  return all;
}

}  // namespace

Status verify_audit(Context& context, const VerifyOptions& options) {
  if (options.volume.empty() != options.refusals) {
    return Error{Code::invalid, "name one volume, as in acme/skills, or give --refusals"};
  }
  auto audit = context.server().audit();
  if (!audit) return audit.error();
  auto all = verify_all(context, **audit, options);
  if (!all) return all.error();
  const std::string newest = all->seals == 0 ? "" : to_string(all->last) + ":" + all->digest;
  Screen& screen = context.screen();
  if (context.json()) {
    print_json(screen, {{"first", all->first.value},
                        {"last", all->last.value},
                        {"seals", all->seals},
                        {"newest", newest}});
  } else if (all->seals == 0) {
    screen.out() << "Nothing is sealed behind " << options.after << ".\n";
  } else {
    screen.out() << screen.paint(Colour::green, "as it was written") << ": "
                 << to_string(all->first) << " to " << to_string(all->last) << ", " << all->seals
                 << (all->seals == 1 ? " seal" : " seals")
                 << (options.contents ? ", contents too" : "") << "\nnewest seal "
                 << screen.paint(Colour::bold, newest) << "\n";
  }
  return success();
}

Status list_refused(Context& context, const RefusedOptions& options) {
  auto owner = context.organisation(options.organisation);
  if (!owner) return owner.error();
  auto audit = context.server().audit();
  if (!audit) return audit.error();
  auto found = (*audit)->refusals(context.call(), {*owner, 0, options.limit});
  if (!found) return found.error();
  Json document = Json::array();
  Table table({{"TIME", Align::left, Colour::dim},
               {"WHO", Align::left, Colour::cyan},
               {"WHAT"},
               {"WHY", Align::left, Colour::red},
               {"TIMES", Align::right},
               {"VOLUME"},
               {"PATH", Align::left, Colour::bold}});
  for (const Refusal& one : *found) {
    document.push_back({{"id", one.id},
                        {"volume", one.volume},
                        {"principal", one.principal},
                        {"token", one.token},
                        {"session", one.session ? to_string(one.session) : ""},
                        {"op", one.op},
                        {"path", one.path},
                        {"code", one.code},
                        {"times", one.times},
                        {"first", to_string(one.first)},
                        {"last", to_string(one.last)}});
    table.add({readable_time(one.last), one.principal, one.op, one.code, std::to_string(one.times),
               one.volume, one.path});
  }
  if (context.json()) print_json(context.screen(), document);
  if (!context.json()) table.print(context.screen(), "Nothing was refused.");
  return success();
}

Status list_reads(Context& context, const ReadsOptions& options) {
  auto volume = context.open_volume(options.volume, "skills");
  if (!volume) return volume.error();
  auto audit = context.server().audit();
  if (!audit) return audit.error();
  ReadQuery query{volume->name, "/", options.days, options.limit};
  if (!options.path.empty()) {
    query.below = (options.path.starts_with('/') ? "" : "/") + options.path;
  }
  auto found = (*audit)->reads(context.call(), query);
  if (!found) return found.error();
  Json document = Json::array();
  Table table({{"TIMES", Align::right, Colour::yellow},
               {"LAST", Align::left, Colour::dim},
               {"WHO", Align::left, Colour::cyan},
               {"PATH", Align::left, Colour::bold}});
  for (const ReadCount& one : *found) {
    document.push_back({{"path", one.path},
                        {"principal", one.principal},
                        {"times", one.times},
                        {"last", to_string(one.last)}});
    table.add({std::to_string(one.times), readable_time(one.last), one.principal, one.path});
  }
  if (context.json()) print_json(context.screen(), document);
  if (!context.json()) {
    table.print(context.screen(),
                "Nobody has read here in " + std::to_string(options.days) + " days.");
  }
  return success();
}

}  // namespace outboard::cli
