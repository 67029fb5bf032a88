-- The audit: the log sealed batch by batch, what was refused beside it, and who read what.
--
-- Whoever writes to the log seals it, servers and plain SQL alike: a trigger adds one seal for each statement that
-- inserts changes, and a commit is one such statement. A seal covers its changes and the seal before it, so a change
-- that is altered, added or missing later shows, unless every later seal is made anew; and the newest seal, kept
-- elsewhere (`outboard audit verify` prints it), shows that too.

-- ── Accepted ─────────────────────────────────────────────────────────────────────────────────────
create table outboard.seals (
  volume bigint not null,
  last_seq bigint not null,                         -- it covers [first_seq, last_seq]
  first_seq bigint not null,
  digest bytea not null,                            -- SHA-256 of the seal before it (none: empty) and of each change's
  primary key (volume, last_seq)
);

-- Of changes whose content was redacted: a hash of its digest, so that the seals of the rest hold.
create table outboard.redacted_changes (
  volume bigint not null,
  seq bigint not null,
  digest_hash bytea not null,
  primary key (volume, seq)
);

-- What of a change is sealed: the hash of its columns, and that of its content's digest. A column that is added to the log
-- later does not belong to it: old seals stay true.
create function outboard.digest_of(c outboard.changes, digest_hash bytea) returns bytea
language sql immutable parallel safe as $$
  select sha256(sha256(convert_to(row(
    c.volume, c.seq, c.kind, c.inode, c.node_kind, c.mode, c.uid, c.gid, c.size, c.links, c.device, c.accessed,
    c.modified, c.changed, c.version, encode(c.target, 'hex'), c.xattr_bytes, c.before_parent, c.before_name,
    c.after_parent, c.after_name, c.other_inode, c.other_links, c.other_exchanged, c.path, c.conflict, c.principal,
    c.session, c.turn, c.op, c.epoch, c.generation, c.client, c.number, c.at)::text, 'UTF8')) ||
    coalesce(digest_hash, ''::bytea))
$$;

create function outboard.seal_changes() returns trigger language plpgsql security definer
set search_path = outboard, pg_temp as $$
begin
  insert into seals (volume, last_seq, first_seq, digest)
    select f.volume, f.last_seq, f.first_seq,
           sha256(coalesce((select s.digest from seals s where s.volume = f.volume and s.last_seq = f.first_seq - 1),
                           ''::bytea) || f.digests)
    from (select c.volume, min(c.seq) as first_seq, max(c.seq) as last_seq,
                 string_agg(digest_of(c::outboard.changes, sha256(c.digest)), ''::bytea order by c.seq) as digests
          from fresh c group by c.volume) f;
  return null;
end $$;
create trigger seal_changes after insert on outboard.changes referencing new table as fresh
  for each statement execute function outboard.seal_changes();

-- Looks at up to `p_limit` seals behind `p_after` and not behind `p_upto`, in order, as far as their changes are still
-- kept. `fault` says what is wrong with one; null: it is as it was written.
create function outboard.check_seals(p_volume bigint, p_after bigint, p_upto bigint, p_limit bigint)
returns table (first_seq bigint, last_seq bigint, digest bytea, fault text) language sql stable as $$
  with picked as (
    select s.first_seq, s.last_seq, s.digest from outboard.seals s
    join outboard.volumes v on v.id = s.volume
    where s.volume = p_volume and s.last_seq > p_after and s.last_seq <= p_upto
      and s.first_seq > v.pruned_seq
    order by s.last_seq limit p_limit
  ), chained as (
    select p.*, coalesce(lag(p.last_seq) over w, q.last_seq) as before_seq,
           coalesce(lag(p.digest) over w, q.digest, ''::bytea) as before_digest
    from picked p
    left join lateral (select s.last_seq, s.digest from outboard.seals s
                       where s.volume = p_volume and s.last_seq < (select min(a.first_seq) from picked a)
                       order by s.last_seq desc limit 1) q on true
    window w as (order by p.last_seq)
  )
  select k.first_seq, k.last_seq, k.digest,
         case when k.before_seq is not null and k.before_seq <> k.first_seq - 1
                then format('no seal covers %s to %s', k.before_seq + 1, k.first_seq - 1)
              when l.changes <> k.last_seq - k.first_seq + 1
                then format('%s of its %s changes are there', l.changes, k.last_seq - k.first_seq + 1)
              when k.digest <> sha256(k.before_digest || l.digests)
                then 'a change, or the seal before, is not as it was written' end
  from chained k
  cross join lateral (select count(*) as changes,
                             coalesce(string_agg(outboard.digest_of(c, coalesce(sha256(c.digest), r.digest_hash)),
                                                 ''::bytea order by c.seq), ''::bytea) as digests
                      from outboard.changes c
                      left join outboard.redacted_changes r on r.volume = c.volume and r.seq = c.seq
                      where c.volume = p_volume and c.seq between k.first_seq and k.last_seq) l
  order by k.last_seq
$$;

-- Versions whose bytes are not those that the log tells of; chunked ones have no digest of their own to compare.
create function outboard.check_contents(p_volume bigint, p_first bigint, p_last bigint)
returns table (seq bigint, path text) language sql stable as $$
  select c.seq, c.path from outboard.changes c
  join outboard.versions x on x.volume = c.volume and x.inode = c.inode and x.version = c.version
  where c.volume = p_volume and c.seq between p_first and p_last and c.kind in (0, 4, 5) and x.seq = c.seq
    and not x.chunked and not x.redacted
    and (x.digest is distinct from c.digest or x.digest is distinct from sha256(x.data))
  order by c.seq
$$;

-- ── Refused ──────────────────────────────────────────────────────────────────────────────────────
-- Attempts that a rule of access, a fence, a quota or a check of contents turned away. Equal ones within a moment are one
-- row with a count.
create table outboard.refusals (
  id bigint generated always as identity primary key,
  organisation bigint not null,                     -- of the caller; 0: the site
  volume text collate "C" not null,                 -- as it was named, or its name; it may not exist
  principal text collate "C" not null,
  token bigint not null,
  session uuid,
  op text not null,                                 -- 'publish', 'rename' …
  path text collate "C" not null,
  code text not null,                               -- 'read_only', 'fenced' …
  times bigint not null,
  first timestamptz not null,
  last timestamptz not null
);
create index refusals_of_organisation on outboard.refusals (organisation, id);

create table outboard.refusal_seals (
  last_id bigint primary key,
  first_id bigint not null,
  refusals bigint not null,                         -- how many; ids may have gaps
  digest bytea not null
);

create function outboard.digest_of(r outboard.refusals) returns bytea language sql stable parallel safe as $$
  select sha256(convert_to(row(
    r.id, r.organisation, r.volume, r.principal, r.token, r.session, r.op, r.path, r.code, r.times,
    extract(epoch from r.first), extract(epoch from r.last))::text, 'UTF8'))
$$;

create function outboard.seal_refusals() returns trigger language plpgsql security definer
set search_path = outboard, pg_temp as $$
begin
  perform pg_advisory_xact_lock(hashtext('outboard.refusals'));  -- servers seal one after the other
  insert into refusal_seals (last_id, first_id, refusals, digest)
    select f.last_id, f.first_id, f.refusals,
           sha256(coalesce((select s.digest from refusal_seals s order by s.last_id desc limit 1), ''::bytea) ||
                  f.digests)
    from (select min(r.id) as first_id, max(r.id) as last_id, count(*) as refusals,
                 string_agg(digest_of(r::outboard.refusals), ''::bytea order by r.id) as digests from fresh r having count(*) > 0) f;
  return null;
end $$;
create trigger seal_refusals after insert on outboard.refusals referencing new table as fresh
  for each statement execute function outboard.seal_refusals();

create function outboard.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'outboard.% is only ever added to: what was refused once stays on record', tg_table_name
    using errcode = 'feature_not_supported';
end $$;
create trigger refuse_change before update or delete or truncate on outboard.refusals
  for each statement execute function outboard.refuse_change();
create trigger refuse_change before update or delete or truncate on outboard.refusal_seals
  for each statement execute function outboard.refuse_change();
create trigger refuse_truncate before truncate on outboard.seals execute function outboard.refuse_truncate();

create function outboard.check_refusals(p_after bigint, p_upto bigint, p_limit bigint)
returns table (last_id bigint, digest bytea, fault text) language sql stable as $$
  with picked as (
    select s.* from outboard.refusal_seals s where s.last_id > p_after and s.last_id <= p_upto order by s.last_id limit p_limit
  ), chained as (
    select p.*, coalesce(lag(p.digest) over (order by p.last_id),
                         (select s.digest from outboard.refusal_seals s where s.last_id <= p_after
                          order by s.last_id desc limit 1), ''::bytea) as before_digest
    from picked p
  )
  select k.last_id, k.digest,
         case when l.refusals <> k.refusals then format('%s of its %s refusals are there', l.refusals, k.refusals)
              when k.digest <> sha256(k.before_digest || l.digests)
                then 'a refusal, or the seal before, is not as it was written' end
  from chained k
  cross join lateral (select count(*) as refusals, coalesce(string_agg(outboard.digest_of(r), ''::bytea order by r.id),
                                                           ''::bytea) as digests
                      from outboard.refusals r where r.id between k.first_id and k.last_id) l
  order by k.last_id
$$;

-- ── Read ─────────────────────────────────────────────────────────────────────────────────────────
-- How often a file was asked for, by whom, day by day. What a mount's kernel still has is not asked for again.
create table outboard.reads (
  volume bigint not null,
  inode bigint not null,
  principal text collate "C" not null,
  day date not null,                                -- UTC
  times bigint not null,
  last timestamptz not null,
  primary key (volume, day, inode, principal)
) with (fillfactor = 75);
