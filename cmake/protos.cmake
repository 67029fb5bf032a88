# Generated code from proto/outboard/v1/*.proto (library `protos`), and gRPC linked statically: a mount that loads 57
# shared objects needs 20–27 ms to start, one that carries them 10 ms.

# By their paths: of flags as -Wl,-Bstatic that stand twice in one link CMake keeps one, and what stood between others is
# linked otherwise, in silence. tests/tidy looks at what came of it.
pkg_check_modules(GRPC REQUIRED grpc++ protobuf)
set(grpc_archives "")
foreach(flag IN LISTS GRPC_STATIC_LDFLAGS ITEMS -lssl -lcrypto -lz)
  if(flag MATCHES "^-l((grpc|address_sorting|re2|upb|cares|gpr|absl_|protobuf|ssl|crypto|z$).*)")
    find_library(archive_${CMAKE_MATCH_1} NAMES lib${CMAKE_MATCH_1}.a REQUIRED)
    list(APPEND grpc_archives ${archive_${CMAKE_MATCH_1}})
  endif()
endforeach()
list(REMOVE_DUPLICATES grpc_archives)
add_library(grpc_static INTERFACE)
target_link_libraries(grpc_static INTERFACE
  "-Wl,--start-group" ${grpc_archives} "-Wl,--end-group" Threads::Threads ${CMAKE_DL_LIBS} -lrt)
# Which calls and messages there are, for those who ask a server: outboard-server alone.
find_library(GRPC_REFLECTION NAMES libgrpc++_reflection.a REQUIRED)
add_library(grpc_reflection INTERFACE)
target_link_libraries(grpc_reflection INTERFACE ${GRPC_REFLECTION} grpc_static)

find_program(PROTOC protoc REQUIRED)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
set(proto_dir ${CMAKE_SOURCE_DIR}/proto)
set(generated_dir ${CMAKE_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${generated_dir})
file(GLOB proto_files CONFIGURE_DEPENDS RELATIVE ${proto_dir} ${proto_dir}/outboard/v1/*.proto)
set(generated_sources "")
foreach(proto IN LISTS proto_files)
  string(REGEX REPLACE "\\.proto$" "" stem ${proto})
  set(outputs "")
  foreach(ending .pb.cc .pb.h .grpc.pb.cc .grpc.pb.h)
    list(APPEND outputs ${generated_dir}/${stem}${ending})
  endforeach()
  add_custom_command(OUTPUT ${outputs}
    COMMAND ${PROTOC} -I ${proto_dir} --cpp_out=${generated_dir} --grpc_out=${generated_dir}
            --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN} ${proto_dir}/${proto}
    DEPENDS ${proto_dir}/${proto} VERBATIM)
  list(APPEND generated_sources ${outputs})
endforeach()
add_library(protos STATIC ${generated_sources})
target_include_directories(protos SYSTEM PUBLIC ${generated_dir})
target_link_libraries(protos PUBLIC grpc_static)
