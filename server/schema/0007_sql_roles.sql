-- Roles of Postgres for people of an organisation: which of them sees and edits which organisation's files by SQL. [D21]
--
-- Three locks, each enough by itself: a role is granted the views and a few functions, no table; the views show only
-- volumes of the organisations that sql_roles ties the role to; and every table has row-level security without a policy,
-- so that a table granted by mistake shows nothing (the migrator sees to it, and to functions that PUBLIC may not call).
-- The owner of the tables, whom servers log in as, passes all three.
create table outboard.sql_roles (
  role regrole not null,                            -- its number: a role of the same name made later has no part in it
  organisation bigint not null references outboard.organisations on delete cascade,
  can_write boolean not null default false,
  primary key (role, organisation)
);

-- All, for whoever has the owner's rights. Rights that a role inherits from another are its own.
create or replace function outboard.organisations_of_role(writing boolean) returns bigint[]
language plpgsql stable security definer set search_path = outboard, pg_temp as $$
begin
  if pg_has_role(sql_role(), current_user, 'usage') then
    return array(select id from organisations);
  end if;
  return array(select distinct r.organisation from sql_roles r
               where (r.can_write or not writing) and pg_has_role(sql_role(), r.role, 'usage'));
end $$;

-- Grants the views to a role and ties it to an organisation; a role that is not there is made, without a password.
-- Needs the tables' owner, and for a new role CREATEROLE. Calling it again changes the access.
create function outboard.grant_sql(organisation text, role text, access text) returns void language plpgsql
set search_path = outboard, pg_temp as $$
declare
  org constant bigint := (select id from organisations o where o.name = organisation);
begin
  if org is null then
    raise exception 'there is no organisation "%": name one of select name from outboard.organisations', organisation
      using errcode = 'no_data_found';
  elsif access is null or access not in ('read', 'write') then
    raise exception '"%" is no access: write ''read'' or ''write''', access
      using errcode = 'invalid_parameter_value';
  end if;
  if to_regrole(quote_ident(role)) is null then
    execute format('create role %I login', role);
  end if;
  execute format('grant usage on schema outboard to %I', role);
  execute format('grant select on outboard.skill_files, outboard.memory_files, outboard.files, outboard.log to %I', role);
  execute format('grant execute on function outboard.organisations_of_role(boolean), outboard.text_or_null(bytea) to %I',
                 role);
  if access = 'write' then
    execute format('grant insert, update, delete on outboard.skill_files, outboard.memory_files to %I', role);
    execute format('grant execute on function outboard.write_file(text, text, text, text), '
                   'outboard.delete_file(text, text, text) to %I', role);
  end if;
  insert into sql_roles (role, organisation, can_write) values (quote_ident(role)::regrole, org, access = 'write')
    on conflict on constraint sql_roles_pkey do update set can_write = excluded.can_write;
end $$;

-- Unties a role from an organisation. When it was the last, what grant_sql gave it is taken back; the role itself stays.
create function outboard.revoke_sql(organisation text, role text) returns void language plpgsql
set search_path = outboard, pg_temp as $$
declare
  tied constant regrole := to_regrole(quote_ident(role));
begin
  delete from sql_roles r using organisations o
    where r.role = tied and o.id = r.organisation and o.name = revoke_sql.organisation;
  if not found then
    raise exception 'the role "%" is not tied to "%": see select * from outboard.sql_roles', role, organisation
      using errcode = 'no_data_found';
  end if;
  if not exists (select from sql_roles r where r.role = tied) then
    execute format('revoke all on outboard.skill_files, outboard.memory_files, outboard.files, outboard.log from %I',
                   role);
    execute format('revoke all on function outboard.organisations_of_role(boolean), outboard.text_or_null(bytea), '
                   'outboard.write_file(text, text, text, text), outboard.delete_file(text, text, text) from %I', role);
    execute format('revoke all on schema outboard from %I', role);
  end if;
end $$;
