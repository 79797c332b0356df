# make install: the program, its manual pages and completions, LICENSE and the documentation. Templates, rules and the report
# page are inside the program.
include(GNUInstallDirs)
install(TARGETS redoubt)
if(RD_SHARE)
  install(DIRECTORY ${RD_SHARE}/ DESTINATION ${CMAKE_INSTALL_DATAROOTDIR})
endif()
set(doc ${CMAKE_INSTALL_DATAROOTDIR}/doc/redoubt) # links between the pages are relative and stay whole
install(FILES LICENSE README.md CHANGELOG.md ARCHITECTURE.md CONTRIBUTING.md DESTINATION ${doc})
install(DIRECTORY docs DESTINATION ${doc})
