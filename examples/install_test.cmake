# Installs the SDK of BUILD into WORK, then builds EXAMPLE against it outside of this tree: with find_package
# (shared and static) and with pkg-config. Each program is started; without arguments it prints its usage.

function(run)
    execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT result EQUAL 0)
        list(JOIN ARGV " " command)
        message(FATAL_ERROR "${command}\nended with ${result}:\n${output}")
    endif()
endfunction()

function(expect_usage)
    execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT result EQUAL 2 OR NOT output MATCHES "usage: ")
        message(FATAL_ERROR "${ARGV}: expected the usage and exit code 2, got ${result}:\n${output}")
    endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix --component sdk)
file(COPY ${EXAMPLE}/ DESTINATION ${WORK}/example)

run(${CMAKE_COMMAND} -S ${WORK}/example -B ${WORK}/build -G Ninja -DCMAKE_CXX_COMPILER=${COMPILER}
    -DCMAKE_PREFIX_PATH=${WORK}/prefix)
run(${CMAKE_COMMAND} --build ${WORK}/build)
expect_usage(${WORK}/build/hello)

run(${CMAKE_COMMAND} -S ${WORK}/example -B ${WORK}/build-static -G Ninja -DCMAKE_CXX_COMPILER=${COMPILER}
    -DCMAKE_PREFIX_PATH=${WORK}/prefix -DPARLEY_STATIC=ON)
run(${CMAKE_COMMAND} --build ${WORK}/build-static)
expect_usage(${WORK}/build-static/hello)

find_program(pkg_config pkg-config REQUIRED)
set(ENV{PKG_CONFIG_PATH} ${WORK}/prefix/${LIBDIR}/pkgconfig)
execute_process(COMMAND ${pkg_config} --cflags --libs parley OUTPUT_VARIABLE flags RESULT_VARIABLE result)
if(NOT result EQUAL 0)
    message(FATAL_ERROR "pkg-config does not find parley")
endif()
separate_arguments(flags UNIX_COMMAND "${flags}")
run(${COMPILER} -std=c++20 ${WORK}/example/hello.cc -o ${WORK}/hello ${flags})
set(ENV{LD_LIBRARY_PATH} ${WORK}/prefix/${LIBDIR})
expect_usage(${WORK}/hello)
message(STATUS "the installed library is found and linked by find_package and by pkg-config")
