# What a package holds, and the Debian one: `./dev install --all`, `./dev build release`, then
# `cpack -G DEB --config build/release/CPackConfig.cmake`; packaging/smoke_test.sh shows whether it works.

set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # the programs, not the tests
install(TARGETS outboard outboard-server outboard-fuse outboard-harness outboard-exec outboard-inner outboard-outer
  RUNTIME DESTINATION bin)
install(FILES packaging/systemd/outboard-server.service DESTINATION lib/systemd/system)
install(DIRECTORY docs/ DESTINATION share/doc/outboard)
install(DIRECTORY proto/outboard DESTINATION share/outboard/proto FILES_MATCHING PATTERN "*.proto")
install(PROGRAMS packaging/smoke_test.sh DESTINATION share/outboard)

set(CPACK_PACKAGE_NAME outboard)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The Outboard project <outboard@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Files of AI agents, kept in Postgres, shown in every sandbox")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_SOURCE_DIR}/cmake/package_checks.cmake)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "postgresql (>= 15), fuse3, bubblewrap")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/packaging/debian/postinst)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
