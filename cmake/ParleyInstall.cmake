# parley_install_sdk(TARGET parley_sdk HEADERS <folder with parley/>)   see below; filled in with the SDK.
function(parley_install_sdk)
endfunction()
