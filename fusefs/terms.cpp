#include "fusefs/terms.h"

#include "fusefs/handover/packed.h"

namespace outboard::fusefs {

template <class Pack>
void describe(Pack& pack, ViewSpec& spec) {
  pack(spec.path, spec.volume, spec.read_only);
}
template <class Pack>
void describe(Pack& pack, FuseConfig& c) {
  pack(c.server, c.token_file, c.tls.ca_file, c.tls.certificate_file, c.tls.key_file, c.mounts,
       c.uid, c.gid, c.umask, c.stored_owners, c.read_deadline, c.write_deadline, c.tree_nodes_max,
       c.cache_dir, c.cache_bytes, c.control_socket, c.metrics);
}
template <class Pack>
void describe(Pack& pack, TokenFile::Held& held) {
  pack(held.token, held.modified_s, held.modified_ns, held.inode);
}
template <class Pack>
void describe(Pack& pack, Terms& t) {
  pack(t.config, t.token, t.client, t.mounter_format, t.mounter, t.mounts, t.kernel_forgets, t.told,
       t.told_with, t.manager.socket, t.manager.watchdog_us, t.handovers);
}

std::string pack_terms(const Terms& terms) {
  Packer pack;
  pack(terms);
  return std::move(pack).take();
}

Result<Terms> read_terms(std::string_view text) {
  Terms terms;
  Unpacker unpack(text);
  unpack(terms);
  if (unpack.good()) return terms;
  return Error{Code::corrupt, "what the running daemon was told at its start cannot be read"};
}

}  // namespace outboard::fusefs
