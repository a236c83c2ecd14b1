# parley_install_sdk()
#
# Called once, by src/sdk/CMakeLists.txt, after parley_library(NAME sdk ... LITE). Makes from the objects of
# parley_sdk and of every layer below it
#   parley_shared   libparley.so, exports what include/parley declares and nothing else (cmake/parley.map)
#   parley_static   libparley.a
# and installs both with the headers, a CMake package and a pkg-config file:
#   find_package(parley REQUIRED)                        -> parley::parley (shared)
#   find_package(parley REQUIRED COMPONENTS static)      -> parley::parley_static as well
#   pkg-config --cflags --libs parley                    (--static for the archive)
# Programs of this tree link parley_sdk itself.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Sets <out> to <target> and all targets below it, by PARLEY_DEPS, each once.
function(parley_closure out target)
    set(pending ${target})
    set(found "")
    while(pending)
        list(POP_FRONT pending next)
        if(NOT next IN_LIST found)
            list(APPEND found ${next})
            get_target_property(deps ${next} PARLEY_DEPS)
            if(deps)
                list(APPEND pending ${deps})
            endif()
        endif()
    endwhile()
    set(${out} "${found}" PARENT_SCOPE)
endfunction()

function(parley_install_sdk)
    if(NOT TARGET parley_sdk)
        return()  # Left out, with a warning, because one of its dependencies does not exist.
    endif()
    parley_closure(layers parley_sdk)
    set(objects $<TARGET_OBJECTS:parley_wire_proto_lite>)
    foreach(layer IN LISTS layers)
        get_target_property(type ${layer} TYPE)
        if(type STREQUAL "STATIC_LIBRARY")
            list(APPEND objects $<TARGET_OBJECTS:${layer}>)
        endif()
    endforeach()
    parley_third_party(packages lite openssl sqlite protobuf fmt)

    add_library(parley_shared SHARED ${objects})
    add_library(parley_static STATIC ${objects})
    foreach(target parley_shared parley_static)
        set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX)
        target_include_directories(${target} INTERFACE
            $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
        target_compile_features(${target} INTERFACE cxx_std_20)
        target_link_libraries(${target} PRIVATE ${packages} Threads::Threads)
    endforeach()
    set(map ${PROJECT_SOURCE_DIR}/cmake/parley.map)
    set_target_properties(parley_shared PROPERTIES
        OUTPUT_NAME parley EXPORT_NAME parley VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} LINK_DEPENDS ${map})
    target_link_options(parley_shared PRIVATE
        LINKER:--version-script=${map} LINKER:--gc-sections $<$<NOT:$<BOOL:${PARLEY_SANITIZE}>>:LINKER:--no-undefined>)
    set_target_properties(parley_static PROPERTIES OUTPUT_NAME parley EXPORT_NAME parley_static)
    add_dependencies(parley_installed parley_shared parley_static)

    set(package ${CMAKE_INSTALL_LIBDIR}/cmake/parley)
    install(TARGETS parley_shared EXPORT parleyTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk NAMELINK_COMPONENT sdk)
    install(TARGETS parley_static EXPORT parleyStaticTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk)
    install(EXPORT parleyTargets NAMESPACE parley:: DESTINATION ${package} COMPONENT sdk)
    install(EXPORT parleyStaticTargets NAMESPACE parley:: DESTINATION ${package} COMPONENT sdk)
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/parley DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        COMPONENT sdk FILES_MATCHING PATTERN "*.h")

    configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/parleyConfig.cmake.in
        ${CMAKE_BINARY_DIR}/parleyConfig.cmake INSTALL_DESTINATION ${package})
    write_basic_package_version_file(${CMAKE_BINARY_DIR}/parleyConfigVersion.cmake COMPATIBILITY SameMinorVersion)
    install(FILES ${CMAKE_BINARY_DIR}/parleyConfig.cmake ${CMAKE_BINARY_DIR}/parleyConfigVersion.cmake
        DESTINATION ${package} COMPONENT sdk)
    # Relative to the file itself, so that an installed tree can be moved.
    file(RELATIVE_PATH PARLEY_PC_INCLUDE
        ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_FULL_INCLUDEDIR})
    configure_file(${PROJECT_SOURCE_DIR}/cmake/parley.pc.in ${CMAKE_BINARY_DIR}/parley.pc @ONLY)
    install(FILES ${CMAKE_BINARY_DIR}/parley.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT sdk)
    install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/THIRD_PARTY.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT sdk)
endfunction()
