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

# What is shipped stands in the open internet: its tables of addresses are resolved at the start and read-only from then
# on, and what a mistake would overwrite or overrun ends the process instead of being used.
if(CMAKE_BUILD_TYPE MATCHES "^Rel" AND NOT PARLEY_SANITIZE)
    add_link_options(LINKER:-z,relro LINKER:-z,now)
    add_compile_definitions(_GLIBCXX_ASSERTIONS)
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection)
    include(CheckCXXCompilerFlag)
    check_cxx_compiler_flag(-fcf-protection PARLEY_HAVE_CF_PROTECTION)  # not on every architecture
    if(PARLEY_HAVE_CF_PROTECTION)
        add_compile_options(-fcf-protection)
    endif()
endif()

# lld links large debug binaries much faster; it is used where it is installed and never needed.
include(CheckLinkerFlag)
check_linker_flag(CXX -fuse-ld=lld PARLEY_HAVE_LLD)
if(PARLEY_HAVE_LLD)
    add_link_options(-fuse-ld=lld)
endif()

# What an app carries is built for size in a release: a third smaller, 4 % more instructions.
set(parley_small $<$<CONFIG:RelWithDebInfo>:-Os>)
