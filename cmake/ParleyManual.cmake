# The manual as the packages bring it, below share/doc: its pages, what they link to, and links that lead there. It lies
# otherwise than in the source tree.
#
# ParleyPackage.cmake writes it and installs it. A test writes it too, and follows every link:
#   cmake -D OUT=FOLDER -P cmake/ParleyManual.cmake

# A page, and texts in pairs: what is written there, what it is in the package.
function(parley_manual_page source target)
    file(READ ${source} text)
    math(EXPR last "${ARGC} - 1")
    set(i 2)
    while(i LESS last)
        math(EXPR j "${i} + 1")
        string(REPLACE "${ARGV${i}}" "${ARGV${j}}" text "${text}")
        math(EXPR i "${i} + 2")
    endwhile()
    file(WRITE ${target} "${text}")
endfunction()

function(parley_manual out)
    set(root ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/..)
    set(server ${out}/parleyd)
    file(REMOVE_RECURSE ${out})
    file(GLOB pages RELATIVE ${root}/docs/operations ${root}/docs/operations/*.md)
    foreach(page ${pages})
        parley_manual_page(${root}/docs/operations/${page} ${server}/operations/${page}
            "../../deploy/" "../examples/" "../../spec/" "../spec/")
    endforeach()
    parley_manual_page(${root}/docs/cli.md ${server}/cli.md "(../spec/" "(spec/")
    # Of the client's package alone these lead nowhere: it suggests the other one.
    parley_manual_page(${root}/docs/cli.md ${out}/parley-cli/cli.md
        "(../spec/" "(../parleyd/spec/" "(operations/" "(../parleyd/operations/")
    parley_manual_page(${root}/docs/guide/tokens.md ${server}/guide/tokens.md "../../spec/" "../spec/")
    file(COPY ${root}/docs/internals/memory.md DESTINATION ${server}/internals)
    foreach(page backup.md semantics.md storage.md wire.md)
        file(COPY ${root}/spec/${page} DESTINATION ${server}/spec)
    endforeach()
    file(COPY ${root}/proto/parley/v1/wire.proto DESTINATION ${server}/proto/parley/v1)
    file(COPY ${root}/deploy/ DESTINATION ${server}/examples
        PATTERN debian EXCLUDE PATTERN man EXCLUDE PATTERN systemd EXCLUDE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
    parley_manual(${OUT})
endif()
