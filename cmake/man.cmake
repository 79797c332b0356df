# Manual pages and completions: the built program writes them from its own tables into share/ of the build folder, laid
# out as they are installed. A cross build runs its program through CMAKE_CROSSCOMPILING_EMULATOR, or goes without them.
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  message(STATUS "manual pages and completions: skipped, a cross build without CMAKE_CROSSCOMPILING_EMULATOR cannot run its program")
else()
  set(RD_SHARE ${CMAKE_BINARY_DIR}/share)
  add_custom_command(
    OUTPUT ${RD_SHARE}.done
    # Pages of commands that are gone go too.
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${RD_SHARE}
    COMMAND redoubt __man --into ${RD_SHARE}
    COMMAND ${CMAKE_COMMAND} -E touch ${RD_SHARE}.done
    DEPENDS redoubt
    COMMENT "Writing manual pages and completions"
    VERBATIM)
  add_custom_target(share ALL DEPENDS ${RD_SHARE}.done)
endif()
