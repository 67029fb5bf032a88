-- Locks of files across mounts: who holds what, who waits, and until when a client is believed to live. The database's
-- clock alone decides about leases. Rows of one file are changed under an advisory lock of that file.

create table outboard.lock_leases (
  client uuid primary key,
  principal text collate "C" not null,              -- whose token first locked for this client; no other's may
  token bigint,                                     -- the one used last; null: the server's own work
  until timestamptz not null
) with (fillfactor = 50);

create table outboard.locks (
  volume bigint not null,
  inode bigint not null,
  whole_file boolean not null,                      -- flock's, which know nothing of fcntl's ranges
  client uuid not null,
  owner bigint not null,                            -- within the client; all 64 bits are its
  from_byte bigint not null,
  to_byte bigint not null,                          -- behind the last; 2^63 - 1: to the end, wherever that is
  exclusive boolean not null,
  primary key (volume, inode, whole_file, client, owner, from_byte)
) with (fillfactor = 70);
create index locks_of_owner on outboard.locks (client, owner);

-- The queue, in the order of `place`. A server speaks for the places of its own callers; one that died loses them.
create table outboard.lock_waiters (
  place bigint generated always as identity primary key,
  volume bigint not null,
  inode bigint not null,
  whole_file boolean not null,
  client uuid not null,
  owner bigint not null,
  from_byte bigint not null,
  to_byte bigint not null,
  exclusive boolean not null,
  until timestamptz not null
) with (fillfactor = 70);
create index lock_waiters_of_file on outboard.lock_waiters (volume, inode);
create index lock_waiters_of_owner on outboard.lock_waiters (client, owner);

-- Whether a lease lasts: its client was heard of, and its token is good.
create function outboard.lease_lasts(p_until timestamptz, p_token bigint) returns boolean
language sql stable set search_path = outboard, pg_temp as $$
  select p_until > clock_timestamp()
     and (p_token is null or exists (select 1 from outboard.tokens t where t.id = p_token and t.revoked is null
                                        and t.expires > clock_timestamp()));
$$;

-- Begins or prolongs the lease of a client that takes a lock. A lease that ran out takes its locks with it first, so that
-- what another may have taken meanwhile is never held twice. False: the client is another principal's.
create function outboard.hold_lease(p_client uuid, p_principal text, p_token bigint, p_grace interval) returns boolean
language plpgsql set search_path = outboard, pg_temp as $$
declare
  lease outboard.lock_leases;
begin
  select * into lease from outboard.lock_leases where client = p_client for update;
  if not found then
    insert into outboard.lock_leases (client, principal, token, until)
    values (p_client, p_principal, p_token, clock_timestamp() + p_grace)
    on conflict (client) do nothing;
    select * into lease from outboard.lock_leases where client = p_client for update;
  end if;
  if not outboard.lease_lasts(lease.until, lease.token) then
    delete from outboard.locks where client = p_client;
  elsif lease.principal <> p_principal then
    return false;
  end if;
  update outboard.lock_leases
     set principal = p_principal, token = p_token, until = clock_timestamp() + p_grace where client = p_client;
  return true;
end $$;

-- ── Strict volumes ───────────────────────────────────────────────────────────────────────────────
-- Servers of this database. A publish on a strict volume asks each of them about its mounts; one that died is believed for
-- a while, because its mounts may show old bytes for as long.
create table outboard.strict_servers (
  server uuid primary key,
  until timestamptz not null
) with (fillfactor = 50);
