-- Plain SQL as a client: views of files that psql and any grid editor can read and write.
--
-- A statement writes nodes, names and versions at once, under locks of the rows it touches only, and stages its
-- changes. A deferred trigger allots their seqs at COMMIT, under the volume's row lock, so an open transaction holds up
-- nobody else's writes, and SQL and the servers share one order without gaps.
create table outboard.staged_changes (like outboard.changes including defaults);
alter table outboard.staged_changes alter column seq drop not null;
alter table outboard.staged_changes
  add column xid xid8 not null default pg_current_xact_id(),
  add column ordinal bigint generated always as identity,
  add column more_bytes bigint not null default 0,      -- what the change adds to the volume's usage
  add column more_nodes bigint not null default 0;
create index staged_changes_of_transaction on outboard.staged_changes (xid, volume, ordinal);

-- One row for each transaction that has staged something: what the deferred trigger hangs on.
create table outboard.staged_transactions (xid xid8 primary key);

-- ── Words ────────────────────────────────────────────────────────────────────────────────────────
create function outboard.nanoseconds() returns bigint language sql volatile as
$$ select (extract(epoch from clock_timestamp()) * 1000000)::bigint * 1000 $$;

create function outboard.sql_author() returns text language sql stable as
$$ select 'sql:' || session_user $$;

create function outboard.parent_path(path text) returns text language sql immutable as
$$ select case when path ~ '^/[^/]*$' then '/' else regexp_replace(path, '/[^/]*$', '') end $$;

create function outboard.base_name(path text) returns text language sql immutable as
$$ select regexp_replace(path, '^.*/', '') $$;

-- The rules of core/path.h.
create function outboard.check_path(path text) returns void language plpgsql immutable as $$
declare
  part text;
begin
  if path is null or path !~ '^/.' then
    raise exception 'the path "%" is not one of a file: paths start with "/", as in /notes/today.md', path
      using errcode = 'invalid_parameter_value';
  end if;
  if octet_length(path) > 4095 then
    raise exception 'a path has % bytes, the limit is 4095: shorten it', octet_length(path)
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
    elsif octet_length(part) > 255 then
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

-- ── Reading ──────────────────────────────────────────────────────────────────────────────────────
create function outboard.text_or_null(data bytea) returns text language plpgsql immutable as $$
begin
  return convert_from(data, 'UTF8');
exception when others then
  return null;
end $$;

-- A chunked version's bytes; holes are zeros.
create function outboard.chunked_bytes(volume bigint, inode bigint, version bigint, size bigint) returns bytea
language plpgsql stable as $$
declare
  bytes bytea := '';
  r record;
begin
  for r in select c.chunk * 65536 + c.piece as start, c.data from outboard.chunks c
           where c.volume = chunked_bytes.volume and c.inode = chunked_bytes.inode
             and c.from_version <= chunked_bytes.version
             and (c.to_version is null or c.to_version > chunked_bytes.version)
           order by c.chunk, c.piece loop
    bytes := bytes || decode(repeat('00', (r.start - length(bytes))::int), 'hex') || r.data;
  end loop;
  return substr(bytes || decode(repeat('00', greatest(size - length(bytes), 0)::int), 'hex'), 1, size::int);
end $$;

-- Text of up to 1 MiB; of larger files and of those that are no text null.
create view outboard.files as
  select o.name as org, v.name as volume, d.path,
         case when x.is_text then convert_from(x.data, 'UTF8')
              when x.chunked and not x.redacted and n.size <= 1048576
                then outboard.text_or_null(outboard.chunked_bytes(n.volume, n.inode, n.version, n.size))
              when n.version = 0 then ''
         end as content,
         n.size, n.version, encode(n.digest, 'hex') as sha256,
         to_timestamp(n.modified / 1000000000.0) as modified, x.principal as author
  from outboard.volumes v
  join outboard.organisations o on o.id = v.organisation
  join outboard.dentries d on d.volume = v.id
  join outboard.inodes n on n.volume = d.volume and n.inode = d.inode and n.kind = 0
  left join outboard.versions x on x.volume = n.volume and x.inode = n.inode and x.version = n.version;

create view outboard.skill_files as select * from outboard.files where volume ~ '(^|/)skills$';
create view outboard.memory_files as select * from outboard.files where volume ~ '(^|/)memory$';

-- ── Staging ──────────────────────────────────────────────────────────────────────────────────────
create function outboard.stage(p_volume bigint, p_kind smallint, p_inode bigint, p_before_parent bigint,
    p_before_name text, p_after_parent bigint, p_after_name text, p_path text, p_more_bytes bigint,
    p_more_nodes bigint) returns void language plpgsql as $$
begin
  insert into outboard.staged_changes (volume, kind, inode, node_kind, mode, uid, gid, size, links, device, accessed,
      modified, changed, version, digest, target, xattr_bytes, before_parent, before_name, after_parent, after_name,
      path, principal, at, more_bytes, more_nodes)
    select n.volume, p_kind, n.inode, n.kind, n.mode, n.uid, n.gid, n.size, n.links, n.device, n.accessed, n.modified,
        n.changed, n.version, n.digest, n.target, n.xattr_bytes, p_before_parent, p_before_name, p_after_parent,
        p_after_name, p_path, outboard.sql_author(), n.changed, p_more_bytes, p_more_nodes
    from outboard.inodes n where n.volume = p_volume and n.inode = p_inode;
  -- A savepoint that is rolled back takes the setting and the row with it.
  if coalesce(current_setting('outboard.staged', true), '') <> pg_current_xact_id()::text then
    insert into outboard.staged_transactions (xid) values (pg_current_xact_id()) on conflict do nothing;
    perform set_config('outboard.staged', pg_current_xact_id()::text, true);
    -- Left open it would hold its rows for ever; limits.h says kIdleTransactionMax.
    if current_setting('idle_in_transaction_session_timeout') = '0' then
      perform set_config('idle_in_transaction_session_timeout', '60s', true);
    end if;
  end if;
end $$;

-- Runs once in each transaction, inside COMMIT.
create function outboard.commit_staged() returns trigger language plpgsql security definer
set search_path = outboard, pg_temp set plan_cache_mode = force_custom_plan as $$
declare
  r record;
  v record;
  told bigint := outboard.nanoseconds();
begin
  for r in select s.volume, count(*) as changes, sum(s.more_bytes) as bytes, sum(s.more_nodes) as nodes
           from staged_changes s where s.xid = new.xid group by s.volume order by s.volume loop
    select * into v from volumes where id = r.volume for no key update;
    if (v.quota_bytes > 0 and r.bytes > 0 and v.used_bytes + r.bytes > v.quota_bytes)
       or (v.quota_nodes > 0 and r.nodes > 0 and v.used_nodes + r.nodes > v.quota_nodes) then
      raise exception 'the volume % would hold % bytes in % nodes, its quota is % bytes and % nodes (0: none): '
          'remove something or ask for a larger quota', v.name, v.used_bytes + r.bytes, v.used_nodes + r.nodes,
          v.quota_bytes, v.quota_nodes using errcode = 'disk_full';
    end if;
    insert into changes (volume, seq, kind, inode, node_kind, mode, uid, gid, size, links, device, accessed, modified,
        changed, version, digest, target, xattr_bytes, before_parent, before_name, after_parent, after_name, path,
        principal, at)
      select volume, v.head_seq + row_number() over (order by ordinal), kind, inode, node_kind, mode, uid, gid, size, links, device, accessed, modified, changed,
        version, digest, target, xattr_bytes, before_parent, before_name, after_parent, after_name, path, principal,
        told
      from staged_changes s where s.xid = new.xid and s.volume = r.volume;
    update versions x set seq = s.seq
      from (select kind, inode, version, v.head_seq + row_number() over (order by ordinal) as seq from staged_changes
            where xid = new.xid and volume = r.volume) s
      where s.kind in (0, 4) and x.volume = r.volume and x.inode = s.inode and x.version = s.version and x.seq is null;
    -- Directories whose names changed: their times, and the links of those that have new subdirectories. Here, so
    -- that an open transaction holds no directory that others create files in.
    update inodes n set modified = told, changed = told, links = n.links + p.links
      from (select parent, sum(links) as links from (
              select after_parent as parent, case when kind = 0 and node_kind = 1 then 1 else 0 end as links
                from staged_changes where xid = new.xid and volume = r.volume and after_parent is not null
              union all
              select before_parent, 0 from staged_changes
                where xid = new.xid and volume = r.volume and before_parent is not null) t group by parent) p
      where n.volume = r.volume and n.inode = p.parent;
    update volumes set head_seq = v.head_seq + r.changes, used_bytes = v.used_bytes + r.bytes,
        used_nodes = v.used_nodes + r.nodes where id = r.volume;
    perform pg_notify('outboard', r.volume || ':' || (v.head_seq + r.changes));
  end loop;
  delete from staged_changes where xid = new.xid;
  delete from staged_transactions where xid = new.xid;
  perform set_config('outboard.staged', '', true);  -- what is staged after SET CONSTRAINTS … IMMEDIATE counts anew
  return null;
end $$;
create constraint trigger commit_staged after insert on outboard.staged_transactions
  deferrable initially deferred for each row execute function outboard.commit_staged();

-- ── Writing ──────────────────────────────────────────────────────────────────────────────────────
create function outboard.writable_volume(p_org text, p_volume text, p_ending text) returns bigint
language plpgsql stable as $$
declare
  v record;
begin
  if p_volume !~ ('(^|/)' || p_ending || '$') then
    raise exception 'the volume "%" is none of this view''s: their names end in "%"; use the other view', p_volume,
      p_ending using errcode = 'invalid_parameter_value';
  end if;
  select x.id, x.strict as is_strict into v from outboard.volumes x join outboard.organisations o on o.id = x.organisation
    where o.name = p_org and x.name = p_volume;
  if not found then
    raise exception 'there is no volume "%/%": give org and volume of one that is (outboard volume list)', p_org,
      p_volume using errcode = 'no_data_found';
  end if;
  if v.is_strict then
    raise exception 'the volume "%/%" is strict, plain SQL cannot wait for its mounts: use "outboard put"', p_org,
      p_volume using errcode = 'feature_not_supported';
  end if;
  return v.id;
end $$;

-- The directory at a path, made with those above it when missing. Its name stays locked against removal and renaming
-- until the transaction ends.
create function outboard.enter_directory(p_volume bigint, p_path text) returns bigint language plpgsql as $$
declare
  found_inode bigint;
  found_kind smallint;
  above bigint;
  made bigint;
  told bigint := outboard.nanoseconds();
begin
  select d.inode into found_inode from outboard.dentries d
    where d.volume = p_volume and left(d.path, 600) = left(p_path, 600) and d.path = p_path for share;
  if found then
    select kind into found_kind from outboard.inodes where volume = p_volume and inode = found_inode;
    if found_kind <> 1 then
      raise exception '"%" is no directory: choose another path', p_path using errcode = 'wrong_object_type';
    end if;
    return found_inode;
  end if;
  if p_path = '/' then
    raise exception 'the volume has no root: its restore is not complete' using errcode = 'data_corrupted';
  end if;
  above := outboard.enter_directory(p_volume, outboard.parent_path(p_path));
  made := nextval('outboard.inode_numbers');
  begin
    insert into outboard.dentries (volume, parent, name, inode, path)
      values (p_volume, above, outboard.base_name(p_path), made, p_path);
  exception when unique_violation then  -- somebody made it meanwhile
    return outboard.enter_directory(p_volume, p_path);
  end;
  insert into outboard.inodes (volume, inode, kind, mode, uid, gid, size, links, accessed, modified, changed, version)
    values (p_volume, made, 1, 493, 0, 0, 0, 2, told, told, told, 0);
  perform outboard.stage(p_volume, 0::smallint, made, null, null, above, outboard.base_name(p_path), p_path, 0, 1);
  return made;
end $$;

-- A new version of a file whose row the caller has locked; how many bytes it has more than the old one.
create function outboard.put_content(p_volume bigint, p_inode bigint, p_path text, p_content text) returns bigint
language plpgsql as $$
declare
  data bytea := convert_to(p_content, 'UTF8');
  long boolean := length(data) > 65536;
  old record;
  told bigint := outboard.nanoseconds();
begin
  if length(data) > 67108864 then
    raise exception '% would have % bytes, the limit for plain SQL is 64 MiB: use "outboard put"', p_path, length(data)
      using errcode = 'program_limit_exceeded';
  end if;
  select n.version + 1 as version, n.size into old from outboard.inodes n
    where n.volume = p_volume and n.inode = p_inode;
  update outboard.chunks c set to_version = old.version
    where c.volume = p_volume and c.inode = p_inode and c.to_version is null;
  if long then
    insert into outboard.chunks (volume, inode, chunk, piece, from_version, data)
      select p_volume, p_inode, k, 0, old.version, substr(data, k * 65536 + 1, 65536)
      from generate_series(0, (length(data) - 1) / 65536) k;
  end if;
  insert into outboard.versions (volume, inode, version, size, digest, chunked, is_text, principal, at, data)
    values (p_volume, p_inode, old.version, length(data), sha256(data), long, not long, outboard.sql_author(), told,
            case when long then null else data end);
  update outboard.inodes n set version = old.version, size = length(data), digest = sha256(data), chunked = long,
      modified = told, changed = told where n.volume = p_volume and n.inode = p_inode;
  return length(data) - old.size;
end $$;

create function outboard.insert_file(p_volume bigint, p_path text, p_content text) returns void language plpgsql as $$
declare
  above bigint := outboard.enter_directory(p_volume, outboard.parent_path(p_path));
  made bigint := nextval('outboard.inode_numbers');
  told bigint := outboard.nanoseconds();
  bytes bigint;
begin
  insert into outboard.inodes (volume, inode, kind, mode, uid, gid, size, links, accessed, modified, changed, version)
    values (p_volume, made, 0, 420, 0, 0, 0, 1, told, told, told, 0);
  begin
    insert into outboard.dentries (volume, parent, name, inode, path)
      values (p_volume, above, outboard.base_name(p_path), made, p_path);
  exception when unique_violation then
    raise exception '"%" exists already: UPDATE its content instead, or choose another path', p_path
      using errcode = 'unique_violation';
  end;
  bytes := outboard.put_content(p_volume, made, p_path, p_content);
  perform outboard.stage(p_volume, 0::smallint, made, null, null, above, outboard.base_name(p_path), p_path, bytes,
                         1);
end $$;

create function outboard.rename_file(p_volume bigint, p_inode bigint, p_parent bigint, p_name text, p_path text)
returns void language plpgsql as $$
declare
  above bigint := outboard.enter_directory(p_volume, outboard.parent_path(p_path));
begin
  begin
    update outboard.dentries d set parent = above, name = outboard.base_name(p_path), path = p_path
      where d.volume = p_volume and d.parent = p_parent and d.name = p_name;
  exception when unique_violation then
    raise exception '"%" exists already: DELETE it first, or choose another path', p_path
      using errcode = 'unique_violation';
  end;
  update outboard.inodes n set changed = outboard.nanoseconds() where n.volume = p_volume and n.inode = p_inode;
  perform outboard.stage(p_volume, 3::smallint, p_inode, p_parent, p_name, above, outboard.base_name(p_path), p_path,
                         0, 0);
end $$;

create function outboard.delete_file(p_volume bigint, p_inode bigint, p_parent bigint, p_name text, p_path text)
returns void language plpgsql as $$
declare
  gone record;
begin
  delete from outboard.dentries d where d.volume = p_volume and d.parent = p_parent and d.name = p_name;
  update outboard.inodes n set links = n.links - 1, changed = outboard.nanoseconds()
    where n.volume = p_volume and n.inode = p_inode returning n.links, n.size + n.xattr_bytes as bytes into gone;
  perform outboard.stage(p_volume, 2::smallint, p_inode, p_parent, p_name, null, null, p_path,
                         case when gone.links = 0 then -gone.bytes else 0 end,
                         case when gone.links = 0 then -1 else 0 end);
end $$;

-- INSTEAD OF each row of a view; the argument is how its volumes' names end.
create function outboard.write_file() returns trigger language plpgsql security definer
set search_path = outboard, pg_temp as $$
declare
  ending text := tg_argv[0];
  v bigint;
  d record;
  content_changed boolean;
  now_version bigint;
begin
  if tg_op = 'INSERT' then
    v := writable_volume(new.org, coalesce(new.volume, ending), ending);
    new.volume := coalesce(new.volume, ending);
    perform check_path(new.path);
    new.content := coalesce(new.content, '');
    if ending = 'skills' and base_name(new.path) = 'SKILL.md' then
      perform check_skill(new.path, new.content);
    end if;
    perform insert_file(v, new.path, new.content);
    return new;
  end if;
  v := writable_volume(old.org, old.volume, ending);
  select e.parent, e.name, e.inode into d from dentries e
    where e.volume = v and left(e.path, 600) = left(old.path, 600) and e.path = old.path for update;
  if not found then
    return null;  -- somebody moved or removed it since this statement began
  end if;
  select n.version into now_version from inodes n where n.volume = v and n.inode = d.inode for no key update;
  if tg_op = 'DELETE' then
    perform delete_file(v, d.inode, d.parent, d.name, old.path);
    return old;
  end if;
  if (new.org, new.volume) is distinct from (old.org, old.volume) then
    raise exception 'a file cannot move to another volume: INSERT it there and DELETE it here'
      using errcode = 'feature_not_supported';
  end if;
  if (new.size, new.version, new.sha256, new.modified, new.author)
     is distinct from (old.size, old.version, old.sha256, old.modified, old.author) then
    raise exception 'only path and content can be changed: size, version, sha256, modified and author follow from them'
      using errcode = 'feature_not_supported';
  end if;
  content_changed := new.content is distinct from old.content;
  if content_changed and now_version <> old.version then
    raise exception '"%" was changed by somebody else while this statement ran: run it again', old.path
      using errcode = 'serialization_failure';
  end if;
  if content_changed and new.content is null then
    raise exception 'the content of "%" would be null: write '''' for an empty file, or DELETE it', old.path
      using errcode = 'not_null_violation';
  end if;
  if ending = 'skills' and base_name(new.path) = 'SKILL.md' and new.content is not null then
    perform check_skill(new.path, new.content);
  end if;
  if new.path is distinct from old.path then
    perform check_path(new.path);
    perform rename_file(v, d.inode, d.parent, d.name, new.path);
  end if;
  if content_changed then
    perform stage(v, 4::smallint, d.inode, null, null, null, null, new.path,
                  put_content(v, d.inode, new.path, new.content), 0);
  end if;
  return new;
end $$;

create trigger write_file instead of insert or update or delete on outboard.skill_files
  for each row execute function outboard.write_file('skills');
create trigger write_file instead of insert or update or delete on outboard.memory_files
  for each row execute function outboard.write_file('memory');

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
