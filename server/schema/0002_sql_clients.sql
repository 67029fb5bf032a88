-- Plain SQL as a client: views of files that psql, COPY and any grid editor can read and write. [D15, D21]
--
-- The way of a statement, and the order of this file:
--   noted      each row that it wants changed is only written down: no lock, no rule, no lookup (note_row);
--   applied    at its end the noted rows are one set: whose volumes, which rules, locks in one order, then names and nodes
--              (apply_noted). What follows in the transaction sees them; a broken rule ends the statement whole;
--   staged     its changes wait in staged_changes, and its content where it was noted;
--   committed  a deferred trigger writes the versions and the log at COMMIT, under the volume's row lock (commit_staged).
--              So an open transaction holds up writers of its own rows only, and SQL and the servers share one order.
--
-- A plan for one row is no plan for ten thousand. A large statement has its plans made for the rows that it brings, a small
-- one takes those that were made before (plan_for); and no join leans on what the planner believes of the tables on the
-- way: it takes them to be empty.

-- ── Words ────────────────────────────────────────────────────────────────────────────────────────
-- What a volume is for, by the end of its name: which view shows its files. Null: neither.
alter table outboard.volumes
  add column holds text generated always as (substring(name from '(?:^|/)(skills|memory)$')) stored;

create function outboard.nanoseconds(at timestamptz default clock_timestamp()) returns bigint language sql stable as
$$ select (extract(epoch from at) * 1000000)::bigint * 1000 $$;

-- The role whose rights count: the one that logged in, or that it has SET. A function of somebody else's lends nothing.
create function outboard.sql_role() returns name language sql stable as
$$ select case when current_setting('role') = 'none' then session_user else current_setting('role')::name end $$;

-- Who did it: the one that logged in.
create function outboard.sql_author() returns text language sql stable as
$$ select 'sql:' || session_user $$;

create function outboard.base_name(path text) returns text language sql immutable as
$$ select substring(path from '[^/]*$') $$;

create function outboard.parent_path(path text) returns text language sql immutable as
$$ select left(path, greatest(length(path) - length(substring(path from '[^/]*$')) - 1, 1)) $$;

-- Plans for as many rows as are there, until the function that called ends.
create function outboard.plan_for(many bigint) returns void language sql as
$$ select set_config('plan_cache_mode', case when many > 64 then 'force_custom_plan' else 'force_generic_plan' end,
                     true) $$;

-- ── Rules ────────────────────────────────────────────────────────────────────────────────────────
-- The organisations whose volumes the role may see, or also change. Here: all, for the owner alone comes so far;
-- 0007_sql_roles.sql opens it to others.
create function outboard.organisations_of_role(writing boolean) returns bigint[] language sql stable as
$$ select array(select id from outboard.organisations) $$;

-- The rules of core/path.h, for names that plain SQL makes. The views' index ends at 2,600 bytes of a path, and a
-- character of U+10FF80 … U+10FFFF stands for a byte of a name that is no UTF-8 [D15]: such names are others' to make.
create function outboard.check_path(path text) returns void language plpgsql immutable as $$
declare
  part text;
begin
  if octet_length(path) < 256 and path ~ '^(/[^/]+)+$' and path !~ '/(\.|\.\.|\.history)(/|$)' then
    return;  -- as nearly all are
  end if;
  if path is null or path !~ '^/.' then
    raise exception 'the path "%" is not one of a file: paths start with "/", as in /notes/today.md', path
      using errcode = 'invalid_parameter_value';
  end if;
  if octet_length(path) > 2600 then
    raise exception 'a path has % bytes, the limit for plain SQL is 2600: shorten it', octet_length(path)
      using errcode = 'invalid_parameter_value';
  end if;
  foreach part in array string_to_array(substr(path, 2), '/') loop
    if part = '' then
      raise exception 'the path "%" has an empty name in it: write one "/" between names and none at the end', path
        using errcode = 'invalid_parameter_value';
    elsif part in ('.', '..') then
      raise exception 'the path "%" has "%" in it: paths here are absolute', path, part
        using errcode = 'invalid_parameter_value';
    elsif part = '.history' then
      raise exception 'the name ".history" in "%" is reserved: versions of files appear under it; choose another', path
        using errcode = 'reserved_name';
    elsif octet_length(regexp_replace(part, '[\U0010FF80-\U0010FFFF]', 'x', 'g')) > 255 then
      raise exception 'a name in the path has % bytes, the limit is 255: shorten it', octet_length(part)
        using errcode = 'invalid_parameter_value', detail = path;
    end if;
  end loop;
end $$;

-- SKILL.md: frontmatter with a name that is its folder's and a description.
create function outboard.check_skill(path text, content text) returns void language plpgsql immutable as $$
declare
  folder text := outboard.base_name(outboard.parent_path(path));
  head text := substring(content from '^---\r?\n(.*?)\n---\r?(?:\n|$)');
  name text;
  description text;
begin
  if head is null then
    raise exception '% has no frontmatter: start it with "---", "name: %", "description: …", "---"', path, folder
      using errcode = 'check_violation';
  end if;
  name := btrim(substring(head from '(?n)^name:[ \t]*(.*?)[ \t\r]*$'), '"''');
  description := btrim(substring(head from '(?n)^description:[ \t]*(.*?)[ \t\r]*$'), '"''');
  if name is null or name !~ '^[a-z0-9]+(-[a-z0-9]+)*$' or length(name) > 64 then
    raise exception 'the name "%" in % is no skill''s: use 1 to 64 of a-z, 0-9 and single inner "-"', name, path
      using errcode = 'check_violation';
  end if;
  if name <> folder then
    raise exception 'the name "%" in % is not its folder''s: write "name: %" or move the folder', name, path, folder
      using errcode = 'check_violation';
  end if;
  if coalesce(description, '') = '' or length(description) > 1024 then
    raise exception 'the description in % is missing or over 1024 characters: say in a sentence when to use the skill', path
      using errcode = 'check_violation';
  end if;
end $$;

-- Called once for each file that is made, renamed or rewritten. The content of a file that is only renamed is given when
-- it is a SKILL.md, and is null otherwise.
create function outboard.check_write(volume bigint, path text, content text) returns void language plpgsql stable as $$
begin
  if path like '%/SKILL.md'
     and exists (select 1 from outboard.volumes v where v.id = check_write.volume and v.holds = 'skills') then
    perform outboard.check_skill(path, content);
  end if;
end $$;

-- Called once for each volume that a statement changes: SQL ends before COMMIT, so it cannot wait for mounts, and does not
-- write where writers must.
create function outboard.refuse_strict(p_volume bigint) returns void language plpgsql stable as $$
declare
  v record;
begin
  select o.name as organisation, x.name into v from outboard.volumes x
    join outboard.organisations o on o.id = x.organisation where x.id = p_volume and x.strict;
  if found then
    raise exception 'the volume "%/%" is strict, and plain SQL cannot wait for its mounts: publish through the server, '
        'which waits ("outboard memory put", "outboard skills push", "outboard push")', v.organisation, v.name
      using errcode = 'feature_not_supported';
  end if;
end $$;

-- The volume of a noted row, which the role may write.
create function outboard.writable_volume(p_org text, p_volume text, p_holds text) returns bigint
language plpgsql stable as $$
declare
  v record;
begin
  if p_holds <> '' and p_volume !~ ('(^|/)' || p_holds || '$') then
    raise exception 'the volume "%" is none of this view''s: their names end in "%"; use the other view', p_volume,
      p_holds using errcode = 'invalid_parameter_value';
  end if;
  select x.id, x.organisation into v from outboard.volumes x join outboard.organisations o on o.id = x.organisation
    where o.name = p_org and x.name = p_volume and o.id = any (outboard.organisations_of_role(false));
  if not found then
    raise exception 'there is no volume "%/%": give org and volume of one that is (select org, volume from '
        'outboard.files)', p_org, p_volume using errcode = 'no_data_found';
  end if;
  if v.organisation <> all (outboard.organisations_of_role(true)) then
    raise exception 'the role "%" only reads the volumes of "%": ask for outboard.grant_sql(''%'', ''%'', ''write'')',
      outboard.sql_role(), p_org, p_org, outboard.sql_role() using errcode = 'insufficient_privilege';
  end if;
  return v.id;
end $$;

-- ── On the way ───────────────────────────────────────────────────────────────────────────────────
-- What a statement wants, row by row. Unlogged, as the next two tables: no row outlives its transaction, so a crash has
-- nothing to bring back.
create unlogged table outboard.noted_rows (
  xid xid8 not null default pg_current_xact_id(),
  ordinal bigint generated always as identity,
  action smallint not null,                         -- 0 insert, 1 update, 2 delete
  org text,
  volume text,
  holds text not null,                              -- of the view; '': of any volume
  old_path text,
  old_version bigint,
  old_size bigint,
  path text,
  content text,                                     -- null: stays as it is
  digest bytea,
  at timestamptz not null,
  primary key (xid, ordinal)
);
alter table outboard.noted_rows alter content set storage external;

-- What statements did, until COMMIT.
create unlogged table outboard.staged_changes (like outboard.changes including defaults);
alter table outboard.staged_changes alter column seq drop not null;
alter table outboard.staged_changes
  add column xid xid8 not null default pg_current_xact_id(),
  add column ordinal bigint generated always as identity,
  add column noted bigint,                              -- of new content: the noted row that has it
  add column more_bytes bigint not null default 0,      -- what the change adds to the volume's usage
  add column more_nodes bigint not null default 0;
create index staged_changes_of_transaction on outboard.staged_changes (xid, volume, inode, version);

-- One row for each transaction that has staged something: what the deferred trigger hangs on. A table, not a setting of the
-- session: a client could set that, and write around the log.
create unlogged table outboard.staged_transactions (
  xid xid8 primary key,
  applied bigint not null default 0                 -- noted rows up to this one are done
);

-- ── Reading ──────────────────────────────────────────────────────────────────────────────────────
-- SQL finds a file by its volume and whole path, and a subtree by path >= '/a/' and path < '/a0'. An entry of a B-tree has
-- at most 2,704 bytes, so longer paths are not in the views.
drop index outboard.dentries_by_whole_path;
create index dentries_by_whole_path on outboard.dentries (volume, path) where octet_length(path) <= 2600;

-- What the role may see of all trees. A condition of the asker's is tested only on rows that have passed this view, but
-- for comparisons that Postgres knows to be silent, such as path = '…' and path >= '…': they reach the index.
create view outboard.visible_nodes with (security_barrier) as
  select o.name as org, v.name as volume, v.holds, d.path, n.volume as volume_id, n.inode, n.kind, n.size, n.version,
         n.digest, n.modified
  from outboard.volumes v
  join outboard.organisations o on o.id = v.organisation
  join outboard.dentries d on d.volume = v.id and d.parent <> 0 and octet_length(d.path) <= 2600
  join outboard.inodes n on n.volume = d.volume and n.inode = d.inode
  where v.organisation = any ((select outboard.organisations_of_role(false))::bigint[]);

-- The content of versions: also of those that this transaction has yet to commit.
create view outboard.known_versions as
  select volume, inode, version, is_text, chunked, redacted, principal, data from outboard.versions
  union all
  select s.volume, s.inode, s.version, s.size <= 65536, s.size > 65536, false, s.principal,
         convert_to(n.content, 'UTF8')
  from outboard.staged_changes s join outboard.noted_rows n on n.xid = s.xid and n.ordinal = s.noted
  where s.xid = (select pg_current_xact_id_if_assigned());

create function outboard.text_or_null(data bytea) returns text language plpgsql immutable as $$
begin
  return convert_from(data, 'UTF8');
exception when others then
  return null;
end $$;

-- Text of up to 1 MiB; of larger files and of those that are no text null. OFFSET 0 keeps the asker's conditions out of the
-- table of all versions: they are tested on the rows of visible_nodes.
create view outboard.text_files as
  select f.org, f.volume, f.holds, f.path,
         case when x.is_text then convert_from(x.data, 'UTF8')
              when x.chunked and not x.redacted and f.size <= 1048576 then outboard.text_or_null((
                -- Chunks in their order, with zeros where there is none.
                select substr(coalesce(string_agg(decode(repeat('00', (p.start - p.upto)::int), 'hex') || p.data, ''
                                                  order by p.start), '')
                              || decode(repeat('00', f.size::int), 'hex'), 1, f.size::int)
                from (select c.chunk * 65536 + c.piece as start, c.data,
                             coalesce(lag(c.chunk * 65536 + c.piece + length(c.data)) over (order by c.chunk, c.piece),
                                      0) as upto
                      from outboard.chunks c
                      where c.volume = f.volume_id and c.inode = f.inode and c.from_version <= f.version
                        and (c.to_version is null or c.to_version > f.version)) p))
              when f.version = 0 then ''
         end as content,
         f.size, f.version, encode(f.digest, 'hex') as sha256,
         to_timestamp(f.modified / 1000000000.0) as modified, x.principal as author
  from outboard.visible_nodes f
  left join lateral (
    select v.is_text, v.data, v.chunked, v.redacted, v.principal from outboard.known_versions v
    where v.volume = f.volume_id and v.inode = f.inode and v.version = f.version offset 0) x on true
  where f.kind = 0;

create view outboard.skill_files as
  select org, volume, path, content, size, version, sha256, modified, author from outboard.text_files
  where holds = 'skills';
create view outboard.memory_files as
  select org, volume, path, content, size, version, sha256, modified, author from outboard.text_files
  where holds = 'memory';

-- All that stands in all volumes, to look at.
create view outboard.files as
  select f.org, f.volume, f.path,
         (array['file', 'directory', 'symlink', 'fifo', 'socket', 'character device', 'block device'])[f.kind + 1]
           as kind,
         f.size, f.version, encode(f.digest, 'hex') as sha256,
         to_timestamp(f.modified / 1000000000.0) as modified, x.principal as author
  from outboard.visible_nodes f
  left join lateral (
    select v.principal from outboard.known_versions v
    where v.volume = f.volume_id and v.inode = f.inode and v.version = f.version offset 0) x on true;

-- Who changed what, when, and from which session.
create view outboard.log with (security_barrier) as
  select o.name as org, v.name as volume, c.seq, to_timestamp(c.at / 1000000000.0) as at, c.principal as author,
         (array['create', 'link', 'unlink', 'rename', 'write', 'append', 'attributes', 'xattrs'])[c.kind + 1] as change,
         c.path, c.before_name as old_name, c.version, c.size, encode(c.digest, 'hex') as sha256, c.conflict,
         c.redacted, c.session, c.turn, c.op as tool_call
  from outboard.volumes v
  join outboard.organisations o on o.id = v.organisation
  join outboard.changes c on c.volume = v.id
  where v.organisation = any ((select outboard.organisations_of_role(false))::bigint[]);

-- ── Noted: what a statement wants, row by row ────────────────────────────────────────────────────
-- One of this transaction's. OFFSET 0 has it looked up by its key, whatever the planner believes to be in the table.
create function outboard.noted_row(p_ordinal bigint) returns setof outboard.noted_rows language sql stable as
$$ select * from outboard.noted_rows where xid = pg_current_xact_id() and ordinal = p_ordinal offset 0 $$;

-- INSTEAD OF each row of a view; the argument is what its volumes hold. What RETURNING shows is what will be so.
create function outboard.note_row() returns trigger language plpgsql security definer
set search_path = outboard, pg_temp as $$
declare
  told constant timestamptz := clock_timestamp();
  rewrites boolean := true;
  digest bytea;
begin
  if tg_op = 'DELETE' then
    insert into noted_rows (action, org, volume, holds, old_path, old_version, at)
      values (2, old.org, old.volume, tg_argv[0], old.path, old.version, told);
    return old;
  elsif tg_op = 'UPDATE' then
    rewrites := new.content is distinct from old.content;
    if (new.org, new.volume) is distinct from (old.org, old.volume) then
      raise exception 'a file cannot move to another volume: INSERT it there and DELETE it here'
        using errcode = 'feature_not_supported';
    elsif (new.size, new.version, new.sha256, new.modified, new.author)
        is distinct from (old.size, old.version, old.sha256, old.modified, old.author) then
      raise exception 'only path and content can be changed: size, version, sha256, modified and author follow from '
          'them' using errcode = 'feature_not_supported';
    elsif rewrites and new.content is null then
      raise exception 'the content of "%" would be null: write '''' for an empty file, or DELETE it', old.path
        using errcode = 'not_null_violation';
    elsif not rewrites and new.path is not distinct from old.path then
      return new;  -- nothing to do
    end if;
  else
    new.volume := coalesce(new.volume, tg_argv[0]);
    new.content := coalesce(new.content, '');
  end if;
  if rewrites then
    if octet_length(new.content) > 67108864 then
      raise exception '% would have % bytes, the limit for plain SQL is 64 MiB: use "outboard put"', new.path,
        octet_length(new.content) using errcode = 'program_limit_exceeded';
    end if;
    digest := sha256(convert_to(new.content, 'UTF8'));
    new.size := octet_length(new.content);
    new.version := case when tg_op = 'INSERT' then 1 else old.version + 1 end;
    new.sha256 := encode(digest, 'hex');
    new.modified := told;
    new.author := 'sql:' || session_user;
  end if;
  if tg_op = 'INSERT' then
    insert into noted_rows (action, org, volume, holds, path, content, digest, at)
      values (0, new.org, new.volume, tg_argv[0], new.path, new.content, digest, told);
  else
    insert into noted_rows (action, org, volume, holds, old_path, old_version, old_size, path, content, digest, at)
      values (1, old.org, old.volume, tg_argv[0], old.path, old.version, old.size, new.path,
              case when rewrites then new.content end, digest, told);
  end if;
  return new;
end $$;

-- ── Staged: what was done, until COMMIT ──────────────────────────────────────────────────────────
-- What becomes of one name.
create type outboard.planned_row as (
  ordinal bigint,                                   -- of its noted row
  action smallint,                                  -- as there
  renames boolean,
  rewrites boolean,                                 -- the content of a file that is there
  volume bigint,
  inode bigint,
  version bigint,                                   -- that the statement saw; 0: the file is new
  parent bigint,                                    -- where it stands
  name text,
  old_path text,
  new_parent bigint,                                -- where it will
  new_name text,
  path text,
  size bigint,                                      -- of new content
  more_bytes bigint,                                -- than before
  digest bytea,
  at bigint
);

-- Changes of one kind, of nodes as they are now.
create function outboard.stage(p_kind integer, p_rows outboard.planned_row[]) returns void language plpgsql as $$
begin
  insert into outboard.staged_changes (volume, kind, inode, node_kind, mode, uid, gid, size, links, device, accessed,
      modified, changed, version, digest, target, xattr_bytes, before_parent, before_name, after_parent, after_name,
      path, principal, at, noted, more_bytes, more_nodes)
    select n.volume, p_kind, n.inode, n.kind, n.mode, n.uid, n.gid, n.size, n.links, n.device, n.accessed, n.modified,
        n.changed, n.version, n.digest, n.target, n.xattr_bytes,
        case when p_kind in (2, 3) then r.parent end, case when p_kind in (2, 3) then r.name end,
        case when p_kind in (0, 3) then r.new_parent end, case when p_kind in (0, 3) then r.new_name end,
        case when p_kind = 2 then r.old_path else r.path end, outboard.sql_author(), n.changed,
        case when p_kind in (0, 4) and n.kind = 0 then r.ordinal end,
        case when p_kind in (0, 4) then r.more_bytes
             when p_kind = 2 and n.links = 0 then -n.size - n.xattr_bytes else 0 end,
        case when p_kind = 0 then 1 when p_kind = 2 and n.links = 0 then -1 else 0 end
    from unnest(p_rows) r join outboard.inodes n on n.volume = r.volume and n.inode = r.inode order by r.ordinal;
  insert into outboard.staged_transactions (xid) values (pg_current_xact_id()) on conflict do nothing;
  -- Left open it would hold its rows for ever; limits.h says kIdleTransactionMax.
  if current_setting('idle_in_transaction_session_timeout') = '0' then
    perform set_config('idle_in_transaction_session_timeout', '60s', true);
  end if;
end $$;

-- ── Applied: a statement's rows as one set ───────────────────────────────────────────────────────
-- Everybody takes locks in one order: directories by their paths, then files by their names, then new names. So of two
-- statements on the same rows one waits for the other, whatever order each found them in.

-- Somebody else was faster: the statement is to look again.
create function outboard.refuse_changed(path text, what text) returns void language plpgsql as $$
begin
  raise exception '"%" was % by somebody else while this statement ran: run it again', path, what
    using errcode = 'serialization_failure';
end $$;

create function outboard.refuse_bytes(path text) returns void language plpgsql immutable as $$
begin
  if outboard.base_name(path) ~ '[\U0010FF80-\U0010FFFF]' then
    raise exception 'the last name of "%" has a character that stands here for a byte that is no UTF-8: choose another',
      path using errcode = 'invalid_parameter_value';
  end if;
end $$;

-- The volumes that the noted rows name, each by what names it.
create type outboard.noted_volume as (org text, volume text, holds text, id bigint);

-- Noted rows up to `p_after`, here and below, are done.
create function outboard.find_volumes(p_after bigint) returns outboard.noted_volume[] language plpgsql as $$
declare
  v record;
  id bigint;
  volumes outboard.noted_volume[] := '{}';
begin
  for v in select distinct n.org, n.volume, n.holds from outboard.noted_rows n
           where n.xid = pg_current_xact_id() and n.ordinal > p_after loop
    id := outboard.writable_volume(v.org, v.volume, v.holds);
    perform outboard.refuse_strict(id);
    volumes := volumes || (v.org, v.volume, v.holds, id)::outboard.noted_volume;
  end loop;
  return volumes;
end $$;

-- The rules that look at one row by itself.
create function outboard.check_rows(p_after bigint, p_volumes outboard.noted_volume[]) returns void language plpgsql as $$
begin
  perform outboard.check_path(n.path), outboard.refuse_bytes(n.path) from outboard.noted_rows n
    where n.xid = pg_current_xact_id() and n.ordinal > p_after
      and (n.action = 0 or n.action = 1 and n.path is distinct from n.old_path);
  perform outboard.check_write(v.id, n.path, case
      when n.content is not null then n.content
      when n.path like '%/SKILL.md' then (select f.content from outboard.text_files f
        where f.org = n.org and f.volume = n.volume and f.path = n.old_path) end)
    from outboard.noted_rows n
    join unnest(p_volumes) v on v.org = n.org and v.volume = n.volume and v.holds = n.holds
    where n.xid = pg_current_xact_id() and n.ordinal > p_after and n.action <> 2;
end $$;

-- A directory by its path.
create type outboard.place as (volume bigint, path text, inode bigint);

-- Directories that are there. Their names stay locked against removal and renaming until the transaction ends.
create function outboard.lock_directories(p_wanted outboard.place[]) returns outboard.place[] language plpgsql as $$
declare
  known outboard.place[];
  other text;
begin
  with locked as (
    select d.volume, d.path, d.inode, n.kind from unnest(p_wanted) w
      join outboard.dentries d on d.volume = w.volume and left(d.path, 600) = left(w.path, 600) and d.path = w.path
      join outboard.inodes n on n.volume = d.volume and n.inode = d.inode
      order by d.volume, d.path for share of d)
  select array_agg((l.volume, l.path, l.inode)::outboard.place), min(l.path) filter (where l.kind <> 1)
    into known, other from locked l;
  if other is not null then
    raise exception '"%" is no directory: choose another path', other using errcode = 'wrong_object_type';
  end if;
  return coalesce(known, '{}');
end $$;

-- Makes directories of which it is known where (their inode is that of the directory above). One that somebody else makes
-- meanwhile is left to them.
create function outboard.make_directories(p_wanted outboard.place[]) returns void language plpgsql as $$
declare
  told constant bigint := outboard.nanoseconds();
  made outboard.planned_row[];
begin
  with named as (
    insert into outboard.dentries (volume, parent, name, inode, path)
      select w.volume, w.inode, outboard.base_name(w.path), nextval('outboard.inode_numbers'), w.path
      from unnest(p_wanted) w order by w.volume, w.path
      on conflict do nothing returning volume, parent, name, inode, path),
  nodes as (
    insert into outboard.inodes (volume, inode, kind, mode, uid, gid, size, links, accessed, modified, changed, version)
      select volume, inode, 1, 493, 0, 0, 0, 2, told, told, told, 0 from named)
  select array_agg((n.i, 0, false, false, n.volume, n.inode, 0, null, null, null, n.parent, n.name, n.path, 0, 0, null,
      told)::outboard.planned_row) into made
    from (select *, row_number() over (order by volume, path) as i from named) n;
  perform outboard.stage(0, made);
end $$;

-- The directories that new names stand in, made with those above them when missing.
create function outboard.enter_directories(p_after bigint, p_volumes outboard.noted_volume[]) returns void
language plpgsql as $$
declare
  wanted outboard.place[];
  known outboard.place[];
  next outboard.place[];
begin
  wanted := array(
    select distinct (v.id, outboard.parent_path(n.path), null)::outboard.place from outboard.noted_rows n
    join unnest(p_volumes) v on v.org = n.org and v.volume = n.volume and v.holds = n.holds
    where n.xid = pg_current_xact_id() and n.ordinal > p_after
      and (n.action = 0 or n.action = 1 and n.path <> n.old_path));
  known := outboard.lock_directories(wanted);
  if cardinality(known) = cardinality(wanted) then
    return;
  end if;
  perform outboard.plan_for(cardinality(wanted));
  wanted := array(
    with recursive up(volume, path) as (
      select w.volume, w.path from unnest(wanted) w
      union select volume, outboard.parent_path(path) from up where path <> '/')
    select (volume, path, null)::outboard.place from up);
  known := outboard.lock_directories(wanted);
  while cardinality(known) < cardinality(wanted) loop
    -- Those whose own directory is there, from the root down.
    next := array(select (w.volume, w.path, above.inode)::outboard.place from unnest(wanted) w
                  left join unnest(known) k on k.volume = w.volume and k.path = w.path
                  join unnest(known) above on above.volume = w.volume and above.path = outboard.parent_path(w.path)
                  where k.inode is null);
    if cardinality(next) = 0 then
      raise exception 'a volume has no root: its restore is not complete' using errcode = 'data_corrupted';
    end if;
    perform outboard.refuse_bytes(w.path) from unnest(next) w;
    perform outboard.make_directories(next);
    known := known || outboard.lock_directories(next);
  end loop;
end $$;

-- What the noted rows mean: each with its file, whose name is locked until the transaction ends, and with the directory
-- that it goes to.
create function outboard.plan_rows(p_after bigint, p_volumes outboard.noted_volume[]) returns outboard.planned_row[]
language plpgsql as $$
declare
  rows outboard.planned_row[];
begin
  with known as (
    select n.ordinal, n.action, n.old_path, n.old_version, n.path, octet_length(n.content) as size,
        octet_length(n.content) - n.old_size as more, n.digest, n.at, n.path <> n.old_path as renames, v.id, d.inode,
        d.parent, d.name
      from outboard.noted_rows n
      join unnest(p_volumes) v on v.org = n.org and v.volume = n.volume and v.holds = n.holds
      join outboard.dentries d on d.volume = v.id and left(d.path, 600) = left(n.old_path, 600) and d.path = n.old_path
      where n.xid = pg_current_xact_id() and n.ordinal > p_after and n.action <> 0
      order by d.volume, d.parent, d.name for update of d)
  select array_agg(p::outboard.planned_row) into rows from (
    select k.ordinal, k.action, coalesce(k.renames, false) as renames, k.size is not null as rewrites, k.id as volume,
        k.inode, k.old_version as version, k.parent, k.name, k.old_path,
        case when k.renames then (
          select d.inode from outboard.dentries d where d.volume = k.id
          and left(d.path, 600) = left(outboard.parent_path(k.path), 600) and d.path = outboard.parent_path(k.path)) end,
        case when k.renames then outboard.base_name(k.path) end, k.path, k.size::bigint, k.more, k.digest,
        outboard.nanoseconds(k.at)
      from known k
    union all
    select n.ordinal, n.action, false, false, v.id, nextval('outboard.inode_numbers'), 0, null, null, null, (
          select d.inode from outboard.dentries d where d.volume = v.id
          and left(d.path, 600) = left(outboard.parent_path(n.path), 600) and d.path = outboard.parent_path(n.path)),
        outboard.base_name(n.path), n.path, octet_length(n.content), octet_length(n.content), n.digest,
        outboard.nanoseconds(n.at)
      from outboard.noted_rows n
      join unnest(p_volumes) v on v.org = n.org and v.volume = n.volume and v.holds = n.holds
      where n.xid = pg_current_xact_id() and n.ordinal > p_after and n.action = 0) p;
  return rows;
end $$;

-- Refuses a statement some of whose files are not as it saw them, or are named twice: says which.
create function outboard.find_changed(p_rows outboard.planned_row[]) returns void language plpgsql as $$
declare
  path text;
begin
  select min(r.old_path) into path from unnest(p_rows) r group by r.volume, r.old_path having count(*) > 1 limit 1;
  if found then
    raise exception '"%" is changed twice by one statement: give each file one row', path
      using errcode = 'cardinality_violation';
  end if;
  select r.old_path into path from unnest(p_rows) r
    left join outboard.inodes n on n.volume = r.volume and n.inode = r.inode
    order by n.changed is distinct from r.at desc limit 1;
  perform outboard.refuse_changed(path, 'changed');
end $$;

-- Says which of the new names is taken; `p_placed`: by others than the rows themselves.
create function outboard.check_free(p_rows outboard.planned_row[], p_placed boolean) returns void language plpgsql as $$
declare
  r record;
begin
  select u.path, n.kind, u.action, d.inode into r from unnest(p_rows) u
    join outboard.dentries d on d.volume = u.volume and d.parent = u.new_parent and d.name = u.new_name
    join outboard.inodes n on n.volume = d.volume and n.inode = d.inode
    where d.inode <> u.inode or not p_placed order by u.ordinal limit 1;
  if not found then
    return;
  elsif p_placed and exists (select from unnest(p_rows) u where u.inode = r.inode) then
    raise exception '"%" is made twice by one statement: give each file a path of its own', r.path
      using errcode = 'unique_violation';
  elsif r.kind = 1 then
    raise exception '"%" is a directory: choose another path', r.path using errcode = 'wrong_object_type';
  elsif r.action = 0 then
    raise exception '"%" exists already: UPDATE its content instead, or choose another path', r.path
      using errcode = 'unique_violation';
  end if;
  raise exception '"%" exists already: DELETE or move it in a statement before, or choose another path', r.path
    using errcode = 'unique_violation';
end $$;

create function outboard.insert_names(p_rows outboard.planned_row[]) returns void language plpgsql as $$
declare
  names bigint;
begin
  insert into outboard.dentries (volume, parent, name, inode, path)
    select r.volume, r.new_parent, r.new_name, r.inode, r.path from unnest(p_rows) r
    order by r.volume, r.new_parent, r.new_name on conflict do nothing;
  get diagnostics names = row_count;
  if names < cardinality(p_rows) then  -- two rows say the same, or somebody made one meanwhile
    perform outboard.check_free(p_rows, true);
    perform outboard.refuse_changed(p_rows[1].path, 'made');
  end if;
end $$;

-- Content beyond a chunk's size, in chunks. Up to it, it waits in its noted row for COMMIT.
create function outboard.put_chunks(p_rows outboard.planned_row[]) returns void language plpgsql as $$
declare
  long constant outboard.planned_row[] := array(select r from unnest(p_rows) r where r.size > 65536);
begin
  if long <> '{}' then
    update outboard.chunks c set to_version = r.version + 1 from unnest(long) r
      where c.volume = r.volume and c.inode = r.inode and c.to_version is null;
    insert into outboard.chunks (volume, inode, chunk, piece, from_version, data)
      select r.volume, r.inode, k, 0, r.version + 1, substr(n.data, k * 65536 + 1, 65536)
      from unnest(long) r,
        lateral (select convert_to(m.content, 'UTF8') as data from outboard.noted_row(r.ordinal) m offset 0) n,
        generate_series(0, ((r.size - 1) / 65536)::int) k;
  end if;
end $$;

create function outboard.remove_files(p_rows outboard.planned_row[]) returns void language plpgsql as $$
declare
  one outboard.planned_row;
  names bigint;
begin
  if (select count(distinct inode) from unnest(p_rows)) < cardinality(p_rows) then
    -- Names of one file: one after the other, so that each change says how many are left
    foreach one in array p_rows loop
      perform outboard.remove_files(array[one]);
    end loop;
    return;
  end if;
  delete from outboard.dentries d using unnest(p_rows) r
    where d.volume = r.volume and d.parent = r.parent and d.name = r.name;
  get diagnostics names = row_count;
  if names < cardinality(p_rows) then
    perform outboard.find_changed(p_rows);
  end if;
  -- A removal is as little blind as an overwrite: it removes what the statement saw.
  update outboard.inodes n set links = n.links - 1, changed = r.at from unnest(p_rows) r
    where n.volume = r.volume and n.inode = r.inode and n.version = r.version and n.kind = 0;
  get diagnostics names = row_count;
  if names < cardinality(p_rows) then
    perform outboard.find_changed(p_rows);
  end if;
  perform outboard.stage(2, p_rows);
end $$;

create function outboard.rename_files(p_rows outboard.planned_row[]) returns void language plpgsql as $$
declare
  names bigint;
begin
  perform outboard.check_free(p_rows, false);  -- a name that the statement gives up is not free for it either
  delete from outboard.dentries d using unnest(p_rows) r
    where d.volume = r.volume and d.parent = r.parent and d.name = r.name;
  get diagnostics names = row_count;
  if names < cardinality(p_rows) then
    perform outboard.find_changed(p_rows);
  end if;
  perform outboard.insert_names(p_rows);
  update outboard.inodes n set changed = r.at from unnest(p_rows) r
    where n.volume = r.volume and n.inode = r.inode and n.kind = 0;
  perform outboard.stage(3, p_rows);
end $$;

create function outboard.make_files(p_rows outboard.planned_row[]) returns void language plpgsql as $$
begin
  insert into outboard.inodes (volume, inode, kind, mode, uid, gid, size, links, accessed, modified, changed, version,
      chunked, digest)
    select r.volume, r.inode, 0, 420, 0, 0, r.size, 1, r.at, r.at, r.at, 1, r.size > 65536, r.digest
    from unnest(p_rows) r;
  perform outboard.insert_names(p_rows);
  perform outboard.put_chunks(p_rows);
  perform outboard.stage(0, p_rows);
end $$;

create function outboard.rewrite_files(p_rows outboard.planned_row[]) returns void language plpgsql as $$
declare
  rows outboard.planned_row[] := p_rows;
  files bigint;
begin
  if (select count(distinct inode) from unnest(p_rows)) < cardinality(p_rows) then
    -- A file of several names is written once, if all of them say the same.
    rows := array(select distinct on (r.volume, r.inode) r from unnest(p_rows) r order by r.volume, r.inode, r.ordinal);
    if exists (select from unnest(p_rows) a join unnest(rows) b on b.volume = a.volume and b.inode = a.inode
               where b.digest <> a.digest or b.path = a.path and b.ordinal <> a.ordinal) then
      raise exception 'one file, by one name or several, gets two contents from one statement: give each file one row'
        using errcode = 'cardinality_violation';
    end if;
  end if;
  update outboard.inodes n set version = r.version + 1, size = r.size, digest = r.digest, chunked = r.size > 65536,
      modified = r.at, changed = r.at
    from unnest(rows) r where n.volume = r.volume and n.inode = r.inode and n.version = r.version and n.kind = 0;
  get diagnostics files = row_count;
  if files < cardinality(rows) then
    perform outboard.find_changed(rows);
  end if;
  perform outboard.put_chunks(rows);
  perform outboard.stage(4, rows);
end $$;

-- Does what was noted and not yet done.
create function outboard.apply_noted() returns void language plpgsql as $$
declare
  done_before constant bigint :=
    coalesce((select t.applied from outboard.staged_transactions t where t.xid = pg_current_xact_id()), 0);
  volumes outboard.noted_volume[];
  rows outboard.planned_row[];
  asked record;
  gone text;
begin
  select count(*) as rows, count(*) filter (where action = 0) as makes, count(*) filter (where action = 2) as removes,
      count(*) filter (where path <> old_path) as renames,
      count(*) filter (where action = 1 and content is not null) as rewrites, max(ordinal) as last
    into asked from outboard.noted_rows where xid = pg_current_xact_id() and ordinal > done_before;
  if asked.rows = 0 then
    return;
  end if;
  perform outboard.plan_for(asked.rows);
  volumes := outboard.find_volumes(done_before);
  perform outboard.check_rows(done_before, volumes);
  if asked.makes + asked.renames > 0 then
    perform outboard.enter_directories(done_before, volumes);
  end if;
  rows := outboard.plan_rows(done_before, volumes);
  if coalesce(cardinality(rows), 0) < asked.rows then
    select n.old_path into gone from outboard.noted_rows n
      where n.xid = pg_current_xact_id() and n.ordinal > done_before and n.ordinal <> all (array(select r.ordinal from unnest(rows) r)) limit 1;
    perform outboard.refuse_changed(gone, 'moved or removed');
  end if;
  if asked.removes > 0 then
    perform outboard.remove_files(case when asked.removes = asked.rows then rows
                                       else array(select r from unnest(rows) r where r.action = 2) end);
  end if;
  if asked.renames > 0 then
    perform outboard.rename_files(case when asked.renames = asked.rows then rows
                                       else array(select r from unnest(rows) r where r.renames) end);
  end if;
  if asked.makes > 0 then
    perform outboard.make_files(case when asked.makes = asked.rows then rows
                                     else array(select r from unnest(rows) r where r.action = 0) end);
  end if;
  if asked.rewrites > 0 then
    perform outboard.rewrite_files(case when asked.rewrites = asked.rows then rows
                                        else array(select r from unnest(rows) r where r.rewrites) end);
  end if;
  update outboard.staged_transactions t set applied = asked.last where t.xid = pg_current_xact_id();
  if not found then  -- SET CONSTRAINTS … IMMEDIATE: it is committed already
    delete from outboard.noted_rows where xid = pg_current_xact_id();
  end if;
end $$;

create function outboard.apply_statement() returns trigger language plpgsql security definer
set search_path = outboard, pg_temp set plan_cache_mode = auto set enable_seqscan = off set jit = off
set standard_conforming_strings = on as $$
begin
  perform apply_noted();
  return null;
end $$;

create trigger note_row instead of insert or update or delete on outboard.skill_files
  for each row execute function outboard.note_row('skills');
create trigger note_row instead of insert or update or delete on outboard.memory_files
  for each row execute function outboard.note_row('memory');
create trigger apply_statement after insert or update or delete on outboard.skill_files
  for each statement execute function outboard.apply_statement();
create trigger apply_statement after insert or update or delete on outboard.memory_files
  for each statement execute function outboard.apply_statement();

-- ── Committed ────────────────────────────────────────────────────────────────────────────────────
-- The staged changes of one volume become the next of its log. The caller holds the volume's row lock.
create function outboard.log_staged(p_volume bigint, p_head bigint) returns void language plpgsql as $$
declare
  told constant bigint := outboard.nanoseconds();
  mine constant xid8 := pg_current_xact_id();
begin
  insert into outboard.changes (volume, seq, kind, inode, node_kind, mode, uid, gid, size, links, device, accessed,
      modified, changed, version, digest, target, xattr_bytes, before_parent, before_name, after_parent, after_name,
      path, principal, at)
    select volume, p_head + row_number() over (order by ordinal), kind, inode, node_kind, mode, uid, gid, size, links,
      device, accessed, modified, changed, version, digest, target, xattr_bytes, before_parent, before_name,
      after_parent, after_name, path, principal, told
    from outboard.staged_changes where xid = mine and volume = p_volume;
  insert into outboard.versions (volume, inode, version, seq, size, digest, chunked, is_text, principal, at, data)
    select p_volume, s.inode, s.version, s.next, s.size, s.digest, s.size > 65536, s.size <= 65536, s.principal, s.at,
      case when s.size <= 65536 then convert_to(n.content, 'UTF8') end
    from (select *, p_head + row_number() over (order by ordinal) as next from outboard.staged_changes
          where xid = mine and volume = p_volume) s, outboard.noted_row(s.noted) n
    where s.noted is not null;
  -- Directories whose names changed: their times, and the links of those that have new subdirectories. Here, so that an
  -- open transaction holds no directory that others create files in.
  update outboard.inodes n set modified = told, changed = told, links = n.links + p.links
    from (select parent, sum(links) as links from (
            select after_parent as parent, case when kind = 0 and node_kind = 1 then 1 else 0 end as links
              from outboard.staged_changes where xid = mine and volume = p_volume and after_parent is not null
            union all
            select before_parent, 0 from outboard.staged_changes
              where xid = mine and volume = p_volume and before_parent is not null) t group by parent) p
    where n.volume = p_volume and n.inode = p.parent;
end $$;

-- Takes the volume's row lock until COMMIT, checks its quotas, and counts what it gets; its head before that.
create function outboard.use_volume(p_volume bigint, p_changes bigint, p_bytes bigint, p_nodes bigint,
    p_versions bigint) returns bigint language plpgsql as $$
declare
  v record;
begin
  select * into v from outboard.volumes where id = p_volume for no key update;
  if (v.quota_bytes > 0 and p_bytes > 0 and v.used_bytes + p_bytes > v.quota_bytes)
     or (v.quota_nodes > 0 and p_nodes > 0 and v.used_nodes + p_nodes > v.quota_nodes) then
    raise exception 'the volume % would hold % bytes in % nodes, its quota is % bytes and % nodes (0: none): '
        'remove something or ask for a larger quota', v.name, v.used_bytes + p_bytes, v.used_nodes + p_nodes,
        v.quota_bytes, v.quota_nodes using errcode = 'disk_full';
  end if;
  update outboard.volumes set head_seq = v.head_seq + p_changes, used_bytes = v.used_bytes + p_bytes,
      used_nodes = v.used_nodes + p_nodes where id = p_volume;
  return v.head_seq;
end $$;

-- Runs once in each transaction, inside COMMIT.
create function outboard.commit_staged() returns trigger language plpgsql security definer
set search_path = outboard, pg_temp set plan_cache_mode = auto set enable_seqscan = off set jit = off
set standard_conforming_strings = on as $$
declare
  r record;
  head bigint;
begin
  perform plan_for((select count(*) from staged_changes where xid = new.xid));
  -- No statement_timeout reaches into COMMIT; limits.h says kWriteDeadline.
  if current_setting('lock_timeout') = '0' then
    perform set_config('lock_timeout', '30s', true);
  end if;
  for r in select s.volume, count(*) as changes, sum(s.more_bytes)::bigint as bytes,
               sum(s.more_nodes)::bigint as nodes, count(s.noted) as versions
           from staged_changes s where s.xid = new.xid group by s.volume order by s.volume loop
    head := use_volume(r.volume, r.changes, r.bytes, r.nodes, r.versions);
    perform refuse_strict(r.volume);                -- it may have become so since the statement
    perform log_staged(r.volume, head);
    perform pg_notify('outboard', r.volume || ':' || (head + r.changes));
  end loop;
  delete from staged_changes where xid = new.xid;
  delete from noted_rows n using staged_transactions t
    where t.xid = new.xid and n.xid = t.xid and n.ordinal <= t.applied;
  delete from staged_transactions where xid = new.xid;
  return null;
end $$;
create constraint trigger commit_staged after insert on outboard.staged_transactions
  deferrable initially deferred for each row execute function outboard.commit_staged();

-- ── Files of any volume, by function ─────────────────────────────────────────────────────────────
-- They also write where the views do not: in volumes of other names.

-- Makes the file or writes it anew; the version that it then has. Whoever wrote it last before is not asked.
create function outboard.write_file(org text, volume text, path text, content text) returns bigint
language plpgsql security definer
set search_path = outboard, pg_temp set plan_cache_mode = auto set enable_seqscan = off set jit = off
set standard_conforming_strings = on as $$
declare
  v constant bigint := writable_volume(org, volume, '');
  old_version bigint;
  old_size bigint;
begin
  if content is null or octet_length(content) > 67108864 then
    raise exception 'the content of "%" is null or over 64 MiB: give up to 64 MiB of text', path
      using errcode = 'invalid_parameter_value';
  end if;
  loop
    begin
      select n.version, n.size into old_version, old_size
        from dentries d join inodes n on n.volume = d.volume and n.inode = d.inode
        where d.volume = v and left(d.path, 600) = left(write_file.path, 600) and d.path = write_file.path and n.kind = 0
        for update of d for no key update of n;
      insert into noted_rows (action, org, volume, holds, old_path, old_version, old_size, path, content, digest, at)
        select case when old_version is null then 0 else 1 end, write_file.org, write_file.volume, '',
          case when old_version is not null then write_file.path end, old_version, old_size, write_file.path,
          write_file.content, sha256(convert_to(write_file.content, 'UTF8')), clock_timestamp();
      perform apply_noted();
      return coalesce(old_version, 0) + 1;
    exception when unique_violation then
      -- Somebody made it meanwhile: now it is there to be rewritten. Anything else in the way would be so again.
      if not exists (select from dentries d join inodes n on n.volume = d.volume and n.inode = d.inode
                     where d.volume = v and d.path = write_file.path and left(d.path, 600) = left(write_file.path, 600)
                       and n.kind = 0) then
        raise;
      end if;
    end;
  end loop;
end $$;

-- Removes the file; the version that it had, which stays in history. Null: there was none.
create function outboard.delete_file(org text, volume text, path text) returns bigint language plpgsql security definer
set search_path = outboard, pg_temp set plan_cache_mode = auto set enable_seqscan = off set jit = off
set standard_conforming_strings = on as $$
declare
  v constant bigint := writable_volume(org, volume, '');
  old_version bigint;
begin
  select n.version into old_version from dentries d join inodes n on n.volume = d.volume and n.inode = d.inode
    where d.volume = v and left(d.path, 600) = left(delete_file.path, 600) and d.path = delete_file.path and n.kind = 0
    for update of d for no key update of n;
  if old_version is not null then
    insert into noted_rows (action, org, volume, holds, old_path, old_version, at)
      values (2, delete_file.org, delete_file.volume, '', delete_file.path, old_version, clock_timestamp());
    perform apply_noted();
  end if;
  return old_version;
end $$;

-- ── What must not happen unseen ──────────────────────────────────────────────────────────────────
create function outboard.refuse_truncate() returns trigger language plpgsql as $$
begin
  raise exception 'TRUNCATE would remove files without history: use DELETE FROM outboard.skill_files or '
      'outboard.memory_files' using errcode = 'feature_not_supported';
end $$;
create trigger refuse_truncate before truncate on outboard.inodes execute function outboard.refuse_truncate();
create trigger refuse_truncate before truncate on outboard.dentries execute function outboard.refuse_truncate();
create trigger refuse_truncate before truncate on outboard.versions execute function outboard.refuse_truncate();
create trigger refuse_truncate before truncate on outboard.chunks execute function outboard.refuse_truncate();
create trigger refuse_truncate before truncate on outboard.changes execute function outboard.refuse_truncate();

create function outboard.refuse_write() returns trigger language plpgsql as $$
begin
  raise exception 'outboard.% only shows: write to outboard.skill_files or outboard.memory_files, or call '
      'outboard.write_file(org, volume, path, content)', tg_table_name using errcode = 'feature_not_supported';
end $$;
create trigger refuse_write instead of insert or update or delete on outboard.files
  for each row execute function outboard.refuse_write();
create trigger refuse_write instead of insert or update or delete on outboard.log
  for each row execute function outboard.refuse_write();
