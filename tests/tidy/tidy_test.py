#!/usr/bin/python3
"""Shows that each rule of tidy.py fails when it is broken, and is silent when it is kept."""

import os
import tempfile
import unittest

import tidy

ROOMS = "core:\nserver: core\nserver/postgres: core server\nforeign postgres <pqxx/* : server/postgres\n"


def findings(files):
    files = {"tests/tidy/rooms.txt": ROOMS, **files}
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return tidy.broken_rules(root)


class Tidy(unittest.TestCase):
    def broken(self, files, words):
        found = findings(files)
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_a_good_tree_is_tidy(self):
        self.assertEqual(findings({
            "core/a.h": "// A.\n#pragma once\n#include <string>\n",
            "server/b.cpp": '#include "core/a.h"\nint b() {\n  return 1;\n}\n',
            "docs/semantics.md": "**S1** *Kept.*\n",
            "core/a_test.cpp": "TEST(A, S1_IsKept) {}\n",
        }), [])

    def test_walls(self):
        self.broken({"core/a.cpp": '#include "server/b.h"\n'}, "core may not include server")
        self.broken({"server/a.cpp": '#include "server/postgres/b.h"\n'}, "server/postgres")
        self.broken({"cellar/a.cpp": "\n"}, "not in tests/tidy/rooms.txt")
        self.assertEqual(findings({"server/main.cpp": '#include "server/postgres/b.h"\n'}), [])

    def test_foreign_libraries_are_found_through_headers(self):
        self.broken({"server/postgres/b.h": "// B.\n#pragma once\n#include <pqxx/pqxx>\n",
                     "server/main.cpp": '#include "server/postgres/b.h"\n'}, "reaches postgres")
        self.broken({"core/a.cpp": "#include <pqxx/pqxx>\n"}, "reaches postgres")

    def test_lengths(self):
        self.broken({"core/a.cpp": "\n" * 601}, "over 600 lines")
        self.broken({"core/a.cpp": "// " + "x" * 98 + "\n"}, "over 100 columns")
        body = "int a(int x,\n      int y) {\n" + "  x += y;\n" * 70 + "  return x;\n}\n"
        self.broken({"core/a.cpp": "namespace n {\n\n" + body + "\n}\n"}, "a function over 70")
        inside = "struct A {\n  int a() {\n" + "    ++x;\n" * 70 + "  }\n};\n"
        self.broken({"core/a.cpp": inside}, "a function over 70")
        two = "int a() {\n" + "  ++x;\n" * 40 + "}\n\nint b() {\n" + "  ++x;\n" * 40 + "}\n"
        self.assertEqual(findings({"core/a.cpp": two}), [])

    def test_names(self):
        self.broken({"core/util.cpp": "\n"}, "says nothing")

    def test_claims_and_their_tests(self):
        self.broken({"docs/semantics.md": "**S3** *Kept.*\n"}, "S3 has no test")
        self.broken({"core/a_test.cpp": "TEST(A, S4_IsKept) {}\n"}, "S4 is no claim")
        self.broken({"core/a_test.cpp": "// [S4] Kept.\n"}, "S4 is no claim")

    def test_sleeps(self):
        self.broken({"core/a_test.cpp": "  sleep_for(1s);\n"}, "a test sleeps")
        self.broken({"tests/e2e/a.py": "  time.sleep(1)\n"}, "a test sleeps")
        self.broken({"tests/e2e/a.sh": "sleep 1\n"}, "a test sleeps")

    def test_loose_ends(self):
        self.broken({"README.md": "see /hom" + "e/ada/x\n"}, "a path of one machine")
        self.broken({"core/a.cpp": "// TO" + "DO\n"}, "work left for later")

    def test_headers(self):
        self.broken({"core/a.h": "// A.\n"}, "#pragma once")
        self.broken({"core/a.h": "#pragma once\n"}, "begins by saying")


if __name__ == "__main__":
    unittest.main()
