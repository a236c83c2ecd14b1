# What every target is compiled with: warnings, sanitizers, linker.

option(PARLEY_WERROR "Warnings are errors" OFF)
set(PARLEY_SANITIZE "" CACHE STRING "Empty, address, thread or fuzzer")
set_property(CACHE PARLEY_SANITIZE PROPERTY STRINGS "" address thread fuzzer)

find_package(Threads REQUIRED)

add_library(parley_warnings INTERFACE)
target_compile_options(parley_warnings INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
    -Wimplicit-fallthrough -Wcast-qual
    $<$<BOOL:${PARLEY_WERROR}>:-Werror>)

if(PARLEY_SANITIZE STREQUAL "address")
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
elseif(PARLEY_SANITIZE STREQUAL "thread")
    add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
    add_link_options(-fsanitize=thread)
elseif(PARLEY_SANITIZE STREQUAL "fuzzer")
    add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
elseif(PARLEY_SANITIZE)
    message(FATAL_ERROR "PARLEY_SANITIZE is '${PARLEY_SANITIZE}'; it can be address, thread or fuzzer")
endif()

# What is shipped has its tables of addresses resolved at the start and read-only from then on.
if(CMAKE_BUILD_TYPE MATCHES "^Rel" AND NOT PARLEY_SANITIZE)
    add_link_options(LINKER:-z,relro LINKER:-z,now)
endif()

# lld links large debug binaries much faster; it is used where it is installed and never needed.
include(CheckLinkerFlag)
check_linker_flag(CXX -fuse-ld=lld PARLEY_HAVE_LLD)
if(PARLEY_HAVE_LLD)
    add_link_options(-fuse-ld=lld)
endif()
