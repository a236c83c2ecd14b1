# Debian packages, made by `make package` (cpack -G DEB) out of a release build:
#   parleyd      the server: program, unit, configuration, manual, examples
#   parley-cli   the command line client
# What a package has beyond its program is no part of `make install` (EXCLUDE_FROM_ALL). The scripts that dpkg
# runs, and why they do what they do, are in deploy/debian.
#
# A package with another version, to try an upgrade: cpack -G DEB -D CPACK_DEBIAN_PACKAGE_RELEASE=2

if(NOT TARGET parleyd OR NOT TARGET parley OR NOT CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    return()
endif()

set(deploy ${PROJECT_SOURCE_DIR}/deploy)
set(debian ${deploy}/debian)
set(made ${CMAKE_BINARY_DIR}/package)

# The shipped example is the configuration, with the folder of the unit.
set(wanted "data = \"./parley-data\"")
file(READ ${deploy}/parleyd.toml configuration)
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${deploy}/parleyd.toml)
string(FIND "${configuration}" "${wanted}" position)
if(position EQUAL -1)
    message(FATAL_ERROR "deploy/parleyd.toml has no line ${wanted}: the package would not know what to replace")
endif()
string(REPLACE "${wanted}" "data = \"/var/lib/parley\"" configuration "${configuration}")
file(WRITE ${made}/parleyd.toml "${configuration}")

function(parley_package_files component destination)
    install(FILES ${ARGN} DESTINATION ${destination} COMPONENT ${component} EXCLUDE_FROM_ALL)
endfunction()
# Text that Debian wants compressed, without the time of the build in it.
function(parley_package_compressed component destination source name)
    set(file ${made}/${component}/${name}.gz)
    get_filename_component(folder ${file} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    execute_process(COMMAND gzip -9nc ${source} OUTPUT_FILE ${file} COMMAND_ERROR_IS_FATAL ANY)
    if(NOT source MATCHES "^${CMAKE_BINARY_DIR}")
        set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
    endif()
    parley_package_files(${component} ${destination} ${file})
endfunction()

parley_package_files(parleyd /etc/parley ${made}/parleyd.toml)
parley_package_files(parleyd /lib/systemd/system ${deploy}/systemd/parleyd.service)
set(CPACK_PACKAGE_CONTACT "The Parley authors <parley@localhost>")
string(TIMESTAMP today "%a, %d %b %Y 00:00:00 +0000" UTC)
set(parleyd_package parleyd)
set(parley_package parley-cli)
foreach(component parleyd parley)
    set(doc share/doc/${${component}_package})
    file(WRITE ${made}/${component}.changelog
        "${${component}_package} (${PROJECT_VERSION}-1) unstable; urgency=medium\n\n"
        "  * What changed is in changelog.gz.\n\n -- ${CPACK_PACKAGE_CONTACT}  ${today}\n")
    parley_package_compressed(${component} ${doc} ${made}/${component}.changelog changelog.Debian)
    parley_package_files(${component} ${doc} ${debian}/copyright)
    parley_package_compressed(${component} ${doc} ${PROJECT_SOURCE_DIR}/CHANGELOG.md changelog)
endforeach()
parley_package_compressed(parleyd share/man/man8 ${deploy}/man/parleyd.8 parleyd.8)
parley_package_compressed(parley share/man/man1 ${deploy}/man/parley.1 parley.1)
# The manual, written anew when one of its parts changes.
include(ParleyManual)
file(GLOB_RECURSE parts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/*.md ${PROJECT_SOURCE_DIR}/spec/*.md
    ${PROJECT_SOURCE_DIR}/proto/*.proto ${deploy}/*)
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${parts})
parley_manual(${made}/manual)
foreach(component parleyd parley)
    install(DIRECTORY ${made}/manual/${${component}_package} DESTINATION share/doc
        COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME parley)
set(CPACK_PACKAGE_VENDOR "Parley")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package has its own first line
set(CPACK_COMPONENTS_ALL parleyd parley)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
# /etc and /lib are not below /usr.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PARLEYD_PACKAGE_NAME parleyd)
set(CPACK_DEBIAN_PARLEYD_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PARLEYD_PACKAGE_DEPENDS "adduser, init-system-helpers (>= 1.54)")
set(CPACK_DEBIAN_PARLEYD_PACKAGE_CONTROL_EXTRA
    ${debian}/conffiles ${debian}/postinst ${debian}/prerm ${debian}/postrm)
set(CPACK_DEBIAN_PARLEYD_DESCRIPTION "instant-messaging server
 Carries the messages of apps that embed the Parley SDK: durable mailboxes,
 receipts, several devices of one user. One process, one configuration file,
 one data folder.")
set(CPACK_DEBIAN_PARLEY_PACKAGE_NAME parley-cli)
set(CPACK_DEBIAN_PARLEY_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PARLEY_PACKAGE_SUGGESTS parleyd)  # links of its manual
set(CPACK_DEBIAN_PARLEY_DESCRIPTION "command line client of the Parley instant-messaging server
 Sends and receives messages from a shell, and signs tokens to try a server
 out.")
include(CPack)
