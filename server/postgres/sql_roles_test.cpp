// Roles of Postgres: each sees and edits by SQL the files of its own organisations, and learns
// nothing of others.
#include "server/postgres/sql_fixture.h"

namespace outboard::server {
namespace {

class SqlRolesTest : public SqlTest {
 protected:
  SqlRolesTest() {
    EXPECT_TRUE(admin().create_organisation(call(), "globex"));
    theirs_ = volume("globex/memory");
    EXPECT_TRUE(store().apply(call(), theirs_, put("/plan.md", "globex secret")));
    EXPECT_TRUE(store().apply(call(), memory_, put("/plan.md", "acme plan")));
  }

  // Roles are the cluster's, so each test's database has names of its own.
  std::string role(const std::string& name) {
    return name + "_of_" + text("SELECT current_database()::text");
  }
  void grant(const std::string& organisation, const std::string& name, const std::string& access) {
    run("SELECT outboard.grant_sql('" + organisation + "', '" + role(name) + "', '" + access +
        "')");
  }
  std::unique_ptr<Connection> log_in(const std::string& name) {
    std::string url = url_;
    url.replace(url.find("postgres@"), 8, role(name));
    auto opened = Connection::open(url, std::chrono::steady_clock::now() + kTestWait);
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }
  void refused_to(Connection& who, const std::string& statement, const std::string& part) {
    const std::string message = sql_error(who, statement);
    EXPECT_NE(message.find(part), std::string::npos) << statement << "\n" << message;
  }

  VolumeId theirs_;
};

TEST_F(SqlRolesTest, S38_ARoleEditsItsOwnOrganisationsFiles) {
  grant("acme", "editor", "write");
  const auto editor = log_in("editor");
  EXPECT_EQ(text(*editor, "SELECT string_agg(org || path, ',') FROM outboard.memory_files"),
            "acme/plan.md");
  sql(*editor, "UPDATE outboard.memory_files SET content = content || ', new'");
  sql(*editor, insert("/more/a.md", "more"));
  sql(*editor, "SELECT outboard.write_file('acme', 'memory', '/b.md', 'b')");
  EXPECT_EQ(content(memory_, "/plan.md"), "acme plan, new");
  EXPECT_EQ(content(theirs_, "/plan.md"), "globex secret");
  const auto versions = store().versions(call(), memory_, "/plan.md");
  EXPECT_EQ(versions->value.front().origin.principal, "sql:" + role("editor"));
  expect_log_tells_tree(memory_);
}

TEST_F(SqlRolesTest, S38_WhatIsNotOnesOwnIsAbsent) {
  grant("acme", "editor", "write");
  const auto editor = log_in("editor");
  for (const char* view : {"memory_files", "files", "log"}) {
    EXPECT_EQ(text(*editor, std::string("SELECT count(*)::text FROM outboard.") + view +
                                " WHERE org <> 'acme'"),
              "0");
  }
  sql(*editor, "DELETE FROM outboard.memory_files WHERE org = 'globex'");
  // Others' volumes and those that nobody has are answered alike.
  for (const std::string org : {"globex", "nobody"}) {
    const std::string none = "there is no volume \"" + org + "/memory\"";
    refused_to(*editor,
               "INSERT INTO outboard.memory_files (org, path) VALUES ('" + org + "', '/plan.md')",
               none);
    refused_to(*editor, "SELECT outboard.write_file('" + org + "', 'memory', '/plan.md', '')",
               none);
    refused_to(*editor, "SELECT outboard.delete_file('" + org + "', 'memory', '/plan.md')", none);
  }
  EXPECT_EQ(content(theirs_, "/plan.md"), "globex secret");
}

// A function in a condition is shown only rows that its caller may see, however cheap it claims to
// be.
TEST_F(SqlRolesTest, S38_ConditionsSeeNoForeignRows) {
  grant("acme", "editor", "write");
  const auto editor = log_in("editor");
  sql(*editor,
      "CREATE TEMP TABLE told (what text); "
      "CREATE FUNCTION pg_temp.tell(what text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS "
      "$$ BEGIN INSERT INTO told VALUES (what); RETURN true; END $$");
  for (const std::string settings :
       {"", "SET enable_nestloop = off; ", "SET enable_hashjoin = off; "}) {
    sql(*editor, settings +
                     "SELECT count(*) FROM outboard.memory_files WHERE pg_temp.tell(org) AND "
                     "pg_temp.tell(path) AND pg_temp.tell(content) AND pg_temp.tell(author)");
    sql(*editor,
        "SELECT count(*) FROM outboard.files WHERE pg_temp.tell(path) AND pg_temp.tell(org)");
    sql(*editor,
        "SELECT count(*) FROM outboard.log WHERE pg_temp.tell(org) AND pg_temp.tell(author)");
    sql(*editor,
        "UPDATE outboard.memory_files SET content = content || '!' WHERE pg_temp.tell(content)");
  }
  EXPECT_EQ(text(*editor, "SELECT count(*)::text FROM told WHERE what LIKE '%globex%'"), "0");
  EXPECT_EQ(text(*editor, "SELECT (count(*) > 10)::text FROM told"), "true");
}

TEST_F(SqlRolesTest, S38_AReaderChangesNothing) {
  grant("acme", "reader", "read");
  const auto reader = log_in("reader");
  EXPECT_EQ(text(*reader, "SELECT content FROM outboard.memory_files"), "acme plan");
  refused_to(*reader, "UPDATE outboard.memory_files SET content = 'x'", "permission denied");
  refused_to(*reader, "SELECT outboard.write_file('acme', 'memory', '/x', '')",
             "permission denied");
  // One that writes for another organisation still only reads here.
  grant("globex", "reader", "write");
  refused_to(*reader, "UPDATE outboard.memory_files SET content = 'x' WHERE org = 'acme'",
             "only reads the volumes of \"acme\"");
  sql(*reader, "UPDATE outboard.memory_files SET content = 'y' WHERE org = 'globex'");
  EXPECT_EQ(content(memory_, "/plan.md"), "acme plan");
  EXPECT_EQ(content(theirs_, "/plan.md"), "y");
}

TEST_F(SqlRolesTest, S38_NothingElseIsOpen) {
  grant("acme", "editor", "write");
  const auto editor = log_in("editor");
  const std::string ours = " FROM pg_class c WHERE relnamespace = 'outboard'::regnamespace ";
  EXPECT_EQ(text(*editor, "SELECT string_agg(relname, ',' ORDER BY relname)" + ours +
                              "AND CASE WHEN relkind IN ('r', 'p', 'v', 'm') THEN "
                              "has_table_privilege(c.oid, 'SELECT') END"),
            "files,log,memory_files,skill_files");
  EXPECT_EQ(text(*editor, "SELECT count(*)::text" + ours +
                              "AND CASE WHEN relkind = 'S' THEN "
                              "has_sequence_privilege(c.oid, 'SELECT, USAGE') END"),
            "0");
  EXPECT_EQ(text(*editor,
                 "SELECT string_agg(proname, ',' ORDER BY proname) FROM pg_proc WHERE "
                 "pronamespace = 'outboard'::regnamespace AND has_function_privilege(oid, "
                 "'EXECUTE')"),
            "delete_file,organisations_of_role,text_or_null,write_file");
  // Whoever gets a table granted by mistake finds it empty.
  EXPECT_EQ(
      text("SELECT count(*)::text" + ours + "AND relkind IN ('r', 'p') AND NOT relrowsecurity"),
      "0");
  run("GRANT SELECT ON outboard.versions, outboard.tokens TO \"" + role("editor") + "\"");
  EXPECT_EQ(text(*editor, "SELECT count(*)::text FROM outboard.versions"), "0");
  EXPECT_EQ(text(*editor, "SELECT count(*)::text FROM outboard.tokens"), "0");
}

// No setting of a session's own leads around the log or the rules.
TEST_F(SqlRolesTest, S38_SettingsChangeNoRule) {
  grant("acme", "editor", "write");
  const auto editor = log_in("editor");
  sql(*editor,
      "SET search_path = pg_temp, outboard; "
      "SET standard_conforming_strings = off; SET plan_cache_mode = force_generic_plan; "
      "SET \"outboard.staged\" = '1'; SET \"outboard.applied\" = '999999999'");
  sql(*editor, insert("/a/b.md", "1"));
  refused_to(*editor, insert("/a/.history", ""), "reserved");
  refused_to(*editor,
             "INSERT INTO outboard.memory_files (org, path) VALUES ('acme', '/' || chr(1114089))",
             "stands here for a byte");
  EXPECT_EQ(content(memory_, "/a/b.md"), "1");
  expect_log_tells_tree(memory_);
}

TEST_F(SqlRolesTest, S38_ARoleThatWasUntiedSeesNothing) {
  grant("acme", "editor", "write");
  grant("globex", "editor", "read");
  const auto editor = log_in("editor");
  EXPECT_EQ(text(*editor, "SELECT count(*)::text FROM outboard.memory_files"), "2");
  run("SELECT outboard.revoke_sql('acme', '" + role("editor") + "')");
  EXPECT_EQ(text(*editor, "SELECT string_agg(org, ',') FROM outboard.memory_files"), "globex");
  run("SELECT outboard.revoke_sql('globex', '" + role("editor") + "')");
  refused_to(*editor, "SELECT * FROM outboard.memory_files", "permission denied");
  refused("SELECT outboard.revoke_sql('acme', '" + role("editor") + "')", "is not tied to");
  refused("SELECT outboard.grant_sql('none', 'x', 'read')", "there is no organisation");
  refused("SELECT outboard.grant_sql('acme', 'x', 'all')", "write 'read' or 'write'");
}

// People log in as themselves and have the rights of a role that they are in, or SET.
TEST_F(SqlRolesTest, S38_RightsAreInheritedAndTheAuthorIsWhoLoggedIn) {
  grant("acme", "editors", "write");
  run("CREATE ROLE \"" + role("ada") + "\" LOGIN IN ROLE \"" + role("editors") + "\"");
  const auto ada = log_in("ada");
  sql(*ada, insert("/by_ada.md", "1"));
  EXPECT_EQ(text("SELECT author FROM outboard.memory_files WHERE path = '/by_ada.md'"),
            "sql:" + role("ada"));
  grant("globex", "others", "read");
  run("GRANT \"" + role("others") + "\" TO \"" + role("ada") + "\"");
  EXPECT_EQ(text(*ada, "SELECT count(DISTINCT org)::text FROM outboard.memory_files"), "2");
  sql(*ada, "SET ROLE \"" + role("others") + "\"");
  EXPECT_EQ(text(*ada, "SELECT string_agg(DISTINCT org, ',') FROM outboard.memory_files"),
            "globex");
}

// An owner without the cluster's highest rights, as on a managed service.
TEST_F(SqlRolesTest, AnOwnerNeedsNoSuperuser) {
  run("CREATE ROLE \"" + role("owner") + "\" LOGIN CREATEROLE");
  run("DO $$ DECLARE r record; BEGIN EXECUTE 'ALTER SCHEMA outboard OWNER TO \"" + role("owner") +
      "\"'; FOR r IN SELECT format('ALTER TABLE outboard.%I OWNER TO \"" + role("owner") +
      "\"', relname) AS s FROM pg_class WHERE relnamespace = 'outboard'::regnamespace AND relkind "
      "IN ('r', 'v') UNION ALL SELECT format('ALTER FUNCTION %s OWNER TO \"" +
      role("owner") +
      "\"', oid::regprocedure) FROM pg_proc WHERE pronamespace = 'outboard'::regnamespace UNION "
      "ALL SELECT 'ALTER SEQUENCE outboard.inode_numbers OWNER TO \"" +
      role("owner") + "\"' LOOP EXECUTE r.s; END LOOP; END $$");
  const auto session = log_in("owner");
  sql(*session, "SELECT outboard.grant_sql('acme', '" + role("editor") + "', 'write')");
  EXPECT_EQ(text(*session, "SELECT count(*)::text FROM outboard.memory_files"), "2");
  const auto editor = log_in("editor");
  sql(*editor, insert("/new/a.md", "1"));
  EXPECT_EQ(text(*editor, "SELECT string_agg(DISTINCT org, ',') FROM outboard.memory_files"),
            "acme");
}

}  // namespace
}  // namespace outboard::server
