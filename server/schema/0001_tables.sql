-- What a server keeps. The words are those of docs/glossary.md; times of nodes are nanoseconds since 1970.
create schema if not exists outboard;

-- ── Who ──────────────────────────────────────────────────────────────────────────────────────────
create table outboard.organisations (
  id bigint generated always as identity primary key,
  name text collate "C" not null unique,
  created timestamptz not null default clock_timestamp()
);

create table outboard.principals (
  id bigint generated always as identity primary key,
  organisation bigint not null references outboard.organisations,
  name text collate "C" not null,
  kind smallint not null default 0,                 -- 0 user, 1 service
  created timestamptz not null default clock_timestamp(),
  unique (organisation, name)
);

-- The journal owns sessions; here stands only what fences their writers.
create table outboard.sessions (
  id uuid primary key,
  organisation bigint not null references outboard.organisations,
  epoch bigint not null default 0,
  generation bigint not null default 0
);

create table outboard.tokens (
  id bigint generated always as identity primary key,
  digest bytea not null unique,                     -- SHA-256 of the secret; the secret is nowhere
  organisation bigint references outboard.organisations,  -- null: the site's administrator
  principal text collate "C" not null,
  parent bigint references outboard.tokens,
  admin boolean not null default false,
  session uuid,
  turn bigint not null default 0,
  op uuid,
  epoch bigint not null default 0,
  generation bigint not null default 0,
  created timestamptz not null default clock_timestamp(),
  expires timestamptz not null,
  revoked timestamptz
);
create index tokens_of_organisation on outboard.tokens (organisation);
create index tokens_of_parent on outboard.tokens (parent) where parent is not null;

-- ── Volumes ──────────────────────────────────────────────────────────────────────────────────────
-- One hot row a volume: its lock orders the volume's commits, so it is small and has room to change.
create table outboard.volumes (
  id bigint generated always as identity primary key,
  organisation bigint not null references outboard.organisations,
  name text collate "C" not null,                   -- without the organisation: 'skills', '~ada/memory'
  head_seq bigint not null default 0,
  pruned_seq bigint not null default 0,             -- changes up to here are no longer kept
  used_bytes bigint not null default 0,
  used_nodes bigint not null default 0,
  quota_bytes bigint not null default 0,            -- 0: none
  quota_nodes bigint not null default 0,
  policy smallint not null default 0,               -- 0 last-writer, 1 merge, 2 refuse
  strict boolean not null default false,
  retention_versions bigint,                        -- null: all
  retention_seconds bigint,
  retention_bytes bigint,
  revision text,                                    -- the published revision; null: the head
  created timestamptz not null default clock_timestamp(),
  unique (organisation, name)
) with (fillfactor = 25);

create table outboard.token_grants (
  token bigint not null references outboard.tokens on delete cascade,
  volume bigint references outboard.volumes,        -- null: every volume of the organisation
  prefix text collate "C" not null default '/',
  writable boolean not null default false
);
create index token_grants_of_token on outboard.token_grants (token);

-- ── Trees ────────────────────────────────────────────────────────────────────────────────────────
-- Numbers come in blocks: nextval() = n gives [n, n + 256). 1 is the root of every volume.
create sequence outboard.inode_numbers start 256 increment 256;

-- Removed nodes keep their row with links = 0: their history stays reachable.
create table outboard.inodes (
  volume bigint not null,
  inode bigint not null,
  kind smallint not null,                           -- 0 file, 1 directory, 2 symlink, 3 fifo, 4 socket, 5 char, 6 block
  mode integer not null,
  uid bigint not null,
  gid bigint not null,
  size bigint not null,
  links bigint not null,
  device bigint not null default 0,
  accessed bigint not null,
  modified bigint not null,
  changed bigint not null,
  version bigint not null,                          -- of the content now; 0 for all but files
  chunked boolean not null default false,
  digest bytea,                                     -- of the content now; null: not computed
  target bytea,                                     -- of a symlink
  xattrs bytea,                                     -- name and value pairs, each behind its length
  xattr_bytes integer not null default 0,
  primary key (volume, inode)
) with (fillfactor = 75);

-- Names. Bytes that are no UTF-8 stand as U+10FF00 + byte. `path` is kept true by every writer, so that one index probe finds a file. Its index holds the first 600
-- characters, which fit a B-tree entry even at four bytes each; (volume, parent, name) makes paths unique.
create table outboard.dentries (
  volume bigint not null,
  parent bigint not null,                           -- 0 and an empty name: the root's own row
  name text collate "C" not null,
  inode bigint not null,
  path text collate "C" not null,
  primary key (volume, parent, name)
) with (fillfactor = 80);
create index dentries_by_path on outboard.dentries (volume, left(path, 600));
-- For SQL that says `path = '…'`; a hash index takes any length.
create index dentries_by_whole_path on outboard.dentries using hash (path);
create index dentries_of_inode on outboard.dentries (volume, inode);

-- ── Contents ─────────────────────────────────────────────────────────────────────────────────────
-- A version's bytes never change. seq is null only while a plain SQL transaction has not committed.
create table outboard.versions (
  volume bigint not null,
  inode bigint not null,
  version bigint not null,
  seq bigint,
  size bigint not null,
  digest bytea,
  chunked boolean not null default false,
  is_text boolean not null default false,           -- inline, valid UTF-8 and without NUL
  conflict boolean not null default false,
  redacted boolean not null default false,
  principal text not null default '',
  session uuid,
  turn bigint not null default 0,
  op uuid,
  epoch bigint not null default 0,
  generation bigint not null default 0,
  client uuid,
  number bigint not null default 0,
  at bigint not null,
  data bytea,                                       -- of an inline version
  primary key (volume, inode, version)
);
alter table outboard.versions alter data set storage external;

-- Pieces of larger contents: a piece belongs to the versions [from_version, to_version). Chunk k holds the bytes from
-- k * 65536 on, `piece` is the offset within it; what no piece covers reads as zeros.
create table outboard.chunks (
  volume bigint not null,
  inode bigint not null,
  chunk bigint not null,
  piece integer not null,
  from_version bigint not null,
  to_version bigint,                                -- null: still in force
  data bytea not null,
  primary key (volume, inode, chunk, piece, from_version)
) with (fillfactor = 90);
alter table outboard.chunks alter data set storage external;

-- ── The log ──────────────────────────────────────────────────────────────────────────────────────
create table outboard.changes (
  volume bigint not null,
  seq bigint not null,
  kind smallint not null,                           -- 0 create, 1 link, 2 unlink, 3 rename, 4 write, 5 append, 6 attributes, 7 xattrs
  inode bigint not null,
  node_kind smallint not null,                      -- from here to xattr_bytes: the node after the change
  mode integer not null,
  uid bigint not null,
  gid bigint not null,
  size bigint not null,
  links bigint not null,
  device bigint not null default 0,
  accessed bigint not null,
  modified bigint not null,
  changed bigint not null,
  version bigint not null,
  digest bytea,
  target bytea,
  xattr_bytes integer not null default 0,
  before_parent bigint,
  before_name text collate "C",
  after_parent bigint,
  after_name text collate "C",
  other_inode bigint,
  other_links bigint,
  other_exchanged boolean,
  path text collate "C" not null,
  conflict boolean not null default false,
  redacted boolean not null default false,
  principal text not null default '',
  session uuid,
  turn bigint not null default 0,
  op uuid,
  epoch bigint not null default 0,
  generation bigint not null default 0,
  client uuid,
  number bigint not null default 0,
  at bigint not null,
  primary key (volume, seq)
);
create index changes_of_inode on outboard.changes (volume, inode, seq);

-- Up to which number a client will not ask again: such a number is refused, its answer is gone.
create table outboard.clients (
  client uuid primary key,
  forgotten bigint not null
) with (fillfactor = 50);

-- Answers given, so that a repeated request happens once. Gone when the client has acknowledged them.
create table outboard.requests (
  client uuid not null,
  number bigint not null,
  principal text not null,
  volume bigint not null,
  first_seq bigint not null,
  last_seq bigint not null,
  outcomes bytea not null,
  primary key (client, number)
);
