# catalog/ is checked while building: a wrong key, word, expression or taxonomy id, or a rule that does not behave on
# its own two miniature systems, stops the build with file, line and column.
add_executable(check_catalog tools/check_catalog.c)
target_include_directories(check_catalog PRIVATE src)
target_compile_options(check_catalog PRIVATE ${RD_WARNINGS})
target_link_libraries(check_catalog PRIVATE rd_rules)
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  message(STATUS "catalog/: not checked, a cross build without CMAKE_CROSSCOMPILING_EMULATOR cannot run the checker")
else()
  add_custom_command(TARGET check_catalog POST_BUILD COMMAND check_catalog
    COMMENT "Checking catalog/" VERBATIM)
endif()
# The program is defined further down.
cmake_language(DEFER CALL add_dependencies redoubt check_catalog)
