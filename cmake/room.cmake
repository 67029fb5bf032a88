# room(NAME [WIRE] [LINK libs…] [TEST_LINK libs…] [APART x_test.cpp…]): one room of the house as a static library
# `room_NAME`, with its warnings and the tests that stand beside its code (`x_test.cpp`, all in one program, label
# `unit`). Tests that take seconds stand APART: house_test() makes a program of them, with a label of their own.
#
# A room that speaks gRPC says room(… WIRE): its files share the headers of gRPC and of our protos, parsed once.
#
# house_program(NAME MAIN main.cpp LINK rooms…): an executable. The target `programs` is all of them, and what else they
# need to run: what whoever tests nothing builds. `benches` is all of house_bench()'s.
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

# Headers that nearly every file includes, parsed once. Only for quick builds, in the presets `dev`, `asan` and `tsan`:
# the others compile each file by itself, so an include that is missing shows there.
function(house_headers name)
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cpp "")
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PRIVATE house_flags Threads::Threads)
  target_compile_options(${name} PUBLIC $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  target_precompile_headers(${name} PRIVATE ${ARGN})
endfunction()
if(OUTBOARD_PCH)
  set(house_std <algorithm> <array> <atomic> <chrono> <deque> <functional> <map> <memory> <mutex> <optional> <set>
    <string> <string_view> <thread> <unordered_map> <utility> <variant> <vector>)
  # g++ 12 warns of code inlined from parsed standard headers as if it were ours, and wrongly (strings).
  target_compile_options(house_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds -Wno-restrict
    -Wno-stringop-overflow -Wno-stringop-overread>)
  house_headers(house_headers_plain ${house_std})
  house_headers(house_headers_test ${house_std} <gtest/gtest.h>)
  target_link_libraries(house_headers_test PRIVATE GTest::gtest)
  house_headers(house_headers_grpc ${house_std} <grpcpp/grpcpp.h>)
  target_link_libraries(house_headers_grpc PRIVATE grpc_static)
  list(TRANSFORM proto_files REPLACE "(.+)\\.proto$" "<\\1.grpc.pb.h>" OUTPUT_VARIABLE house_protos)
  house_headers(house_headers_wire ${house_std} <grpcpp/grpcpp.h> ${house_protos})
  target_link_libraries(house_headers_wire PRIVATE protos)
endif()

# Lets `target` use the parsed headers of `kind`: plain, test, grpc, or wire, which is gRPC and all our protos.
function(share_headers target kind)
  if(OUTBOARD_PCH)
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
    target_precompile_headers(${target} REUSE_FROM house_headers_${kind})
  endif()
endfunction()

function(house_test name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE house_flags ${arg_LINK} GTest::gtest_main)
  share_headers(${name} test)
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)  # of a slow machine with other work; it is for what hangs
  endif()
  if(OUTBOARD_SANITIZE)
    math(EXPR arg_TIMEOUT "3 * ${arg_TIMEOUT}")
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT "${house_sanitizer_options}")
endfunction()

function(room name)
  cmake_parse_arguments(arg "WIRE" "" "LINK;TEST_LINK;APART" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(TRANSFORM arg_APART PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  list(REMOVE_ITEM tests ${arg_APART})
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cpp$")
  add_library(room_${name} STATIC ${sources})
  target_link_libraries(room_${name} PUBLIC ${arg_LINK} PRIVATE house_flags)
  target_include_directories(room_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  if(arg_WIRE)
    share_headers(room_${name} wire)
  else()
    share_headers(room_${name} plain)
  endif()
  if(tests)
    house_test(${name}_test SOURCES ${tests} LINK room_${name} ${arg_TEST_LINK} LABEL unit)
  endif()
endfunction()

add_custom_target(programs)
add_custom_target(benches)

function(house_program name)
  cmake_parse_arguments(arg "" "MAIN" "LINK" ${ARGN})
  add_executable(${name} ${arg_MAIN})
  target_link_libraries(${name} PRIVATE house_flags ${arg_LINK})
  add_dependencies(programs ${name})
endfunction()
