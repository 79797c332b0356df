# make install: the program, its manual pages and completions, LICENSE and the documentation. Templates, rules and the report
# page are inside the program.
include(GNUInstallDirs)
install(TARGETS redoubt)
if(RD_SHARE)
  # File by file: install(DIRECTORY) would set the mode of share/ and share/man, which are not ours. Which files there
  # are is known when the program has written them.
  install(CODE "set(RD_SHARE \"${RD_SHARE}\")\nset(RD_TO \"${CMAKE_INSTALL_DATAROOTDIR}\")")
  install(CODE [[
    if(NOT IS_ABSOLUTE "${RD_TO}")
      set(RD_TO "${CMAKE_INSTALL_PREFIX}/${RD_TO}")
    endif()
    file(GLOB_RECURSE files RELATIVE "${RD_SHARE}" "${RD_SHARE}/*")
    foreach(file ${files})
      get_filename_component(folder ${file} DIRECTORY)
      file(INSTALL DESTINATION "${RD_TO}/${folder}" TYPE FILE FILES "${RD_SHARE}/${file}")
    endforeach()
  ]])
endif()
set(doc ${CMAKE_INSTALL_DATAROOTDIR}/doc/redoubt) # links between the pages are relative and stay whole
install(FILES LICENSE README.md CHANGELOG.md ARCHITECTURE.md CONTRIBUTING.md DESTINATION ${doc})
install(DIRECTORY docs DESTINATION ${doc})
