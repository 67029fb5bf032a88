-- What may be written to a volume, and when its readers see it (docs/decisions/19-publishing.md).

-- ── A volume's rules ─────────────────────────────────────────────────────────────────────────────
alter table outboard.volumes drop column revision;
alter table outboard.volumes
  add column skill_lint smallint not null default 0,       -- of each SKILL.md: 0 off, 1 warn, 2 refuse
  add column secret_scan smallint not null default 0,      -- of all that is written, as skill_lint
  add column ignored text not null default '',             -- patterns of names without history, one a line
  add column mode smallint not null default 0,             -- 0 direct, 1 reviewed
  add column second_reviewer boolean not null default false,  -- whoever submits a revision may not approve it
  add column published_seq bigint not null default 0,      -- of a reviewed volume: what readers see
  add column published_revision bigint not null default 0, -- its number; 0: none yet
  add column last_revision bigint not null default 0;      -- the newest number given
update outboard.volumes set skill_lint = 2 where name ~ '(^|/)skills$';

alter table outboard.changes
  add column warned boolean not null default false;        -- it breaks a rule that only warns

-- Written under an ignored name: part of no history. Such a version goes when it is replaced; of a removed file,
-- drop_passing() takes the last.
alter table outboard.versions add column passing boolean not null default false;
create index versions_passing on outboard.versions (volume, inode, version) where passing;

-- ── The rules, for plain SQL ─────────────────────────────────────────────────────────────────────
-- A value of a SKILL.md's header, without its quotes; null: the key is not there.
create function outboard.skill_value(head text, key text) returns text language sql immutable as
$$ select btrim(substring(head from '(?n)^' || key || ':[ \t]*(.*?)[ \t\r]*$'), '"''') $$;

-- What is wrong with a SKILL.md, or null. The rule book is publishing/skill_document.cpp, with a parser of YAML; this
-- one reads the lines that people write, and says less. An empty one is only begun.
create function outboard.skill_fault(path text, content text) returns text language plpgsql immutable as $$
declare
  folder text := outboard.base_name(outboard.parent_path(path));
  head text := substring(content from '^---[ \t]*\r?\n(.*?)\n?---[ \t\r]*(?:\n|$)');
  name text := outboard.skill_value(head, 'name');
  description text := outboard.skill_value(head, 'description');
  key text;
begin
  if content = '' then return null; end if;
  if octet_length(content) > 65536 then
    return format('%s has %s bytes, the limit is 65536: move what is long into files beside it', path,
      octet_length(content));
  elsif folder = '' then
    return format('%s is in no folder: a skill is a folder that holds its SKILL.md', path);
  elsif head is null then
    return format('%s has no frontmatter: start it with "---", "name: %s", "description: …", "---"', path, folder);
  elsif name is null or name !~ '^[a-z0-9]+(-[a-z0-9]+)*$' or length(name) > 64 then
    return format('the name "%s" in %s is no skill''s: use 1 to 64 of a-z, 0-9 and single inner "-"', name, path);
  elsif name <> folder then
    return format('the name "%s" in %s is not its folder''s: write "name: %s" or move the folder', name, path, folder);
  elsif coalesce(description, '') = '' or length(description) > 1024 then
    return format('the description in %s is missing or over 1024 characters: say in a sentence when to use the skill',
      path);
  elsif length(coalesce(outboard.skill_value(head, 'compatibility'), '')) > 500 then
    return format('the compatibility in %s is over 500 characters: move the rest into the body', path);
  end if;
  select m[1] into key from regexp_matches(head, '(?n)^([A-Za-z_][\w-]*):', 'g') m
    where m[1] not in ('name', 'description', 'license', 'allowed-tools', 'metadata', 'compatibility') limit 1;
  if found then
    return format('the key "%s" in %s is none of the format''s: put your own below metadata', key, path);
  end if;
  return null;
end $$;

-- What kind of secret a text seems to hold, or null; the shapes are those of publishing/secret_scan.cpp.
create function outboard.secret_kind(content text) returns text language sql immutable as $$
  select kind from (values
    ('a private key', '-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----'),
    ('an AWS access key', '\m(AKIA|ASIA)[A-Z0-9]{16}\M'),
    ('a GitHub token', '\m(gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{59})'),
    ('a GitLab token', '\mglpat-[\w-]{20}'),
    ('a Slack token', '\m(xox[bpars]|xapp)-[\w-]{20}'),
    ('a Google key', '\mAIza[\w-]{35}'),
    ('an Anthropic key', '\msk-ant-[\w-]{32}'),
    ('an OpenAI key', '\msk-(proj-[\w-]{32}|[A-Za-z0-9]{40})'),
    ('a Stripe key', '\m[sr]k_live_[A-Za-z0-9]{20}'),
    ('an npm token', '\mnpm_[A-Za-z0-9]{36}\M'),
    ('an Outboard token', '\mob_[\w-]{40}'),
    ('a signed token (JWT)', '\meyJ[\w-]{13,}\.[\w-]{16,}\.[\w-]{16,}'),
    ('a password or key',
      '(?i)(password|passwd|secret|token|api[_-]?key|access_key|private_key|credential)[\w.-]*["'']?\s*[:=]\s*["'']?'
      '(?=[\w+/-]*\d)(?=[\w+/-]*[a-z])[\w+/-]{20,}')) as shapes(kind, shape)
  where substring(content from shape) !~* '(example|placeholder|your|xxxx|changeme)' limit 1
$$;

-- Called for each file that plain SQL makes, renames or rewrites, as the servers ask their rules within the transaction.
-- Every name is qualified: a `set search_path` would cost each row more than the question. [S22, S32]
create or replace function outboard.check_write(volume bigint, path text, content text) returns void
language plpgsql stable as $$
declare
  lint smallint;
  scan smallint;
  fault text;
  kind text;
begin
  select v.skill_lint, v.secret_scan into lint, scan from outboard.volumes v where v.id = check_write.volume;
  if lint > 0 and path like '%/SKILL.md' then
    fault := outboard.skill_fault(path, content);
    if fault is not null and lint = 2 then
      raise exception '%', fault using errcode = 'check_violation';
    elsif fault is not null then
      raise warning '%', fault;
    end if;
  end if;
  if scan > 0 then
    kind := outboard.secret_kind(content);
    if kind is not null and scan = 2 then
      raise exception '% holds what looks like %: keep it out of shared files and write down where it is kept; in a '
        'made-up one write EXAMPLE', path, kind using errcode = 'check_violation';
    elsif kind is not null then
      raise warning '% holds what looks like %', path, kind;
    end if;
  end if;
end $$;

-- ── Revisions ────────────────────────────────────────────────────────────────────────────────────
-- A revision is the volume's tree as of a seq. Its log reaches back to keep_from(), so the tree can be read.
create table outboard.revisions (
  volume bigint not null references outboard.volumes,
  number bigint not null,                           -- from 1
  name text collate "C" not null default '',        -- '' or unique within the volume
  seq bigint not null,
  state smallint not null,                          -- 0 in review, 1 approved, 2 rejected, 3 published
  kept boolean not null default true,               -- false: its tree may be pruned
  message text not null default '',
  author text not null,
  submitted timestamptz not null default clock_timestamp(),
  reviewer text not null default '',
  reviewed timestamptz,
  remark text not null default '',                  -- the reviewer's
  publisher text not null default '',
  published timestamptz,
  primary key (volume, number)
);
create unique index revisions_by_name on outboard.revisions (volume, name) where name <> '';

-- A token that is pinned to a revision sees that tree of the volume for its life.
create table outboard.token_pins (
  token bigint not null references outboard.tokens on delete cascade,
  volume bigint not null references outboard.volumes,
  revision bigint not null,
  seq bigint not null,
  primary key (token, volume)
);

-- Whoever mints with a pinned token gets pinned ones.
create function outboard.inherit_pins() returns trigger language plpgsql set search_path = outboard, pg_temp as $$
begin
  insert into token_pins (token, volume, revision, seq)
    select new.id, p.volume, p.revision, p.seq from token_pins p where p.token = new.parent;
  return null;
end $$;
create trigger inherit_pins after insert on outboard.tokens
  for each row when (new.parent is not null) execute function outboard.inherit_pins();

-- Down to which seq the volume's log must stay, so that readers' trees, kept revisions and pinned ones can be read; null:
-- no revision asks for anything. Whoever prunes may drop changes with seq <= keep_from, no others.
create function outboard.keep_from(p_volume bigint) returns bigint language sql stable
set search_path = outboard, pg_temp as $$
  select min(seq) from (
    select v.published_seq as seq from volumes v where v.id = p_volume and v.mode = 1
    union all
    select r.seq from revisions r where r.volume = p_volume and r.kept and r.state <> 2
    union all
    select p.seq from token_pins p join tokens t on t.id = p.token
      where p.volume = p_volume and t.revoked is null and t.expires > clock_timestamp()) needed
$$;

-- The newest seq that a revision's tree, or a reader, needs; what was written behind it is nobody's yet. 0: none.
create function outboard.revised_upto(p_volume bigint) returns bigint language sql stable
set search_path = outboard, pg_temp as $$
  select greatest(0, (select v.published_seq from volumes v where v.id = p_volume and v.mode = 1),
    (select max(r.seq) from revisions r where r.volume = p_volume and r.kept and r.state <> 2))
$$;

-- Removes what was written under ignored names to files that are gone since `before` (nanoseconds, so that who has one
-- open can still read it), at most `most` versions; how many went. For the garbage collection, in rounds.
create function outboard.drop_passing(before bigint, most bigint) returns bigint language plpgsql
set search_path = outboard, pg_temp as $$
declare
  went bigint;
begin
  with gone as (
    select x.volume, x.inode, x.version from versions x
      join inodes n on n.volume = x.volume and n.inode = x.inode
    where x.passing and n.links = 0 and n.changed < before and x.seq > revised_upto(x.volume) limit most
    for update of n skip locked),
  dropped as (
    delete from versions x using gone g
    where x.volume = g.volume and x.inode = g.inode and x.version = g.version
    returning x.volume, x.inode, x.version),
  pieces as (
    delete from chunks c using dropped d
    where c.volume = d.volume and c.inode = d.inode and c.from_version <= d.version
      and (c.to_version is null or c.to_version > d.version)
      and not exists (select 1 from versions x where x.volume = c.volume and x.inode = c.inode
        and x.version >= c.from_version and (c.to_version is null or x.version < c.to_version)
        and (x.volume, x.inode, x.version) not in (select o.volume, o.inode, o.version from dropped o)))
  select count(*) into went from dropped;
  return went;
end $$;
