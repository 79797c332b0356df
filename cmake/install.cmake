# make install: the program, its manual pages and completions, LICENSE and the documentation. Templates, rules and the report
# page are inside the program.
include(GNUInstallDirs)
install(TARGETS redoubt)
if(RD_SHARE)
  # File by file: install(DIRECTORY) would set the mode of share/ and share/man, which are not ours. Which files there
  # are is known when the program has written them.
  install(CODE "set(RD_SHARE \"${RD_SHARE}\")\nset(RD_DATA \"${CMAKE_INSTALL_DATAROOTDIR}\")\nset(RD_MAN \"${CMAKE_INSTALL_MANDIR}\")")
  install(CODE [[
    foreach(to RD_DATA RD_MAN)
      if(NOT IS_ABSOLUTE "${${to}}")
        set(${to} "${CMAKE_INSTALL_PREFIX}/${${to}}")
      endif()
    endforeach()
    file(GLOB_RECURSE files RELATIVE "${RD_SHARE}" "${RD_SHARE}/*")
    foreach(file ${files})
      get_filename_component(folder ${file} DIRECTORY)
      if(folder MATCHES "^man/(.*)")
        set(folder "${RD_MAN}/${CMAKE_MATCH_1}")
      else()
        set(folder "${RD_DATA}/${folder}")
      endif()
      file(INSTALL DESTINATION "${folder}" TYPE FILE FILES "${RD_SHARE}/${file}")
    endforeach()
  ]])
endif()
set(doc ${CMAKE_INSTALL_DOCDIR}) # links between the pages are relative and stay whole
install(FILES LICENSE README.md CHANGELOG.md ARCHITECTURE.md CONTRIBUTING.md DESTINATION ${doc})
install(DIRECTORY docs DESTINATION ${doc})
