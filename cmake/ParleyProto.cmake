# parley_proto(NAME <name> PROTOS <path under proto/>...)
#
# Makes two static libraries from the same schema:
#   parley_<name>        full protobuf, with reflection and JSON: server, simulator, tests
#   parley_<name>_lite   generated with --cpp_out=lite: the SDK
# The generated header is included as "parley/v1/wire.pb.h". Both define the same symbols, so no binary may hold
# both; each carries the property PARLEY_PROTOBUF, and CMake refuses to link a target with two values of it.

find_package(Protobuf REQUIRED)

function(parley_proto)
    cmake_parse_arguments(arg "" "NAME" "PROTOS" ${ARGN})
    if(NOT TARGET parley_generated)
        add_custom_target(parley_generated)  # For tools that read the sources and need what they include.
    endif()
    foreach(flavour full lite)
        if(flavour STREQUAL "lite")
            set(target parley_${arg_NAME}_lite)
            set(option "lite:")
            set(runtime protobuf::libprotobuf-lite)
        else()
            set(target parley_${arg_NAME})
            set(option "")
            set(runtime protobuf::libprotobuf)
        endif()
        set(out ${CMAKE_BINARY_DIR}/generated/${flavour})
        file(MAKE_DIRECTORY ${out})
        set(sources "")
        foreach(proto IN LISTS arg_PROTOS)
            string(REGEX REPLACE "\\.proto$" "" stem ${proto})
            add_custom_command(
                OUTPUT ${out}/${stem}.pb.cc ${out}/${stem}.pb.h
                COMMAND protobuf::protoc -I ${PROJECT_SOURCE_DIR}/proto --cpp_out=${option}${out} ${proto}
                DEPENDS ${PROJECT_SOURCE_DIR}/proto/${proto}
                COMMENT "Generating ${stem}.pb.cc (${flavour})"
                VERBATIM)
            list(APPEND sources ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
        endforeach()
        add_library(${target} STATIC ${sources})
        add_custom_target(${target}_sources DEPENDS ${sources})
        add_dependencies(parley_generated ${target}_sources)
        set_target_properties(${target} PROPERTIES
            POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
            INTERFACE_PARLEY_PROTOBUF ${flavour})
        set_property(TARGET ${target} APPEND PROPERTY COMPATIBLE_INTERFACE_STRING PARLEY_PROTOBUF)
        if(flavour STREQUAL "lite")
            target_compile_options(${target} PRIVATE ${parley_small})
        endif()
        target_include_directories(${target} SYSTEM PUBLIC ${out})
        target_link_libraries(${target} PUBLIC ${runtime})
    endforeach()
endfunction()
