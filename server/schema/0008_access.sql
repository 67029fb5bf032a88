-- Who may do what, beside the tokens: groups, standing grants, bounds of tokens; and what the log must say so that
-- somebody who sees a part of a volume can follow it.

-- Further paths that a change touches, as core/change.h says of Change::also: each behind the last after one more "/",
-- which no path has within.
alter table outboard.changes add column also text collate "C";

alter table outboard.volumes
  add column quota_versions bigint not null default 0,  -- 0: none
  add column used_versions bigint not null default 0;   -- rows of outboard.versions
update outboard.volumes v
  set used_versions = (select count(*) from outboard.versions x where x.volume = v.id);

-- Who takes versions away need not count them.
create function outboard.versions_gone() returns trigger language plpgsql security definer
set search_path = outboard, pg_temp as $$
begin
  update volumes v set used_versions = v.used_versions - g.versions
    from (select volume, count(*) as versions from gone group by volume) g where v.id = g.volume;
  return null;
end $$;
create trigger versions_gone after delete on outboard.versions referencing old table as gone
  for each statement execute function outboard.versions_gone();

-- As in 0002, and with a quota on versions.
create or replace function outboard.use_volume(p_volume bigint, p_changes bigint, p_bytes bigint, p_nodes bigint,
    p_versions bigint) returns bigint language plpgsql as $$
declare
  v record;
begin
  select * into v from outboard.volumes where id = p_volume for no key update;
  if (v.quota_bytes > 0 and p_bytes > 0 and v.used_bytes + p_bytes > v.quota_bytes)
     or (v.quota_nodes > 0 and p_nodes > 0 and v.used_nodes + p_nodes > v.quota_nodes)
     or (v.quota_versions > 0 and p_versions > 0 and v.used_versions + p_versions > v.quota_versions) then
    raise exception 'the volume % would hold % bytes in % nodes and % kept versions, its quota is % bytes, % nodes and '
        '% versions (0: none): remove something, keep fewer versions, or ask for a larger quota', v.name,
        v.used_bytes + p_bytes, v.used_nodes + p_nodes, v.used_versions + p_versions, v.quota_bytes, v.quota_nodes,
        v.quota_versions using errcode = 'disk_full';
  end if;
  update outboard.volumes set head_seq = v.head_seq + p_changes, used_bytes = v.used_bytes + p_bytes,
      used_nodes = v.used_nodes + p_nodes, used_versions = v.used_versions + p_versions where id = p_volume;
  return v.head_seq;
end $$;

-- ── Tokens ───────────────────────────────────────────────────────────────────────────────────────
-- A bound token allows what its principal's standing grants allow at the moment of use, and of that no more than its own
-- grants when it has any.
alter table outboard.tokens
  add column bound boolean not null default false,
  add column limited boolean not null default false;  -- bound, and with grants of its own: without any left it opens nothing
alter table outboard.token_grants add column manage boolean not null default false;
create index tokens_of_principal on outboard.tokens (organisation, principal) where revoked is null;

-- ── Groups and standing grants ───────────────────────────────────────────────────────────────────
create table outboard.groups (
  id bigint generated always as identity primary key,
  organisation bigint not null references outboard.organisations,
  name text collate "C" not null,
  created timestamptz not null default clock_timestamp(),
  unique (organisation, name)
);

create table outboard.group_members (
  member_of bigint not null references outboard.groups on delete cascade,
  principal bigint not null references outboard.principals on delete cascade,
  primary key (member_of, principal)
);
create index group_members_of_principal on outboard.group_members (principal);

create table outboard.grants (
  id bigint generated always as identity primary key,
  organisation bigint not null references outboard.organisations,
  principal bigint references outboard.principals on delete cascade,
  to_group bigint references outboard.groups on delete cascade,
  volumes text collate "C" not null,                -- a name without the organisation, or a pattern
  prefix text collate "C" not null default '/',
  mode smallint not null,                           -- 0 read, 1 write, 2 manage, 3 audit, 4 administer
  given_by text collate "C" not null,
  created timestamptz not null default clock_timestamp(),
  check (num_nonnulls(principal, to_group) = 1)
);
create unique index grants_once on outboard.grants
  (coalesce(principal, 0), coalesce(to_group, 0), volumes, prefix, mode);
create index grants_of_organisation on outboard.grants (organisation);
create index grants_of_group on outboard.grants (to_group) where to_group is not null;

-- Whatever takes a right away, by whatever way: every server hears of it and asks for its live tokens again.
create function outboard.access_changed() returns trigger language plpgsql as $$
begin
  perform pg_notify('outboard', 'access');
  return null;
end $$;
create trigger access_changed after update of revoked, expires, bound on outboard.tokens
  for each statement execute function outboard.access_changed();
create trigger access_changed after update or delete on outboard.token_grants
  for each statement execute function outboard.access_changed();
create trigger access_changed after insert or update or delete on outboard.grants
  for each statement execute function outboard.access_changed();
create trigger access_changed after insert or update or delete on outboard.group_members
  for each statement execute function outboard.access_changed();
create trigger access_changed after insert or update or delete on outboard.token_pins
  for each statement execute function outboard.access_changed();

-- ── Leaving ──────────────────────────────────────────────────────────────────────────────────────
alter table outboard.organisations
  add column removal_code text,
  add column removal_until timestamptz;

-- Volumes that are gone and whose rows are yet to be swept away, a piece at a time.
create table outboard.swept_volumes (
  volume bigint primary key,
  since timestamptz not null default clock_timestamp()
);
