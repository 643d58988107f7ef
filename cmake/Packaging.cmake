# What an installation has beside the program and the library, and the packages that `cpack` makes.
#
# An installation from source stays below its prefix. A package is for /usr and /etc whatever the
# prefix of the build is: what differs (units, pages that are packed, the configuration) is built
# for both, and installed as `plain` or, for the package alone, as part of `runhook`.

if(EXISTS /etc/debian_version)
    set(runhook_web_group_default www-data)
    set(runhook_zsh_functions vendor-completions)
else()
    set(runhook_web_group_default nginx)
    set(runhook_zsh_functions site-functions)
endif()
set(RUNHOOK_WEB_GROUP ${runhook_web_group_default}
    CACHE STRING "The group of the web server's workers, which may write to the socket")
set(RUNHOOK_PACKAGE_CONTACT "runhook maintainers <maintainers@runhook.invalid>"
    CACHE STRING "Who answers for the packages: a name, and an address in angle brackets")

set(packaging ${PROJECT_SOURCE_DIR}/packaging)
set(packaged ${PROJECT_BINARY_DIR}/packaging)

# runhook_configure(TEMPLATE TO BINDIR): a unit or the like, for a folder of programs.
function(runhook_configure template to CMAKE_INSTALL_FULL_BINDIR)
    configure_file(${packaging}/${template} ${packaged}/${to} @ONLY)
endfunction()

# runhook_compress(FROM TO): packs a file into the package's folder of the build, the same way each
# time.
find_program(GZIP gzip REQUIRED)
set(runhook_compressed)
function(runhook_compress from to)
    get_filename_component(folder ${packaged}/${to} DIRECTORY)
    add_custom_command(OUTPUT ${packaged}/${to}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
        COMMAND ${GZIP} --best --no-name --stdout ${from} > ${packaged}/${to}
        DEPENDS ${from} VERBATIM)
    set(runhook_compressed ${runhook_compressed} ${packaged}/${to} PARENT_SCOPE)
endfunction()

# -- Both ------------------------------------------------------------------------------------------

set(runhook_man_1
    runhook.1 runhook-check.1 runhook-dispatch.1 runhook-explain.1 runhook-hooks.1 runhook-jobs.1
    runhook-metrics.1
    runhook-runners.1 runhook-serve.1)
set(runhook_man_5 runhook.conf.5)

install(FILES README.md DESTINATION share/doc/runhook COMPONENT runhook)
# The modes are said: those of an archive of the source are whatever its maker had, as 0664.
set(runhook_program_mode
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
install(DIRECTORY docs nginx examples DESTINATION share/doc/runhook COMPONENT runhook
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ
    DIRECTORY_PERMISSIONS ${runhook_program_mode}
    PATTERN docs/man EXCLUDE
    PATTERN .gitattributes EXCLUDE
    PATTERN nginx/runhook-hook-addresses PERMISSIONS ${runhook_program_mode}
    PATTERN examples/nomad/run-runner.sh PERMISSIONS ${runhook_program_mode}
    PATTERN examples/quickstart/run PERMISSIONS ${runhook_program_mode}
    PATTERN examples/replay PERMISSIONS ${runhook_program_mode})
install(FILES packaging/runhook.conf DESTINATION share/doc/runhook/examples COMPONENT runhook)
install(FILES packaging/completion/runhook.bash
    DESTINATION share/bash-completion/completions RENAME runhook COMPONENT runhook)

# -- From source -----------------------------------------------------------------------------------

runhook_configure(systemd/runhook.service.in plain/runhook.service ${CMAKE_INSTALL_FULL_BINDIR})
runhook_configure(systemd/runhook.socket.in plain/runhook.socket ${CMAKE_INSTALL_FULL_BINDIR})
runhook_configure(systemd/sysusers.conf.in sysusers/runhook.conf ${CMAKE_INSTALL_FULL_BINDIR})
runhook_configure(systemd/tmpfiles.conf.in tmpfiles/runhook.conf ${CMAKE_INSTALL_FULL_BINDIR})
install(FILES ${packaged}/plain/runhook.service ${packaged}/plain/runhook.socket
    DESTINATION lib/systemd/system COMPONENT plain)
install(FILES ${packaged}/sysusers/runhook.conf DESTINATION lib/sysusers.d COMPONENT plain)
install(FILES ${packaged}/tmpfiles/runhook.conf DESTINATION lib/tmpfiles.d COMPONENT plain)
foreach(section IN ITEMS 1 5)
    set(pages ${runhook_man_${section}})
    list(TRANSFORM pages PREPEND docs/man/)
    install(FILES ${pages} DESTINATION share/man/man${section} COMPONENT plain)
endforeach()
install(FILES packaging/completion/_runhook
    DESTINATION share/zsh/site-functions COMPONENT plain)
install(FILES packaging/logrotate
    DESTINATION share/doc/runhook/examples RENAME logrotate.conf COMPONENT plain)
install(FILES LICENSE DESTINATION share/doc/runhook COMPONENT plain)

# -- The package -----------------------------------------------------------------------------------

# runhook_install_packaged(...): as install(), of what is in the package alone.
function(runhook_install_packaged)
    install(${ARGV} COMPONENT runhook EXCLUDE_FROM_ALL)
endfunction()

runhook_configure(systemd/runhook.service.in system/runhook.service /usr/bin)
runhook_configure(systemd/runhook.socket.in system/runhook.socket /usr/bin)
runhook_install_packaged(FILES ${packaged}/system/runhook.service ${packaged}/system/runhook.socket
    DESTINATION lib/systemd/system)
runhook_install_packaged(FILES ${packaged}/sysusers/runhook.conf DESTINATION lib/sysusers.d)
runhook_install_packaged(FILES ${packaged}/tmpfiles/runhook.conf DESTINATION lib/tmpfiles.d)
runhook_install_packaged(FILES packaging/completion/_runhook
    DESTINATION share/zsh/${runhook_zsh_functions})
foreach(section IN ITEMS 1 5)
    foreach(page IN LISTS runhook_man_${section})
        runhook_compress(${PROJECT_SOURCE_DIR}/docs/man/${page} man/${page}.gz)
        runhook_install_packaged(FILES ${packaged}/man/${page}.gz
            DESTINATION share/man/man${section})
    endforeach()
endforeach()
runhook_install_packaged(FILES packaging/runhook.conf DESTINATION /etc/runhook
    PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)
runhook_install_packaged(FILES packaging/logrotate DESTINATION /etc/logrotate.d RENAME runhook)
runhook_install_packaged(FILES packaging/deb/lintian-overrides
    DESTINATION share/lintian/overrides RENAME runhook)
configure_file(packaging/deb/changelog.in packaging/changelog @ONLY)
configure_file(packaging/deb/copyright.in packaging/copyright @ONLY)
runhook_compress(${packaged}/changelog changelog.gz)
foreach(component IN ITEMS runhook development)
    set(name ${component})
    if(component STREQUAL development)
        set(name librunhook-dev)
    endif()
    install(FILES ${packaged}/changelog.gz ${packaged}/copyright DESTINATION share/doc/${name}
        COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()

add_custom_target(runhook_packaged_files ALL DEPENDS ${runhook_compressed})

set(CPACK_PACKAGE_NAME runhook)
set(CPACK_PACKAGE_VENDOR runhook)
set(CPACK_PACKAGE_CONTACT "${RUNHOOK_PACKAGE_CONTACT}")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_RELOCATABLE OFF)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL runhook development)
set(CPACK_COMPONENTS_GROUPING IGNORE) # a package a component
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
# The library is found where the system looks, and /etc/runhook is not for everybody.
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/StagePackage.cmake)

find_program(RPMBUILD rpmbuild)
mark_as_advanced(GZIP RPMBUILD)
set(CPACK_GENERATOR DEB)
if(RPMBUILD)
    list(APPEND CPACK_GENERATOR RPM)
endif()

set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "GitHub Actions jobs on a Nomad cluster")
set(description
    "runhook receives GitHub's webhook behind a web server, as a FastCGI program,
and dispatches one Nomad job for each workflow job that asks for its labels.
The runner that this starts takes one job, and is gone.")
set(development_description
    "The header files of librunhook, with which runhook checks a delivery's
signature, reads it, and makes what it dispatches.")

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_RUNHOOK_PACKAGE_NAME runhook)
set(CPACK_DEBIAN_RUNHOOK_PACKAGE_SECTION net)
# adduser: for the account, where systemd-sysusers is not there. procps: kill and pkill, with which
# it is told to reload.
set(CPACK_DEBIAN_RUNHOOK_PACKAGE_DEPENDS "adduser, ca-certificates, procps")
set(CPACK_DEBIAN_RUNHOOK_PACKAGE_SUGGESTS "nginx | lighttpd, logrotate, nomad")
set(CPACK_DEBIAN_RUNHOOK_DESCRIPTION "${description}")
file(WRITE ${packaged}/conffiles "/etc/logrotate.d/runhook\n/etc/runhook/runhook.conf\n")
file(WRITE ${packaged}/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_RUNHOOK_PACKAGE_CONTROL_EXTRA
    ${packaging}/deb/postinst ${packaging}/deb/prerm ${packaging}/deb/postrm
    ${packaged}/conffiles ${packaged}/triggers)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME librunhook-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "runhook (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "${development_description}")

set(CPACK_RPM_COMPONENT_INSTALL ON)
set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_MAIN_COMPONENT runhook)
set(CPACK_RPM_PACKAGE_LICENSE MIT)
set(CPACK_RPM_RUNHOOK_PACKAGE_NAME runhook)
set(CPACK_RPM_RUNHOOK_PACKAGE_DESCRIPTION "${description}")
set(CPACK_RPM_RUNHOOK_PACKAGE_REQUIRES "ca-certificates, procps-ng, systemd")
set(CPACK_RPM_RUNHOOK_POST_INSTALL_SCRIPT_FILE ${packaging}/rpm/post)
set(CPACK_RPM_RUNHOOK_PRE_UNINSTALL_SCRIPT_FILE ${packaging}/rpm/preun)
set(CPACK_RPM_RUNHOOK_POST_UNINSTALL_SCRIPT_FILE ${packaging}/rpm/postun)
set(CPACK_RPM_RUNHOOK_USER_FILELIST
    "%config(noreplace) %attr(0640, root, root) /etc/runhook/runhook.conf"
    "%config(noreplace) /etc/logrotate.d/runhook")
set(CPACK_RPM_DEVELOPMENT_PACKAGE_NAME runhook-devel)
set(CPACK_RPM_DEVELOPMENT_PACKAGE_DESCRIPTION "${development_description}")
set(CPACK_RPM_DEVELOPMENT_PACKAGE_REQUIRES "runhook = ${PROJECT_VERSION}")
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
    /etc /etc/logrotate.d /usr/lib/systemd /usr/lib/systemd/system /usr/lib/sysusers.d
    /usr/lib/tmpfiles.d /usr/share/bash-completion /usr/share/bash-completion/completions
    /usr/share/zsh /usr/share/zsh/${runhook_zsh_functions} /usr/share/lintian
    /usr/share/lintian/overrides /usr/share/man /usr/share/man/man1 /usr/share/man/man5
    /usr/lib/pkgconfig /usr/lib64/pkgconfig)

include(CPack)
