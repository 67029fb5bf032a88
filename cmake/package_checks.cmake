# Read by cpack for each kind of package that it makes. Without dpkg-shlibdeps it would make a Debian one that says
# nothing of the libraries it needs.
if(CPACK_GENERATOR STREQUAL DEB)
  find_program(dpkg_shlibdeps dpkg-shlibdeps)
  if(NOT dpkg_shlibdeps)
    message(FATAL_ERROR "dpkg-shlibdeps is missing, which finds the package's dependencies: install dpkg-dev")
  endif()
endif()
