# room(NAME [LINK libs…] [TEST_LINK libs…] [APART x_test.cpp…]): one room of the house as a static library
# `room_NAME`, with its warnings and the tests that stand beside its code (`x_test.cpp`, all in one program, label
# `unit`). Tests that take seconds stand APART: house_test() makes a program of them, with a label of their own.
#
# house_program(NAME MAIN main.cpp LINK rooms…): an executable.
# house_test(NAME SOURCES … LINK … LABEL l [TIMEOUT s]): a test program that crosses rooms; under a sanitizer it has
# three times as long, and tests/sanitizers/ says what is not its concern.

add_library(house_flags INTERFACE)
target_include_directories(house_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(house_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
  -Wold-style-cast -Wswitch-enum $<$<BOOL:${OUTBOARD_WERROR}>:-Werror> $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
# Ours, not the generated code: what a sanitizer finds there nobody could mend here.
if(OUTBOARD_SANITIZE)
  target_compile_options(house_flags INTERFACE -fsanitize=${OUTBOARD_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  set(suppressions ${CMAKE_SOURCE_DIR}/tests/sanitizers)
  set(house_sanitizer_options "LSAN_OPTIONS=suppressions=${suppressions}/leak.supp:print_suppressions=0"
    "TSAN_OPTIONS=suppressions=${suppressions}/thread.supp" "UBSAN_OPTIONS=print_stacktrace=1")
endif()

function(house_test name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE house_flags ${arg_LINK} GTest::gtest_main)
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(OUTBOARD_SANITIZE)
    math(EXPR arg_TIMEOUT "3 * ${arg_TIMEOUT}")
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT "${house_sanitizer_options}")
endfunction()

function(room name)
  cmake_parse_arguments(arg "" "" "LINK;TEST_LINK;APART" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(TRANSFORM arg_APART PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  list(REMOVE_ITEM tests ${arg_APART})
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cpp$")
  add_library(room_${name} STATIC ${sources})
  target_link_libraries(room_${name} PUBLIC ${arg_LINK} PRIVATE house_flags)
  target_include_directories(room_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  if(tests)
    house_test(${name}_test SOURCES ${tests} LINK room_${name} ${arg_TEST_LINK} LABEL unit)
  endif()
endfunction()

function(house_program name)
  cmake_parse_arguments(arg "" "MAIN" "LINK" ${ARGN})
  add_executable(${name} ${arg_MAIN})
  target_link_libraries(${name} PRIVATE house_flags ${arg_LINK})
endfunction()
