# Run by cpack on what it has put together, before it makes the packages of that.

# Without it cpack makes a package that depends on nothing, and says so in passing.
find_program(DPKG_SHLIBDEPS dpkg-shlibdeps)
if(CPACK_GENERATOR STREQUAL DEB AND NOT DPKG_SHLIBDEPS)
    message(FATAL_ERROR "dpkg-shlibdeps is not installed: tests/install-packages package")
endif()

# An installation from source may be anywhere, so its program says where the library is. Of a
# package, the system knows.
file(GLOB_RECURSE programs "${CPACK_TEMPORARY_DIRECTORY}/runhook/usr/bin/*")
foreach(program IN LISTS programs)
    file(RPATH_REMOVE FILE "${program}")
endforeach()

file(GLOB folders LIST_DIRECTORIES true "${CPACK_TEMPORARY_DIRECTORY}/runhook/etc/runhook")
foreach(folder IN LISTS folders)
    file(CHMOD "${folder}" PERMISSIONS
        OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE)
endforeach()
